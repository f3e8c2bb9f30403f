// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(childRole); role != "" {
		os.Exit(beChild(role))
	}
	goleak.VerifyTestMain(m)
}

// A place is a store and what opens it.
type place struct {
	store  host.WholeStore
	sealer host.Sealer
	log    *strings.Builder
}

func newPlace(t testing.TB) *place {
	t.Helper()
	ring, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	return &place{memstore.New(), sealer.New(ring), new(strings.Builder)}
}

// open opens a trail, as one more host of the place.
func (p *place) open(t testing.TB, change ...func(*audit.Config)) *audit.Trail {
	t.Helper()
	cfg := audit.Config{Store: p.store, Sealer: p.sealer, Logger: slog.New(slog.NewTextHandler(p.log, nil))}
	for _, f := range change {
		f(&cfg)
	}
	trail, err := audit.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trail.Close() })
	return trail
}

// did returns an event of the n-th thing that was done.
func did(n int) host.Event {
	return host.Event{Workspace: "acme", Action: "test", Credential: fmt.Sprint("c-", n), Type: "halopsa", Outcome: "ok"}
}

func record(t testing.TB, trail *audit.Trail, events ...host.Event) {
	t.Helper()
	for _, e := range events {
		if err := trail.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

func list(t testing.TB, trail *audit.Trail, q audit.Query) []audit.Entry {
	t.Helper()
	entries, err := trail.List(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func verify(t testing.TB, trail *audit.Trail, head string) audit.Report {
	t.Helper()
	r, err := trail.Verify(t.Context(), audit.Check{Head: head})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRecord(t *testing.T) {
	p := newPlace(t)
	now := time.Date(2026, 5, 4, 3, 2, 1, 7, time.FixedZone("", 3600))
	trail := p.open(t, func(c *audit.Config) { c.Now = func() time.Time { return now } })
	ctx := host.WithSource(host.WithActor(t.Context(), "anna"), host.Source{Address: "192.0.2.1", Key: "k-1", Request: "r-1"})
	full := did(1)
	full.Changed, full.Detail = map[string]string{"apiKey": "ab12"}, map[string]string{"scopes": "use"}
	if err := trail.Record(ctx, full); err != nil {
		t.Fatal(err)
	}
	named := did(2)
	named.Actor, named.Address, named.Time = "key:k-2", "192.0.2.2", now.Add(time.Hour)
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if err := trail.Record(gone, named); err != nil {
		t.Errorf("of a caller who has gone, Record says %v", err)
	}
	entries := list(t, trail, audit.Query{})
	if len(entries) != 2 {
		t.Fatalf("there are %d entries, want 2", len(entries))
	}
	full.Time, full.Actor, full.Address, full.Key, full.Request = now.UTC(), "anna", "192.0.2.1", "k-1", "r-1"
	named.Time = named.Time.UTC()
	for i, want := range []host.Event{named, full} {
		got, _ := json.Marshal(entries[i].Event)
		text, _ := json.Marshal(want)
		if string(got) != string(text) || entries[i].Seq != uint64(2-i) || len(entries[i].Hash) != 64 {
			t.Errorf("entry %d is %s, want %s", i, got, text)
		}
	}
	for name, q := range map[string]audit.Query{
		"workspace": {Workspace: "acme"}, "credential": {Credential: "c-2"}, "actor": {Actor: "key:k-2"},
		"action": {Action: "test", Limit: 1}, "since": {Since: now.Add(time.Minute)}, "after": {After: 1},
	} {
		if got := list(t, trail, q); len(got) == 0 || got[0].Seq != 2 || len(got) > 1 && name != "workspace" {
			t.Errorf("by %s, List finds %+v", name, got)
		}
	}
	if got := list(t, trail, audit.Query{Since: time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC), Until: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}); len(got) != 2 {
		t.Errorf("in all of time, List finds %+v", got)
	}
	if got := list(t, trail, audit.Query{Until: now.Add(time.Minute), Before: 2}); len(got) != 1 || got[0].Seq != 1 {
		t.Errorf("List finds %+v", got)
	}
}

// What comes from outside can keep nobody's event from being recorded, and
// cannot fill the store.
func TestRecordWhatever(t *testing.T) {
	trail := newPlace(t).open(t)
	e := did(1)
	e.Credential = "c-\x00" + strings.Repeat("ü", 600) + "\xff"
	e.Detail = map[string]string{}
	for i := range 500 {
		e.Detail[fmt.Sprint(i)] = strings.Repeat("x", 5000)
	}
	record(t, trail, e)
	got := list(t, trail, audit.Query{})[0]
	if !strings.HasPrefix(got.Credential, "c-\uFFFDü") || len(got.Credential) > 520 || len(got.Detail) > 70 {
		t.Errorf("what was recorded has %d bytes of an ID, %d pairs of detail", len(got.Credential), len(got.Detail))
	}
	verify(t, trail, "")
}

func TestFingerprint(t *testing.T) {
	p := newPlace(t)
	trail := p.open(t)
	one := trail.Fingerprint("acme", "c-1", "password", "secret")
	if again := p.open(t).Fingerprint("acme", "c-1", "password", "secret"); again != one || len(one) != 32 {
		t.Errorf("the fingerprint is %q, and then %q", one, again)
	}
	for _, other := range [][4]string{
		{"acme", "c-1", "password", "other"}, {"acme", "c-1", "passwor", "dsecret"}, {"acme", "c-2", "password", "secret"},
		{"other", "c-1", "password", "secret"}, {"acme", "c-1", "pin", "secret"},
	} {
		if trail.Fingerprint(other[0], other[1], other[2], other[3]) == one {
			t.Errorf("%q has the same fingerprint", other)
		}
	}
	if newPlace(t).open(t).Fingerprint("acme", "c-1", "password", "secret") == one {
		t.Error("another trail makes the same fingerprint")
	}
}

func TestOpen(t *testing.T) {
	p := newPlace(t)
	for name, cfg := range map[string]audit.Config{
		"Config needs": {Store: p.store}, "Store and a Sealer": {Sealer: p.sealer}, "keeps no trail": {Store: plain{p.store}, Sealer: p.sealer},
	} {
		if _, err := audit.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("Open says %v, want %q", err, name)
		}
	}
	record(t, p.open(t), did(1))
	other := newPlace(t)
	if _, err := audit.Open(t.Context(), audit.Config{Store: p.store, Sealer: other.sealer}); err == nil {
		t.Error("another key opens the trail")
	}
	// A thief removes the key, so that a new one is made for a trail of his own.
	if err := p.store.Delete(t.Context(), "", "trail-key", 0, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := audit.Open(t.Context(), audit.Config{Store: p.store, Sealer: p.sealer}); err == nil || !strings.Contains(err.Error(), "restore") {
		t.Errorf("without the key, Open says %v", err)
	}
}

// A hurried store has another host open and write the trail when it is asked for
// the trail's key the first time, and not found to have one.
type hurried struct {
	*memstore.Store
	other func()
}

func (h *hurried) Get(ctx context.Context, workspace, id string) (host.Record, error) {
	r, err := h.Store.Get(ctx, workspace, id)
	if f := h.other; f != nil && errors.Is(err, host.ErrNotFound) {
		h.other = nil
		f()
	}
	return r, err
}

// Hosts that open a new trail at the same moment use the same key, however far
// one of them is by then.
func TestOpenTogether(t *testing.T) {
	p := newPlace(t)
	h := &hurried{Store: p.store.(*memstore.Store)}
	h.other = func() { record(t, p.open(t), did(1)) }
	trail, err := audit.Open(t.Context(), audit.Config{Store: h, Sealer: p.sealer})
	if err != nil {
		t.Fatal(err)
	}
	defer trail.Close()
	record(t, trail, did(2))
	if r := verify(t, trail, ""); r.Entries != 2 || r.Altered != nil {
		t.Errorf("Verify says %+v", r)
	}
}

// plain is a store that keeps no trail.
type plain struct{ host.Store }

func TestClosed(t *testing.T) {
	trail := newPlace(t).open(t)
	for range 2 {
		if err := trail.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := trail.Record(t.Context(), did(1)); err == nil {
		t.Error("a closed trail records")
	}
	trail.Use(t.Context(), audit.Use{})
}

// Hosts that share a store make one chain.
func TestManyHosts(t *testing.T) {
	p := newPlace(t)
	var all sync.WaitGroup
	const hosts, callers, each = 4, 8, 10
	for h := range hosts {
		trail := p.open(t)
		for c := range callers {
			all.Go(func() {
				for n := range each {
					if err := trail.Record(context.Background(), did(h*1000+c*100+n)); err != nil {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
	trail := p.open(t)
	if r := verify(t, trail, ""); r.Entries != hosts*callers*each || r.Altered != nil {
		t.Errorf("Verify says %+v", r)
	}
	seen := make(map[string]bool)
	for _, e := range list(t, trail, audit.Query{Limit: 1000}) {
		seen[e.Credential] = true
	}
	if len(seen) != hosts*callers*each {
		t.Errorf("%d of the events are there", len(seen))
	}
}

// A wavering store fails as it is told to.
type wavering struct {
	*memstore.Store
	fail   func() error // before the entries are added
	unsure func() error // after
}

func (w *wavering) AppendTrail(ctx context.Context, after uint64, hash []byte, entries []host.TrailEntry) error {
	if err := w.fail(); err != nil {
		return err
	}
	if err := w.Store.AppendTrail(ctx, after, hash, entries); err != nil {
		return err
	}
	return w.unsure()
}

func nothing() error { return nil }

func TestStoreFails(t *testing.T) {
	p := newPlace(t)
	down := errors.New("down")
	w := &wavering{memstore.New(), nothing, nothing}
	p.store = w
	trail := p.open(t)
	record(t, trail, did(1))
	w.fail = func() error { return down }
	if err := trail.Record(t.Context(), did(2)); !errors.Is(err, down) {
		t.Errorf("Record says %v, want %v", err, down)
	}
	if !strings.Contains(p.log.String(), "cannot be written") {
		t.Errorf("the log is %q", p.log)
	}
	w.fail = nothing
	// The connection breaks before the answer comes: it is neither lost nor there twice.
	w.unsure = func() error { return io.ErrUnexpectedEOF }
	record(t, trail, did(3))
	w.unsure = nothing
	record(t, trail, did(4))
	if r := verify(t, trail, ""); r.Entries != 3 {
		t.Errorf("Verify says %+v", r)
	}
	var got []string
	for _, e := range list(t, trail, audit.Query{}) {
		got = append(got, e.Credential)
	}
	if want := []string{"c-4", "c-3", "c-1"}; !slices.Equal(got, want) {
		t.Errorf("the entries are of %q, want %q", got, want)
	}
}

func TestFollow(t *testing.T) {
	p := newPlace(t)
	trail, other := p.open(t), p.open(t)
	record(t, trail, did(1))
	enough := errors.New("enough")
	var seen []uint64
	began := make(chan struct{})
	done := make(chan error)
	go func() {
		close(began)
		done <- trail.Follow(t.Context(), audit.Query{After: 1, Credential: "c-3"}, func(e audit.Entry) error { seen = append(seen, e.Seq); return enough })
	}()
	<-began
	record(t, other, did(2), did(3))
	if err := <-done; !errors.Is(err, enough) || !slices.Equal(seen, []uint64{3}) {
		t.Errorf("Follow says %v, having seen %v", err, seen)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := trail.Follow(ctx, audit.Query{}, func(audit.Entry) error { return enough }); !errors.Is(err, context.Canceled) {
		t.Errorf("Follow says %v", err)
	}
}
