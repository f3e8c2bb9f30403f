// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sampleLock is a lock file with a little of everything.
func sampleLock(t testing.TB) string {
	t.Helper()
	sum := digestOf([]byte("x"))
	key := "RWQVQ/gTZ2H6UlcnuIQGttGm+nTvzodsFJStMIRzT6/GpO+wPRnkgm6A"
	l := &lockFile{Version: lockVersion, Programs: map[string]*pinned{
		"alpha": {Release: "1.0", Key: key, Types: []string{"acme", "acmeTwo"},
			Asks: Terms{"acme": {Answers: []string{"https://a.example"}, Grants: []string{"{url=https://b.example}"}, Abilities: []string{"test"}, Loosened: []string{"noPkce"}, Secrets: []string{"key"}}},
			Platforms: map[string]pin{
				"linux/amd64": {Program: sum, Description: sum, Signed: 1795000000, Interpreter: &read{Path: "/usr/bin/python3", Digest: sum},
					Reads: []read{{Path: "/lib/a.so", Digest: sum}, {Path: "/usr/lib/python3", Folder: true, Digest: sum}}},
				"plan9/mips": {Program: sum, Description: sum},
			}},
		"beta": {Types: []string{}, Platforms: map[string]pin{}},
	}}
	text, err := l.text()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parseLock(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A lock file of which two readers could think differently, or that could make
// a host do what nobody agreed to, is refused as a whole.
func TestLockFileRefusals(t *testing.T) {
	t.Parallel()
	good := sampleLock(t)
	for name, c := range map[string]struct{ old, new, want string }{
		"a program twice":         {`"beta": {`, `"alpha": {`, `the name "alpha" twice`},
		"a field twice":           {`"release": "1.0",`, `"release": "1.0", "release": "2.0",`, `the name "release" twice`},
		"a field in two cases":    {`"release": "1.0",`, `"release": "1.0", "Release": "2.0",`, `the name "Release" twice, once as "release"`},
		"a field in another s":    {`"release": "1.0",`, `"release": "1.0", "releaſe": "2.0",`, "twice"},
		"a digest twice":          {`"description":`, `"program": "sha256:1", "description":`, `the name "program" twice`},
		"a field that none knows": {`"release": "1.0",`, `"colour": "red",`, `unknown field "colour"`},
		"something behind":        {"\n}\n", "\n} {}", "follows its end"},
		"no UTF-8":                {"1.0", "1.\xff", "no UTF-8"},
		"too deep":                {`"release": "1.0"`, `"release": ` + strings.Repeat("[", 20) + strings.Repeat("]", 20), "nested too deeply"},
		"cut off":                 {good[len(good)/2:], "", "was cut off"},
		"a capital":               {`"beta"`, `"Beta"`, `"Beta" is not a plugin's entry`},
		"a dot":                   {`"beta"`, `"be.ta"`, `"be.ta" is not a plugin's entry`},
		"a homoglyph":             {`"beta"`, `"bеta"`, "is not a plugin's entry"},
		"a path":                  {`"beta"`, `"../beta"`, "is not a plugin's entry"},
		"a type's homoglyph":      {`"acmeTwo"`, `"аcme"`, "is not the name of a type"},
		"types in two cases":      {`"types": []`, `"types": ["ACME"]`, `"ACME" is claimed`},
		"a platform":              {`"plan9/mips"`, `"../x"`, "is no platform"},
		"a digest":                {`"digest": "sha256:`, `"digest": "sha25:`, "is not a file with its digest"},
		"a path to read":          {"/lib/a.so", "/lib/\\u001b[2J", "is not a file with its digest"},
		"no order":                {"/lib/a.so", "/usr/lib/python3", "is not in order, or is there twice"},
		"a key":                   {"RWQVQ", "RWQ", "its key is none of minisign's"},
		"a time":                  {"1795000000", "-1", "signed at no time"},
		"a strange claim":         {`"acme": {`, `"other": {`, `what type "other" asks for, which is not its own`},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if text == good {
			t.Fatalf("%s: nothing was changed", name)
		}
		_, err := parseLock(t.Context(), []byte(text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// A lock file of version 1 is read, and written as version 2; one of an older
// host, which would lose the keys, is what nobody gets.
func TestLockFileOfVersion1(t *testing.T) {
	t.Parallel()
	sum := digestOf([]byte("x"))
	text := fmt.Sprintf(`{"version":1,"programs":{"x":{"types":["t"],"origins":["https://a.example"],"platforms":{"linux/amd64":{"program":%q,"description":%q}}}}}`, sum, sum)
	lock, err := parseLock(t.Context(), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	written, err := lock.text()
	if err != nil || !bytes.Contains(written, []byte(`"version": 2`)) || !bytes.Contains(written, []byte("https://a.example")) {
		t.Errorf("written as %s, %v", written, err)
	}
}

// Who may write to a lock file decides what is run.
func TestLockFileIsGuarded(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("SKIPPED: Windows has no modes, and links need a privilege there")
	}
	text := sampleLock(t)
	for name, c := range map[string]struct {
		change func(dir, path string) error
		want   string
	}{
		"of one's own":      {func(dir, path string) error { return nil }, ""},
		"of everybody's":    {func(dir, path string) error { return os.Chmod(path, 0o666) }, "everybody may write to"},
		"everybody's dir":   {func(dir, path string) error { return os.Chmod(dir, 0o777) }, "everybody may write to"},
		"a link within":     {func(dir, path string) error { return relink(path, filepath.Join(dir, "data", "lock")) }, ""},
		"a link out of it":  {func(dir, path string) error { return relink(path, filepath.Join(t.TempDir(), "lock")) }, "is a symbolic link to"},
		"a folder":          {func(dir, path string) error { os.Remove(path); return os.Mkdir(path, 0o755) }, "is not a regular file"},
		"larger than is ok": {func(dir, path string) error { return os.Truncate(path, maxLock+1) }, "it is larger than"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "credhost.lock")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := c.change(dir, path); err != nil {
			t.Fatal(err)
		}
		_, err := readLock(t.Context(), path)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// relink moves a file and puts a link in its place.
func relink(path, target string) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if err := os.Rename(path, target); err != nil {
		return err
	}
	return os.Symlink(target, path)
}

// A lock file that is read, written and read again is the same, and keeps what
// its check promises.
func FuzzLockFile(f *testing.F) {
	f.Add([]byte(sampleLock(f)))
	f.Add([]byte(`{"version":1,"programs":{"x":{"types":null,"platforms":null}}}`))
	f.Add([]byte(`{"version":2,"programs":{"x":null}}`))
	f.Add([]byte(`{"version":2,"Version":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		lock, err := parseLock(t.Context(), data)
		if err != nil {
			return
		}
		owners := map[string]string{}
		for name, p := range lock.Programs {
			if !programName.MatchString(name) || p.Key != "" && keyID(p.Key) == "" {
				t.Fatalf("the entry %q has the key %q", name, p.Key)
			}
			for _, typ := range p.Types {
				if other := owners[strings.ToLower(typ)]; other != "" && other != name {
					t.Fatalf("type %q is of %s and of %s", typ, name, other)
				}
				if owners[strings.ToLower(typ)] = name; lock.owner(typ) != name {
					t.Fatalf("type %q belongs to %q", typ, lock.owner(typ))
				}
			}
			for at, pin := range p.Platforms {
				if !pin.Program.valid() || !pin.Description.valid() || pin.Signed < 0 {
					t.Fatalf("pin %s: %+v", at, pin)
				}
				for _, r := range pin.Reads {
					if !r.Digest.valid() {
						t.Fatalf("read %+v", r)
					}
				}
			}
		}
		text, err := lock.text()
		if err != nil {
			t.Fatal(err)
		}
		again, err := parseLock(t.Context(), text)
		if err != nil {
			t.Fatalf("%s was written as %s: %v", data, text, err)
		}
		if diff := cmp.Diff(lock, again, cmp.AllowUnexported(TypeTerms{})); diff != "" {
			t.Fatalf("%s was written as %s:\n%s", data, text, diff)
		}
	})
}
