// SPDX-License-Identifier: Apache-2.0

//go:build linux

package hostile_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"aead.dev/minisign"

	"github.com/credhost/credhost/host/registry"
)

// path returns where a program is.
func (d *den) path(name string) string { return filepath.Join(d.dir, "credhost-plugin-"+name) }

// put replaces a program by another one, and returns its bytes.
func (d *den) put(name string, more string) []byte {
	d.w.t.Helper()
	program, err := rogueBytes()
	if err != nil {
		d.w.t.Fatal(err)
	}
	program = append(bytes.Clone(program), name+more...)
	d.write(d.path(name), program)
	return program
}

// write replaces a file, as a package manager does.
func (d *den) write(path string, data []byte) {
	d.w.t.Helper()
	if err := errors.Join(os.WriteFile(path+".new", data, 0o755), os.Rename(path+".new", path)); err != nil {
		d.w.t.Fatal(err)
	}
}

// again closes the registry, so that the next use opens another.
func (d *den) again() *den {
	d.w.t.Helper()
	if err := d.open().Close(); err != nil {
		d.w.t.Fatal(err)
	}
	d.r = nil
	return d
}

// answers reports whether a trusted type's program can be called, and why not.
func (d *den) answers(name string) (bool, error) {
	p, err := d.open().Plugin("acme", name)
	if err == nil {
		_, err = p.Grant(d.online(api), input(p, "", ""))
	}
	return err == nil, err
}

// uses reports whether a registry uses a program with certain bytes, and what
// it says of the one that it has.
func (d *den) uses(name string, program []byte) (bool, error) {
	r, err := registry.Open(d.w.ctx, d.cfg)
	if err != nil {
		return false, err
	}
	defer r.Close()
	for _, p := range r.Programs() {
		if p.Name == name {
			return p.State == registry.Trusted && p.Digest == fmt.Sprintf("sha256:%x", sha256.Sum256(program)), errors.New(p.Fault)
		}
	}
	return false, errors.New("it is not there")
}

// trusted returns a den in which a program is trusted, after which its registry
// is closed.
func (w *world) trusted(name string) *den {
	w.t.Helper()
	d := w.den()
	d.cfg.Cache = filepath.Join(w.t.TempDir(), "cache")
	d.put(name, "")
	if err := d.trust(name); err != nil {
		w.t.Fatal(err)
	}
	return d.again()
}

// The attempts to have another program run than the one that is trusted.
var machinesThatSwap = attempts{
	"a program that was swapped": {
		says: "the program has changed since it was trusted",
		run: func(w *world) (bool, error) {
			d := w.trusted("alpha")
			d.put("alpha", "swapped")
			return d.answers("alpha")
		},
	},
	"a program that was swapped while somebody looked": {
		says: "the program has changed since it was trusted",
		run: func(w *world) (bool, error) {
			d := w.den()
			d.cfg.Cache = filepath.Join(w.t.TempDir(), "cache")
			d.put("alpha", "")
			o, err := d.open().Inspect(w.t.Context(), "alpha")
			if err != nil {
				w.t.Fatal(err)
			}
			d.put("alpha", "swapped")
			if err := d.r.Trust(w.t.Context(), o); err != nil {
				w.t.Fatal(err)
			}
			return d.again().answers("alpha")
		},
	},
	"a program that was changed in place": {
		says: "the program has changed since it was trusted",
		run: func(w *world) (bool, error) {
			d := w.trusted("alpha")
			link := filepath.Join(filepath.Dir(d.dir), "link")
			info, err := os.Stat(d.path("alpha"))
			if err == nil {
				err = os.Link(d.path("alpha"), link)
			}
			var f *os.File
			if err == nil {
				f, err = os.OpenFile(link, os.O_RDWR, 0)
			}
			if err != nil {
				w.t.Fatal(err)
			}
			_, err = f.WriteAt([]byte("X"), info.Size()-1)
			if err := errors.Join(err, f.Close(), os.Chtimes(link, info.ModTime(), info.ModTime())); err != nil {
				w.t.Fatal(err)
			}
			return d.answers("alpha")
		},
	},
	"a library that was changed": {
		says: "which it reads, has changed since it was trusted",
		run: func(w *world) (bool, error) {
			system := standing(w)
			d := w.den()
			d.bundle("alpha", system)
			if err := d.trust("alpha"); err != nil {
				w.t.Fatal(err)
			}
			d.write(filepath.Join(system, "library"), []byte("another"))
			return d.again().answers("alpha")
		},
	},
	"a manifest that names the passwords": {
		says: "is not for everybody to read, and so not for plugins",
		run: func(w *world) (bool, error) {
			secret := filepath.Join(standing(w), "library")
			if !w.easy {
				if err := os.Chmod(secret, 0o640); err != nil {
					w.t.Fatal(err)
				}
			}
			d := w.den()
			d.bundle("alpha", secret)
			if err := d.trust("alpha"); err != nil {
				return false, err
			}
			return d.answers("alpha")
		},
	},
	"a name that looks the same":      lookalike("must have lower-case letters, digits and hyphens", "аlpha", "Alpha"),
	"a copy that looks like a backup": lookalike("it is not there", "alpha.old"),
}

// bundle installs a program as a folder, whose manifest names something of the
// system.
func (d *den) bundle(name, system string) {
	d.w.t.Helper()
	program := d.put(name, "")
	manifest, err := json.Marshal(map[string]any{"main": "program", "files": []string{"program"}, "system": []string{system}})
	if err := errors.Join(err, os.Remove(d.path(name)), os.Mkdir(d.path(name), 0o755)); err != nil {
		d.w.t.Fatal(err)
	}
	d.write(filepath.Join(d.path(name), "program"), program)
	d.write(filepath.Join(d.path(name), "plugin.json"), manifest)
}

// standing returns a folder of the system: of what is in /tmp no manifest may
// name anything.
func standing(w *world) string {
	w.t.Helper()
	at, err := os.Getwd()
	if strings.HasPrefix(at, "/tmp/") {
		at, err = os.UserCacheDir()
	}
	if err := errors.Join(err, os.MkdirAll(at, 0o755)); err != nil || strings.HasPrefix(at, "/tmp/") {
		w.t.Skip("NOT TESTED: this checkout is in /tmp, and so is this user's cache")
	}
	dir, err := os.MkdirTemp(at, "system-")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { os.RemoveAll(dir) })
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(filepath.Join(dir, "library"), []byte("one"), 0o644)); err != nil {
		w.t.Fatal(err)
	}
	return dir
}

// lookalike makes an attempt of programs whose names are taken for another's.
// The attempt that must succeed has a name of its own.
func lookalike(says string, names ...string) attempt {
	return attempt{says: says, run: func(w *world) (won bool, told error) {
		d := w.den()
		d.cfg.Dev = true // so that nobody has to trust it
		names := names
		if w.easy {
			names = []string{"beta"}
		}
		for _, name := range names {
			d.put(name, "")
		}
		for _, p := range d.open().Programs() {
			if slices.Contains(names, p.Name) {
				won, told = won || p.State == registry.Development, errors.Join(told, errors.New(p.Fault))
			}
		}
		if told == nil {
			told = errors.New("it is not there")
		}
		return won, told
	}}
}

// The attempts on the lock file.
var machinesThatLock = attempts{
	"a lock file that says two things": {
		says: `the name "alpha" twice`,
		run: func(w *world) (bool, error) {
			d := w.trusted("alpha")
			good := d.lock()
			evil := d.put("alpha", "evil")
			if err := d.trust("alpha"); err != nil {
				w.t.Fatal(err)
			}
			d.again()
			entry := func(lock string) string { return strings.TrimSuffix(lock[strings.Index(lock, `"alpha"`):], "}\n}\n") }
			lock := d.lock()
			before := lock[:strings.Index(lock, `"alpha"`)]
			d.write(filepath.Join(d.dir, "credhost.lock"), []byte(before+strings.TrimSpace(entry(good))+",\n"+entry(lock)+"}\n}\n"))
			return d.uses("alpha", evil)
		},
	},
	"a lock file that everybody may write": {
		says: "everybody may write to",
		run: func(w *world) (bool, error) {
			d := w.trusted("alpha")
			program := d.put("alpha", "")
			if err := os.Chmod(filepath.Join(d.dir, "credhost.lock"), 0o666); err != nil {
				w.t.Fatal(err)
			}
			return d.uses("alpha", program)
		},
	},
	"a lock file that leads elsewhere": {
		says: "is a symbolic link to",
		run: func(w *world) (bool, error) {
			d := w.trusted("alpha")
			program := d.put("alpha", "")
			lock, elsewhere := filepath.Join(d.dir, "credhost.lock"), filepath.Join(w.t.TempDir(), "lock")
			d.write(elsewhere, []byte(d.lock()))
			if err := errors.Join(os.Remove(lock), os.Symlink(elsewhere, lock)); err != nil {
				w.t.Fatal(err)
			}
			return d.uses("alpha", program)
		},
	},
}

// lock returns the text of the lock file.
func (d *den) lock() string {
	d.w.t.Helper()
	text, err := os.ReadFile(filepath.Join(d.dir, "credhost.lock"))
	if err != nil {
		d.w.t.Fatal(err)
	}
	return string(text)
}

// An author signs plugins.
type author struct{ private minisign.PrivateKey }

// signed returns a den in which a program is trusted by its author's key.
func (w *world) signed(name string) (*den, author) {
	w.t.Helper()
	public, private, err := minisign.GenerateKey(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := registry.ParseKey(public.String())
	if err != nil {
		w.t.Fatal(err)
	}
	d, a := w.den(), author{private}
	d.write(d.path(name)+".minisig", a.sign(d.put(name, ""), name, 1000))
	o, err := d.open().InspectSigned(w.t.Context(), name, key)
	if err == nil {
		err = d.r.Trust(w.t.Context(), o)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return d.again(), a
}

// sign returns a signature of a program, as minisign makes it.
func (a author) sign(program []byte, name string, at int) []byte {
	r := minisign.NewReader(bytes.NewReader(program))
	io.Copy(io.Discard, r)
	return r.SignWithComments(a.private, fmt.Sprintf("plugin:%s timestamp:%d", name, at), "signed by a test")
}

// The attempts on updates that nobody looks at.
var machinesThatUpdate = attempts{
	"an update that nobody signed": {
		says: "is not the signature of these bytes",
		run: func(w *world) (bool, error) {
			d, _ := w.signed("alpha")
			return d.uses("alpha", d.put("alpha", "evil"))
		},
	},
	"an update that is another plugin": {
		says: "it is of the plugin beta, not of alpha",
		run: func(w *world) (bool, error) {
			d, a := w.signed("alpha")
			program := d.put("alpha", "which is beta")
			d.write(d.path("alpha")+".minisig", a.sign(program, "beta", 2000))
			return d.uses("alpha", program)
		},
	},
	"an update that is an old version": {
		says: "an older version is used only if it is trusted by hand",
		run: func(w *world) (bool, error) {
			d, a := w.signed("alpha")
			program := d.put("alpha", "with a hole")
			d.write(d.path("alpha")+".minisig", a.sign(program, "alpha", 500))
			return d.uses("alpha", program)
		},
	},
	"an update that asks for more": {
		says: "it asks for more than was trusted",
		run: func(w *world) (bool, error) {
			d, a := w.signed("alpha")
			program, err := os.ReadFile(filepath.Join(programs, "credhost-plugin-hostile"))
			if err != nil {
				w.t.Fatal(err)
			}
			d.write(d.path("alpha"), program)
			d.write(d.path("alpha")+".minisig", a.sign(program, "alpha", 2000))
			return d.uses("alpha", program)
		},
	},
}
