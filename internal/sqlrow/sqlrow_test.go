// SPDX-License-Identifier: Apache-2.0

package sqlrow

import (
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
)

// A time is read as it was written, or not written at all.
func TestTimes(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{{}, time.Unix(0, 0), time.Unix(0, 1).UTC(), time.Date(1678, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2261, 12, 31, 23, 59, 59, 999999999, time.UTC)} {
		n, err := Nanoseconds("store", at)
		if err != nil || !Instant(n).Equal(at) || Instant(n).IsZero() != at.IsZero() {
			t.Errorf("%v became %v, %v", at, Instant(n), err)
		}
	}
	for _, year := range []int{-1, 1600, 2300, 9999} {
		if _, err := Nanoseconds("store", time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)); err == nil || !strings.HasPrefix(err.Error(), "store: ") {
			t.Errorf("the year %d: %v", year, err)
		}
	}
}

// What is not restricted is not in the query, and what is given is an argument.
func TestSelectEntries(t *testing.T) {
	t.Parallel()
	const columns = "SELECT " + EntryColumns + " FROM trail WHERE "
	at := time.Unix(1, 0)
	for want, q := range map[string]host.TrailQuery{
		columns + "seq > $1 ORDER BY seq LIMIT 100":                                                              {},
		columns + "credential = $1 AND action = $2 AND credential <> '' AND seq > $3 ORDER BY seq DESC LIMIT 7":  {Credential: "' OR 1=1", Action: "x", Newest: true, Limit: 7},
		columns + "workspace = $1 AND time >= $2 AND time < $3 AND seq > $4 AND seq < $5 ORDER BY seq LIMIT 100": {Workspace: "w", Since: at, Until: at, Before: 9},
	} {
		got, args, err := SelectEntries("store", "trail", q)
		if err != nil || got != want || len(args) != strings.Count(want, "$") {
			t.Errorf("%q with %d arguments, %v; want %q", got, len(args), err, want)
		}
	}
	if _, _, err := SelectEntries("store", "trail", host.TrailQuery{Until: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}); err == nil {
		t.Error("a time that does not fit was taken")
	}
}
