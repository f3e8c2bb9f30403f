// SPDX-License-Identifier: Apache-2.0

package sqlitestore

import (
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

var canary = regexp.MustCompile(`CANARY-[a-z]-[0-9]{5}-[0-9]{3}`)

// canaries returns n bytes full of the name of a record and a generation, so
// that any remainder of it is found.
func canaries(r host.Record, n int) string {
	text := fmt.Sprintf("CANARY-s-%s-%03d ", r.ID, r.Generation)
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
	found := make(map[string]string)
	files, err := filepath.Glob(path + "*")
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, name := range canary.FindAll(text, -1) {
			found[string(name)] += " " + filepath.Base(file)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		fmt.Println(name, len(strings.Fields(found[name])), "times in", strings.Fields(found[name])[0])
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
		if _, err := fmt.Sscanf(line[len("CANARY-x-"):], "%05d-%03d", &i, &generation); err != nil {
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
	records := make(map[int]host.Record)
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	size := func() int { return 1 << random.IntN(16) }
	for step := range 1500 {
		i := random.IntN(150)
		r, ok := records[i]
		switch {
		case !ok:
			r = newCanary(i, size())
			if err := s.Create(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			records[i] = r
		case random.IntN(3) > 0 && r.Generation < 999:
			r.Generation++
			r = withCanaries(r, size())
			if err := s.Save(t.Context(), r, nil); err != nil {
				t.Fatal(err)
			}
			records[i] = r
		default:
			if err := s.Delete(t.Context(), r.Workspace, r.ID); err != nil {
				t.Fatal(err)
			}
			delete(records, i)
			if step > 1400 {
				if lines := left(t, s, records); len(lines) > 0 {
					t.Fatalf("seed %d, step %d: %d canaries are left, the first are\n%s",
						seed, step, len(lines), strings.Join(lines[:min(9, len(lines))], "\n"))
				}
			}
		}
	}
}
