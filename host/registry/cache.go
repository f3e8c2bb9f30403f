// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/credhost/credhost/internal/wire"
)

// A cache keeps what programs say of themselves, so that listing types and
// rendering forms start no process. It is a folder with a file for each
// program and digest; the zero cache keeps nothing. A cache cannot lie: what
// is read from it must have the digest that the lock file pins.
type cache string

// A cached begins a file of the cache. After its line of JSON follows the
// description, exactly as it was digested.
type cached struct {
	Digest digest  `json:"digest"` // of the program
	Files  []stamp `json:"files"`  // where the program was when it was hashed, on this machine
}

func (c cache) path(name string, d digest) string {
	return filepath.Join(string(c), name+"@"+d.hex()+".json")
}

// get returns the description that p pins, and the stamps of the files that
// had its digest. Whatever is wrong with an entry, it is as if there were none.
func (c cache) get(name string, p pin) (*wire.Description, []stamp, bool) {
	if c == "" {
		return nil, nil, false
	}
	data, err := os.ReadFile(c.path(name, p.Program))
	if err != nil {
		return nil, nil, false
	}
	head, description, _ := bytes.Cut(data, []byte{'\n'})
	var e cached
	if json.Unmarshal(head, &e) != nil || e.Digest != p.Program || digestOf(description) != p.Description {
		return nil, nil, false
	}
	d := new(wire.Description)
	if d.UnmarshalJSON(description) != nil {
		return nil, nil, false
	}
	return d, e.Files, true
}

// put stores a description, in the place of those of older versions. The cache
// does without what cannot be stored.
func (c cache) put(name string, d digest, files []stamp, description wire.Description) error {
	if c == "" {
		return nil
	}
	if err := os.MkdirAll(string(c), 0o700); err != nil {
		return err
	}
	path := c.path(name, d)
	data := append(append(canonical(cached{Digest: d, Files: files}), '\n'), canonical(description)...)
	if err := writeFile(path, data, 0o600); err != nil {
		return err
	}
	c.drop(name, filepath.Base(path))
	return nil
}

// drop removes what is stored of a program, but for the file kept.
func (c cache) drop(name, kept string) {
	if c == "" {
		return
	}
	entries, _ := os.ReadDir(string(c))
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), name+"@") && e.Name() != kept {
			os.Remove(filepath.Join(string(c), e.Name()))
		}
	}
}

// fresh reports whether the files are those that were hashed.
func fresh(hashed, now []stamp) bool { return len(now) > 0 && slices.Equal(hashed, now) }
