// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// A receiver takes what webhooks are sent.
type receiver struct {
	mu   sync.Mutex
	body []string
}

// ServeHTTP implements [http.Handler].
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	if req.Header.Get("Webhook-Signature") == "" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.body = append(r.body, string(body))
	w.WriteHeader(http.StatusNoContent)
}

// startReceiver has $RECEIVER be the address of one.
func startReceiver(ts *testscript.TestScript) {
	r := &receiver{}
	server := httptest.NewServer(r)
	ts.Defer(server.Close)
	ts.Setenv("RECEIVER", server.URL)
	*ts.Value(receiverKey{}).(**receiver) = r
}

// received checks that the receiver was sent a text:
//
//	received TEXT
func received(ts *testscript.TestScript, neg bool, args []string) {
	r := *ts.Value(receiverKey{}).(**receiver)
	r.mu.Lock()
	defer r.mu.Unlock()
	if strings.Contains(strings.Join(r.body, "\n"), args[0]) == neg {
		ts.Fatalf("it was sent %q", r.body)
	}
}

// receiverKey is the key of a script's receiver.
type receiverKey struct{}

func init() { commands["received"] = received }
