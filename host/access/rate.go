// SPDX-License-Identifier: Apache-2.0

package access

import (
	"fmt"
	"hash/maphash"
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/credhost/credhost/sdk"
)

// A Rate is how often something may be done, in the long run and at once. Each
// host counts for itself.
type Rate struct {
	PerSecond float64 // zero: the default; negative: as often as one likes
	Burst     int     // at once, after a pause; zero: PerSecond, twice, and at least 1
}

// Rates are the limits to how often callers may ask.
type Rates struct {
	Key       Rate // requests with a key, and all that were derived of it, or of a session; zero: 500 a second
	Workspace Rate // requests of all callers of a workspace; zero: 2000 a second

	// Failures are attempts with what is no key, session or link, from one
	// network address (an IPv6 address counts as its /64, and sixteen times as
	// many from its /48). Zero: one in two seconds, 20 at once. Who shows what
	// is right is not slowed by those who do not.
	Failures Rate
}

// ReasonRate is the [sdk.Error.Reason] of errors for who asks too often: their
// RetryAfter says when to ask again.
const ReasonRate = "rate"

// pace is a Rate as a bucket counts it.
type pace struct {
	interval int64 // nanoseconds between two; 0: no limit
	burst    int64
}

func (r Rate) pace(def Rate) pace {
	if r.PerSecond == 0 {
		r = def
	}
	if r.PerSecond < 0 || math.IsNaN(r.PerSecond) {
		return pace{}
	}
	burst := int64(r.Burst)
	if burst <= 0 {
		burst = max(1, int64(min(2*r.PerSecond, 1e6)))
	}
	return pace{interval: max(1, int64(float64(time.Second)/r.PerSecond)), burst: min(burst, 1e6)}
}

// A bucket counts by the generic cell rate algorithm (ITU-T I.371): one number,
// the time at which it would be full again. The zero bucket is full.
type bucket struct{ full atomic.Int64 }

// take takes one, at a time in Unix nanoseconds. If there is none, wait is how
// long until there is. Left is what is left, and reset when all will be back.
func (b *bucket) take(p pace, now int64) (left int64, reset, wait time.Duration) {
	whole := p.burst * p.interval
	for {
		old := b.full.Load()
		full := p.from(old, now) + p.interval
		if late := full - now - whole; late > 0 {
			return 0, time.Duration(full - p.interval - now), time.Duration(late)
		}
		if b.full.CompareAndSwap(old, full) {
			return (whole - (full - now)) / p.interval, time.Duration(full - now), 0
		}
	}
}

// from returns what a bucket counts from. One that would be full later than is
// possible has seen a clock that was put back, and begins anew: nobody is to be
// locked out until that time comes again. A second is less than what clocks are put
// back by, and more than two goroutines differ by.
func (p pace) from(full, now int64) int64 {
	if full > now+p.burst*p.interval+int64(time.Second) {
		return now
	}
	return max(full, now)
}

// empty returns how long until there is one to take; 0: there is.
func (b *bucket) empty(p pace, now int64) time.Duration {
	whole := p.burst * p.interval
	full := p.from(b.full.Load(), now) + p.interval
	return time.Duration(max(0, full-now-whole))
}

// A budget is what the requests of a caller are counted in.
type budget struct{ key, workspace *bucket }

// A Quota is what is left of a caller's requests. Its fields are those of the
// RateLimit header fields for HTTP (draft-ietf-httpapi-ratelimit-headers-10).
type Quota struct {
	Policy    string        // which rate is the tighter one: "key" or "workspace"; empty: there is none
	Limit     int           // how many at once, after a pause
	Window    time.Duration // how long that pause must be
	Remaining int           // how many now
	Reset     time.Duration // until all are back
	Wait      time.Duration // until the next; 0: this one may go on
}

// Allow counts a request of a caller, and says whether it may go on. It costs no
// I/O and takes no lock.
func (a *Access) Allow(c Caller) Quota {
	s, now := a.settings.Load(), a.h.Now().UnixNano()
	var q Quota
	if c.budget == nil {
		return q
	}
	if s.key.interval > 0 {
		q = s.key.quota("key", c.budget.key, now)
	}
	if q.Wait > 0 || s.workspace.interval == 0 {
		return q
	}
	w := s.workspace.quota("workspace", c.budget.workspace, now)
	if w.Wait > 0 && q.Policy != "" {
		c.budget.key.full.Add(-s.key.interval) // it was not spent
	}
	if q.Policy == "" || w.Wait > 0 || w.Remaining < q.Remaining {
		return w
	}
	return q
}

func (p pace) quota(policy string, b *bucket, now int64) Quota {
	left, reset, wait := b.take(p, now)
	return Quota{Policy: policy, Limit: int(p.burst), Window: time.Duration(p.burst * p.interval), Remaining: int(left), Reset: reset, Wait: wait}
}

// Err returns nil if the request may go on, and else an [*sdk.Error] with the
// reason [ReasonRate].
func (q Quota) Err() error {
	if q.Wait == 0 {
		return nil
	}
	what := "this key"
	if q.Policy == "workspace" {
		what = "this workspace"
	}
	return tooOften(q.Wait, "%s asks too often: wait as long as Retry-After says, and ask less often", what)
}

func tooOften(wait time.Duration, format string, args ...any) error {
	e := sdk.Errorf(sdk.Unavailable, format, args...)
	e.Reason, e.RetryAfter = ReasonRate, wait
	return e
}

// Header sets the header fields RateLimit-Policy and RateLimit, and Retry-After
// (RFC 9110, section 10.2.3) if the request may not go on.
func (q Quota) Header(h http.Header) {
	if q.Policy != "" {
		h.Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", q.Policy, q.Limit, seconds(q.Window)))
		h.Set("RateLimit", fmt.Sprintf("%q;r=%d;t=%d", q.Policy, q.Remaining, seconds(q.Reset)))
	}
	if q.Wait > 0 {
		h.Set("Retry-After", strconv.FormatInt(seconds(q.Wait), 10))
	}
}

// seconds rounds up: who waits so long has waited long enough.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// strangers counts the failures of those who are not known. Its memory is fixed:
// two who share a bucket are slowed together, and what is right is never slowed.
type strangers struct {
	seed    maphash.Seed
	buckets [1 << 14]bucket
}

// of returns the bucket for something, such as an address.
func (s *strangers) of(what string) *bucket {
	return &s.buckets[maphash.String(s.seed, what)%uint64(len(s.buckets))]
}

// networks returns the buckets of an address: its own, and for IPv6 that of the
// network around it.
func (s *strangers) networks(address string) (own, around *bucket) {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return s.of("a " + address), nil
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return s.of("a " + ip.String()), nil
	}
	near, _ := ip.Prefix(64)
	far, _ := ip.Prefix(48)
	return s.of("a " + near.String()), s.of("a " + far.String())
}

func (p pace) times(n int64) pace { return pace{interval: max(1, p.interval/n), burst: p.burst * n} }

// blocked returns how long an address must wait before it may fail again.
func (s *strangers) blocked(p pace, address string, now int64) time.Duration {
	if p.interval == 0 {
		return 0
	}
	own, around := s.networks(address)
	wait := own.empty(p, now)
	if around != nil {
		wait = max(wait, around.empty(p.times(16), now))
	}
	return wait
}

// failed counts a failure, and returns how long to wait if there were too many.
func (s *strangers) failed(p pace, address string, now int64) time.Duration {
	if p.interval == 0 {
		return 0
	}
	own, around := s.networks(address)
	_, _, wait := own.take(p, now)
	if around != nil {
		_, _, far := around.take(p.times(16), now)
		wait = max(wait, far)
	}
	return wait
}
