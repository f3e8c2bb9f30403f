// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/credhost/credhost/host/backup"
)

// The names of the files in a backup.
const (
	lockInBackup = "credhost.lock"
	keyInBackup  = "credhost.key"
)

// A backedUp is what "backup --json" prints.
type backedUp struct {
	File    string `json:"file"`
	WithKey bool   `json:"withKey"`
	backup.Summary
}

func (p *program) backupCommand() *cobra.Command {
	var e envelope
	var withKey, withoutKey bool
	c := &cobra.Command{
		Use:     "backup FILE|-",
		GroupID: "program",
		Short:   "copy everything into one encrypted file, while hosts run",
		Long: `Copy every record, the audit trail and the lock file of plugins into one file,
as of one moment, while hosts go on. It is encrypted with age: to public keys
(--recipient), or with a passphrase. What the store keeps sealed is sealed in it
as well, so the key file is needed to restore it.

The key file is not in it unless you say so (--with-key): then who can open the
backup can open every credential, and without it somebody who has lost the key
file has lost them all. Without either flag a person is asked.`,
		Args: arguments("a FILE, or - for standard output", 1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			if withKey && withoutKey {
				return usage(c, "--with-key and --without-key contradict each other")
			}
			if args[0] == "-" && isTerminal(p.out) {
				return usage(c, "a backup is no text: send standard output to a file or a program")
			}
			recipients, err := e.seal(ctx, p)
			if err != nil {
				return err
			}
			if withKey, err = p.askForKey(ctx, withKey, withoutKey); err != nil {
				return err
			}
			done, err := p.backup(ctx, args[0], withKey, recipients)
			if own := (*failure)(nil); err != nil && !errors.As(err, &own) {
				err = setup(err, "")
			}
			if err != nil {
				return err
			}
			return p.reportBackup(done)
		},
	}
	f := c.Flags()
	f.StringArrayVarP(&e.recipients, "recipient", "r", nil, "who can open it: a public `key` that begins with age1, or a file with some; again for more")
	f.BoolVar(&e.passphrase, "passphrase", false, "ask for a passphrase that opens it")
	f.StringVar(&e.passphraseFile, "passphrase-file", "", "`file` with the passphrase that opens it")
	f.BoolVar(&withKey, "with-key", false, "put the key file into it")
	f.BoolVar(&withoutKey, "without-key", false, "leave the key file out of it, and ask nothing")
	return c
}

// backup makes a backup.
func (p *program) backup(ctx context.Context, file string, withKey bool, to []age.Recipient) (backedUp, error) {
	done := backedUp{File: file, WithKey: withKey}
	v, err := p.openVault(ctx)
	if err != nil {
		return done, err
	}
	defer v.close()
	return done, v.record(ctx, "backup", file, func() (map[string]string, error) {
		files, err := p.backupFiles(withKey)
		if err != nil {
			return nil, err
		}
		err = writeWhole(p.out, file, func(out io.Writer) error {
			src := backup.Source{Store: v.store, Trail: v.trail, Files: files, Program: "credhost " + programVersion()}
			if done.Summary, err = backup.Write(ctx, out, src, to...); err != nil {
				return err
			}
			return p.sameKey(files)
		})
		return map[string]string{"withKey": fmt.Sprint(withKey), "sha256": done.SHA256}, err
	})
}

// askForKey decides whether the key file goes into the backup.
func (p *program) askForKey(ctx context.Context, with, without bool) (bool, error) {
	someone, ok := p.person()
	if with || without || !ok {
		return with, nil
	}
	return someone.yes(ctx, "put the key file into the backup? Then whoever opens the backup can open every credential; "+
		"if not, you need a copy of "+p.key+" from elsewhere to restore it.")
}

// reportBackup says what was done, on standard error if the backup is on
// standard output.
func (p *program) reportBackup(done backedUp) error {
	if !done.WithKey {
		p.note("the key file is NOT in the backup: keep a copy of %s elsewhere, without it nobody can restore anything", p.key)
	} else {
		p.note("the key file IS in the backup: whoever can open it can open every credential")
	}
	text := func(w io.Writer) {
		fmt.Fprintf(w, "%d records and %d entries of the audit trail are in %s\n", done.Records, done.Entries, visible(done.File))
		fmt.Fprintf(w, "sha256 %s of what is in it\n", done.SHA256)
	}
	if done.File != "-" {
		return p.print(done, text)
	}
	text(p.err)
	return nil
}

// backupFiles returns the files that go into a backup.
func (p *program) backupFiles(withKey bool) (files []backup.File, err error) {
	lock, err := os.ReadFile(p.lock)
	switch {
	case err == nil:
		files = append(files, backup.File{Name: lockInBackup, Data: lock})
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if withKey {
		key, err := os.ReadFile(p.key)
		if err != nil {
			return nil, err
		}
		files = append(files, backup.File{Name: keyInBackup, Data: key})
	}
	return files, nil
}

// sameKey refuses a backup whose key file may lack a key that a record in it
// needs: one that was added since it was read.
func (p *program) sameKey(files []backup.File) error {
	for _, f := range files {
		if f.Name != keyInBackup {
			continue
		}
		now, err := os.ReadFile(p.key)
		if err != nil {
			return err
		}
		if !bytes.Equal(now, f.Data) {
			return errors.New("the key file was changed while the backup was made: make it again")
		}
	}
	return nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}

// writeWhole writes a new file, which appears under its name only when it is
// whole and on the disk; or to out, for "-".
func writeWhole(out io.Writer, name string, write func(io.Writer) error) error {
	if name == "-" {
		return write(out)
	}
	if there, err := exists(name); there || err != nil {
		return errors.Join(err, fmt.Errorf("%s is there already: name a new file", name))
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".credhost-*") // with 0600
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	err = write(temp)
	if err == nil {
		err = temp.Sync()
	}
	if err = errors.Join(err, temp.Close()); err != nil {
		return err
	}
	if err := place(temp.Name(), name); err != nil {
		return err
	}
	if dir, err := os.Open(filepath.Dir(name)); err == nil { // so that it outlives the loss of power, where a folder can be synced
		dir.Sync()
		dir.Close()
	}
	return nil
}

// place gives a file a name that no other has. Where there are no links, a name
// that appears at that very moment is taken over.
func place(temp, name string) error {
	err := os.Link(temp, name)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return err
	}
	return os.Rename(temp, name)
}

// backupTime is how a moment is shown of which a backup is.
func backupTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") }
