// SPDX-License-Identifier: Apache-2.0

package backup

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/credhost/credhost/host"
)

// A backup is a file of age (https://age-encryption.org/v1). What it encrypts is
// text in UTF-8: lines of JSON, each an object with one member.
//
//	{"credhost backup":{"version":1,"created":"2026-05-04T15:04:05Z","program":"…"}}
//	{"file":{"name":"credhost.lock","data":"…"}}
//	{"record":{"workspace":"acme","id":"c-…","kind":"credential","type":"halopsa","name":"","generation":3,
//	           "created":"…","updated":"…","due":"…","sealed":"…","intent":"…"}}
//	{"entry":{"seq":1,"event":"…","hash":"…"}}
//	{"end":{"files":1,"records":1,"entries":1,"sha256":"…","seal":"…"}}
//
// Files come first, then records in the order of their workspaces and IDs, then
// entries of the trail in order. Bytes are in base64 (RFC 4648, section 4), but
// for the sums, which are in hexadecimal; times are as in RFC 3339, and absent
// where they are zero. A record's columns are those of host.Record, and an
// entry's event is the JSON that its hash is of. What is sealed stays sealed: it
// needs the key file.
//
// The sum is SHA-256 of all lines before the last, with their ends. The seal is
// a keyed hash of that sum, by the key of the trail among the records: age lets
// anybody encrypt to a public key, and this says that a host has.
//
// Who reads version 1 must refuse a version above it, and may ignore members
// that it does not know in the objects of one.
const version = 1

type line struct {
	Head   *header      `json:"credhost backup,omitempty"`
	File   *File        `json:"file,omitempty"`
	Record *recordLine  `json:"record,omitempty"`
	Entry  *entryLine   `json:"entry,omitempty"`
	End    *endOfBackup `json:"end,omitempty"`
}

type header struct {
	Version int       `json:"version"`
	Created time.Time `json:"created"`
	Program string    `json:"program,omitempty"`
}

type recordLine struct {
	Workspace  string    `json:"workspace"`
	ID         string    `json:"id"`
	Kind       host.Kind `json:"kind"`
	Type       string    `json:"type,omitempty"`
	Name       string    `json:"name,omitempty"`
	Generation uint64    `json:"generation"`
	Created    time.Time `json:"created,omitzero"`
	Updated    time.Time `json:"updated,omitzero"`
	Due        time.Time `json:"due,omitzero"`
	Sealed     []byte    `json:"sealed"`
	Intent     []byte    `json:"intent,omitempty"`
}

type entryLine struct {
	Seq   uint64 `json:"seq"`
	Event []byte `json:"event"`
	Hash  []byte `json:"hash"`
}

type endOfBackup struct {
	Files   int    `json:"files"`
	Records int    `json:"records"`
	Entries int    `json:"entries"`
	SHA256  string `json:"sha256"`
	Seal    string `json:"seal"`
}

func lineOf(r host.Record) *recordLine {
	return &recordLine{r.Workspace, r.ID, r.Kind, r.Type, r.Name, r.Generation, r.Created, r.Updated, r.Due, r.Sealed, r.Intent}
}

func (l *recordLine) record() host.Record {
	r := host.Record{Workspace: l.Workspace, ID: l.ID, Kind: l.Kind, Type: l.Type, Name: l.Name, Generation: l.Generation,
		Created: l.Created.UTC(), Updated: l.Updated.UTC(), Due: l.Due.UTC(), Sealed: l.Sealed}
	if len(l.Intent) > 0 {
		r.Intent = l.Intent
	}
	return r
}

// entry returns an entry of the trail, whose columns are copies of its event's.
func (l *entryLine) entry() (host.TrailEntry, error) {
	var e host.Event
	if json.Unmarshal(l.Event, &e) != nil {
		return host.TrailEntry{}, fmt.Errorf("entry %d of the trail cannot be read", l.Seq)
	}
	return host.TrailEntry{Seq: l.Seq, Time: e.Time.UTC(), Workspace: e.Workspace, Credential: e.Credential,
		Actor: string(e.Actor), Action: e.Action, Event: l.Event, Hash: l.Hash}, nil
}

// A writer writes lines, and sums them up.
type writer struct {
	to    *bufio.Writer
	sum   hash.Hash
	count endOfBackup
}

func newWriter(to io.Writer) *writer { return &writer{to: bufio.NewWriter(to), sum: sha256.New()} }

func (w *writer) write(l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	text = append(text, '\n')
	w.sum.Write(text)
	_, err = w.to.Write(text)
	return err
}

// longestLine bounds what is read at once. A record holds at most some
// megabytes.
const longestLine = 64 << 20

// errLine is for what is no line of a backup.
var errLine = errors.New("what is in it is no backup of credhost, or a damaged one")

// A reader reads lines, sums them up, and knows which may come next.
type reader struct {
	from  *bufio.Reader
	sum   hash.Hash
	count endOfBackup
	head  *header
	stage int // of what was read: 1 header, 2 files, 3 records, 4 entries, 5 the end
	last  uint64
}

func newReader(from io.Reader) *reader {
	return &reader{from: bufio.NewReaderSize(from, 64<<10), sum: sha256.New()}
}

// next returns the next line, or io.EOF after the last one.
func (r *reader) next() (line, error) {
	text, err := r.text()
	if err != nil {
		return line{}, err
	}
	var l line
	d := json.NewDecoder(bytes.NewReader(text))
	if d.Decode(&l) != nil || len(bytes.TrimSpace(text[d.InputOffset():])) > 0 {
		return line{}, errLine
	}
	stage, err := r.accept(l)
	if err != nil {
		return line{}, err
	}
	if stage < r.stage || stage == 1 && r.stage == 1 || r.stage == 0 && stage != 1 {
		return line{}, errLine
	}
	r.stage = stage
	if l.End != nil {
		return l, r.checkEnd(*l.End)
	}
	r.sum.Write(text)
	return l, nil
}

// text returns the bytes of the next line.
func (r *reader) text() ([]byte, error) {
	var text []byte
	for {
		part, err := r.from.ReadSlice('\n')
		text = append(text, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull) && len(text) <= longestLine:
			continue
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, errLine
		case errors.Is(err, io.EOF) && len(text) == 0:
			if r.stage != 5 {
				return nil, errTruncated
			}
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return nil, errTruncated
		case err != nil:
			return nil, err
		case r.stage == 5:
			return nil, errLine
		}
		return text, nil
	}
}

var errTruncated = errors.New("its end is missing")

// accept counts a line, and returns which stage it belongs to.
func (r *reader) accept(l line) (stage int, err error) {
	n := 0
	if l.Head != nil {
		n, stage, r.head = n+1, 1, l.Head
		if l.Head.Version > version {
			return 0, fmt.Errorf("it was made by a newer version of credhost (format %d): use that one", l.Head.Version)
		}
		if l.Head.Version != version {
			return 0, errLine
		}
	}
	if l.File != nil {
		n, stage = n+1, 2
		r.count.Files++
	}
	if l.Record != nil {
		n, stage = n+1, 3
		r.count.Records++
	}
	if l.Entry != nil {
		n, stage = n+1, 4
		r.count.Entries++
		if r.last > 0 && l.Entry.Seq != r.last+1 {
			return 0, errLine
		}
		r.last = l.Entry.Seq
	}
	if l.End != nil {
		n, stage = n+1, 5
	}
	if n != 1 {
		return 0, errLine
	}
	return stage, nil
}

// checkEnd compares what the end says with what was read.
func (r *reader) checkEnd(said endOfBackup) error {
	r.count.SHA256, r.count.Seal = hex.EncodeToString(r.sum.Sum(nil)), said.Seal
	if said != r.count {
		return errors.New("what is in it does not add up")
	}
	return nil
}
