// SPDX-License-Identifier: Apache-2.0

// Package backup copies all that a store holds into one encrypted file, while
// hosts use it, and fills a store from such a file: the same one, or one of
// another kind.
//
//	recipients, err := age.ParseRecipients(strings.NewReader("age1…"))
//	summary, err := backup.Write(ctx, out, backup.Source{Store: store, Trail: trail}, recipients...)
//
//	from := backup.From{Open: func() (io.ReadCloser, error) { return os.Open(name) }, Identities: identities}
//	summary, err := from.Restore(ctx, store, sealer, false)
//
// Nothing in the file is in the clear, and nothing that was sealed is opened to
// be written: who has the file and what it is encrypted to still needs the key
// file. Format.go has the format.
package backup

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"filippo.io/age"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/audit"
)

// A File is kept beside the records: the lock file, say.
type File struct {
	Name string `json:"name"`
	Data []byte `json:"data"`
}

// A Source is what a backup is made of. Store and Trail are required.
type Source struct {
	Store   host.WholeStore
	Trail   *audit.Trail // of the store
	Files   []File
	Program string           // what makes the backup, for who reads it in years
	Now     func() time.Time // nil: time.Now
}

// A Summary says what a backup holds.
type Summary struct {
	Created time.Time `json:"created"`
	Program string    `json:"program,omitempty"`
	Records int       `json:"records"`
	Entries int       `json:"entries"` // of the trail
	Files   []string  `json:"files"`
	SHA256  string    `json:"sha256"` // of what is in it, in hexadecimal

	contents []File
}

// File returns a file of the backup, if it is in it.
func (s Summary) File(name string) ([]byte, bool) {
	for _, f := range s.contents {
		if f.Name == name {
			return f.Data, true
		}
	}
	return nil, false
}

// Write writes a backup, encrypted so that each of the recipients can read it,
// of which there must be one. It is of one moment, and hosts go on meanwhile.
func Write(ctx context.Context, to io.Writer, src Source, recipients ...age.Recipient) (Summary, error) {
	if src.Store == nil || src.Trail == nil {
		return Summary{}, errors.New("backup: Source needs a Store and its Trail")
	}
	now := time.Now
	if src.Now != nil {
		now = src.Now
	}
	encrypted, err := age.Encrypt(to, recipients...)
	if err != nil {
		return Summary{}, fmt.Errorf("backup: %w", err)
	}
	w := newWriter(encrypted)
	s := Summary{Created: now().UTC(), Program: src.Program, Files: []string{}}
	if err := w.write(line{Head: &header{version, s.Created, s.Program}}); err != nil {
		return s, err
	}
	for _, f := range src.Files {
		s.Files = append(s.Files, f.Name)
		w.count.Files++
		if err := w.write(line{File: &f}); err != nil {
			return s, err
		}
	}
	err = src.Store.Snapshot(ctx, func(r host.Record) error {
		w.count.Records++
		return w.write(line{Record: lineOf(r)})
	}, func(e host.TrailEntry) error {
		w.count.Entries++
		return w.write(line{Entry: &entryLine{e.Seq, e.Event, e.Hash}})
	})
	if err != nil {
		return s, err
	}
	sum := w.sum.Sum(nil)
	w.count.SHA256, w.count.Seal = hex.EncodeToString(sum), hex.EncodeToString(src.Trail.Seal(sum))
	s.Records, s.Entries, s.SHA256 = w.count.Records, w.count.Entries, w.count.SHA256
	if err := w.write(line{End: &w.count}); err != nil {
		return s, err
	}
	return s, errors.Join(w.to.Flush(), encrypted.Close())
}
