// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/backup"
	"github.com/credhost/credhost/host/sealer"
)

// A restored is what "restore --json" prints.
type restored struct {
	Restored bool   `json:"restored"` // false with --check
	Store    string `json:"store"`
	Key      string `json:"key"`            // "kept", or "restored" from the backup
	Lock     string `json:"lock,omitempty"` // "kept", "restored" or "beside"; empty: the backup has none
	backup.Summary
}

// A restoration is one run of restore.
type restoration struct {
	p       *program
	from    backup.From
	replace bool
	done    restored
}

func (p *program) restoreCommand() *cobra.Command {
	var e envelope
	var replace, check, yes bool
	c := &cobra.Command{
		Use:     "restore FILE|-",
		GroupID: "program",
		Short:   "fill an empty store from a backup, or move one to another place",
		Long: `Fill a store from a backup: an empty one, or with --replace one whose contents
go. It is all or nothing. Before anything is written the backup is read to its
end, and every record is opened: one that is cut off, altered, or made with
another key file is refused. It does not matter whether it comes from a file or
from a database, so this is how a store moves from one to the other.

The key file is taken from the backup only if there is none here. The lock file
of plugins is, too; if there is another, that of the backup is put beside it.
Hosts that run meanwhile notice. Keys of callers that were deleted since the
backup was made work again, and refresh tokens that were spent since do not.`,
		Args: arguments("a FILE, or - for standard input", 1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			identities, err := e.open(ctx, p)
			if err != nil {
				return err
			}
			file, remove, err := spooled(p.in, args[0])
			if err != nil {
				return err
			}
			defer remove()
			r := &restoration{p: p, replace: replace, done: restored{Store: p.storeName(), Key: "kept"},
				from: backup.From{Open: func() (io.ReadCloser, error) { return os.Open(file) }, Identities: identities}}
			return r.run(ctx, check, yes)
		},
	}
	f := c.Flags()
	f.StringArrayVarP(&e.identities, "identity", "i", nil, "`file` with the age identity that opens it, again for more")
	f.BoolVar(&e.passphrase, "passphrase", false, "ask for the passphrase that opens it")
	f.StringVar(&e.passphraseFile, "passphrase-file", "", "`file` with the passphrase that opens it")
	f.BoolVar(&replace, "replace", false, "let everything go that the store holds now")
	f.BoolVar(&check, "check", false, "only check that it can be restored, and write nothing")
	f.BoolVarP(&yes, "yes", "y", false, "ask nothing")
	return c
}

// spooled returns the name of a file with what is to be read, which is read more
// than once. What comes from standard input is encrypted, and so may lie on the
// disk for a while.
func spooled(in io.Reader, name string) (file string, remove func(), err error) {
	if name != "-" {
		return name, func() {}, nil
	}
	temp, err := os.CreateTemp("", "credhost-restore-*")
	if err != nil {
		return "", nil, err
	}
	remove = func() { os.Remove(temp.Name()) }
	_, err = io.Copy(temp, in)
	if err = errors.Join(err, temp.Close()); err != nil {
		remove()
		return "", nil, err
	}
	return temp.Name(), remove, nil
}

func (r *restoration) run(ctx context.Context, check, yes bool) error {
	summary, err := r.from.Look(ctx)
	if err != nil {
		return setup(err, "")
	}
	keys, write, err := r.keys(ctx, summary)
	if err != nil {
		return err
	}
	if r.done.Summary, err = r.from.Check(ctx, sealer.New(keys)); err != nil {
		return setup(err, "the key file is "+r.p.key)
	}
	if check {
		return r.report("can be restored")
	}
	there, err := r.p.stored(ctx)
	if err != nil {
		return setup(err, "")
	}
	if r.replace && there && !yes {
		if err := r.confirm(ctx); err != nil {
			return err
		}
	}
	if err := r.fill(ctx, keys, write); err != nil {
		return err
	}
	r.done.Restored = true
	r.p.note("keys of callers are as they were at %s: delete those again that you have deleted since", backupTime(r.done.Created))
	return r.report("are restored")
}

// keys returns the keys that open the backup's records: those of the key file,
// or, if there is none, of the backup; then write writes the file.
func (r *restoration) keys(ctx context.Context, s backup.Summary) (keys *sealer.Keyring, write func() error, err error) {
	nothing := func() error { return nil }
	keys, err = sealer.OpenFile(ctx, sealer.FileConfig{Path: r.p.key, Announce: r.p.announceKey})
	if !errors.Is(err, sealer.ErrNoKeyFile) {
		if err != nil {
			err = setup(err, "")
		}
		return keys, nothing, err
	}
	data, ok := s.File(keyInBackup)
	if !ok {
		return nil, nil, setup(err, "the backup does not hold it: put the copy that you have kept at "+r.p.key+", with the permissions 0600")
	}
	if err := os.MkdirAll(r.p.data, 0o700); err != nil {
		return nil, nil, setup(err, "choose another data folder with --data")
	}
	dir, err := os.MkdirTemp(r.p.data, ".credhost-restore-*")
	if err != nil {
		return nil, nil, setup(err, "")
	}
	defer os.RemoveAll(dir)
	temp := dir + "/key"
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		return nil, nil, setup(err, "")
	}
	keys, err = sealer.OpenFile(ctx, sealer.FileConfig{Path: temp, Announce: func(string) {}})
	if err != nil {
		return nil, nil, setup(err, "")
	}
	r.done.Key = "restored"
	return keys, func() error { return r.put(r.p.key, data) }, nil
}

// put writes a new file, for the owner alone.
func (r *restoration) put(name string, data []byte) error {
	return writeWhole(nil, name, func(w io.Writer) error { _, err := w.Write(data); return err })
}

func (r *restoration) confirm(ctx context.Context) error {
	someone, ok := r.p.person()
	if !ok {
		return errNobody("to let everything go that "+r.p.storeName()+" holds", "--yes")
	}
	sure, err := someone.yes(ctx, fmt.Sprintf("let everything go that %s holds, and put %d records of %s in its place?",
		r.p.storeName(), r.done.Records, backupTime(r.done.Created)))
	if err == nil && !sure {
		err = &failure{code: codeDeclined, text: "nothing is restored"}
	}
	return err
}

// fill writes. The files come first: until the store is filled they do no harm,
// and who is killed in between does it all again.
func (r *restoration) fill(ctx context.Context, keys *sealer.Keyring, write func() error) error {
	if err := os.MkdirAll(r.p.data, 0o700); err != nil {
		return setup(err, "choose another data folder with --data")
	}
	opened, err := r.p.openPlace(ctx)
	if err != nil {
		return setup(err, "")
	}
	defer opened.Close()
	store, ok := opened.(host.WholeStore)
	if !ok {
		return fmt.Errorf("a %T cannot be restored", opened)
	}
	if !r.replace { // or the files would be there, and the store refused
		if some, err := store.All(ctx, "", "", 1); err != nil || len(some) > 0 {
			return r.refused(errors.Join(err, host.ErrConflict))
		}
	}
	if err := errors.Join(write(), r.lock()); err != nil {
		return setup(err, "")
	}
	_, err = r.from.Restore(ctx, store, sealer.New(keys), r.replace)
	return r.refused(err)
}

func (r *restoration) refused(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, host.ErrConflict):
		return &failure{code: codeSetup, text: r.p.storeName() + " is not empty: nothing is restored", next: "name another --store, or say --replace to let go what it holds"}
	}
	return setup(err, "")
}

// lock restores the lock file, unless there is another.
func (r *restoration) lock() error {
	data, ok := r.done.File(lockInBackup)
	if !ok {
		return nil
	}
	now, err := os.ReadFile(r.p.lock)
	switch {
	case errors.Is(err, os.ErrNotExist):
		r.done.Lock = "restored"
		return r.put(r.p.lock, data)
	case err != nil:
		return err
	case bytes.Equal(now, data):
		r.done.Lock = "kept"
		return nil
	}
	r.done.Lock = "beside"
	beside := r.p.lock + ".restored"
	if err := os.Remove(beside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	r.p.note("%s says which plugins are trusted here, and stays; that of the backup is %s", r.p.lock, beside)
	return r.put(beside, data)
}

func (r *restoration) report(what string) error {
	return r.p.print(r.done, func(w io.Writer) {
		fmt.Fprintf(w, "%d records and %d entries of the audit trail, of %s, %s\n", r.done.Records, r.done.Entries, backupTime(r.done.Created), what)
	})
}
