// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// The breaker of an endpoint opens after this many failures in a row, or after
// one answer that was lost: each further one could cost a credential its
// refresh token.
const failuresToOpen = 3

// An endpoint is an address at which grants are obtained, for all credentials
// of this host, and its circuit breaker. An endpoint that works is not kept.
//
// A 429 is no failure of the endpoint: services count by client.
type endpoint struct {
	h   *Host
	url string

	mu       sync.Mutex
	failures int       // in a row
	lost     bool      // whether the last one was an answer that was lost
	until    time.Time // nobody is let through before
	seen     time.Time // when somebody last wanted to be
	trying   bool      // somebody is being let through to see
}

// endpoint returns the endpoint that r goes to.
func (h *Host) endpoint(r *http.Request) *endpoint {
	url := stepFor(r).URL
	if e, ok := h.endpoints.Load(url); ok {
		return e.(*endpoint)
	}
	e, _ := h.endpoints.LoadOrStore(url, &endpoint{h: h, url: url})
	return e.(*endpoint)
}

// admit lets a request through, or says when to try again. Once the breaker
// was open, one request at a time is let through, and after an answer was lost
// only if the service answers a question that spends nothing.
func (e *endpoint) admit(ctx context.Context) error {
	e.mu.Lock()
	now := e.h.now()
	e.seen = now
	switch {
	case e.failures < failuresToOpen, defence.Off(e.h.ctx, defence.Breaker):
		e.mu.Unlock()
		return nil
	case now.Before(e.until) || e.trying:
		defer e.mu.Unlock()
		return e.down(max(e.until.Sub(now), time.Second))
	}
	e.trying = true
	ask := e.lost
	e.mu.Unlock()
	if ask && !e.answers(ctx) {
		e.failed(0, true)
		return e.down(time.Second)
	}
	return nil
}

// down is the error for whoever is not let through.
func (e *endpoint) down(wait time.Duration) error {
	err := sdk.Errorf(sdk.Unavailable, "the service does not answer requests for grants at the moment: try again later")
	err.RetryAfter = wait
	return err
}

// answers asks the endpoint for nothing in particular.
func (e *endpoint) answers(ctx context.Context) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, e.url, nil)
	if err != nil {
		return false
	}
	a, err := fetchAnswer(e.h.out, r)
	return err == nil && a.Status < 500
}

// pass says that the request that was let through was not sent.
func (e *endpoint) pass() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.trying = false
}

// answered says what came of a request.
func (e *endpoint) answered(a *answer) {
	if a.Status >= 500 {
		e.failed(retryAfter(a, e.h.now()), false)
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failures, e.lost, e.trying = 0, false, false
	e.h.endpoints.CompareAndDelete(e.url, e)
}

// failed says that nothing came of a request.
func (e *endpoint) failed(wait time.Duration, lost bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failures++
	if lost {
		e.failures = max(e.failures, failuresToOpen)
	}
	e.lost, e.trying = lost, false
	if e.failures >= failuresToOpen {
		e.until = e.h.now().Add(max(e.h.backoff(e.failures-failuresToOpen+1), wait))
	}
}

// forgetEndpoints forgets those that nobody has asked for an hour: who knows how
// they fare now.
func (h *Host) forgetEndpoints(now time.Time) {
	h.endpoints.Range(func(url, v any) bool {
		e := v.(*endpoint)
		e.mu.Lock()
		defer e.mu.Unlock()
		if !e.trying && now.Sub(e.seen) > time.Hour {
			h.endpoints.CompareAndDelete(url, e)
		}
		return true
	})
}

// maxRetryAfter is the longest wait that a service may ask for, beyond which
// it is asked all the same.
const maxRetryAfter = 5 * time.Minute

// retryAfter returns how long a service wants to be left alone (RFC 9110,
// section 10.2.3).
func retryAfter(a *answer, now time.Time) time.Duration {
	value := http.Header(a.Header).Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 {
		return min(time.Duration(min(seconds, 3600))*time.Second, maxRetryAfter)
	}
	if t, err := http.ParseTime(value); err == nil {
		return min(max(t.Sub(now), 0), maxRetryAfter)
	}
	return 0
}
