// SPDX-License-Identifier: Apache-2.0

package host

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/credhost/credhost/sdk"
)

// asked is a way out that counts questions which spend nothing.
type asked struct {
	n      int
	status int // 0: nobody answers
}

func (a *asked) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodGet || r.URL.RawQuery != "" {
		return nil, errors.New("this is no harmless question")
	}
	a.n++
	if a.status == 0 {
		return nil, errors.New("no answer")
	}
	return &http.Response{StatusCode: a.status, Body: http.NoBody}, nil
}

// breakerAt returns the breaker of a token endpoint, with a clock to move.
func breakerAt(t *testing.T, out http.RoundTripper) (get func() *endpoint, pass func(time.Duration)) {
	t.Helper()
	now := time.Now()
	h := newHost(Config{Now: func() time.Time { return now }})
	h.chance = func(below time.Duration) time.Duration { return below / 2 }
	h.out, h.ctx = out, t.Context()
	r, err := http.NewRequest(http.MethodPost, "https://idp.example/token?secret=x", nil)
	if err != nil {
		t.Fatal(err)
	}
	return func() *endpoint { return h.endpoint(r) }, func(d time.Duration) { now = now.Add(d) }
}

func closedAt(t *testing.T, e *endpoint, want bool) {
	t.Helper()
	err := e.admit(t.Context())
	var said *sdk.Error
	if got := err == nil; got != want {
		t.Fatalf("admit: %v, want it let through: %v", err, want)
	} else if !got && (!errors.As(err, &said) || said.Code != sdk.Unavailable || said.RetryAfter <= 0) {
		t.Errorf("admit: %#v, want Unavailable, and when to try again", err)
	}
}

func TestBreakerOpensAfterFailures(t *testing.T) {
	get, pass := breakerAt(t, &asked{})
	for range failuresToOpen {
		closedAt(t, get(), true)
		get().answered(&answer{Status: http.StatusInternalServerError})
	}
	closedAt(t, get(), false)
	pass(2 * time.Second)
	closedAt(t, get(), true)  // one, to see
	closedAt(t, get(), false) // and no other meanwhile
	get().answered(&answer{Status: http.StatusBadRequest})
	closedAt(t, get(), true)
	closedAt(t, get(), true)
}

func TestBreakerHeedsRetryAfter(t *testing.T) {
	get, pass := breakerAt(t, &asked{})
	header := http.Header{"Retry-After": {"120"}}
	for range failuresToOpen {
		get().answered(&answer{Status: http.StatusServiceUnavailable, Header: header})
	}
	pass(119 * time.Second)
	closedAt(t, get(), false)
	pass(2 * time.Second)
	closedAt(t, get(), true)
	for _, value := range []string{"999999999", "-1", "soon", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		if got := retryAfter(&answer{Header: http.Header{"Retry-After": {value}}}, time.Now()); got < 0 || got > maxRetryAfter {
			t.Errorf("Retry-After %q is taken for %v", value, got)
		}
	}
}

// TestBreakerSpendsNothingToSee shows that after one answer was lost nothing is
// spent again until the service answers a question that spends nothing.
func TestBreakerSpendsNothingToSee(t *testing.T) {
	var out asked
	get, pass := breakerAt(t, &out)
	get().failed(0, true)
	closedAt(t, get(), false)
	for range 3 {
		pass(5 * time.Minute)
		closedAt(t, get(), false)
	}
	if out.n != 3 {
		t.Errorf("the service was asked %d times, want 3", out.n)
	}
	out.status = http.StatusMethodNotAllowed
	pass(5 * time.Minute)
	closedAt(t, get(), true)
}

// TestBreakerIsForgotten shows that an endpoint that works takes no memory, and
// that one which limits its clients is no broken one.
func TestBreakerIsForgotten(t *testing.T) {
	get, _ := breakerAt(t, &asked{})
	for range 2 * failuresToOpen {
		get().answered(&answer{Status: http.StatusTooManyRequests})
		closedAt(t, get(), true)
	}
	e := get()
	e.failed(0, false)
	e.answered(&answer{Status: http.StatusOK})
	n := 0
	e.h.endpoints.Range(func(any, any) bool { n++; return true })
	if n != 0 {
		t.Errorf("%d endpoints are remembered, want none", n)
	}
	e.pass()
}
