// SPDX-License-Identifier: Apache-2.0

package events

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// A worker works at the desk of one webhook, whose lease it has.
type worker struct {
	e             *Events
	workspace, id string
	lease         host.Lease
	held          time.Time // since when the lease lasts

	hook  storedHook
	item  host.Item // of the desk
	desk  desk
	dirty bool      // the desk is not saved as it is
	saved time.Time // when it was
}

// The times of a worker.
const (
	answerTime = 15 * time.Second // for a receiver to answer
	saveEvery  = time.Second      // while all goes well: what was taken since is sent again after a crash
)

// work sends what is due, and returns when there is more to send.
func (w *worker) work(ctx context.Context) (next time.Time, err error) {
	if w.item, err = w.e.desks.Get(ctx, w.workspace, deskOf(w.id), &w.desk); err != nil {
		return next, err
	}
	w.saved = w.e.now()
	for {
		if err := w.prepare(ctx); err != nil {
			return next, errors.Join(err, w.save(ctx))
		}
		if w.hook.Off || w.desk.GivenUp {
			return time.Time{}, w.save(ctx)
		}
		one, ok, err := w.pick(ctx)
		if err != nil {
			return next, errors.Join(err, w.save(ctx))
		}
		if !ok {
			return w.desk.next(), w.save(ctx)
		}
		failed := w.send(ctx, one)
		if ctx.Err() != nil {
			late, cancel := context.WithTimeout(context.WithoutCancel(ctx), tryAgain)
			defer cancel()
			return next, w.save(late)
		}
		if failed && w.desk.Line && one.Attempts+1 >= probeAfter {
			w.probe(ctx, one.ID)
		}
		if failed || w.e.now().Sub(w.saved) >= saveEvery {
			if err := w.save(ctx); err != nil {
				return next, err
			}
		}
	}
}

// prepare reads the webhook as it is now, obeys its orders, and keeps the lease.
func (w *worker) prepare(ctx context.Context) (err error) {
	if _, w.hook, err = w.e.read(ctx, w.workspace, w.id); err != nil {
		return err
	}
	order := w.desk.Order
	for _, id := range w.desk.obeyAll(w.hook) {
		ev, err := w.e.event(ctx, w.workspace, id)
		if err != nil {
			return err
		}
		if ev.ID != "" {
			w.desk.hold(ev, w.e.now())
		}
	}
	w.dirty = w.dirty || order != w.desk.Order
	if now := w.e.now(); now.Sub(w.held) > leaseTime/3 {
		if err := w.e.h.Store().Extend(ctx, w.lease, leaseTime); err != nil {
			return err
		}
		w.held = now
	}
	return nil
}

// save saves the desk. A conflict says that another host has taken over.
func (w *worker) save(ctx context.Context) error {
	if !w.dirty {
		return nil
	}
	item, err := w.e.desks.Save(ctx, w.item, w.desk)
	if err == nil {
		w.item, w.dirty, w.saved = item, false, w.e.now()
	}
	return err
}

// pick returns what is to be sent now: what is tried again, or else the next
// event that the webhook is for.
func (w *worker) pick(ctx context.Context) (one held, ok bool, err error) {
	now := w.e.now()
	if i, ok := w.desk.due(now); ok {
		return w.desk.Held[i], true, nil
	}
	if w.desk.Line {
		return held{}, false, nil
	}
	return w.fresh(ctx)
}

// fresh returns the next event that was not sent yet.
func (w *worker) fresh(ctx context.Context) (one held, ok bool, err error) {
	l, now := w.e.logOf(w.workspace), w.e.now()
	for {
		p, err := l.from(ctx, w.desk.After)
		var some []Event
		if err == nil {
			some, err = l.read(ctx, p)
		}
		switch {
		case errors.Is(err, ErrBehind):
			w.desk.note(Delivery{Last: now, Error: "events that were to be sent are not kept any more: look at everything anew"})
			w.desk.After, w.dirty = "", true
			continue
		case err != nil || len(some) == 0:
			return held{}, false, err
		}
		for _, ev := range some {
			w.desk.After, w.dirty = ev.ID, true
			if w.hook.wants(ev.Type) {
				return held{Delivery: Delivery{ID: ev.ID, Type: ev.Type}, Event: ev, First: now}, true, nil
			}
		}
	}
}

// probeAfter is after how many attempts the next in line is tried as well: what
// keeps all others waiting may be the one event that the receiver cannot bear.
const probeAfter = 4

// probe sends the next one after the first in line.
func (w *worker) probe(ctx context.Context, id string) {
	for _, h := range w.desk.Held {
		if h.ID != id {
			w.send(ctx, h)
			return
		}
	}
	if one, ok, err := w.fresh(ctx); err == nil && ok {
		w.send(ctx, one)
	}
}

// send sends a delivery, and notes what came of it.
func (w *worker) send(ctx context.Context, one held) (failed bool) {
	now := w.e.now()
	if one.Attempts == 0 {
		one.First = now
	}
	a := w.e.attempt(ctx, w.hook, one.Event)
	if ctx.Err() != nil { // this host closes, and nobody knows what was heard: it is sent again
		if !w.desk.holds(one.ID) {
			w.desk.hold(one.Event, now)
		}
		w.dirty = true
		return true
	}
	one.Attempts++
	one.Last, one.Status, one.Error, one.Took = now.UTC(), a.status, a.fault, a.took.Seconds()
	w.dirty = true
	if a.fault == "" {
		w.desk.taken(one)
		return false
	}
	now = w.e.now()
	wait := w.e.wait(one, a, now)
	w.desk.failed(one, a.down, wait, now)
	if a.gone || now.Sub(w.desk.Since) >= giveUpAfter || wait == 0 && !w.desk.Since.After(one.First) {
		w.giveUp(ctx, now)
	}
	return true
}

// wait returns how long to wait before a delivery is sent again; 0: it is not.
func (e *Events) wait(one held, a answer, now time.Time) time.Duration {
	if one.Attempts > len(waits) || now.Sub(one.First) >= giveUpAfter {
		return 0
	}
	d := waits[one.Attempts-1]
	d += e.chance(d/5) - d/10
	return max(d, min(a.after, time.Hour))
}

// giveUp switches the webhook off, and says so in the log of its workspace.
func (w *worker) giveUp(ctx context.Context, now time.Time) {
	w.desk.giveUp(now)
	w.e.measure.givenUp.Add(ctx, 1)
	w.e.announce(ctx, Event{Type: HookDisabled, Workspace: w.workspace, Data: Data{Webhook: w.id, Name: w.hook.Description}})
	w.e.log.WarnContext(ctx, "a webhook is given up", "workspace", w.workspace, "webhook", w.id, "reason", w.desk.Reason)
}

// An answer is what came of an attempt.
type answer struct {
	status int
	fault  string // why it failed, in our words; empty: it was taken
	down   bool   // the receiver is, or cannot be reached
	gone   bool   // and will not be back
	after  time.Duration
	took   time.Duration
}

// attempt sends an event to a webhook, once. Of the answer nothing is kept but
// its status.
func (e *Events) attempt(ctx context.Context, s storedHook, ev Event) answer {
	body, err := json.Marshal(ev)
	if err != nil {
		return answer{fault: "the event cannot be encoded"}
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(body))
	if err != nil {
		return answer{fault: "the address is none"}
	}
	now := e.now()
	secrets := []string{s.Secret}
	if s.Old != "" && now.Before(s.OldUntil) {
		secrets = append(secrets, s.Old)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "credhost")
	r.Header.Set("Webhook-Id", ev.ID)
	r.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	r.Header.Set("Webhook-Signature", signature(ev.ID, now, body, secrets...))
	began := time.Now()
	resp, err := e.guard.RoundTrip(r)
	a := answer{down: true}
	if err != nil {
		a.fault = faultOf(err)
	} else {
		defer resp.Body.Close()
		io.CopyN(io.Discard, resp.Body, 4<<10) // so that the connection can be used again
		a = judge(resp)
	}
	a.took = time.Since(began)
	e.measure.attempted(ctx, a)
	return a
}

// faultOf says why there was no answer.
func faultOf(err error) string {
	var said *sdk.Error
	switch {
	case errors.As(err, &said):
		return said.Message
	case errors.Is(err, context.DeadlineExceeded):
		return "the receiver did not answer within " + answerTime.String()
	}
	return "the receiver could not be reached"
}

// judge says what an answer means. What is no success is a failure; redirects
// are not followed.
func judge(resp *http.Response) answer {
	a := answer{status: resp.StatusCode}
	switch {
	case a.status/100 == 2:
		return a
	case a.status/100 == 3:
		a.fault = "the receiver sends elsewhere, which is not followed: give the webhook its new address"
		return a
	case a.status == http.StatusGone:
		a.gone = true
	case a.status == http.StatusTooManyRequests, a.status == http.StatusRequestTimeout, a.status == http.StatusTooEarly, a.status/100 == 5:
		a.down = true
		if s, err := strconv.Atoi(strings.TrimSpace(resp.Header.Get("Retry-After"))); err == nil && s > 0 {
			a.after = time.Duration(min(s, 86400)) * time.Second
		}
	}
	a.fault = "the receiver answered with the status " + strconv.Itoa(a.status)
	return a
}

// SendTest sends a webhook an event of type [HookTest] now, once, and says what
// came of it. It is sent one that is off, too.
func (e *Events) SendTest(ctx context.Context, workspace, id string) (Delivery, error) {
	_, s, err := e.read(ctx, workspace, id)
	if err == nil {
		err = e.record(ctx, workspace, "test webhook", id, nil)
	}
	if err != nil {
		return Delivery{}, err
	}
	now := e.now().UTC()
	ev := Event{ID: "test-" + newMark() + newMark(), Type: HookTest, Time: now, Workspace: workspace, Data: Data{Webhook: id, Actor: host.ActorOf(ctx)}}
	a := e.attempt(ctx, s, ev)
	if err := ctx.Err(); err != nil {
		return Delivery{}, err
	}
	return Delivery{ID: ev.ID, Type: ev.Type, Attempts: 1, Last: now, Status: a.status, Error: a.fault, Took: a.took.Seconds(), Done: a.fault == ""}, nil
}
