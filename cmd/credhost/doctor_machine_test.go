// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host/pgstore"
)

// What is found of a machine says what to do, unless it is in order.
func TestDoctorOnMachines(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, test := range []struct {
		find func(*examination)
		want string
	}{
		{func(e *examination) { e.addClock(now, now.Add(-time.Hour), "it was") }, "ok clock"},
		{func(e *examination) { e.addClock(now, now.Add(4*time.Second), "it was") }, "ok clock"},
		{func(e *examination) { e.addClock(now, now.Add(time.Minute), "it was") }, "warning clock it was 1m0s from now"},
		{func(e *examination) { e.addDisk("/d", 2<<30, 5000, true) }, "ok disk 2048 MB"},
		{func(e *examination) { e.addDisk("/d", 900<<20, 5000, true) }, "warning disk 900 MB"},
		{func(e *examination) { e.addDisk("/d", 49<<20, 5000, true) }, "broken disk 49 MB"},
		{func(e *examination) { e.addDisk("/d", 2<<30, 9, true) }, "warning disk 2048 MB are free where /d is, for 9 more files"},
		{func(e *examination) { e.addDisk("/d", 2<<30, 0, false) }, "ok disk"},
		{func(e *examination) { e.addFiles(1024) }, "warning connections 1024 file descriptors, which suffice for about 412 connections"},
		{func(e *examination) { e.addFiles(2200) }, "ok connections"},
		{func(e *examination) { e.addFiles(100) }, "warning connections 100 file descriptors, which suffice for about 0"},
		{func(e *examination) { e.addDatabaseClock(pgstore.Status{Direct: true, Offset: -6 * time.Second}) }, "warning clock 6s from that of the database"},
		{func(e *examination) { e.addDatabaseClock(pgstore.Status{Direct: true, Offset: 12 * time.Millisecond}) }, "ok clock 12ms"},
	} {
		e := examination{OK: true}
		test.find(&e)
		c := e.Checks[0]
		if got := c.State + " " + c.Name + " " + c.Detail; !strings.HasPrefix(got, test.want) || (c.Next == "") != (c.State == "ok") || e.OK != (c.State != "broken") {
			t.Errorf("%+v, not %q", c, test.want)
		}
	}
}
