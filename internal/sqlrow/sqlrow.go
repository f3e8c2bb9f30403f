// SPDX-License-Identifier: Apache-2.0

// Package sqlrow holds what the stores on SQL databases write into rows, and read
// from them, in one way: times, and the entries of the trail.
package sqlrow

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/credhost/credhost/host"
)

// ZeroTime stands for the zero time, which no number of nanoseconds reaches.
const ZeroTime = math.MinInt64

// Nanoseconds returns t as a column holds it: nanoseconds since 1970, or
// [ZeroTime]. It fails outside the years 1678 to 2261, which do not fit, with an
// error of the store that is named.
func Nanoseconds(store string, t time.Time) (int64, error) {
	if t.IsZero() {
		return ZeroTime, nil
	}
	n := t.UnixNano()
	if !time.Unix(0, n).Equal(t) {
		return 0, fmt.Errorf("%s: the year %d is not between 1678 and 2261", store, t.Year())
	}
	return n, nil
}

// Instant returns the time of which [Nanoseconds] has returned n, in UTC.
func Instant(n int64) time.Time {
	if n == ZeroTime {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// LeaseOf returns the lease that a statement for a record asks for; of another
// record, the zero lease, which is none.
func LeaseOf(workspace, id string, lease *host.Lease) (l host.Lease) {
	if lease != nil && lease.Workspace == workspace && lease.ID == id {
		l = *lease
	}
	return l
}

// OrEmpty keeps nothing from being NULL.
func OrEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// EntryColumns are the columns of the trail, in the order of [ScanEntry].
const EntryColumns = `seq, time, workspace, credential, actor, action, event, hash`

// ScanEntry reads a row of [EntryColumns].
func ScanEntry(row interface{ Scan(...any) error }) (e host.TrailEntry, err error) {
	var seq, at int64
	err = row.Scan(&seq, &at, &e.Workspace, &e.Credential, &e.Actor, &e.Action, &e.Event, &e.Hash)
	e.Seq, e.Time = uint64(seq), Instant(at)
	return e, err
}

// SelectEntries returns a query for the entries that q wants of a store's table,
// with its arguments ($1, $2, …). It says only what q restricts, so that the database
// finds the index for it.
func SelectEntries(store, table string, q host.TrailQuery) (query string, args []any, err error) {
	var where []string
	only := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, fmt.Sprintf("%s $%d", condition, len(args)))
	}
	for _, c := range []struct{ column, value string }{
		{"credential", q.Credential}, {"workspace", q.Workspace}, {"actor", q.Actor}, {"action", q.Action},
	} {
		if c.value != "" {
			only(c.column+" =", c.value)
		}
	}
	if q.Credential != "" {
		where = append(where, "credential <> ''") // which the index demands
	}
	for _, c := range []struct {
		condition string
		at        time.Time
	}{{"time >=", q.Since}, {"time <", q.Until}} {
		if c.at.IsZero() {
			continue
		}
		n, err := Nanoseconds(store, c.at)
		if err != nil {
			return "", nil, err
		}
		only(c.condition, n)
	}
	only("seq >", int64(q.After))
	if q.Before > 0 {
		only("seq <", int64(q.Before))
	}
	order := " ORDER BY seq"
	if q.Newest {
		order += " DESC"
	}
	limit := 100
	if q.Limit > 0 {
		limit = q.Limit
	}
	return fmt.Sprintf("SELECT %s FROM %s WHERE %s%s LIMIT %d", EntryColumns, table, strings.Join(where, " AND "), order, limit), args, nil
}
