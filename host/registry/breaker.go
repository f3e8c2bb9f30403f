// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"time"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// A breaker says when a program that crashes may be started again: at once
// after the first crash, then after waits that double, and after too many
// crashes not for a long while. It is a value without a clock of its own.
type breaker struct {
	crashes []time.Time // within the window, the oldest first
	until   time.Time   // not before
	tripped bool        // until is the end of a quarantine
}

// The waits of a breaker, of which chance takes up to a half: processes that
// crashed together are not started together.
const (
	firstWait = time.Second
	maxWait   = time.Minute
)

// crash notes that a process died, or did not start. Chance is in [0,1).
func (b *breaker) crash(now time.Time, cfg Config, chance float64) {
	i := 0
	for i < len(b.crashes) && now.Sub(b.crashes[i]) > cfg.CrashWindow {
		i++
	}
	b.crashes = append(b.crashes[i:], now)
	n := len(b.crashes)
	if n >= cfg.MaxCrashes {
		b.until, b.tripped = now.Add(cfg.Quarantine), true
		return
	}
	if n == 1 {
		b.until = now
		return
	}
	wait := min(firstWait<<min(n-2, 10), maxWait)
	b.until = now.Add(wait - time.Duration(chance*float64(wait/2)))
}

// wait returns how long the program must not be started, and whether it is in
// quarantine. After a quarantine the count starts anew.
func (b *breaker) wait(now time.Time) (d time.Duration, quarantined bool) {
	if d = b.until.Sub(now); d > 0 {
		return d, b.tripped
	}
	if b.tripped {
		*b = breaker{}
	}
	return 0, false
}

// clean reports whether there is nothing to remember.
func (b *breaker) clean(now time.Time, cfg Config) bool {
	n := len(b.crashes)
	return !now.Before(b.until) && (n == 0 || now.Sub(b.crashes[n-1]) > cfg.CrashWindow)
}

// note notes the crash of p, if it is one and was not noted yet. A process
// that ends by itself, in order and with nothing to do, has not crashed.
func (s *slot) note(p *process) {
	orderly := p.cause.Load() == nil && p.child.status == nil && p.calls == 0
	if p.noted || orderly || p.stopping.Load() {
		return
	}
	p.noted = true
	s.crashed(fmt.Errorf("it died (%s)", p.ending()))
}

// crashed notes a death or a failed start.
func (s *slot) crashed(why error) {
	s.fault = why
	s.r.measure.count(s.r.measure.crashes, s.name)
	if s.r.off(defence.Rested) {
		return
	}
	resting := s.breaker.tripped
	s.breaker.crash(s.r.cfg.now(), s.r.cfg, s.r.cfg.chance())
	if s.breaker.tripped && !resting {
		s.rested = true
		s.r.measure.count(s.r.measure.quarantines, s.name)
		s.notice(NoticeQuarantined, s.breaker.until.UTC())
	}
}

// rests returns an error while the program must not be started.
func (s *slot) rests() error {
	wait, quarantined := s.breaker.wait(s.r.cfg.now())
	if wait <= 0 {
		return nil
	}
	e := sdk.Errorf(sdk.Unavailable, "plugin %s is not at hand: %v; it is started again in %s", s.name, s.fault, roughly(wait))
	if quarantined {
		e.Message = fmt.Sprintf("plugin %s is not at hand: it crashed %d times, at last: %v; it is in quarantine for %s, or until it is reset",
			s.name, s.r.cfg.MaxCrashes, s.fault, roughly(wait))
	}
	e.RetryAfter = wait
	return e
}

func roughly(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Second)
}
