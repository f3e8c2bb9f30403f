// SPDX-License-Identifier: Apache-2.0

package oauth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

const canary = "c4n4ry-5ecret"

// check fails if err is no *sdk.Error of the given code, or renders as
// anything that has the canary, in whatever way, causes included.
func check(t *testing.T, err, code error) {
	t.Helper()
	var e *sdk.Error
	if !errors.As(err, &e) || !errors.Is(err, code) {
		t.Errorf("the error is %#v, want %v", err, code)
	}
	for ; err != nil; err = errors.Unwrap(err) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%z"} {
			holders := fmt.Sprintf(verb, err) + fmt.Sprintf(verb, []error{err}) + fmt.Sprintf(verb, struct{ Err error }{err}) + fmt.Sprintf(verb, map[string]any{"e": err})
			if strings.Contains(holders, canary) || strings.Contains(holders, fmt.Sprintf("%x", canary)) || strings.Contains(holders, strings.Trim(fmt.Sprint([]byte(canary)), "[]")) {
				t.Errorf("%s quotes the service: %s", verb, holders)
			}
		}
	}
}

// calls are all that send a token request.
func calls(c oauth.Client) map[string]func(context.Context) error {
	cb := sdk.Callback{Verifier: "v", Query: url.Values{"code": {"c"}}}
	state := oauth.Token{RefreshToken: "rt"}.State()
	return map[string]func(context.Context) error{
		"client credentials": func(ctx context.Context) error { _, err := c.ClientCredentials(ctx); return err },
		"password":           func(ctx context.Context) error { _, err := c.Password(ctx, "u", "p"); return err },
		"exchange":           func(ctx context.Context) error { _, err := c.Exchange(ctx, cb); return err },
		"refresh":            func(ctx context.Context) error { _, err := c.Refresh(ctx, state); return err },
	}
}

// A code and a rotating refresh token work once. Whatever a service does, it
// sees one request.
func TestOneRequestWhateverHappens(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Location", "/elsewhere")
			w.Header().Set("Retry-After", "0")
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	handlers := map[string]http.HandlerFunc{
		"success":      answer(200, `{"access_token":"at"}`),
		"aborted":      func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"broken off":   func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "10") },
		"empty answer": func(http.ResponseWriter, *http.Request) {},
		"closed": func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				conn.Close()
			}
		},
	}
	for _, status := range []int{301, 302, 303, 307, 308, 400, 401, 403, 404, 408, 425, 429, 500, 502, 503, 504} {
		handlers[fmt.Sprint(status)] = answer(status, `{"error":"invalid_client"}`)
	}
	for name, handler := range handlers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var count atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				count.Add(1)
				handler(w, r)
			}))
			t.Cleanup(server.Close)
			for _, basic := range []bool{false, true} {
				for _, encoding := range []oauth.Encoding{oauth.Form, oauth.JSON, oauth.Query} {
					for call, do := range calls(oauth.Client{ID: "id", Secret: "s", TokenURL: server.URL, Auth: map[bool]oauth.Auth{true: oauth.AuthBasic}[basic], Encoding: encoding}) {
						count.Store(0)
						err := do(t.Context())
						if count.Load() != 1 || (err == nil) != (name == "success") {
							t.Errorf("%s: %d requests, %v", call, count.Load(), err)
						}
					}
				}
			}
		})
	}
}

// A connection that is kept alive may be closed while the next request is on
// its way: net/http repeats a GET then, and must not repeat this.
func TestOneRequestOnAReusedConnection(t *testing.T) {
	t.Parallel()
	var count atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if count.Add(1)%2 == 0 {
			conn, _, _ := w.(http.Hijacker).Hijack()
			conn.Close()
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"access_token":"at"}`)
	}))
	t.Cleanup(server.Close)
	for name, do := range calls(oauth.Client{ID: "id", TokenURL: server.URL}) {
		count.Store(0)
		if err := do(t.Context()); err != nil {
			t.Fatal(err)
		}
		check(t, do(t.Context()), sdk.Unavailable)
		if count.Load() != 2 {
			t.Errorf("%s: the second call sent %d requests", name, count.Load()-1)
		}
	}
}

func TestTheCallEndsWhileTheServiceThinks(t *testing.T) {
	t.Parallel()
	var count atomic.Int32
	arrived := make(chan struct{}, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // or the server does not notice that the client goes
		count.Add(1)
		arrived <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	for name, do := range calls(oauth.Client{ID: canary, Secret: canary, TokenURL: server.URL + "/" + canary, Encoding: oauth.Query}) {
		count.Store(0)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-arrived; cancel() }()
		err := do(ctx)
		check(t, err, sdk.Unavailable)
		if !errors.Is(err, context.Canceled) || count.Load() != 1 {
			t.Errorf("%s: %d requests, %v", name, count.Load(), err)
		}
	}
}

// A refresh token in the address must not come out of net/http's errors.
func TestUnreachableServiceIsNotQuoted(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(nil)
	gone.Close()
	c := oauth.Client{ID: canary, Secret: canary, TokenURL: gone.URL + "/" + canary, Encoding: oauth.Query}
	_, err := c.Refresh(t.Context(), oauth.Token{RefreshToken: canary}.State())
	check(t, err, sdk.Unavailable)
}
