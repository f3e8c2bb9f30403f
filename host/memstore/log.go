// SPDX-License-Identifier: Apache-2.0

package memstore

import (
	"slices"
	"sort"
	"time"

	"github.com/credhost/credhost/host"
)

const (
	pageSize = 1000          // changes that one call returns
	memory   = 2 * time.Hour // how long a deletion is remembered
)

// A log numbers changes and keeps the newest of each record. It is guarded by
// its store's lock.
type log struct {
	changes   []host.Change  // oldest first; those of which newest knows better are dead
	newest    map[key]uint64 // :: record → number of its newest change
	deletions []deletion     // oldest first
	last      uint64         // numbers given so far; the first change is 2, as since 0 and 1 differ
	forgotten uint64         // number of the last deletion that was forgotten
}

type deletion struct {
	key
	seq uint64
	at  time.Time
}

func (l *log) add(k key, generation uint64) {
	if l.newest == nil {
		l.newest = make(map[key]uint64)
	}
	l.last = l.position() + 1
	l.changes = append(l.changes, host.Change{Seq: l.last, Workspace: k.workspace, ID: k.id, Generation: generation})
	l.newest[k] = l.last
	if len(l.changes) > 2*len(l.newest)+pageSize {
		l.changes = slices.DeleteFunc(l.changes, l.dead)
	}
}

// addDeletion also forgets deletions that are old by now, so that they do not
// pile up.
func (l *log) addDeletion(k key, now time.Time) {
	l.add(k, 0)
	l.deletions = append(l.deletions, deletion{k, l.last, now})
	old := 0
	for _, d := range l.deletions {
		if now.Sub(d.at) <= memory {
			break
		}
		if l.newest[d.key] == d.seq { // not made again since
			delete(l.newest, d.key)
			l.forgotten = d.seq
		}
		old++
	}
	l.deletions = slices.Delete(l.deletions, 0, old)
}

// since returns the live changes after a number, and the number to ask after
// next.
func (l *log) since(since uint64) ([]host.Change, uint64, error) {
	switch {
	case since == 0:
		return nil, l.position(), nil
	case since < l.forgotten, since > l.position():
		return nil, l.position(), host.ErrBehind
	}
	from := sort.Search(len(l.changes), func(i int) bool { return l.changes[i].Seq > since })
	var page []host.Change
	for _, c := range l.changes[from:] {
		if l.dead(c) {
			continue
		}
		if page = append(page, c); len(page) == pageSize {
			return page, c.Seq, nil
		}
	}
	return page, l.position(), nil
}

// position is the newest number, and never 0.
func (l *log) position() uint64 { return max(l.last, 1) }

func (l *log) dead(c host.Change) bool {
	return l.newest[key{c.Workspace, c.ID}] != c.Seq
}
