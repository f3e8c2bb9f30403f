// SPDX-License-Identifier: Apache-2.0

//go:build unix

package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/credhost/credhost/sdk"
)

func typeNames(all []Type) []string {
	var names []string
	for _, t := range all {
		names = append(names, t.Schema.Name)
	}
	return names
}

// A type belongs to the program that claimed it first, whatever is found
// first.
func TestTypeClaimedTwiceIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.install("zeta", conf{Types: []string{"shared", "own"}})
	r := b.open()
	b.trust(r, "zeta")
	b.install("alpha", conf{Types: []string{"shared", "other"}})
	o, err := r.Inspect(t.Context(), "alpha")
	if err != nil {
		t.Fatal(err)
	}
	if len(o.Faults) != 1 || !cmp.Equal(typeNames(o.Types), []string{"other"}) {
		t.Fatalf("offer %+v", o)
	}
	wantWords(t, o.Faults[0], `type "shared" is refused: it belongs to plugin zeta`, "distrust that one")
	if err := r.Trust(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	check := func(r *Registry) {
		t.Helper()
		p := programOf(t, r, "alpha")
		if p.State != Trusted || !cmp.Equal(typeNames(p.Types), []string{"other"}) {
			t.Errorf("program %+v", p)
		}
		wantWords(t, p.Fault, `type "shared" is refused: it belongs to plugin zeta`)
		if typ, err := r.Type("shared"); err != nil || typ.Program != "zeta" {
			t.Errorf("type shared: %+v, %v", typ, err)
		}
	}
	check(r)
	check(b.open())

	// A claim ends with the trust, and does not pass on by itself.
	if err := r.Distrust("zeta"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Type("shared"); !errors.Is(err, sdk.Invalid) {
		t.Errorf("an unclaimed type: %v", err)
	}
	wantWords(t, programOf(t, r, "alpha").Fault, "was another plugin's when this one was trusted: trust it again")
	b.trust(r, "alpha")
	if typ, err := r.Type("shared"); err != nil || typ.Program != "alpha" {
		t.Errorf("type shared: %+v, %v", typ, err)
	}

	// A program that claims nothing that is free is of no use.
	b.install("beta", conf{Types: []string{"shared"}})
	o, err = r.Inspect(t.Context(), "beta")
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, r.Trust(t.Context(), o), "plugin beta serves no type that could be used")
}

// Who owns a type's name owns those that look like it.
func TestTypeThatDiffersInCaseIsRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.trusted("zeta", conf{Types: []string{"acmeMail"}})
	b.install("alpha", conf{Types: []string{"acmemail", "own"}})
	o, err := r.Inspect(t.Context(), "alpha")
	if err != nil || !cmp.Equal(typeNames(o.Types), []string{"own"}) || len(o.Faults) != 1 {
		t.Fatalf("offer %+v, %v", o, err)
	}
	wantWords(t, o.Faults[0], `type "acmemail" is refused: it belongs to plugin zeta`)
	if err := r.Trust(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if typ, err := r.Type("acmemail"); err == nil {
		t.Errorf("type acmemail: %+v", typ)
	}
}

// A type that an older version served stays with the program.
func TestClaimOutlivesAVersion(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.trusted("alpha", conf{Types: []string{"one", "two"}})
	b.install("alpha", conf{Types: []string{"one"}})
	b.trust(r, "alpha")
	_, err := r.Type("two")
	if !errors.Is(err, sdk.Unavailable) {
		t.Errorf("error %v, want Unavailable", err)
	}
	wantError(t, err, `plugin alpha no longer serves the type "two"`)
	b.install("beta", conf{Types: []string{"two", "three"}})
	b.trust(r, "beta")
	wantWords(t, programOf(t, r, "beta").Fault, `type "two" is refused: it belongs to plugin alpha`)
}

// What is trusted is what was shown, even if the file was replaced meanwhile.
func TestTrustPinsWhatWasShown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.install("alpha", conf{Version: "shown"})
	r := b.open()
	o, err := r.Inspect(t.Context(), "alpha")
	if err != nil {
		t.Fatal(err)
	}
	b.install("alpha", conf{Version: "later"})
	if err := r.Trust(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if p := programOf(t, r, "alpha"); p.State != Changed || p.Digest != o.Digest {
		t.Errorf("program %+v", p)
	}
	r.album.forget(func(*image) bool { return true })
	_, err = ask(t.Context(), r, "acme", "alpha", "version", "")
	wantError(t, err, "plugin alpha cannot be started", "has changed since it was trusted", o.Digest[:15])
	b.install("alpha", conf{Version: "shown"})
	if err := r.Rescan(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := mustAsk(t, r, "alpha", "version", ""); got != "shown" {
		t.Errorf("version %s", got)
	}
	if err := r.Trust(t.Context(), Offer{Name: "alpha", Digest: o.Digest}); err == nil {
		t.Error("an offer that nobody inspected is trusted")
	}
}

// Machines that differ share a lock file.
func TestLockFileHoldsSeveralPlatforms(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.trusted("alpha", conf{Version: "1.0"})
	path := filepath.Join(b.dir, "credhost.lock")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	digest := programOf(t, r, "alpha").Digest
	for _, want := range []string{`"alpha": {`, `"release": "1.0"`, `"types": [`, digest} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the lock file has no %s:\n%s", want, text)
		}
	}
	elsewhere := bytes.ReplaceAll(text, []byte(platform), []byte("plan9/mips"))
	if err := os.WriteFile(path, elsewhere, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := r.Rescan(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := programOf(t, r, "alpha")
	if p.State != Untrusted {
		t.Errorf("program %+v", p)
	}
	wantWords(t, p.Fault, "it is trusted for plan9/mips, but not for "+platform)
	b.trust(r, "alpha")
	lock, err := readLock(t.Context(), path)
	if err != nil || len(lock.Programs["alpha"].Platforms) != 2 || lock.Programs["alpha"].Platforms["plan9/mips"].Program == "" {
		t.Errorf("lock file %+v, %v", lock.Programs["alpha"], err)
	}
}

func TestLockFileIsRefusedWholly(t *testing.T) {
	t.Parallel()
	sum := "sha256:" + strings.Repeat("0", 64)
	entry := func(types, program string) string {
		return `{"types":[` + types + `],"platforms":{"x/y":{"program":"` + program + `","description":"` + sum + `"}}}`
	}
	for name, c := range map[string]struct{ text, want string }{
		"not JSON":      {`{`, "restore it, or remove it"},
		"newer":         {`{"version":3}`, "has version 3, and this host knows version 2"},
		"bad name":      {`{"version":1,"programs":{"../x":` + entry("", sum) + `}}`, `"../x" is not a plugin's entry`},
		"bad digest":    {`{"version":1,"programs":{"x":` + entry("", "md5:1") + `}}`, "the entry of x: x/y: its digests are not SHA-256: trust it again"},
		"claimed twice": {`{"version":1,"programs":{"x":` + entry(`"t"`, sum) + `,"y":` + entry(`"t"`, sum) + `}}`, `type "t" is claimed by x and by y`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			if err := os.WriteFile(filepath.Join(b.dir, "credhost.lock"), []byte(c.text), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := Open(t.Context(), b.Config)
			wantError(t, err, "lock file "+b.dir, c.want)
			wantEmpty(t, b.runtime)
		})
	}
}

// Processes that trust at once do not overwrite each other's entries.
func TestLockFileIsEditedByOneAtATime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "credhost.lock")
	var wg sync.WaitGroup
	for n := range 30 {
		wg.Go(func() {
			o := Offer{Name: "p" + string(rune('a'+n%26)) + string(rune('a'+n/26)), Digest: string(digestOf([]byte{byte(n)})), pin: digestOf(nil)}
			if err := editLock(t.Context(), path, func(l *lockFile) error { l.trust(o); return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	lock, err := readLock(t.Context(), path)
	if err != nil || len(lock.Programs) != 30 {
		t.Errorf("%d entries of 30, %v", len(lock.Programs), err)
	}
	if names := entries(filepath.Dir(path)); len(names) != 1 {
		t.Errorf("the folder has %q", names)
	}
}

// The cache is believed only as far as the lock file pins it.
func TestCacheCannotLie(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.trusted("alpha", conf{Origins: []string{"https://api.example.com"}})
	r.Close()
	files := entries(b.Cache)
	if len(files) != 1 || !strings.HasPrefix(files[0], "alpha@") {
		t.Fatalf("the cache has %q", files)
	}
	path := filepath.Join(b.Cache, files[0])
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, forged := range map[string][]byte{
		"another origin": bytes.ReplaceAll(text, []byte("api.example.com"), []byte("evil.example.com")),
		"cut":            text[:len(text)/2],
		"empty":          nil,
	} {
		if err := os.WriteFile(path, forged, 0o600); err != nil {
			t.Fatal(err)
		}
		r := b.open()
		typ, err := r.Type("alpha")
		if err != nil || !cmp.Equal(typ.Schema.Origins, []string{"https://api.example.com"}) {
			t.Errorf("%s: %+v, %v", name, typ, err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, text) {
			t.Errorf("%s: the cache was not put right: %v", name, err)
		}
		r.Close()
	}
}

// A file that was copied again, or that lies elsewhere, is hashed; one that was
// replaced by another is told apart.
func TestCacheFollowsTheFile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.trusted("alpha", conf{})
	r.Close()
	b.install("alpha", conf{}) // the same bytes, another inode
	r = b.open()
	if p := programOf(t, r, "alpha"); p.State != Trusted || r.run.next.Load() != 0 {
		t.Errorf("program %+v after %d starts", p, r.run.next.Load())
	}
	r.Close()
	b.install("alpha", conf{Version: "2"})
	r = b.open()
	if p := programOf(t, r, "alpha"); p.State != Changed || !cmp.Equal(typeNames(p.Types), []string{"alpha"}) {
		t.Errorf("program %+v", p)
	}
	r.Close()
	os.Remove(filepath.Join(b.dir, prefix+"alpha"))
	r = b.open()
	p := programOf(t, r, "alpha")
	if p.State != Missing || !cmp.Equal(typeNames(p.Types), []string{"alpha"}) {
		t.Errorf("program %+v", p)
	}
	wantWords(t, p.Fault, "there is no credhost-plugin-alpha in "+b.dir)
	_, err := ask(t.Context(), r, "acme", "alpha", "pid", "")
	wantError(t, err, "plugin alpha cannot be started", "is not there")
}

// Without a cache a program is asked at each Open, and remembered until Close.
func TestWithoutCache(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Cache = ""
	r := b.trusted("alpha", conf{})
	r.Close()
	r = b.open()
	if n := r.run.next.Load(); n != 1 {
		t.Errorf("%d processes were started, want 1", n)
	}
	if err := r.Rescan(t.Context()); err != nil || r.run.next.Load() != 1 {
		t.Errorf("a scan started another: %v", err)
	}
	mustAsk(t, r, "alpha", "pid", "")
	if len(r.Types()) != 1 {
		t.Errorf("types %v", typeNames(r.Types()))
	}
}

func TestOfferIsJSON(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.install("alpha", conf{Origins: []string{"https://api.example.com"}})
	o, err := b.open().Inspect(t.Context(), "alpha")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"name":"alpha"`, `"digest":"sha256:`, `"origins":["https://api.example.com"]`, `"trusted":false`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("%s has no %s", text, want)
		}
	}
}
