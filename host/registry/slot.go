// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/credhost/credhost/sdk"
)

// A slot is where the process of one program for one workspace runs: started
// by the first call, stopped when it has been idle, started again after a
// crash, replaced when another version of the program is trusted. Crashes in
// one workspace are no other's.
type slot struct {
	r         *Registry
	name      string
	workspace string

	room   chan struct{} // has a place for each call that may be under way
	queued atomic.Int64

	mu       sync.Mutex
	process  *process   // takes new calls; nil: there is none
	starting *starting  // nil: nobody starts one
	retired  []*process // finish their calls
	breaker  breaker
	fault    error    // what became of the last process; nil after a good start
	rested   bool     // the last quarantine was told of, and no end of it yet
	notices  []Notice // that are being told

	users int // calls that hold the slot, in whatever state; the registry's lock guards it
}

// A starting is one start that any number of calls wait for.
type starting struct {
	done chan struct{}
	err  error
}

// acquire returns a process of the version that current returns, which the
// call may use until it calls release.
func (s *slot) acquire(ctx context.Context, current func() (*version, error)) (p *process, release func(), err error) {
	if err := s.enter(ctx); err != nil {
		return nil, nil, err
	}
	p, err = s.get(ctx, current)
	if err != nil {
		<-s.room
		return nil, nil, err
	}
	return p, func() { s.release(p); <-s.room }, nil
}

// enter waits for a place among the calls under way.
func (s *slot) enter(ctx context.Context) error {
	select {
	case s.room <- struct{}{}:
		return nil
	default:
	}
	defer s.queued.Add(-1)
	if s.queued.Add(1) > int64(s.r.cfg.MaxQueue) {
		return sdk.Errorf(sdk.Unavailable, "plugin %s is busy: %d calls are under way and %d wait: try again", s.name, s.r.cfg.MaxCalls, s.r.cfg.MaxQueue)
	}
	select {
	case s.room <- struct{}{}:
		return nil
	case <-ctx.Done():
		return sdk.Errorf(sdk.Unavailable, "plugin %s is busy: its %d calls under way did not end in time: try again", s.name, s.r.cfg.MaxCalls).Because(ctx.Err())
	}
}

// get returns a process, which counts one call more. Each time that it has
// waited it asks again which version it should be: what was trusted before may
// not be any more.
func (s *slot) get(ctx context.Context, current func() (*version, error)) (*process, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		v, err := current()
		if err != nil {
			return nil, err
		}
		if s.process != nil && s.process.ended() {
			s.note(s.process)
			s.retire()
		}
		if s.process != nil && s.process.digest != v.digest {
			s.retire()
		}
		if p := s.process; p != nil {
			p.calls++
			if p.idle != nil {
				p.idle.Stop()
			}
			return p, nil
		}
		st := s.starting
		if st == nil {
			if err := s.rests(); err != nil {
				return nil, err
			}
			st = &starting{done: make(chan struct{})}
			s.starting = st
			if !s.r.spawn(func() { s.start(trace.ContextWithSpan(s.r.ctx, trace.SpanFromContext(ctx)), st, v) }) {
				s.starting = nil
				return nil, errClosed
			}
		}
		s.mu.Unlock()
		select {
		case <-st.done:
			err = st.err
		case <-ctx.Done():
			err = ctx.Err()
		}
		s.mu.Lock()
		if err != nil {
			return nil, err
		}
	}
}

var errClosed = sdk.Errorf(sdk.Unavailable, "the host is closing")

// start starts a process of v for those who wait for st. Ctx has the trace of the
// first of them, and lasts as long as the registry.
func (s *slot) start(ctx context.Context, st *starting, v *version) {
	end := s.r.measure.start(ctx, s.name)
	p, err := s.r.startVersion(s.r.ctx, v)
	end(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starting = nil
	defer close(st.done)
	switch {
	case s.r.ctx.Err() != nil:
		st.err = errClosed
		if p != nil {
			p.kill("the host is closing")
			<-p.gone
		}
		return
	case err != nil:
		s.crashed(fmt.Errorf("it could not be started: %w", err))
		s.r.log.Named(s.name).Error("not started", "workspace", s.workspace, "why", err.Error())
		st.err = sdk.Errorf(sdk.Unavailable, "plugin %s cannot be started: %v", s.name, err)
		return
	}
	if len(s.breaker.crashes) > 0 {
		s.r.restarted(s.name).Add(1)
		s.r.measure.count(s.r.measure.restarts, s.name)
	}
	s.fault = nil
	if s.rested {
		s.rested = false
		s.notice(NoticeRecovered, time.Time{})
	}
	s.process = p
	s.rest(p)
	if now := s.r.entry(s.name); now == nil || now.version == nil || now.version.digest != p.digest {
		s.retire() // it was replaced, or distrusted, while it started
	}
	s.r.log.Named(s.name).Debug("started", "workspace", s.workspace, "pid", p.child.ID(), "digest", string(p.digest))
	s.r.spawn(func() { s.watch(p) })
}

// watch sees p end.
func (s *slot) watch(p *process) {
	<-p.gone
	s.mu.Lock()
	s.note(p)
	crash := p.noted
	s.retired = slices.DeleteFunc(s.retired, func(old *process) bool { return old == p })
	if s.process == p {
		s.process = nil
		p.idle.Stop()
	}
	wait, quarantined := s.breaker.wait(s.r.cfg.now())
	s.mu.Unlock()
	log := s.r.log.Named(s.name)
	switch {
	case !crash:
		log.Debug("stopped", "workspace", s.workspace, "pid", p.child.ID())
	case quarantined:
		log.Error("crashed too often: it is in quarantine", "workspace", s.workspace, "why", p.ending(), "wait", roughly(wait), "last", p.last)
	default:
		log.Error("crashed", "workspace", s.workspace, "why", p.ending(), "wait", roughly(max(wait, 0)), "last", p.last)
	}
	s.r.tidy(s)
}

// release ends a call on p.
func (s *slot) release(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.calls--
	if p.calls > 0 {
		return
	}
	if s.process == p {
		s.rest(p)
	} else if !s.r.spawn(p.stop) {
		go p.stop() // while the registry closes, which waits for it
	}
}

// rest sees to it that p is stopped when it has been idle for long enough.
func (s *slot) rest(p *process) {
	if p.idle == nil {
		p.idle = time.AfterFunc(s.r.cfg.IdleTimeout, func() { s.stopIdle(p) })
		return
	}
	p.idle.Reset(s.r.cfg.IdleTimeout)
}

func (s *slot) stopIdle(p *process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process == p && p.calls == 0 {
		s.retire()
	}
}

// retire takes the process off new calls. It ends with its last call.
func (s *slot) retire() {
	p := s.process
	s.process = nil
	if p.idle != nil {
		p.idle.Stop()
	}
	s.retired = append(s.retired, p)
	if p.calls == 0 {
		s.r.spawn(p.stop)
	}
}

// replace retires a process that is not of v, the version that is trusted now.
func (s *slot) replace(v *version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil && (v == nil || s.process.digest != v.digest) {
		s.retire()
	}
}

// reset forgets the crashes.
func (s *slot) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.breaker, s.fault = breaker{}, nil
}

// close ends all processes: those that have no call under way in order, the
// others at once, after their calls have had until late.
func (s *slot) close(late <-chan struct{}) {
	s.mu.Lock()
	if s.process != nil {
		s.retire()
	}
	all := slices.Clone(s.retired)
	s.mu.Unlock()
	for _, p := range all {
		s.mu.Lock()
		busy := p.calls > 0
		s.mu.Unlock()
		if !busy {
			go p.stop()
			continue
		}
		go func() {
			select {
			case <-late:
				p.kill("the host is closing")
			case <-p.gone:
			}
		}()
	}
	for _, p := range all {
		<-p.gone
	}
}

// runs reports whether a process of the slot has a digest.
func (s *slot) runs(d digest) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range append(slices.Clone(s.retired), s.process) {
		if p != nil && p.digest == d {
			return true
		}
	}
	return s.starting != nil
}
