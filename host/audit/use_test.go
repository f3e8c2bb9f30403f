// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/memstore"
)

var use = audit.Use{Workspace: "acme", Credential: "c-1", Type: "halopsa", Origin: "https://api.example"}

func TestUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		trail := newPlace(t).open(t)
		ctx := host.WithSource(host.WithActor(t.Context(), "key:k-1"), host.Source{Address: "192.0.2.1", Key: "k-1", Request: "r-1"})
		trail.Use(ctx, use)
		synctest.Wait()
		first := list(t, trail, audit.Query{})
		if len(first) != 1 || first[0].Action != audit.ActionUse || first[0].Subject != use.Origin || first[0].Key != "k-1" ||
			first[0].Request != "r-1" || first[0].Outcome != "ok" || first[0].Count != 0 || first[0].Type != "halopsa" {
			t.Fatalf("of the first use is recorded %+v", first)
		}
		for range 500 {
			trail.Use(ctx, use)
		}
		synctest.Wait()
		if n := len(list(t, trail, audit.Query{})); n != 1 {
			t.Errorf("before the minute is over, there are %d entries", n)
		}
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		if e := list(t, trail, audit.Query{}); len(e) != 2 || e[0].Count != 500 || e[0].Request != "" || !e[0].Time.After(e[1].Time) {
			t.Errorf("after a minute is recorded %+v", e)
		}
		refused := use
		refused.Outcome = "forbidden"
		trail.Use(ctx, refused)
		elsewhere := host.WithSource(ctx, host.Source{Address: "192.0.2.2", Key: "k-1"})
		trail.Use(elsewhere, use)
		trail.Use(ctx, use)
		synctest.Wait()
		if e := list(t, trail, audit.Query{}); len(e) != 4 || e[1].Outcome != "forbidden" || e[0].Address != "192.0.2.2" {
			t.Errorf("of uses of other kinds is recorded %+v", e)
		}
		time.Sleep(3 * time.Hour) // and then a use is a first one again
		trail.Use(ctx, use)
		synctest.Wait()
		if e := list(t, trail, audit.Query{}); len(e) != 6 || e[0].Request != "r-1" {
			t.Errorf("after hours is recorded %+v", e)
		}
		trail.Use(ctx, use)
		if err := trail.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestEachUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		trail := p.open(t, func(c *audit.Config) { c.EachUse = true })
		for n := range 300 {
			trail.Use(host.WithSource(t.Context(), host.Source{Request: fmt.Sprint("r-", n)}), use)
		}
		if err := trail.Close(); err != nil {
			t.Error(err)
		}
		e := list(t, trail, audit.Query{Limit: 1000})
		if len(e) != 300 || e[0].Request != "r-299" || e[0].Count != 0 {
			t.Errorf("there are %d entries, the newest %+v", len(e), e[0])
		}
	})
}

// What was counted is neither lost nor counted twice when the store is away, and
// Close says so if it stays away.
func TestUsesOfAStoreThatFails(t *testing.T) {
	for _, each := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := newPlace(t)
			down := func() error { return errors.New("down") }
			w := &wavering{memstore.New(), down, nothing}
			p.store = w
			trail := p.open(t, func(c *audit.Config) { c.EachUse = each })
			trail.Use(t.Context(), use)
			synctest.Wait()
			trail.Use(t.Context(), use)
			time.Sleep(3*time.Minute + time.Second)
			synctest.Wait()
			w.fail = nothing
			trail.Use(t.Context(), use)
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			if n := total(list(t, trail, audit.Query{})); n != 3 {
				t.Errorf("%d uses are recorded, want 3", n)
			}
			w.fail = down
			trail.Use(t.Context(), use)
			if err := trail.Close(); err == nil {
				t.Error("Close does not say that a use is not recorded")
			}
		})
	}
}

// Nobody fills the memory by making up what they ask for, and nothing that they
// do is lost.
func TestUsesOfWhatIsMadeUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		trail := p.open(t)
		trail.CountAtMost(500)
		const made = 1200
		for n := range made {
			u := use
			u.Credential = fmt.Sprint("c-", n)
			trail.Use(t.Context(), u)
		}
		synctest.Wait()
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		var entries, sum uint64
		for after := uint64(0); ; {
			page := list(t, trail, audit.Query{Before: after, Limit: 1000})
			if len(page) == 0 {
				break
			}
			entries, sum, after = entries+uint64(len(page)), sum+total(page), page[len(page)-1].Seq
		}
		if sum != made || entries > 1005 {
			t.Errorf("%d entries stand for %d uses, want at most 1005 for %d", entries, sum, made)
		}
	})
}

// total is how many uses entries stand for.
func total(entries []audit.Entry) (n uint64) {
	for _, e := range entries {
		n += max(e.Count, 1)
	}
	return n
}

func BenchmarkUse(b *testing.B) {
	trail := newPlace(b).open(b)
	ctx := host.WithSource(host.WithActor(b.Context(), "key:k-1"), host.Source{Address: "192.0.2.1", Key: "k-1", Request: "r-1"})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			trail.Use(ctx, use)
		}
	})
}
