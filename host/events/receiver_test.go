// SPDX-License-Identifier: Apache-2.0

package events_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host/events"
)

// A receiver takes webhooks, and verifies them as the specification of Standard
// Webhooks says, "Verifying webhook authenticity".
type receiver struct {
	*httptest.Server
	now func() time.Time

	mu      sync.Mutex
	secrets []string // those that it knows: one must do
	answer  func(ev events.Event, attempt int) (status int, header http.Header)
	got     []events.Event // those that it answered with 2xx
	tries   []string       // IDs, of all attempts
	bad     []string       // why something could not be verified
	busy    int
	hang    chan struct{} // not nil: it answers once this is closed
}

func newReceiver(t *testing.T, c *clock) *receiver {
	r := &receiver{now: c.Now}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var ev events.Event
	if err == nil {
		err = r.verify(req, body)
	}
	if err == nil {
		err = json.Unmarshal(body, &ev)
	}
	r.mu.Lock()
	hang := r.hang
	if err != nil {
		r.bad = append(r.bad, err.Error())
	}
	r.tries = append(r.tries, ev.ID)
	r.busy++
	if r.busy > 1 {
		r.bad = append(r.bad, "two were sent at once")
	}
	attempt := 0
	for _, id := range r.tries {
		if id == ev.ID {
			attempt++
		}
	}
	answer := r.answer
	r.mu.Unlock()
	if hang != nil {
		select {
		case <-hang:
		case <-req.Context().Done():
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.busy--
	status := http.StatusNoContent
	if answer != nil {
		var h http.Header
		status, h = answer(ev, attempt)
		for name, v := range h {
			w.Header()[name] = v
		}
	}
	if status/100 == 2 && err == nil {
		r.got = append(r.got, ev)
	}
	w.WriteHeader(status)
	fmt.Fprint(w, "words-of-the-receiver")
}

func (r *receiver) verify(req *http.Request, body []byte) error {
	id, at := req.Header.Get("webhook-id"), req.Header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || r.now().Sub(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return fmt.Errorf("the timestamp %q is not of now", at)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "whsec_"))
		if err != nil || len(key) < 24 || len(key) > 64 {
			return fmt.Errorf("this is no secret: %v", err)
		}
		mac := hmac.New(sha256.New, key)
		io.WriteString(mac, id+"."+at+"."+string(body))
		if slices.Contains(strings.Split(req.Header.Get("webhook-signature"), " "), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil))) {
			return nil
		}
	}
	return fmt.Errorf("no signature of %s is good", id)
}

// set changes what the receiver does.
func (r *receiver) set(f func(*receiver)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r)
}

func (r *receiver) taken() []events.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.got)
}

func (r *receiver) attempts() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.tries)
}

func (r *receiver) check(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, bad := range r.bad {
		t.Error(bad)
	}
}
