// SPDX-License-Identifier: Apache-2.0

package backup_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/backup"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/host/sqlitestore"
)

// A place is a store with some records and a trail.
type place struct {
	store  host.WholeStore
	sealer *sealer.Sealer
	trail  *audit.Trail
	shelf  *host.Shelf
}

func newPlace(t testing.TB, store host.WholeStore, records int) *place {
	t.Helper()
	ring, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	p := &place{store: store, sealer: sealer.New(ring)}
	p.shelf = host.EarlyShelf(host.Config{Store: store, Sealer: p.sealer}, "note")
	if p.trail, err = audit.Open(context.Background(), audit.Config{Store: store, Sealer: p.sealer}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.trail.Close() })
	for n := range records {
		if _, err := p.shelf.Create(t.Context(), host.Item{Workspace: "acme", ID: fmt.Sprintf("n-%04d", n), Name: "EXAMPLE-name", Type: "any"}, n); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.trail.Record(t.Context(), host.Event{Workspace: "acme", Actor: "anna", Action: "test", Credential: "c-1", Outcome: "ok"}); err != nil {
		t.Fatal(err)
	}
	return p
}

var files = []backup.File{{Name: "credhost.lock", Data: []byte("trust nobody\n")}}

// write makes a backup for an identity.
func (p *place) write(t testing.TB) ([]byte, *age.X25519Identity, backup.Summary) {
	t.Helper()
	me, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	s, err := backup.Write(t.Context(), &out, backup.Source{Store: p.store, Trail: p.trail, Files: files, Program: "a test"}, me.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), me, s
}

func from(text []byte, who ...age.Identity) backup.From {
	return backup.From{Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }, Identities: who}
}

// all returns what a store holds.
func all(t testing.TB, s host.WholeStore) (records []host.Record, trail []host.TrailEntry) {
	t.Helper()
	err := s.Snapshot(t.Context(),
		func(r host.Record) error { records = append(records, r); return nil },
		func(e host.TrailEntry) error { trail = append(trail, e); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return records, trail
}

// A store moves to one of another kind and back, with all that it holds.
func TestThereAndBack(t *testing.T) {
	one := newPlace(t, memstore.New(), 300)
	l, err := one.store.Lease(t.Context(), "acme", "n-0001", "me", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	text, me, said := one.write(t)
	if bytes.Contains(text, []byte("EXAMPLE-name")) || bytes.Contains(text, []byte("anna")) {
		t.Error("the backup holds something in the clear")
	}
	two, err := sqlitestore.Open(t.Context(), sqlitestore.Config{Path: filepath.Join(t.TempDir(), "store")})
	if err != nil {
		t.Fatal(err)
	}
	defer two.Close()
	s, err := from(text, me).Restore(t.Context(), two, one.sealer, false)
	if err != nil {
		t.Fatal(err)
	}
	if s.Records != 301 || s.Entries != 1 || s.SHA256 != said.SHA256 || s.Program != "a test" || !cmp.Equal(s.Files, []string{"credhost.lock"}) {
		t.Errorf("Restore says %+v, and Write %+v", s, said)
	}
	if data, ok := s.File("credhost.lock"); !ok || !bytes.Equal(data, files[0].Data) {
		t.Errorf("the file is %q", data)
	}
	wantRecords, wantTrail := all(t, one.store)
	gotRecords, gotTrail := all(t, two)
	if diff := cmp.Diff(wantRecords, gotRecords); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(wantTrail, gotTrail[:1]); diff != "" {
		t.Error(diff)
	}
	if err := two.Unlease(t.Context(), l); err != nil {
		t.Error(err)
	}
	trail, err := audit.Open(t.Context(), audit.Config{Store: two, Sealer: one.sealer})
	if err != nil {
		t.Fatal(err)
	}
	defer trail.Close()
	r, err := trail.Verify(t.Context(), audit.Check{Head: fmt.Sprintf("1:%x", wantTrail[0].Hash)})
	if err != nil || r.Entries != 2 {
		t.Errorf("Verify = %+v, %v", r, err)
	}
	newest, err := trail.List(t.Context(), audit.Query{Limit: 1})
	if err != nil || newest[0].Action != backup.ActionRestore || newest[0].Detail["sha256"] != s.SHA256 {
		t.Errorf("the newest entry is %+v, %v", newest, err)
	}
	back := &place{two, one.sealer, trail, nil}
	text, me, _ = back.write(t)
	if _, err := from(text, me).Restore(t.Context(), one.store, one.sealer, false); !errors.Is(err, host.ErrConflict) {
		t.Errorf("into a store that is not empty, Restore says %v", err)
	}
	if _, err := from(text, me).Restore(t.Context(), one.store, one.sealer, true); err != nil {
		t.Fatal(err)
	}
	again, _ := all(t, one.store)
	if diff := cmp.Diff(wantRecords, again); diff != "" {
		t.Error(diff)
	}
	// A host that has used the store all the time goes on.
	if err := one.trail.Record(t.Context(), host.Event{Action: "test"}); err != nil {
		t.Error(err)
	}
}

// A backup is of one moment, whatever hosts do.
func TestWhileHostsRun(t *testing.T) {
	p := newPlace(t, memstore.New(), 50)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				p.shelf.Create(context.Background(), host.Item{Workspace: "acme", ID: fmt.Sprint("z-", n)}, n)
				p.trail.Record(context.Background(), host.Event{Action: "create", Credential: fmt.Sprint("z-", n)})
			}
		}
	}()
	text, me, _ := p.write(t)
	close(stop)
	<-stopped
	fresh := memstore.New()
	if _, err := from(text, me).Restore(t.Context(), fresh, p.sealer, false); err != nil {
		t.Fatal(err)
	}
	records, trail := all(t, fresh)
	made := 0
	for _, r := range records {
		if strings.HasPrefix(r.ID, "z-") {
			made++
		}
	}
	if told := len(trail) - 2; made != told && made != told+1 {
		t.Errorf("the backup has %d records that were made meanwhile, and %d entries that say so", made, told)
	}
}

// open returns the lines of a backup.
func plain(t testing.TB, text []byte, me age.Identity) []string {
	t.Helper()
	r, err := age.Decrypt(bytes.NewReader(text), me)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return strings.SplitAfter(strings.TrimSuffix(string(all), "\n"), "\n")
}

// forged encrypts lines to a public key, with a sum that is right: as somebody
// can who has nothing else.
func forged(t testing.TB, me *age.X25519Identity, lines []string, resum bool) []byte {
	t.Helper()
	if last := len(lines) - 1; resum {
		body := strings.Join(lines[:last], "")
		sum := sha256.Sum256([]byte(body))
		var end struct{ End map[string]any }
		if err := json.Unmarshal([]byte(lines[last]), &end); err != nil {
			t.Fatal(err)
		}
		end.End["sha256"] = hex.EncodeToString(sum[:])
		end.End["files"], end.End["records"], end.End["entries"] = strings.Count(body, `{"file"`), strings.Count(body, `{"record"`), strings.Count(body, `{"entry"`)
		text, _ := json.Marshal(map[string]any{"end": end.End})
		lines = append(lines[:last:last], string(text))
	}
	var out bytes.Buffer
	w, err := age.Encrypt(&out, me.Recipient())
	if err == nil {
		_, err = io.WriteString(w, strings.Join(lines, "")+"\n")
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// What is not as a host has written it is refused, and nothing is written.
func TestRefused(t *testing.T) {
	p := newPlace(t, memstore.New(), 5)
	text, me, _ := p.write(t)
	stranger, _ := age.GenerateX25519Identity()
	other := newPlace(t, memstore.New(), 1)
	lines := plain(t, text, me) // header, file, 6 records, entry, end
	with := func(change func([]string) []string, resum bool) []byte {
		return forged(t, me, change(append([]string(nil), lines...)), resum)
	}
	for name, tt := range map[string]struct {
		text []byte
		who  age.Identity
		want error
	}{
		"for somebody else":  {text, stranger, backup.ErrIdentity},
		"no backup":          {[]byte("hello\n"), me, backup.ErrDamaged},
		"empty":              {nil, me, backup.ErrDamaged},
		"another's":          {forged(t, me, []string{"hello"}, false), me, backup.ErrDamaged},
		"cut off":            {text[:len(text)-1], me, backup.ErrDamaged},
		"cut off early":      {text[:300], me, backup.ErrDamaged},
		"longer":             {append(bytes.Clone(text), 0), me, backup.ErrDamaged},
		"without its end":    {with(func(l []string) []string { return l[:len(l)-1] }, false), me, backup.ErrDamaged},
		"without a record":   {with(func(l []string) []string { return append(l[:3], l[4:]...) }, false), me, backup.ErrDamaged},
		"more after its end": {with(func(l []string) []string { return append(l, "\n", l[2]) }, false), me, backup.ErrDamaged},
		"out of order":       {with(func(l []string) []string { l[1], l[2] = l[2], l[1]; return l }, true), me, backup.ErrDamaged},
		"two headers":        {with(func(l []string) []string { l[1] = l[0]; return l }, true), me, backup.ErrDamaged},
		"a newer one":        {with(func(l []string) []string { l[0] = strings.Replace(l[0], `"version":1`, `"version":2`, 1); return l }, true), me, backup.ErrDamaged},
		"forged: a file": {with(func(l []string) []string {
			l[1] = "{\"file\":{\"name\":\"credhost.lock\",\"data\":\"eA==\"}}\n"
			return l
		}, true), me, backup.ErrForged},
		"forged: a record":    {with(func(l []string) []string { return append(l[:3], l[4:]...) }, true), me, backup.ErrForged},
		"forged: no key":      {with(func(l []string) []string { return append(l[:2], l[3:]...) }, true), me, backup.ErrForged},
		"forged: no trail":    {with(func(l []string) []string { return append(l[:8], l[9:]...) }, true), me, backup.ErrForged},
		"forged: a name":      {with(func(l []string) []string { l[4] = strings.Replace(l[4], "EXAMPLE-name", "EXAMPLE-game", 1); return l }, true), me, sealer.ErrAltered},
		"of another key file": {text, me, sealer.ErrUnknownKey},
	} {
		t.Run(name, func(t *testing.T) {
			by := p.sealer
			if name == "of another key file" {
				by = other.sealer
			}
			store := memstore.New()
			_, err := from(tt.text, tt.who).Restore(t.Context(), store, by, true)
			if !errors.Is(err, tt.want) {
				t.Errorf("Restore says %v, want %v", err, tt.want)
			}
			if records, trail := all(t, store); len(records)+len(trail) > 0 {
				t.Errorf("%d records and %d entries were written", len(records), len(trail))
			}
		})
	}
}

// Not a byte of a backup can be another.
func TestEachByte(t *testing.T) {
	p := newPlace(t, memstore.New(), 1)
	text, me, _ := p.write(t)
	for i := range text {
		spoilt := bytes.Clone(text)
		spoilt[i] ^= 0x10
		if _, err := from(spoilt, me).Look(t.Context()); err == nil {
			t.Fatalf("with another byte %d of %d, Look says nothing", i, len(text))
		}
	}
}

// A backup that is exchanged between the check and the restoring is refused.
func TestExchanged(t *testing.T) {
	p := newPlace(t, memstore.New(), 2)
	one, me, _ := p.write(t)
	if err := p.store.Delete(t.Context(), "acme", "n-0001", 0, nil); err != nil {
		t.Fatal(err)
	}
	var two bytes.Buffer
	if _, err := backup.Write(t.Context(), &two, backup.Source{Store: p.store, Trail: p.trail}, me.Recipient()); err != nil {
		t.Fatal(err)
	}
	reads := 0
	f := backup.From{Identities: []age.Identity{me}, Open: func() (io.ReadCloser, error) {
		if reads++; reads == 1 {
			return io.NopCloser(bytes.NewReader(one)), nil
		}
		return io.NopCloser(&two), nil
	}}
	store := memstore.New()
	if _, err := f.Restore(t.Context(), store, p.sealer, false); !errors.Is(err, backup.ErrDamaged) {
		t.Errorf("Restore says %v", err)
	}
	if records, _ := all(t, store); records != nil {
		t.Errorf("%d records were written", len(records))
	}
}

func TestWriteFails(t *testing.T) {
	p := newPlace(t, memstore.New(), 1)
	me, _ := age.GenerateX25519Identity()
	src := backup.Source{Store: p.store, Trail: p.trail}
	if _, err := backup.Write(t.Context(), io.Discard, src); err == nil {
		t.Error("to nobody, Write says nothing")
	}
	if _, err := backup.Write(t.Context(), io.Discard, backup.Source{}, me.Recipient()); err == nil {
		t.Error("of nothing, Write says nothing")
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full here")
	}
	defer full.Close()
	if _, err := backup.Write(t.Context(), full, src, me.Recipient()); err == nil {
		t.Error("to a full disk, Write says nothing")
	}
}

// Whatever is in a backup, reading it ends with an answer.
func FuzzLook(f *testing.F) {
	p := newPlace(f, memstore.New(), 1)
	text, me, _ := p.write(f)
	for _, l := range plain(f, text, me) {
		f.Add(l)
	}
	f.Add(strings.Join(plain(f, text, me), ""))
	f.Add(`{"end":{}}` + "\n")
	f.Fuzz(func(t *testing.T, lines string) {
		var out bytes.Buffer
		w, err := age.Encrypt(&out, me.Recipient())
		if err == nil {
			_, err = io.WriteString(w, lines)
		}
		if err := errors.Join(err, w.Close()); err != nil {
			t.Fatal(err)
		}
		_, err = from(out.Bytes(), me).Check(t.Context(), p.sealer)
		if err == nil && !strings.Contains(lines, `"end"`) {
			t.Errorf("%q is a backup", lines)
		}
	})
}
