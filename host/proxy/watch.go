// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A watch looks now and then at all that is under way, and ends what stands
// still, or what has no right to go on. To be watched costs an exchange a clock's
// time for each piece of a body: there is no timer of its own.
type watch struct {
	limits Limits
	every  time.Duration
	now    func() time.Time

	mu    sync.Mutex // held while a flow is stopped: it is not over before
	flows map[*flow]struct{}

	once sync.Once
	stop chan struct{}
	done chan struct{}
}

// A flow is an exchange that is under way.
type flow struct {
	x      *exchange
	cancel context.CancelCauseFunc
	moved  atomic.Int64 // when something last came, in Unix nanoseconds
	waits  atomic.Bool  // for the caller's body

	answered atomic.Bool // by the service
	tunnel   bool        // whether it has become one; under watch.mu
	checked  int64       // when it was last looked at whether it may go on; of the watch alone
	now      func() time.Time
}

var (
	errSlow = fail("slow", "the body of the request came too slowly: try again")
	errIdle = fail("late", "nothing has come from the service for too long: try again").after(0)
	errShut = fail("unavailable", "this host is being shut down: try again in a moment").after(time.Second)
)

func newWatch(l Limits) *watch {
	w := &watch{limits: l, now: time.Now, flows: map[*flow]struct{}{}, stop: make(chan struct{}), done: make(chan struct{})}
	w.every = min(max(min(l.Idle, l.BodyIdle, l.Recheck)/8, 5*time.Millisecond), time.Second)
	go w.run()
	return w
}

func (w *watch) run() {
	defer close(w.done)
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			w.look(w.now())
		case <-w.stop:
			return
		}
	}
}

// close ends the watch, and tunnels.
func (w *watch) close() {
	w.once.Do(func() { close(w.stop) })
	<-w.done
	w.mu.Lock()
	defer w.mu.Unlock()
	for f := range w.flows {
		if f.tunnel {
			f.end(errShut)
		}
	}
}

// begin watches an exchange, until over.
func (w *watch) begin(x *exchange, cancel context.CancelCauseFunc) *flow {
	now := w.now().UnixNano()
	f := &flow{x: x, cancel: cancel, checked: now, now: w.now}
	f.moved.Store(now)
	w.mu.Lock()
	w.flows[f] = struct{}{}
	w.mu.Unlock()
	return f
}

// over says that an exchange is.
func (w *watch) over(f *flow) {
	w.mu.Lock()
	delete(w.flows, f)
	w.mu.Unlock()
	f.cancel(nil)
}

// look looks at all flows.
func (w *watch) look(now time.Time) {
	var old []*flow
	w.mu.Lock()
	for f := range w.flows {
		if err := f.stands(now, w.limits); err != nil {
			f.end(err)
		} else if now.UnixNano()-f.checked > int64(w.limits.Recheck) {
			f.checked = now.UnixNano()
			old = append(old, f)
		}
	}
	w.mu.Unlock()
	for _, f := range old {
		if err := f.x.permitted(); err != nil {
			w.mu.Lock()
			if _, ok := w.flows[f]; ok {
				f.end(err)
			}
			w.mu.Unlock()
		}
	}
}

// stands says why a flow is to be ended, if it stands still.
func (f *flow) stands(now time.Time, l Limits) error {
	still := time.Duration(now.UnixNano() - f.moved.Load())
	switch waits := f.waits.Load() && !f.answered.Load(); {
	case waits && still > l.BodyIdle:
		return errSlow
	case still > l.Idle:
		return errIdle
	}
	return nil
}

// end ends a flow. The watch's lock is held.
func (f *flow) end(why error) {
	f.cancel(why)
	if f.waits.Load() {
		f.x.rc.SetReadDeadline(past)
	}
	if f.answered.Load() {
		f.x.rc.SetWriteDeadline(past)
	}
}

// move says that something has come.
func (f *flow) move() { f.moved.Store(f.now().UnixNano()) }

// reading says that the caller's body is waited for, or has come.
func (f *flow) reading(waits bool) {
	f.move()
	f.waits.Store(waits)
}
