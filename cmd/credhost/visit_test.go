// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/sdk"
)

// aVisit returns a visit that nothing belongs to in the store.
func aVisit(t *testing.T, at string) *visit {
	t.Helper()
	keys, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	h, err := host.Open(t.Context(), host.Config{Store: memstore.New(), Sealer: sealer.New(keys), CallbackURL: "http://" + at + "/callback"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	flow := host.Flow{URL: "https://login.example/approve?state=mine", Cookie: &http.Cookie{Name: "visit", Value: "cookie", Path: "/"}}
	return newVisit(h.Workspace("acme"), flow, "me", at)
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
	if k := resp.Cookies(); len(k) != 1 || k[0].Value != "cookie" {
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

// Whoever reaches the server can send anything to the callback. Only what has
// the state of the visit ends it.
func TestAStrangerDoesNotEndAVisit(t *testing.T) {
	v := aVisit(t, "127.0.0.1:1234")
	for _, path := range []string{"/callback/acme/faxplus", "/callback/acme/faxplus?state=other&code=1", "/callback/acme/faxplus?error=access_denied"} {
		if resp := get(v, path, nil); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s got %s", path, resp.Status)
		}
		if len(v.ended) > 0 {
			t.Fatalf("%s ended the visit", path)
		}
	}
	get(v, "/callback/acme/faxplus?state=mine&code=1", nil) // but the flow is not in the store
	if len(v.ended) == 0 {
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
	resp, err := http.Get("http://" + v.at + "/callback/acme/faxplus?state=mine&code=1")
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

func TestAVisitEndsInTime(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := aVisit(t, l.Addr().String()).serve(ctx, l); !errors.Is(err, context.Canceled) {
		t.Errorf("the visit ended with %v", err)
	}
}
