// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"
)

// The times of the renewal protocol.
const (
	// A lease lasts this long in the store's clock, and is extended while its
	// host works. So a host that died keeps others waiting no longer than this.
	leaseTime = 20 * time.Second

	workTime  = 60 * time.Second // for what is done under a lease
	fetchTime = 2 * time.Minute  // for a caller to be answered, the waiting for others included
	keepTime  = 10 * time.Minute // to go on storing what a service has answered
)

// A hold is a lease that is kept alive until it is let go.
type hold struct {
	w     *Workspace
	id    string
	owner string

	mu    sync.Mutex
	lease Lease
	timer *time.Timer // for the next extension; nil: let go
}

// hold waits until the credential is nobody else's, and takes its lease.
func (w *Workspace) hold(ctx context.Context, id string) (*hold, error) {
	k := &hold{w: w, id: id, owner: rand.Text()}
	return k, k.take(ctx)
}

// take takes the lease, or takes it again. Whoever waits looks often at first:
// most work under a lease takes as long as one request to a service.
func (k *hold) take(ctx context.Context) error {
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		l, err := k.w.h.store.Lease(ctx, k.w.name, k.id, k.owner, leaseTime)
		if err == nil {
			k.mu.Lock()
			defer k.mu.Unlock()
			k.lease = l
			if k.timer != nil {
				k.timer.Stop()
			}
			k.timer = time.AfterFunc(leaseTime/4, k.extend)
			return nil
		}
		if !errors.Is(err, ErrLeased) {
			return err
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// extend lets the lease last. If the store does not, nothing is done about it:
// what is written with the lease finds out.
func (k *hold) extend() {
	k.mu.Lock()
	l, alive := k.lease, k.timer != nil
	k.mu.Unlock()
	if !alive {
		return
	}
	ctx, cancel := context.WithTimeout(k.w.h.ctx, leaseTime/4)
	defer cancel()
	err := k.w.h.store.Extend(ctx, l, leaseTime)
	if errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound) {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.timer != nil && k.lease == l {
		k.timer.Reset(leaseTime / 4)
	}
}

// current returns the lease.
func (k *hold) current() Lease {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.lease
}

// letGo stops extending the lease, and reports whether it was extended until
// now.
func (k *hold) letGo() (Lease, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	held := k.timer != nil
	if held {
		k.timer.Stop()
		k.timer = nil
	}
	return k.lease, held
}

// note writes down what the lease is used for.
func (k *hold) note(ctx context.Context, intent []byte) error {
	return k.w.h.store.Note(ctx, k.current(), intent)
}

// remove deletes rec, unless anybody has saved it since it was read, and the lease
// with it.
func (k *hold) remove(ctx context.Context, rec Record) error {
	l := k.current()
	err := k.w.h.store.Delete(ctx, rec.Workspace, rec.ID, rec.Generation, &l)
	if err == nil {
		k.letGo()
	}
	return err
}

// save saves rec, which ends the lease.
func (k *hold) save(ctx context.Context, rec Record) error {
	l := k.current()
	err := k.w.h.store.Save(ctx, rec, &l)
	if err == nil {
		k.letGo()
	}
	return err
}

// release ends the lease, if it has not ended yet.
func (k *hold) release(ctx context.Context) {
	l, held := k.letGo()
	if !held {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseTime/4)
	defer cancel()
	k.w.h.store.Unlease(ctx, l) // or else it lapses
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
