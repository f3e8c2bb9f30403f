// SPDX-License-Identifier: Apache-2.0

package events

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// A Delivery is one event on its way to one webhook.
type Delivery struct {
	ID       string     `json:"id"` // of the event, and the message's, as webhook-id has it; the same in each attempt
	Type     Type       `json:"type"`
	Attempts int        `json:"attempts"`
	Last     time.Time  `json:"last"`             // the last attempt
	Status   int        `json:"status,omitempty"` // its HTTP status; 0: there was no answer
	Error    string     `json:"error,omitempty"`  // why it failed, in our words
	Took     float64    `json:"took"`             // of the last attempt, in seconds
	Done     bool       `json:"done"`             // it was taken
	Next     *time.Time `json:"next,omitempty"`   // of one that is tried again
}

// A desk is what one webhook is owed. Who holds the lease of its record works at
// it.
//
// Events are sent in their order. If the receiver cannot be reached, or says
// that it is down, the first in line waits, and all others behind it, so that
// they come in their order later. If it refuses one, that is set aside, to be
// tried again by itself.
type desk struct {
	After string     `json:"after"`           // all up to here were sent, or are held
	Held  []held     `json:"held,omitempty"`  // in the order of their events
	Line  bool       `json:"line,omitempty"`  // the first of Held keeps all others waiting
	Log   []Delivery `json:"log,omitempty"`   // the newest last; without what is held
	Order uint64     `json:"order,omitempty"` // the last order that was obeyed

	Since   time.Time `json:"since,omitzero"` // since when nothing was taken, or when it was given up; zero: the last one was taken
	GivenUp bool      `json:"givenUp,omitempty"`
	Reason  string    `json:"reason,omitempty"` // of that
}

// A held delivery is one that is sent later.
type held struct {
	Delivery
	Event Event     `json:"event"`
	First time.Time `json:"first"` // the first attempt
}

// The bounds of a desk.
const (
	maxLog  = 100
	maxHeld = 200
)

// waits are those before each further attempt. After the last, which is a day
// after the first attempt, there is none.
var waits = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour,
	2 * time.Hour, 4 * time.Hour, 6 * time.Hour, 10*time.Hour + 17*time.Minute,
}

// giveUpAfter is how long nothing must have been taken for a webhook to be given
// up.
const giveUpAfter = 24 * time.Hour

// next returns when there is something to send again; zero: there is nothing.
func (d *desk) next() (at time.Time) {
	for i, h := range d.Held {
		if h.Next != nil && (at.IsZero() || h.Next.Before(at)) && (i == 0 || !d.Line) {
			at = *h.Next
		}
	}
	return at
}

// due returns the index of what is to be sent again now, the oldest first.
func (d *desk) due(now time.Time) (i int, ok bool) {
	for i, h := range d.Held {
		if !h.Next.After(now) {
			return i, true
		}
		if d.Line {
			break
		}
	}
	return 0, false
}

// obeyAll obeys the orders that it has not obeyed yet, and returns the IDs of
// what is to be sent once more.
func (d *desk) obeyAll(s storedHook) (again []string) {
	for _, o := range s.Orders {
		if o.N <= d.Order {
			continue
		}
		d.Order = o.N
		switch o.Do {
		case doBegin:
			d.After, d.Held, again = o.Event, nil, nil
		case doReplay:
			d.After = min(d.After, o.Event)
			d.Held = slices.DeleteFunc(slices.Clone(d.Held), func(h held) bool { return h.ID > o.Event })
		case doResend:
			again = append(again, o.Event)
		}
		d.GivenUp, d.Line, d.Reason, d.Since = false, false, "", time.Time{}
	}
	return again
}

// hold puts an event on the desk that is to be sent now.
func (d *desk) hold(ev Event, now time.Time) {
	d.remove(ev.ID)
	d.insert(held{Delivery: Delivery{ID: ev.ID, Type: ev.Type, Next: &now}, Event: ev, First: now})
}

// insert puts a delivery on the desk, in the order of the events, and returns
// where.
func (d *desk) insert(one held) int {
	i, _ := slices.BinarySearchFunc(d.Held, one, func(a, b held) int { return cmp.Compare(a.ID, b.ID) })
	d.Held = slices.Insert(slices.Clone(d.Held), i, one)
	return i
}

// taken notes that the receiver has taken a delivery.
func (d *desk) taken(one held) {
	d.remove(one.ID)
	d.Since, d.Reason, d.Line = time.Time{}, "", false
	one.Next, one.Done, one.Error = nil, true, ""
	d.note(one.Delivery)
}

// failed notes that a delivery has failed, and is sent again after wait; 0: never.
// Down says that the receiver is, and that others need not be tried either.
func (d *desk) failed(one held, down bool, wait time.Duration, now time.Time) {
	if d.Since.IsZero() {
		d.Since = now
	}
	d.Reason, d.Line = one.Error, down && wait > 0
	d.remove(one.ID)
	if wait <= 0 {
		d.note(one.Delivery)
		return
	}
	next := now.Add(wait)
	one.Next = &next
	for j := range d.insert(one) { // what is older is first in line, and waits as long
		if down && d.Held[j].Next.Before(next) {
			d.Held[j].Next = &next
		}
	}
	for len(d.Held) > maxHeld {
		oldest := d.Held[0].Delivery
		oldest.Error = "too many others wait as well; " + oldest.Error
		d.remove(oldest.ID)
		d.note(oldest)
	}
}

// giveUp ends all deliveries.
func (d *desk) giveUp(now time.Time) {
	for _, h := range d.Held {
		d.note(h.Delivery)
	}
	d.Held, d.Line, d.GivenUp, d.Since = nil, false, true, now
}

// holds reports whether a delivery is on the desk.
func (d *desk) holds(id string) bool {
	return slices.ContainsFunc(d.Held, func(h held) bool { return h.ID == id })
}

// remove takes a delivery off the desk.
func (d *desk) remove(id string) {
	d.Held = slices.DeleteFunc(slices.Clone(d.Held), func(h held) bool { return h.ID == id })
}

// note writes a delivery down that has ended.
func (d *desk) note(one Delivery) {
	one.Next = nil
	d.Log = append(d.Log, one)
	d.Log = d.Log[max(0, len(d.Log)-maxLog):]
}

// Deliveries returns what was last sent to a webhook, the newest first, at most
// limit; 0: all that are remembered, which are about a hundred, and all that are
// tried again.
func (e *Events) Deliveries(ctx context.Context, workspace, id string, limit int) ([]Delivery, error) {
	if _, _, err := e.read(ctx, workspace, id); err != nil {
		return nil, err
	}
	var d desk
	if _, err := e.desks.Get(ctx, workspace, deskOf(id), &d); err != nil {
		return nil, err
	}
	all := slices.Clone(d.Log)
	for _, h := range d.Held {
		all = append(all, h.Delivery)
	}
	slices.SortStableFunc(all, func(a, b Delivery) int { return b.Last.Compare(a.Last) })
	if limit > 0 {
		all = all[:min(len(all), limit)]
	}
	return all, nil
}
