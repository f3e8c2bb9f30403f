// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"

	"github.com/credhost/credhost/host/egress"
)

// Who leaves while his connection is already another's takes nobody along, but
// for requests that may be sent only once.
func TestLeavingTakesNobodyAlong(t *testing.T) {
	t.Parallel()
	for method, alone := range map[string]bool{"GET": true, "POST": false} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			arrived, over := make(chan struct{}), make(chan struct{})
			var first sync.Once
			service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/empty" {
					w.WriteHeader(http.StatusNoContent)
					return
				}
				first.Do(func() {
					close(arrived)
					<-over
				})
				io.WriteString(w, "whole")
			}))
			defer service.Close()
			g := newGuard(t, egress.Config{Allow: loopback, AllowHTTP: true})
			ask := func(ctx context.Context, method, path string) (string, error) {
				r, err := http.NewRequestWithContext(ctx, method, service.URL+path, nil)
				if err != nil {
					return "", err
				}
				resp, err := g.RoundTrip(r)
				if err != nil {
					return "", err
				}
				defer resp.Body.Close()
				text, err := io.ReadAll(resp.Body)
				return string(text), err
			}

			ctx, leave := context.WithCancel(t.Context())
			left, done := make(chan struct{}), make(chan struct{})
			var got string
			var gotErr error
			begin := sync.OnceFunc(func() {
				go func() {
					defer close(done)
					got, gotErr = ask(t.Context(), method, "/slow")
				}()
				<-arrived // on the same connection
				leave()
				<-left
			})
			traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{PutIdleConn: func(error) { begin() }})
			if _, err := ask(traced, "GET", "/empty"); err == nil {
				t.Fatal("the one who left got an answer: the test does not provoke what it is about")
			}
			close(left)
			close(over)
			<-done
			if alone && (got != "whole" || gotErr != nil) {
				t.Errorf("the other got %q, %v", got, gotErr)
			}
			if !alone && (gotErr == nil || strings.Contains(gotErr.Error(), "context")) {
				t.Errorf("the other got %q, %v", got, gotErr)
			}
		})
	}
}
