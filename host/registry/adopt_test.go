// SPDX-License-Identifier: Apache-2.0

//go:build unix

package registry

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// signed installs a program that its author signed at some second.
func (b *bench) signed(a author, name string, c conf, at int64) {
	b.t.Helper()
	b.signs(a, b.install(name, c), fmt.Sprintf("plugin:%s timestamp:%d", name, at))
}

// trustSigned trusts a program by its author's key.
func (b *bench) trustSigned(r *Registry, name string, key Key) {
	b.t.Helper()
	o, err := r.InspectSigned(b.t.Context(), name, key)
	if err == nil {
		err = r.Trust(b.t.Context(), o)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func rescan(t *testing.T, r *Registry) {
	t.Helper()
	if err := r.Rescan(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// What the trusted key signed later, and asks for nothing new, is used at once,
// and pinned: the next host finds it trusted.
func TestSignedUpdate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := newAuthor(t)
	b.signed(a, "alpha", conf{Version: "1", Origins: []string{"https://a.example", "https://b.example"}}, 1000)
	r := b.open()
	b.trustSigned(r, "alpha", a.key)
	if p := programOf(t, r, "alpha"); p.State != Trusted || p.Key != a.key.String() {
		t.Fatalf("program %+v", p)
	}
	b.signed(a, "alpha", conf{Version: "2", Origins: []string{"https://a.example"}}, 1001)
	rescan(t, r)
	if p := programOf(t, r, "alpha"); p.State != Trusted || p.Version != "2" || p.Fault != "" {
		t.Errorf("program %+v", p)
	}
	if got := mustAsk(t, r, "alpha", "version", ""); got != "2" {
		t.Errorf("version %q", got)
	}
	wantWords(t, b.log.text(), "a new version is used, which its author signed", a.key.ID())

	// What it was trusted with is still its own.
	b.signed(a, "alpha", conf{Version: "3", Origins: []string{"https://b.example"}}, 1002)
	rescan(t, r)
	if p := programOf(t, r, "alpha"); p.State != Trusted || p.Version != "3" {
		t.Errorf("program %+v", p)
	}
	r.Close()
	b.Cache = ""
	b.log.buf.Reset()
	if p := programOf(t, b.open(), "alpha"); p.State != Trusted || p.Version != "3" {
		t.Errorf("another host: %+v", p)
	}
	if strings.Contains(b.log.text(), "a new version is used") {
		t.Error("another host takes the update a second time")
	}
}

// All else needs somebody's trust again, and says why.
func TestUpdatesThatAreNotTaken(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a, other := newAuthor(t), newAuthor(t)
	old := conf{Version: "1", Types: []string{"alpha"}, Origins: []string{"https://a.example"}}
	b.signed(a, "alpha", old, 1000)
	r := b.open()
	b.trustSigned(r, "alpha", a.key)
	path := filepath.Join(b.dir, prefix+"alpha")
	later := old
	later.Version = "2"
	for name, c := range map[string]struct {
		install func()
		want    string
	}{
		"unsigned": {func() { b.install("alpha", later); os.Remove(path + signatureSuffix) }, "is not signed"},
		"with the old signature": {func() {
			b.install("alpha", later)
			b.write(path+signatureSuffix, a.sign(programBytes(t, old), "plugin:alpha timestamp:1000"))
		}, "is not the signature of these bytes"},
		"by another key":     {func() { b.signed(other, "alpha", later, 2000) }, "by the key " + other.key.ID()},
		"older":              {func() { b.signed(a, "alpha", later, 999) }, "the version that is trusted later"},
		"of the same moment": {func() { b.signed(a, "alpha", later, 1000) }, "used only if it is trusted by hand"},
		"another origin": {func() {
			b.signed(a, "alpha", conf{Version: "2", Origins: []string{"https://a.example", "https://evil.example"}}, 2000)
		}, "asks for more than was trusted"},
		"another type": {func() {
			b.signed(a, "alpha", conf{Version: "2", Types: []string{"alpha", "more"}, Origins: old.Origins}, 2000)
		}, "asks for more than was trusted"},
	} {
		c.install()
		rescan(t, r)
		p := programOf(t, r, "alpha")
		if p.State != Changed || !strings.Contains(p.Fault, c.want) || !strings.Contains(p.Fault, "credhost plugin trust alpha") {
			t.Errorf("%s: %+v, want %q", name, p, c.want)
		}
		if got := mustAsk(t, r, "alpha", "version", ""); got != "1" {
			t.Errorf("%s: version %q is used", name, got)
		}
	}

	// By hand an older one can be trusted, if it is signed; and it is said.
	b.signed(a, "alpha", later, 500)
	o, err := r.Inspect(t.Context(), "alpha")
	if err != nil || !o.Older || o.Trusted {
		t.Fatalf("offer %+v, %v", o, err)
	}
	if err := r.Trust(t.Context(), o); err != nil || programOf(t, r, "alpha").Version != "2" {
		t.Errorf("program %+v, %v", programOf(t, r, "alpha"), err)
	}

	// A key never goes back to none.
	b.install("alpha", conf{Version: "4", Origins: old.Origins})
	os.Remove(path + signatureSuffix)
	if _, err := r.Inspect(t.Context(), "alpha"); err == nil || !strings.Contains(err.Error(), "is not signed") {
		t.Errorf("without a signature: %v", err)
	}
	o.Key, o.Signed = "", nil
	wantError(t, r.Trust(t.Context(), o), "is trusted by the key "+a.key.ID())
	b.signed(other, "alpha", later, 3000)
	if _, err := r.Inspect(t.Context(), "alpha"); err == nil || !strings.Contains(err.Error(), other.key.ID()) {
		t.Errorf("by another key: %v", err)
	}
	b.trustSigned(r, "alpha", other.key)
	if p := programOf(t, r, "alpha"); p.Key != other.key.String() || p.State != Trusted {
		t.Errorf("program %+v", p)
	}
}

// Without a lock file that can be written, an update is not used: it would not
// be remembered that an older one is no longer wanted.
func TestUpdateThatCannotBePinned(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := newAuthor(t)
	b.signed(a, "alpha", conf{Version: "1"}, 1000)
	r := b.open()
	b.trustSigned(r, "alpha", a.key)
	lock := filepath.Join(b.dir, "credhost.lock")
	if err := os.Rename(lock, filepath.Join(b.dir, "real.lock")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real.lock", lock); err != nil {
		t.Fatal(err)
	}
	b.signed(a, "alpha", conf{Version: "2"}, 2000)
	rescan(t, r)
	p := programOf(t, r, "alpha")
	if p.State != Changed {
		t.Errorf("program %+v", p)
	}
	wantWords(t, p.Fault, "cannot be pinned", "symbolic link")
}

// A signature that comes after its program is noticed.
func TestSignatureIsWatched(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := newAuthor(t)
	b.signed(a, "alpha", conf{Version: "1"}, 1000)
	r := b.open()
	b.trustSigned(r, "alpha", a.key)
	path := b.install("alpha", conf{Version: "2"})
	rescan(t, r)
	if p := programOf(t, r, "alpha"); p.State != Changed {
		t.Fatalf("program %+v", p)
	}
	if r.changed() {
		t.Error("nothing has changed, and it is looked at again")
	}
	b.signs(a, path, "plugin:alpha timestamp:2000")
	if !r.changed() {
		t.Error("the signature came, and nobody noticed")
	}
}

// Who trusts a new version sees what it asks for anew.
func TestChangesAreShown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.trusted("alpha", conf{Version: "1", Types: []string{"alpha", "gone"}, Origins: []string{"https://a.example", "https://b.example"}})
	b.install("alpha", conf{Version: "2", Types: []string{"alpha", "new"}, Origins: []string{"https://b.example", "https://c.example"}})
	o, err := r.Inspect(t.Context(), "alpha")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(o.Changes)
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"of":"types","new":["new"],"gone":["gone"],"unchanged":["alpha"]},` +
		`{"of":"answers","type":"alpha","new":["https://c.example"],"gone":["https://a.example"],"unchanged":["https://b.example"]},` +
		`{"of":"grants","type":"alpha","new":["https://c.example"],"gone":["https://a.example"],"unchanged":["https://b.example"]}]`
	if string(text) != want {
		t.Errorf("changes\n%s, want\n%s", text, want)
	}
	rescan(t, r)
	if p := programOf(t, r, "alpha"); p.State != Changed || slices.Contains(typeNames(p.Types), "new") {
		t.Errorf("program %+v", p)
	}
}

// An offer is signed at a time that is shown.
func TestOfferOfASignedProgramIsJSON(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	a := newAuthor(t)
	b.signed(a, "alpha", conf{}, 1000)
	o, err := b.open().InspectSigned(t.Context(), "alpha", a.key)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(o)
	wantWords(t, string(text), `"key":"`+a.key.String()+`"`, `"keyId":"`+a.key.ID()+`"`, `"signed":"`+time.Unix(1000, 0).UTC().Format(time.RFC3339)+`"`)
}
