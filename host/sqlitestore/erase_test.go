// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
)

var canary = regexp.MustCompile(`^CANARY-[0-9]{5}-[0-9]{3}`)

// canaries returns n bytes full of the name of a record and a generation, so
// that any remainder of it is found.
func canaries(r host.Record, n int) string {
	text := fmt.Sprintf("CANARY-%s-%03d ", r.ID, r.Generation)
	return strings.Repeat(text, n/len(text)+1)
}

func newCanary(i, size int) host.Record {
	r := host.Record{Workspace: "acme", ID: fmt.Sprintf("%05d", i), Kind: host.KindCredential, Type: "halopsa", Generation: 1}
	r.Created, r.Updated = time.Now(), time.Now()
	return withCanaries(r, size)
}

func withCanaries(r host.Record, size int) host.Record {
	r.Sealed = []byte(canaries(r, size))
	return r
}

// findCanaries prints the canaries in the raw bytes of the store's files. It
// runs in a child: to read them in the store's own process would drop the
// store's locks.
func findCanaries(path string) error {
	files, err := filepath.Glob(path + "*")
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		found := make(map[string]bool)
		for i := 0; i >= 0; i = bytes.Index(text, []byte("CANARY")) {
			text = text[i:]
			if name := canary.Find(text[:min(40, len(text))]); name != nil {
				found[string(name)] = true
			}
			text = text[min(1, len(text)):]
		}
		for _, name := range slices.Sorted(maps.Keys(found)) {
			fmt.Println(name, "in", filepath.Base(file))
		}
	}
	return nil
}

// left returns what findCanaries finds that is none of the records. It must
// find those, too, or it would be blind.
func left(t *testing.T, s *Store, records map[int]host.Record) (lines []string) {
	t.Helper()
	seen := 0
	c := start(t, "find", s.Path())
	for c.lines.Scan() {
		line := c.lines.Text()
		var i, generation int
		if _, err := fmt.Sscanf(line[len("CANARY-"):], "%05d-%03d", &i, &generation); err != nil {
			t.Fatal(err)
		}
		if r, ok := records[i]; !ok || int(r.Generation) != generation {
			lines = append(lines, line)
		} else {
			seen++
		}
	}
	if seen != len(records) {
		t.Fatalf("%d of %d records were found in the files", seen, len(records))
	}
	return lines
}

func TestDeleteErases(t *testing.T) {
	s := newStore(t)
	seed := rand.Uint64()
	c := churn{s, rand.New(rand.NewPCG(seed, 0)), make(map[int]host.Record), make(map[int]host.Record)}
	for round := range 4 {
		for range 300 {
			c.step(t)
		}
		for i := range c.records {
			c.delete(t, i)
			break
		}
		kept := maps.Clone(c.records)
		maps.Copy(kept, c.intents)
		if lines := left(t, s, kept); len(lines) > 0 {
			t.Fatalf("seed %d, round %d: %d canaries are left, the first are\n%s",
				seed, round, len(lines), strings.Join(lines[:min(9, len(lines))], "\n"))
		}
	}
}

// A churn makes, changes and deletes records and intents of all sizes, at
// random.
type churn struct {
	*Store
	*rand.Rand
	records map[int]host.Record
	intents map[int]host.Record // :: 50,000 and the record's number → one whose Sealed is the intent
}

func (c churn) step(t *testing.T) {
	t.Helper()
	i, size := c.IntN(100), 1<<c.IntN(15)
	r, ok := c.records[i]
	var err error
	switch {
	case !ok:
		r = newCanary(i, size)
		err = c.Create(t.Context(), r)
	case c.IntN(2) > 0:
		err = c.note(t, i, size)
	case c.IntN(3) > 0:
		r.Generation++
		r = withCanaries(r, size)
		err = c.Save(t.Context(), r, c.lease(t, i))
	default:
		c.delete(t, i)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	c.records[i] = r
}

// note notes or clears an intent.
func (c churn) note(t *testing.T, i, size int) error {
	t.Helper()
	l, err := c.Lease(t.Context(), "acme", c.records[i].ID, "me", time.Hour)
	if err != nil {
		return err
	}
	for n := range 1 + c.IntN(3) {
		in, ok := c.intents[50_000+i]
		if !ok {
			in = newCanary(50_000+i, 0)
			in.Generation = uint64(c.IntN(900))
		}
		in.Generation++
		in = withCanaries(in, size+n)
		if c.IntN(4) == 0 {
			in.Sealed = nil
			delete(c.intents, 50_000+i)
		} else {
			c.intents[50_000+i] = in
		}
		if err := c.Note(t.Context(), l, in.Sealed); err != nil {
			return err
		}
	}
	return c.Unlease(t.Context(), l)
}

// lease returns a lease, which makes the next Save forget the intent, or nil.
func (c churn) lease(t *testing.T, i int) *host.Lease {
	t.Helper()
	if c.IntN(2) == 0 {
		return nil
	}
	l, err := c.Lease(t.Context(), "acme", c.records[i].ID, "me", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	delete(c.intents, 50_000+i)
	return &l
}

func (c churn) delete(t *testing.T, i int) {
	t.Helper()
	if err := c.Delete(t.Context(), c.records[i].Workspace, c.records[i].ID, 0, nil); err != nil {
		t.Fatal(err)
	}
	delete(c.records, i)
	delete(c.intents, 50_000+i)
}
