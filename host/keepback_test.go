// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk"
)

// echo is a service that repeats what it is sent wherever an answer has room.
func echo(w http.ResponseWriter, r *http.Request) {
	shown := r.Header.Get("X-Api-Key") + r.URL.RawQuery
	if c, err := r.Cookie("session"); err == nil {
		shown += c.Value
		w.Header().Add("Set-Cookie", "session="+c.Value)
	}
	w.Header().Set("Www-Authenticate", `Key error="wrong key: `+shown+`"`)
	w.Header().Set("X-Request", r.URL.String())
	w.Header().Add("Link", "<https://placed.example"+r.URL.String()+">; rel=self")
	w.Header().Set("X-Login", "/login?next="+url.QueryEscape(r.URL.String()))
	w.Header().Set("X-Plain", "as it is")
	if to, ok := strings.CutPrefix(r.URL.EscapedPath(), "/old"); ok {
		w.Header().Set("Location", to+"/new?"+r.URL.RawQuery+"#there")
		w.WriteHeader(http.StatusMovedPermanently)
	}
}

// TestEchoes shows that nothing beside an answer's body repeats what was
// attached to its request, and that the way back to the service is kept.
func TestEchoes(t *testing.T) {
	t.Parallel()
	h, _ := serving(t, echo)
	lax, err := host.Open(defence.Without(t.Context(), defence.Unechoed, defence.OwnCookie), h.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lax.Close() })
	for place, path := range map[string]string{"header": "/old/a?b=c", "query": "/old/a?b=c", "cookie": "/old/a?b=c", "path": "/old/{key}?b=c"} {
		id := h.create("placed", sdk.Values{"place": place})
		for _, ws := range []*host.Workspace{h.Workspace, lax.Workspace("acme")} {
			r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://placed.example"+path, nil)
			resp, err := ws.Client(id).Transport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if leaks, want := gives(resp), ws != h.Workspace; leaks != want {
				t.Errorf("%s: that the answer shows the key is %v, want %v: %v", place, leaks, want, resp.Header)
			}
			if ws != h.Workspace {
				continue
			}
			want := map[string]string{"path": "/{key}/new?b=c#there"}[place]
			if want == "" {
				want = "/a/new?b=c#there"
			}
			if got := resp.Header.Get("Location"); got != want || resp.Header.Get("X-Plain") != "as it is" {
				t.Errorf("%s: Location is %q, want %q", place, got, want)
			}
		}
	}
}

var aProof = regexp.MustCompile(`(?:Signature=|response=")([0-9a-f]+)`)

// TestEchoesOfSignatures shows that nothing beside an answer's body repeats the proof
// that its request was signed with, and that what is no proof stays.
func TestEchoesOfSignatures(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	proof := ""
	h := open(t, func(cfg *host.Config) { // whose services say what they were sent
		services := testplugin.NewStandins()
		parrot := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			sent := r.Header.Get("Authorization")
			if m := aProof.FindStringSubmatch(sent); m != nil {
				mu.Lock()
				proof = m[1]
				mu.Unlock()
			}
			w.Header().Set("X-Sent", sent)
			w.Header().Set("X-Date", r.Header.Get("X-Amz-Date"))
			w.Header().Set("Etag", r.Header.Get("X-Amz-Content-Sha256"))
			w.Header().Set("Link", "<https://evil.example/?sent="+url.QueryEscape(sent)+">; rel=next")
			services.ServeHTTP(w, r)
		}))
		t.Cleanup(parrot.Close)
		maps.Copy(cfg.Egress.Routes, services.Routes(parrot.URL))
	})
	lax, err := host.Open(defence.Without(t.Context(), defence.Unechoed), h.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lax.Close() })
	for typ, at := range map[string]string{"sigv4": "https://s3.eu-central-1.amazonaws.com/bucket/key?b=2", "digest": "/me"} {
		id := h.create(typ, nil)
		if at[0] == '/' {
			at = originOf(t, h, id) + at
		}
		for _, ws := range []*host.Workspace{h.Workspace, lax.Workspace("acme")} {
			resp, err := ws.Client(id).Get(at)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			mu.Lock()
			shown, own := fmt.Sprint(resp.Header), proof
			mu.Unlock()
			if leaks, want := strings.Contains(shown, own), ws != h.Workspace; own == "" || leaks != want || resp.StatusCode != http.StatusOK {
				t.Errorf("%s: status %d; that the answer shows the proof %.8s… is %v, want %v: %v", typ, resp.StatusCode, own, leaks, want, resp.Header)
			}
			if date, hash := resp.Header.Get("X-Date"), resp.Header.Get("Etag"); typ == "sigv4" && (len(date) != len("20260102T030405Z") || len(hash) != 64) {
				t.Errorf("the time of the signature became %q, and the hash of the body %q", date, hash)
			}
		}
	}
}

// gives reports whether an answer has the key, in a spelling that services use.
func gives(resp *http.Response) bool {
	key := testplugin.Answers("placed")["apiKey"]
	all := fmt.Sprint(resp.Status, resp.Header)
	for _, form := range []string{key, url.QueryEscape(key), url.PathEscape(key), url.QueryEscape(url.QueryEscape(key)), url.QueryEscape(url.PathEscape(key))} {
		if strings.Contains(all, form) {
			return true
		}
	}
	return false
}

// TestReasonPhrase shows that the key is not in a status line, either.
func TestReasonPhrase(t *testing.T) {
	t.Parallel()
	for off, leaks := range map[defence.Defence]bool{defence.Unechoed: true, "": false} {
		ws, id, s := sending(t, nil, off)
		s.answer = "HTTP/1.1 403 " + testplugin.Answers("placed")["apiKey"] + " is no good\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
		resp, err := ws.Client(id).Get("https://placed.example/me")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if gives(resp) != leaks || !strings.HasPrefix(resp.Status, "403 ") {
			t.Errorf("without %q, the status is %q", off, resp.Status)
		}
	}
}

// TestFollowingAnEcho shows that a client which is led to an address with the
// key in it arrives, and that the caller sees the address without.
func TestFollowingAnEcho(t *testing.T) {
	t.Parallel()
	h, _ := serving(t, echo)
	for place, path := range map[string]string{"query": "/old/a?b=c", "path": "/old/{key}?b=c"} {
		id := h.create("placed", sdk.Values{"place": place})
		resp, err := h.Client(id).Get("https://placed.example" + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if u := resp.Request.URL.String(); resp.StatusCode != http.StatusOK || strings.Contains(u, "EXAMPLE") {
			t.Errorf("%s: status %d, from %s", place, resp.StatusCode, u)
		}
	}
}

// TestCallersCookies shows that of cookies there is one line, which has the
// grant's first and once, however the caller's are spelt.
func TestCallersCookies(t *testing.T) {
	t.Parallel()
	for off, fine := range map[defence.Defence]bool{defence.Folded: false, "": true} {
		ws, id, s := sending(t, sdk.Values{"place": "cookie"}, off)
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://placed.example/me", nil)
		r.Header["cookie"] = []string{"lang=de; session=evil"}
		r.Header["COOKIE"] = []string{"a=b"}
		resp, err := ws.Client(id).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		came := s.take(1)
		err = wellFormed(came[0], true)
		if (err == nil) != fine {
			t.Errorf("without %q: %v\n%s", off, err, came[0])
		}
		if fine && (!strings.Contains(string(came[0]), "lang=de") || !strings.Contains(string(came[0]), "a=b")) {
			t.Errorf("the caller's other cookies are gone:\n%s", came[0])
		}
	}
}
