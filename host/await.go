// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"time"

	"github.com/credhost/credhost/sdk"
)

// reasonSlowDown is the reason of an [sdk.Unavailable] with which a plugin says
// that the service is polled too often (RFC 8628, section 3.5).
const reasonSlowDown = "slow_down"

// How polling slows down: by slowDown, for good, when the service says so; to
// twice the interval, up to slowest, when it did not answer for as long as
// patience. Both are RFC 8628's, section 3.5.
const (
	slowDown = 5 * time.Second
	slowest  = time.Minute
	patience = 10 * time.Second
)

// poll asks the service until the flow has ended. The caller holds the flow.
func (w *Workspace) poll(ctx context.Context, id string) (Connected, error) {
	_, f, err := w.flow(ctx, id) // again: it may have ended while we waited
	if err != nil {
		return Connected{}, err
	}
	for w.inTime(ctx, f) {
		asked := w.h.now()
		done, err := w.exchange(ctx, f, nil)
		switch {
		case err == nil:
			w.end(ctx, id) // or it is swept
			w.settle(ctx, &done)
			return done, nil
		case ctx.Err() != nil:
			return Connected{}, ctx.Err()
		case !passing(err):
			w.end(ctx, id)
			return Connected{}, err
		}
		wait := f.slower(err, w.h.now().Sub(asked))
		if err := w.goesOn(ctx, id, f); err != nil {
			return Connected{}, err
		}
		if err := w.h.wait(ctx, wait); err != nil {
			return Connected{}, err
		}
	}
	w.end(ctx, id)
	return Connected{}, sdk.Errorf(sdk.Denied, "nobody has approved in time: connect again")
}

// passing reports whether a poll that failed decides nothing: the person has
// not approved yet, or the service, the plugin or the store could not be asked.
func passing(err error) bool {
	var e *sdk.Error
	if errors.As(err, &e) {
		return e.Code == sdk.Unavailable
	}
	return !errors.Is(err, ErrNotFound)
}

// slower returns how long to wait after a poll that failed, and makes the
// interval longer for good where the service wants that.
func (f *flow) slower(err error, took time.Duration) time.Duration {
	var e *sdk.Error
	if !errors.As(err, &e) {
		return f.Interval
	}
	if e.Reason == reasonSlowDown {
		f.Interval += slowDown
	} else if took >= patience {
		f.Interval = min(2*f.Interval, max(slowest, f.Interval))
	}
	return max(f.Interval, e.RetryAfter)
}

// goesOn stores the flow's interval if that has changed, for whoever goes on
// when this process has died, and reports an error if the flow was ended.
func (w *Workspace) goesOn(ctx context.Context, id string, f flow) error {
	rec, stored, err := w.flow(ctx, id)
	switch {
	case errors.Is(err, errFlow):
		return err
	case err != nil || stored.Interval == f.Interval:
		return nil // what cannot be looked at now is looked at after the next poll
	}
	rec.Generation++
	if err := w.h.seal(ctx, &rec, f); err == nil {
		w.h.store.Save(ctx, rec, nil) // a courtesy: the service would say so again
	}
	return nil
}
