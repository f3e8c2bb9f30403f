// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// A Report says what [Trail.Verify] has seen.
type Report struct {
	Entries uint64 `json:"entries"` // how many were verified
	First   uint64 `json:"first"`   // number of the first of them; 0: there is none
	Last    uint64 `json:"last"`

	// Head is the number and the hash of the last entry, as "12:ab34…": write
	// it down elsewhere, and compare the next time.
	Head string `json:"head,omitempty"`

	Since *time.Time `json:"since,omitempty"` // of the first entry
	Until *time.Time `json:"until,omitempty"` // of the last

	// Trimmed is the number of the last entry that was removed because it was
	// old; 0: none was.
	Trimmed uint64 `json:"trimmed,omitempty"`

	// Altered are the numbers of entries by which a running host has said that
	// the trail was changed: see [ActionChanged]. At most 100 are named.
	Altered []uint64 `json:"altered,omitempty"`
}

// A Flaw is what is wrong with an entry, for programs and translators.
type Flaw string

// The flaws.
const (
	Missing    Flaw = "missing"    // it is not there, and nobody has trimmed it
	Changed    Flaw = "changed"    // it, or the entry before it, is not what was written
	Unreadable Flaw = "unreadable" // it is no event
	Misfiled   Flaw = "misfiled"   // the columns by which it is found say something else
	CutOff     Flaw = "cut off"    // the end at which a [Check].Head was is gone
	Another    Flaw = "another"    // it is not that of which a [Check].Head is
)

// Flaws are all of them.
var Flaws = []Flaw{Missing, Changed, Unreadable, Misfiled, CutOff, Another}

// Broken is the error of a trail that is not what hosts have written.
type Broken struct {
	Seq    uint64 `json:"seq"` // the first entry that is wrong, or that is missing
	Flaw   Flaw   `json:"flaw"`
	Reason string `json:"reason"` // the same, for a person

	// Head says that all of the trail that is there is as hosts have written it,
	// and that it is the [Check].Head that is not in it.
	Head bool `json:"head,omitempty"`
}

// Error says where the trail is broken, and what to do.
func (b *Broken) Error() string {
	return fmt.Sprintf("the audit trail is broken at entry %d: %s", b.Seq, b.Reason)
}

// verifyPage is how many entries Verify reads at once.
const verifyPage = 1000

// A Check says how to verify. The zero value is a good one.
type Check struct {
	// Head is a [Report].Head, or its hash alone, that was written down before:
	// then it must be in the trail still. Only so it is seen that the end of the
	// trail was cut off, or that an older copy of all the store was put back.
	Head string

	// Progress, if not nil, is called now and then with the number of entries
	// that were verified.
	Progress func(entries uint64)
}

// Verify computes the chain anew, from the first entry or from the mark that
// trimmed ones have left, to the newest. The error is a [*Broken] if anything
// was changed, removed or inserted; the Report then says how far it went. Others
// may add entries meanwhile. It reads the trail in pages.
func (t *Trail) Verify(ctx context.Context, c Check) (Report, error) {
	want, err := parseHead(c.Head)
	if err != nil {
		return Report{}, err
	}
	for {
		r, again, err := t.verify(ctx, want, c.Progress)
		if !again {
			return r, err
		}
	}
}

// headField is the field of errors that say what is wrong with [Check].Head.
var headField = sdk.Field{Name: "head"}

// A wanted head is one that must be in the trail.
type wanted struct {
	seq  uint64 // 0: anywhere
	hash []byte // nil: none is wanted
}

func parseHead(text string) (w wanted, err error) {
	if text == "" {
		return w, nil
	}
	number, hash, ok := strings.Cut(text, ":")
	if !ok {
		number, hash = "0", text
	}
	if w.seq, err = strconv.ParseUint(number, 10, 64); err == nil {
		w.hash, err = hex.DecodeString(hash)
	}
	if err != nil || len(w.hash) != hashSize {
		return w, sdk.Errorf(sdk.Invalid, "the head to compare with is the number and the hash of an entry, as verify prints them: 12:ab34…").In(headField)
	}
	return w, nil
}

// verify goes through the trail once. Again says that entries were trimmed
// meanwhile.
func (t *Trail) verify(ctx context.Context, want wanted, progress func(uint64)) (r Report, again bool, err error) {
	if err := t.loadKeys(ctx, true); err != nil {
		return r, false, err
	}
	m, err := t.mark(ctx)
	if err != nil {
		return r, false, err
	}
	v := &verification{keys: t.keys.Load(), at: head{true, m.UpTo, m.Hash}, want: want}
	v.report.Trimmed = m.UpTo
	v.find(m.UpTo, m.Hash)
	for {
		page, err := t.store.Trail(ctx, host.TrailQuery{After: v.at.seq, Limit: verifyPage})
		if err != nil {
			return v.report, false, err
		}
		if len(page) == 0 {
			return v.report, false, v.end()
		}
		if now, err := t.mark(ctx); err != nil || now.UpTo > v.at.seq {
			return v.report, err == nil, err
		}
		for _, e := range page {
			if err := v.next(e); err != nil {
				return v.report, false, err
			}
		}
		if progress != nil {
			progress(v.report.Entries)
		}
	}
}

// A verification is one walk along the chain.
type verification struct {
	keys   *keys
	at     head
	want   wanted
	found  bool // what is wanted
	report Report
}

func (v *verification) find(seq uint64, hash []byte) {
	if v.want.hash != nil && bytes.Equal(v.want.hash, hash) && (v.want.seq == 0 || v.want.seq == seq) {
		v.found = true
	}
}

// next verifies the next entry.
func (v *verification) next(e host.TrailEntry) error {
	if e.Seq != v.at.seq+1 {
		return &Broken{Seq: v.at.seq + 1, Flaw: Missing, Reason: fmt.Sprintf("it is missing, and so is all before entry %d; nobody has trimmed them", e.Seq)}
	}
	if !hmac.Equal(v.keys.hash(e.Seq, v.at.hash, e.Event), e.Hash) {
		return &Broken{Seq: e.Seq, Flaw: Changed, Reason: "it was changed, or was written by somebody who has not the key, or the entry before it is another"}
	}
	event, err := v.event(e)
	if err != nil {
		return err
	}
	v.at = head{true, e.Seq, e.Hash}
	v.find(e.Seq, e.Hash)
	r := &v.report
	if r.Entries == 0 {
		r.First, r.Since = e.Seq, &event.Time
	}
	r.Entries++
	r.Last, r.Until, r.Head = e.Seq, &event.Time, fmt.Sprintf("%d:%x", e.Seq, e.Hash)
	if event.Action == ActionChanged && len(r.Altered) < 100 {
		r.Altered = append(r.Altered, e.Seq)
	}
	return nil
}

// event decodes an entry's event, and compares the columns by which it is found.
func (v *verification) event(e host.TrailEntry) (host.Event, error) {
	var event host.Event
	if json.Unmarshal(e.Event, &event) != nil {
		return event, &Broken{Seq: e.Seq, Flaw: Unreadable, Reason: "it cannot be read"}
	}
	if !event.Time.Equal(e.Time) || event.Workspace != e.Workspace || event.Credential != e.Credential ||
		string(event.Actor) != e.Actor || event.Action != e.Action {
		return event, &Broken{Seq: e.Seq, Flaw: Misfiled, Reason: "the columns by which it is found were changed"}
	}
	return event, nil
}

// end says whether what was wanted was seen.
func (v *verification) end() error {
	switch {
	case v.want.hash == nil || v.found:
		return nil
	case v.want.seq > 0 && v.want.seq <= v.report.Trimmed:
		return sdk.Errorf(sdk.Invalid, "entry %d was trimmed, so nothing can be said of it: compare with a head of entry %d or later", v.want.seq, v.report.Trimmed).In(headField)
	case v.want.seq > 0 && v.want.seq <= v.at.seq:
		return &Broken{Head: true, Seq: v.want.seq, Flaw: Another, Reason: "it is not the one whose hash was written down: the trail is another"}
	}
	return &Broken{Head: true, Seq: v.at.seq + 1, Flaw: CutOff, Reason: "it is missing: the entry whose hash was written down is not in the trail, so its end was cut off, or an older copy of the store was put back"}
}
