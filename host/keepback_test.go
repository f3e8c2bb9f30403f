// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
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
