// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/pgstore"
)

// skew is by how much two clocks may differ: callers' tokens and leases are given
// as much.
const skew = 5 * time.Second

// trailTime is how long doctor verifies the audit trail at most.
const trailTime = 10 * time.Second

// examineTrail verifies the audit trail, and compares the clock with its newest
// entry, which any of the hosts on the store may have written.
func (p *program) examineTrail(ctx context.Context, e *examination, o *opened) {
	bounded, cancel := context.WithTimeout(ctx, trailTime)
	defer cancel()
	verified := uint64(0)
	r, err := o.trail.Verify(bounded, audit.Check{Progress: func(n uint64) { verified = n }})
	var broken *audit.Broken
	switch {
	case errors.As(err, &broken):
		e.add("broken", "audit trail", visible(broken.Error()), "keep a copy of the store as it is, and look into who could write to it; credhost audit verify says more")
		return
	case err != nil && bounded.Err() != nil && ctx.Err() == nil:
		e.add("note", "audit trail", fmt.Sprintf("the first %d entries are as they were written; there are more than can be verified in %s", verified, trailTime), "credhost audit verify looks at all")
		return
	case err != nil:
		e.add("broken", "audit trail", p.explain(err).Message, "")
		return
	case r.Entries == 0:
		e.add("ok", "audit trail", "is empty", "")
		return
	case len(r.Altered) > 0:
		e.add("warning", "audit trail", fmt.Sprintf("by entry %d, entries that a host had seen were gone later", r.Altered[0]), "somebody restored a backup, or cut off the end; credhost audit verify --head compares with what was written down")
	default:
		e.add("ok", "audit trail", fmt.Sprintf("%d entries are as they were written, head %s", r.Entries, r.Head), "")
	}
	e.addClock(time.Now(), *r.Until, "the newest entry of the audit trail was written")
}

// addClock says whether something has happened that, by this machine's clock, has
// not happened yet. That is all that can be known without asking the network.
func (e *examination) addClock(now, happened time.Time, what string) {
	if ahead := happened.Sub(now); ahead > skew {
		e.add("warning", "clock", fmt.Sprintf("%s %s from now: this machine's clock is behind, or that of another host on the store was ahead", what, ahead.Round(time.Second)),
			"have every machine set its clock by NTP: keys and grants end by it")
		return
	}
	e.add("ok", "clock", "nothing in the store is of a time to come", "")
}

// addDatabaseClock compares the clock with that of the database, by which leases
// end on all hosts, and says who else is there.
func (e *examination) addDatabaseClock(status pgstore.Status) {
	detail := fmt.Sprintf("%s from that of the database", status.Offset.Abs().Round(time.Millisecond))
	if status.Offset.Abs() > skew {
		e.add("warning", "clock", detail, "have both machines set their clocks by NTP: keys and grants end by the one, leases by the other")
	} else {
		e.add("ok", "clock", detail, "")
	}
	switch {
	case !status.Direct:
		e.add("note", "other hosts", "a pooler is in between, which hides them", "")
	case len(status.Others) == 0:
		e.add("ok", "other hosts", "nobody else is connected to the database as this role", "")
	default:
		e.add("ok", "other hosts", fmt.Sprintf("%s on %s, connected to the database as this role", count(status.Sessions, "session"), visible(strings.Join(status.Others, ", "))), "")
	}
}

// The least that a data folder must have, below which it is full soon, and below
// which it is full: writes fail, and with them whatever must be on record.
const (
	littleSpace = 1 << 30
	noSpace     = 50 << 20
	littleFiles = 1000
)

// addDisk says how much the file system of the data folder has left.
func (e *examination) addDisk(folder string, bytes, files uint64, counted bool) {
	detail := fmt.Sprintf("%d MB are free where %s is", bytes>>20, folder)
	const next = "make room: what cannot be written is not done, and what cannot be recorded is not done either"
	switch {
	case bytes < noSpace:
		e.add("broken", "disk", detail, next)
	case counted && files < littleFiles:
		e.add("warning", "disk", fmt.Sprintf("%s, for %d more files", detail, files), next)
	case bytes < littleSpace:
		e.add("warning", "disk", detail, next)
	default:
		e.add("ok", "disk", detail, "")
	}
}

// A proxied request takes a connection of its caller and one to its service; the
// rest is for the store, plugins and files.
const (
	thousand      = 1000
	filesForEach  = 2
	filesBesides  = 200
	filesForServe = thousand*filesForEach + filesBesides
)

// addFiles says for how many connections the file descriptors suffice.
func (e *examination) addFiles(limit uint64) {
	detail := fmt.Sprintf("%d file descriptors", limit)
	switch {
	case limit >= filesForServe:
		e.add("ok", "connections", detail+", which suffice for 1,000 connections", "")
	default:
		e.add("warning", "connections", fmt.Sprintf("%s, which suffice for about %d connections", detail, max(int(limit)-filesBesides, 0)/filesForEach),
			fmt.Sprintf("raise the limit to %d or more: LimitNOFILE= of a systemd unit, ulimits: of Compose, ulimit -Hn of a shell", filesForServe))
	}
}
