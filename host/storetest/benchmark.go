// SPDX-License-Identifier: Apache-2.0

package storetest

import (
	"crypto/rand"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
)

// Benchmark measures the store that open returns, with 10,000 records and,
// unless -short is given, with 100,000. They have the size that a credential
// has: about 1 KB.
func Benchmark(b *testing.B, open func(t testing.TB) host.Store) {
	for _, n := range []int{10_000, 100_000} {
		if n > 10_000 && testing.Short() {
			continue
		}
		s := open(b)
		fill(b, s, n)
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			b.Run("Get", func(b *testing.B) { benchmarkGet(b, s, n) })
			b.Run("Get in parallel", func(b *testing.B) { benchmarkParallelGet(b, s, n) })
			b.Run("List a page of 100", func(b *testing.B) { benchmarkList(b, s, n) })
			b.Run("Changes, none", func(b *testing.B) { benchmarkChanges(b, s) })
			b.Run("Save", func(b *testing.B) { benchmarkSave(b, s, n) })
			b.Run("Lease and Save", func(b *testing.B) { benchmarkLease(b, s, n) })
			b.Run("Renewal", func(b *testing.B) { benchmarkRenewal(b, s, n) })
			b.Run("Renewal, 16 at once", func(b *testing.B) { benchmarkRenewals(b, s, n) })
			b.Run("Due, 100 of a tenth", func(b *testing.B) { benchmarkDue(b, s) })
			b.Run("Changes, one", func(b *testing.B) { benchmarkChange(b, s) })
			b.Run("Create and Delete", func(b *testing.B) { benchmarkDelete(b, s) })
		})
	}
}

// numbered is the ID of the i-th record; the order of IDs has nothing to do
// with that of creation.
func numbered(i, n int) string { return fmt.Sprintf("%08x", uint32(i%n)*2654435761) }

func fill(b *testing.B, s host.Store, n int) {
	b.Helper()
	for i := range n {
		r := record(numbered(i, n))
		r.Type = []string{"halopsa", "hellocloud", "faxplus"}[i%3]
		r.Sealed = make([]byte, 1000)
		if i%10 == 0 {
			r.Due = day.Add(time.Duration(i) * time.Second)
		}
		if _, err := rand.Read(r.Sealed); err != nil {
			b.Fatal(err)
		}
		if err := s.Create(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkGet(b *testing.B, s host.Store, n int) {
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := s.Get(b.Context(), workspace, numbered(i, n)); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkParallelGet(b *testing.B, s host.Store, n int) {
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := s.Get(b.Context(), workspace, numbered(i, n)); err != nil {
				b.Error(err)
			}
		}
	})
}

func benchmarkList(b *testing.B, s host.Store, n int) {
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		q := host.Query{Workspace: workspace, Kind: host.KindCredential, After: numbered(i, n), Limit: 100}
		if _, err := s.List(b.Context(), q); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkChanges(b *testing.B, s host.Store) {
	_, since, err := s.Changes(b.Context(), 0)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := s.Changes(b.Context(), since); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkSave(b *testing.B, s host.Store, n int) {
	save(b, s, n, func(host.Record) *host.Lease { return nil })
}

func benchmarkLease(b *testing.B, s host.Store, n int) {
	save(b, s, n, func(r host.Record) *host.Lease {
		l, err := s.Lease(b.Context(), r.Workspace, r.ID, "me", time.Minute)
		if err != nil {
			b.Fatal(err)
		}
		return &l
	})
}

func save(b *testing.B, s host.Store, n int, lease func(host.Record) *host.Lease) {
	b.Helper()
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		r, err := s.Get(b.Context(), workspace, numbered(i*17, n))
		if err != nil {
			b.Fatal(err)
		}
		r.Generation++
		b.StartTimer()
		if err := s.Save(b.Context(), r, lease(r)); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkDelete(b *testing.B, s host.Store) {
	r := record("one that comes and goes")
	for b.Loop() {
		if err := s.Create(b.Context(), r); err != nil {
			b.Fatal(err)
		}
		if err := s.Delete(b.Context(), r.Workspace, r.ID, 0, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkRenewal(b *testing.B, s host.Store, n int) {
	for i := 0; b.Loop(); i++ {
		if err := renewal(b, s, numbered(i*17, n)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "renewals/s")
}

// benchmarkRenewals renews many records at once, each by itself, as hosts do
// when grants end together.
func benchmarkRenewals(b *testing.B, s host.Store, n int) {
	var workers atomic.Int64
	b.SetParallelism(max(1, 16/runtime.GOMAXPROCS(0)))
	b.RunParallel(func(pb *testing.PB) {
		first := int(workers.Add(1)) * n / 64 // none has another's records, for as long as this lasts
		for i := 0; pb.Next(); i++ {
			if err := renewal(b, s, numbered(first+i%(n/64), n)); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "renewals/s")
}

// renewal makes the calls of a renewal: what is about to be done is noted, and
// so is the service's answer, before all is saved.
func renewal(b *testing.B, s host.Store, id string) error {
	l, err := s.Lease(b.Context(), workspace, id, "me", time.Minute)
	if err != nil {
		return err
	}
	r, err := s.Get(b.Context(), workspace, id)
	if err != nil {
		return err
	}
	for _, size := range []int{100, 1000} {
		if err := s.Note(b.Context(), l, r.Sealed[:size]); err != nil {
			return err
		}
	}
	r.Generation++
	return s.Save(b.Context(), r, &l)
}

func benchmarkDue(b *testing.B, s host.Store) {
	for b.Loop() {
		due, err := s.Due(b.Context(), day.AddDate(1, 0, 0), 100)
		if err != nil || len(due) != 100 {
			b.Fatal(len(due), err)
		}
	}
}

// benchmarkChange reads what a host finds when one record has changed.
func benchmarkChange(b *testing.B, s host.Store) {
	_, since, err := s.Changes(b.Context(), 0)
	if err != nil {
		b.Fatal(err)
	}
	r := record("one that has changed")
	if err := s.Create(b.Context(), r); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if changes, _, err := s.Changes(b.Context(), since); err != nil || len(changes) != 1 {
			b.Fatal(changes, err)
		}
	}
	if err := s.Delete(b.Context(), r.Workspace, r.ID, 0, nil); err != nil {
		b.Fatal(err)
	}
}
