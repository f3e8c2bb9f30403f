// SPDX-License-Identifier: Apache-2.0

// Package standin holds the stand-ins of the three services that credhost's
// own plugins speak to: local servers that answer as HaloPSA, HelloCloud
// (SuiteCRM underneath) and Fax.Plus do on the wire, their odd answers
// included. Tests of the plugins, the conformance suite and the demonstration
// use them; nothing in them reaches a network.
//
// Each is an [http.Handler] made from a config whose zero value works:
//
//	halo := standin.NewHalo(standin.HaloConfig{})
//	srv := httptest.NewServer(halo)
//	// authUrl: srv.URL + "/auth", resourceUrl: srv.URL + "/api",
//	// clientId: standin.HaloClientID, clientSecret: standin.HaloClientSecret
//
// How a service is set up, and what it does differently from one release to
// the next, are switches of its Behaviour, flipped with Set while requests are
// being served. What goes wrong on a bad day (throttling, an HTML page, an
// answer that is lost) is a [Fault], asked for with Fail. Everything that
// arrives is recorded; see [Request].
//
// Where an answer was published, or can be read in the service's source, the
// stand-in gives it byte for byte. Where it was not, the stand-in does what
// RFC 6749 says and the comment there reads "unpublished": a plugin must not
// depend on it.
package standin

import (
	"net/http"
	"sync"
	"time"
)

// Service is what every stand-in can do, whichever service it stands in for.
// All methods are safe for concurrent use.
type Service interface {
	http.Handler

	// Fail makes the next requests for a part meet a fault, until it is used
	// up or Fail is called again for that part; the zero Fault clears it.
	Fail(Part, Fault)

	// Expire makes every access token issued until now stale at once, as if
	// its hour had passed. Refresh tokens stay good.
	Expire()

	// Requests returns what arrived, oldest first: the last 512 requests.
	Requests() []Request

	// Last returns the newest request, or the zero Request if none arrived.
	Last() Request

	// TokenRequests counts the requests that ever arrived at the token endpoint.
	TokenRequests() int

	// APIRequests counts the requests that ever arrived elsewhere than at the
	// token endpoint and the sign-in page.
	APIRequests() int

	// Reused counts the refresh tokens and codes that were shown after they
	// had been spent. A careful client leaves it at zero.
	Reused() int

	// Secrets returns every secret the stand-in knows, the configured and the
	// issued ones, sorted: canaries to search logs and errors for.
	Secrets() []string

	// Mask replaces every secret in s with its kind, such as "[client secret]".
	Mask(s string) string

	// Masked is Requests made fit to be shown: the stand-in's own secrets are
	// masked, and so is whatever stands where a secret belongs.
	Masked() []Request
}

var (
	_ Service = (*Halo)(nil)
	_ Service = (*HelloCloud)(nil)
	_ Service = (*FaxPlus)(nil)
)

// Part is a part of a service, for [Service.Fail] and [Request.Part].
type Part string

// The parts of a service.
const (
	Token Part = "token" // the token endpoint
	Login Part = "login" // the page where a person signs in and approves
	API   Part = "api"   // everything else
)

// switches holds a stand-in's behaviour, which tests flip while requests are
// being served.
type switches[B any] struct {
	mu sync.RWMutex
	b  B
}

// Set changes the behaviour. Requests that arrive later meet the change whole.
func (s *switches[B]) Set(change func(*B)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.b)
}

// Behaviour returns the behaviour as it stands.
func (s *switches[B]) Behaviour() B {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.b
}

// Clock is a clock that moves only when told to; pass its Now to a config to
// test expiry without sleeping. It is safe for concurrent use; the zero Clock
// starts at the zero time.
type Clock struct {
	mu sync.Mutex
	t  time.Time
}

// NewClock returns a clock that stands at t.
func NewClock(t time.Time) *Clock { return &Clock{t: t} }

// Now returns the time the clock stands at.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

// Advance moves the clock by d, backwards if d is negative.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}
