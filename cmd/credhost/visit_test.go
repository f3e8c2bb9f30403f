// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk"
)

// aVisit returns a visit to the service of homed, which nobody reaches.
func aVisit(t *testing.T, at string) *visit {
	t.Helper()
	keys, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	h, err := host.Open(t.Context(), host.Config{Store: memstore.New(), Sealer: sealer.New(keys), CallbackURL: "http://" + at + "/callback",
		Plugins: []string{plugins.others}, Lock: filepath.Join(plugins.data, "credhost.lock"), Runtime: plugins.sockets})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	ws := h.Workspace("acme")
	id, err := ws.Create(t.Context(), "homed", testplugin.Answers("homed"))
	if err != nil {
		t.Fatal(err)
	}
	flow, err := ws.Connect(t.Context(), id, "me")
	if err != nil {
		t.Fatal(err)
	}
	return newVisit(ws, flow, "me", at)
}

// saysNo returns the path with which the service says no, for a state.
func saysNo(state string) string {
	return "/callback/acme/homed?error=access_denied&state=" + state
}

// state returns the state of a visit.
func (v *visit) state(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(v.flow.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("state")
}

func withCookie(v *visit) func(*http.Request) {
	return func(r *http.Request) { r.AddCookie(v.flow.Cookie) }
}

func get(v *visit, path string, change func(*http.Request)) *http.Response {
	r := httptest.NewRequest(http.MethodGet, "http://"+v.at+path, nil)
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	v.ServeHTTP(w, r)
	return w.Result()
}

func TestTheStartPageIsForOneBrowser(t *testing.T) {
	v := aVisit(t, "127.0.0.1:1234")
	if resp := get(v, v.start, func(r *http.Request) { r.Header.Set("Sec-Purpose", "prefetch;prerender") }); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a browser that only looks ahead got %s", resp.Status)
	}
	resp := get(v, v.start, nil)
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != v.flow.URL {
		t.Fatalf("the first browser got %s, to %q", resp.Status, resp.Header.Get("Location"))
	}
	if k := resp.Cookies(); len(k) != 1 || k[0].Value != v.flow.Cookie.Value {
		t.Errorf("the first browser got the cookies %v", k)
	}
	if resp := get(v, v.start, func(r *http.Request) { r.AddCookie(v.flow.Cookie) }); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("the first browser, again, got %s", resp.Status)
	}
	resp = get(v, v.start, nil)
	if resp.StatusCode != http.StatusGone || len(resp.Cookies()) > 0 || resp.Header.Get("Location") != "" {
		t.Errorf("a second browser got %s, the cookies %v and the location %q", resp.Status, resp.Cookies(), resp.Header.Get("Location"))
	}
}

func TestAVisitAnswersNobodyElse(t *testing.T) {
	v := aVisit(t, "127.0.0.1:1234")
	for path, status := range map[string]int{
		"/": http.StatusNotFound, "/start/": http.StatusNotFound, "/start/GUESSED": http.StatusNotFound,
	} {
		if resp := get(v, path, nil); resp.StatusCode != status {
			t.Errorf("%s got %s", path, resp.Status)
		}
	}
	resp := get(v, v.start, func(r *http.Request) { r.Host = "rebound.example" })
	if resp.StatusCode != http.StatusMisdirectedRequest || len(resp.Cookies()) > 0 {
		t.Errorf("a request for another host got %s and the cookies %v", resp.Status, resp.Cookies())
	}
	resp = get(v, v.start, func(r *http.Request) { r.Method = http.MethodPost })
	if resp.StatusCode != http.StatusNotFound {
		t.Errorf("a POST got %s", resp.Status)
	}
}

// Whoever reaches the server can send anything to the callback, and may even
// know the state. Only who has the cookie, too, ends the visit.
func TestAStrangerDoesNotEndAVisit(t *testing.T) {
	v := aVisit(t, "127.0.0.1:1234")
	said := 0
	v.say = func(string, ...any) { said++ }
	for i, path := range []string{"/callback/acme/homed", saysNo("other"), saysNo(v.state(t)), "/callback/acme/homed?code=1&state=" + v.state(t)} {
		if resp := get(v, path, nil); resp.StatusCode != http.StatusForbidden || said != i+1 {
			t.Errorf("%s got %s, of which the person was told %d times", path, resp.Status, said)
		}
		if v.over() {
			t.Fatalf("%s ended the visit", path)
		}
	}
	get(v, saysNo(v.state(t)), withCookie(v))
	if !v.over() {
		t.Fatal("the visit has not ended")
	}
	if e := <-v.ended; !errors.Is(e.err, sdk.Denied) {
		t.Errorf("the visit ended with %v", e.err)
	}
}

func TestAVisitEndsWithItsServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v := aVisit(t, l.Addr().String())
	ended := make(chan error, 1)
	go func() {
		_, err := v.serve(t.Context(), l)
		ended <- err
	}()
	r, err := http.NewRequest(http.MethodGet, "http://"+v.at+saysNo(v.state(t)), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(v.flow.Cookie)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") || resp.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("the page has the headers %v", resp.Header)
	}
	if err := <-ended; !errors.Is(err, sdk.Denied) {
		t.Errorf("the visit ended with %v", err)
	}
	if c, err := net.DialTimeout("tcp", v.at, time.Second); err == nil {
		c.Close()
		t.Error("the server is still there after the visit")
	}
}

// What the browser on another machine shows is pasted, and taken as strictly.
func TestPaste(t *testing.T) {
	v := aVisit(t, "127.0.0.1:1234")
	var said []string
	v.say = func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
	redirect := "http://127.0.0.1:1234/callback/acme/homed"
	at := "http://127.0.0.1:1234"
	v.paste(t.Context(), strings.NewReader(strings.Join([]string{
		"", "yes", "https://evil.example" + saysNo(v.state(t)), at + "/callback/acme/other?state=x", "http://127.0.0.1:4321" + saysNo(v.state(t)),
		at + saysNo("other"), at + saysNo(v.state(t)) + "&state=two",
		"  '" + at + saysNo(v.state(t)) + "'",
		at + saysNo(v.state(t)), // nobody reads this
	}, "\n")), redirect)
	if len(said) != 6 || !v.over() {
		t.Fatalf("the person was told %q, and that the visit has ended is %v", said, v.over())
	}
	for i, text := range said {
		if corrects := strings.Contains(text, "the whole address begins with "+redirect+"?"); corrects != (i < 4) {
			t.Errorf("line %d: the person was told %q", i, text)
		}
	}
	if e := <-v.ended; !errors.Is(e.err, sdk.Denied) || strings.Contains(e.err.Error(), "visit") {
		t.Errorf("the visit ended with %v", e.err)
	}
}

// Who gives up leaves nothing: nobody can finish the visit any more.
func TestAVisitThatIsGivenUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	v := aVisit(t, l.Addr().String())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.serve(ctx, l); !errors.Is(err, context.Canceled) {
		t.Errorf("the visit ended with %v", err)
	}
	r := httptest.NewRequest(http.MethodGet, "http://"+v.at+saysNo(v.state(t)), nil)
	r.AddCookie(v.flow.Cookie)
	var e *sdk.Error
	if _, err := v.ws.Finish(r, "me"); !errors.As(err, &e) || e.Reason != host.ReasonVisit {
		t.Errorf("afterwards, Finish: %v", err)
	}
}
