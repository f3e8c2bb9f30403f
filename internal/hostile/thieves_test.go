// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/host/sqlitestore"
	"github.com/credhost/credhost/internal/hostile"
	"github.com/credhost/credhost/sdk"
)

func TestThieves(t *testing.T) { try(t, hostile.Thief, changedRecords, readFiles) }

// put writes a record in the place of another, as somebody who has the file
// can.
func (w *world) put(r host.Record) error {
	if err := w.store.Delete(w.ctx, r.Workspace, r.ID, 0, nil); err != nil && !errors.Is(err, host.ErrNotFound) {
		return err
	}
	return w.store.Create(w.ctx, r)
}

// record returns a credential's record.
func (w *world) record(workspace, id string) host.Record {
	w.t.Helper()
	r, err := w.store.Get(w.ctx, workspace, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// forged has a thief change acme's record of a credential, and put it back
// wherever it says. It reports whether the host then sends the secret.
func forged(says string, forge func(w *world, r host.Record) host.Record) attempt {
	return attempt{says: says, run: func(w *world) (bool, error) {
		w.serve(api, http.NotFoundHandler())
		forgery := forge(w, w.record("acme", w.create("key", nil)))
		if err := w.put(forgery); err != nil {
			return false, err
		}
		r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, api+"/things", nil)
		if err != nil {
			return false, err
		}
		resp, err := w.host().Workspace(forgery.Workspace).Client(forgery.ID).Do(r)
		if err == nil {
			resp.Body.Close()
		}
		return w.got(api, canary), err
	}}
}

// broken is forged, of what is sealed. Where it is allowed, nothing is changed.
func broken(change func(sealed []byte) []byte) attempt {
	return forged("opening", func(w *world, r host.Record) host.Record {
		if !w.easy {
			r.Sealed = change(bytes.Clone(r.Sealed))
		}
		return r
	})
}

var changedRecords = attempts{
	"a record given to another tenant": forged("opening", func(_ *world, r host.Record) host.Record {
		r.Workspace = "umbrella"
		return r
	}),
	"what is sealed in another record": forged("opening", func(w *world, r host.Record) host.Record {
		id, err := w.host().Workspace("umbrella").Create(w.ctx, "key", w.answers(sdk.Values{"secret": mine}))
		if err != nil {
			w.t.Fatal(err)
		}
		own := w.record("umbrella", id)
		own.Sealed = r.Sealed
		return own
	}),
	"a record under another ID": forged("opening", func(_ *world, r host.Record) host.Record {
		r.ID += "2"
		return r
	}),
	"a record of another type": forged("opening", func(_ *world, r host.Record) host.Record {
		r.Type = "hosted"
		return r
	}),
	"a record under another name": forged("opening", func(_ *world, r host.Record) host.Record {
		r.Name = "test"
		return r
	}),
	"a record with another date": forged("opening", func(_ *world, r host.Record) host.Record {
		r.Created = r.Created.AddDate(1, 0, 0)
		return r
	}),
	"an old secret under a new number": {
		says: "opening",
		run: func(w *world) (bool, error) {
			w.serve(api, http.NotFoundHandler())
			id := w.create("key", nil)
			old := w.record("acme", id)
			if err := w.acme().Update(w.ctx, id, host.Patch{Values: sdk.Values{"secret": mine}}); err != nil {
				return false, err
			}
			now := w.record("acme", id)
			now.Generation++
			now.Sealed = old.Sealed
			if err := w.store.Save(w.ctx, now, nil); err != nil {
				return false, err
			}
			r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, api+"/things", nil)
			if err != nil {
				return false, err
			}
			resp, err := w.host().Workspace("acme").Client(id).Do(r)
			if err == nil {
				resp.Body.Close()
			}
			return w.got(api, canary), err
		},
	},
	"a bit of the beginning":  broken(func(s []byte) []byte { s[0] ^= 1; return s }),
	"a bit of the key":        broken(func(s []byte) []byte { s[len(s)/8] ^= 0x80; return s }),
	"a bit of what is sealed": broken(func(s []byte) []byte { s[len(s)/2] ^= 4; return s }),
	"a bit of the end":        broken(func(s []byte) []byte { s[len(s)-1] ^= 1; return s }),
	"half of what is sealed":  broken(func(s []byte) []byte { return s[:len(s)/2] }),
	"nothing":                 broken(func([]byte) []byte { return nil }),
	"more than was sealed":    broken(func(s []byte) []byte { return append(s, s...) }),
	"a record under a thief's own key": {
		says: "opening",
		run: func(w *world) (bool, error) {
			w.serve(api, http.NotFoundHandler())
			id := w.create("key", nil)
			if !w.easy {
				own, err := sealer.NewKeyring()
				if err != nil {
					return false, err
				}
				w.change = func(cfg *host.Config) { cfg.Sealer = sealer.New(own) }
			}
			r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, api+"/things", nil)
			if err != nil {
				return false, err
			}
			resp, err := w.open().Workspace("acme").Client(id).Do(r)
			if err == nil {
				resp.Body.Close()
			}
			return w.got(api, canary), err
		},
	},
}

// A plain sealer seals nothing.
type plain struct{}

// Seal returns its argument.
func (plain) Seal(_ context.Context, text, _ []byte) ([]byte, error) { return bytes.Clone(text), nil }

// Open returns its argument.
func (plain) Open(_ context.Context, sealed, _ []byte) ([]byte, error) {
	return bytes.Clone(sealed), nil
}

// inFiles has the world keep its records in files, and returns what all of them
// hold.
func (w *world) inFiles() func() []byte {
	w.t.Helper()
	dir := w.t.TempDir()
	store, err := sqlitestore.Open(w.ctx, sqlitestore.Config{Path: filepath.Join(dir, "store.db")})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { store.Close() })
	w.alone()
	w.store = store
	return func() (all []byte) {
		files, err := filepath.Glob(filepath.Join(dir, "*"))
		if err != nil {
			w.t.Fatal(err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				w.t.Fatal(err)
			}
			all = append(all, b...)
		}
		return all
	}
}

var readFiles = attempts{
	"a secret in the files": {
		run: func(w *world) (bool, error) {
			files := w.inFiles()
			if w.easy {
				w.change = func(cfg *host.Config) { cfg.Sealer = plain{} }
			}
			id := w.create("key", nil)
			err := w.acme().Update(w.ctx, id, host.Patch{Values: sdk.Values{"secret": canary + "-2"}})
			return bytes.Contains(files(), []byte(canary)), err
		},
	},
	"what was deleted": {
		run: func(w *world) (bool, error) {
			files := w.inFiles()
			id := w.create("key", nil)
			sealed := w.record("acme", id).Sealed
			if !w.easy {
				if err := w.acme().Delete(w.ctx, id); err != nil {
					return false, err
				}
			}
			all := files()
			for at := 0; at+32 <= len(sealed); at += 32 {
				if bytes.Contains(all, sealed[at:at+32]) {
					return true, nil
				}
			}
			return false, nil
		},
	},
}
