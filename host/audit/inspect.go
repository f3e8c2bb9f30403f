// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// A Head is the place of an entry: its number, and the hash of it and of all
// before it. The zero Head is that of a trail without entries.
type Head struct {
	Seq  uint64
	Hash string    // in hexadecimal
	Time time.Time // of the entry
}

// String is what [Check].Head takes, as "12:ab34…"; empty for the zero Head.
func (h Head) String() string {
	if h.Seq == 0 {
		return ""
	}
	return strconv.FormatUint(h.Seq, 10) + ":" + h.Hash
}

// Head returns that of the newest entry of a workspace; empty: of all, and of the
// host itself. It is read and not verified. Whoever keeps it elsewhere can prove
// later that it, and so nothing before it, was cut off: see [Trail.Inspect].
func (t *Trail) Head(ctx context.Context, workspace string) (Head, error) {
	return t.headBefore(ctx, workspace, 0)
}

// HeadOf returns that of the newest entry of a workspace among those that were
// verified, which is what to keep of an inspection.
func (t *Trail) HeadOf(ctx context.Context, workspace string, r Report) (Head, error) {
	if r.Last == 0 {
		return Head{}, nil
	}
	return t.headBefore(ctx, workspace, r.Last+1)
}

// headBefore returns the newest head before an entry; 0: of all.
func (t *Trail) headBefore(ctx context.Context, workspace string, seq uint64) (Head, error) {
	page, err := t.store.Trail(ctx, host.TrailQuery{Workspace: workspace, Before: seq, Newest: true, Limit: 1})
	if err != nil || len(page) == 0 {
		return Head{}, err
	}
	e := page[0]
	return Head{e.Seq, hex.EncodeToString(e.Hash), e.Time.UTC()}, nil
}

// An Inspection is what [Trail.Inspect] has found.
type Inspection struct {
	Report
	Broken *Broken       `json:"broken,omitempty"` // nil: all is as hosts have written it
	At     time.Time     `json:"at"`               // when it began: of later changes it says nothing
	Took   time.Duration `json:"-"`
}

// ReasonSoon is the [sdk.Error.Reason] of errors for who inspects the trail too
// often: their RetryAfter says when it may be done again.
const ReasonSoon = "rate"

// To verify a trail reads all of it. So one inspection goes on at a time, the
// next begins after a rest of restTimes as long as it took, and those of one who
// asks are ownTimes as far apart, so that others come in between.
const (
	restTimes, leastRest = 4, time.Second
	ownTimes, leastOwn   = 8, 5 * time.Second
)

// inspecting is what is known of inspections in this process.
type inspecting struct {
	sync.Mutex
	since time.Time            // when the one that goes on has begun; zero: none does
	rest  time.Time            // nobody's begins before
	own   map[string]time.Time // nor that of one who asks
	last  *Inspection
}

// Inspect is [Trail.Verify] for people and programs outside: with limits to how
// often, so that nobody overloads the store or keeps others from it. Who is a
// name for whoever asks, such as a workspace's; head is a [Check].Head. That the
// trail is broken is no error, but what was found, and is logged. The error has
// the code [sdk.Unavailable] and the reason [ReasonSoon] if it was asked for too
// soon, or one is going on in this process; [sdk.Invalid] and the Field "head" if
// nothing can be said of that.
func (t *Trail) Inspect(ctx context.Context, who, head string) (Inspection, error) {
	if _, err := parseHead(head); err != nil {
		return Inspection{}, err
	}
	i := &t.inspecting
	if err := i.begin(who, t.now()); err != nil {
		return Inspection{}, err
	}
	began := time.Now()
	found := Inspection{At: t.now().UTC()}
	var err error
	defer func() { i.end(who, t.now(), time.Since(began), found, err) }()
	found.Report, err = t.Verify(ctx, Check{Head: head})
	found.Took = time.Since(began)
	if errors.As(err, &found.Broken) {
		err = nil
		t.log.ErrorContext(ctx, "the audit trail is not what hosts have written", "entry", found.Broken.Seq, "reason", found.Broken.Reason, "head", found.Broken.Head)
	}
	return found, err
}

// Inspected returns what the last inspection of this process has found of the
// chain, and false if there was none that came to its end. It costs no I/O.
func (t *Trail) Inspected() (Inspection, bool) {
	t.inspecting.Lock()
	defer t.inspecting.Unlock()
	if t.inspecting.last == nil {
		return Inspection{}, false
	}
	return *t.inspecting.last, true
}

// begin lets an inspection begin, or says when it may.
func (i *inspecting) begin(who string, now time.Time) error {
	i.Lock()
	defer i.Unlock()
	if !i.since.IsZero() {
		return tooSoon(max(leastRest, now.Sub(i.since)), "the audit trail is being verified for somebody already")
	}
	free := i.rest
	if own := i.own[who]; own.After(free) {
		free = own
	}
	if wait := free.Sub(now); wait > 0 {
		return tooSoon(wait, "the audit trail was verified a moment ago")
	}
	i.since = now
	return nil
}

func tooSoon(wait time.Duration, why string) error {
	e := sdk.Errorf(sdk.Unavailable, "%s: wait as long as Retry-After says, and ask again", why)
	e.Reason, e.RetryAfter = ReasonSoon, wait
	return e
}

// end remembers an inspection, however it ended.
func (i *inspecting) end(who string, now time.Time, took time.Duration, found Inspection, err error) {
	i.Lock()
	defer i.Unlock()
	i.since, i.rest = time.Time{}, now.Add(max(leastRest, restTimes*took))
	for other, until := range i.own {
		if !until.After(now) {
			delete(i.own, other)
		}
	}
	if i.own == nil {
		i.own = map[string]time.Time{}
	}
	i.own[who] = now.Add(max(leastOwn, ownTimes*took))
	if err != nil {
		return
	}
	if found.Broken != nil && found.Broken.Head { // that is about what somebody has kept
		found.Broken = nil
	}
	i.last = &found
}
