// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/credhost/credhost/internal/hostile"
)

// An attempt is a case's test.
type attempt struct {
	// run makes the attempt. It reports whether the attacker has got what they
	// wanted, and what the one who is attacked was told.
	run func(w *world) (won bool, told error)

	// says is a part of what the one who is attacked is told when the attempt
	// fails; empty: nothing, since all goes well for them.
	says string
}

// attempts are those of one actor, or some of them, by the names of the cases.
type attempts map[string]attempt

// try makes all attempts of one actor: first without the case's defences, when
// it must succeed, and then with all of them, when it must fail as it should.
// Every case of the table must have an attempt, and every attempt a case.
func try(t *testing.T, who hostile.Who, all ...attempts) {
	t.Parallel()
	made := attempts{}
	for _, some := range all {
		for name := range some {
			if _, twice := made[name]; twice {
				t.Errorf("there are two attempts called %q", name)
			}
		}
		maps.Copy(made, some)
	}
	for _, c := range hostile.Of("internal/hostile", t.Name()) {
		if c.Who != who {
			t.Errorf("%q is a case of another actor", c.Name)
		}
		a, ok := made[c.Name]
		if !ok {
			t.Errorf("nobody tries %q", c.Name)
			continue
		}
		delete(made, c.Name)
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			a.try(t, c)
		})
	}
	for _, name := range slices.Sorted(maps.Keys(made)) {
		t.Errorf("the attempt %q is of no case in the table", name)
	}
}

func (a attempt) try(t *testing.T, c hostile.Case) {
	shares := c.Who != hostile.Plugin && c.Who != hostile.Machine // whose cases are about the host's own processes and files
	// A run that another one has started leaves it to that to show this.
	if os.Getenv(programsEnv) == "" {
		t.Run("without", func(t *testing.T) {
			w := begin(t, true, shares, c.Defences)
			if won, told := a.run(w); !won {
				t.Errorf("the attempt fails without its defence, too: it proves nothing. The victim is told: %v\n%s", told, w.log)
			}
		})
	}
	w := begin(t, false, shares, nil)
	won, told := a.run(w)
	switch {
	case won:
		t.Errorf("the attempt succeeds. The victim is told: %v\n%s", told, w.log)
	case a.says == "" && told != nil:
		t.Errorf("the attempt fails, but the victim is told %q, and should notice nothing", told)
	case a.says != "" && (told == nil || !strings.Contains(told.Error(), a.says)):
		t.Errorf("the attempt fails, but the victim is told %v, and should be told %q", told, a.says)
	}
	if w.told(canary, told) {
		t.Errorf("the log, the audit or the error holds the secret: %v\n%s\n%s", told, w.log, w.audit)
	}
}

// A case has everything that a reader needs, and can be told from the others.
func TestCases(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range hostile.Cases() {
		id := c.TestName() + "/" + c.Name
		if seen[c.Folder()+id] {
			t.Errorf("%s: there are two", id)
		}
		seen[c.Folder()+id] = true
		if c.Name == "" || !sentence(c.Tries) || !sentence(c.Stopped) {
			t.Errorf("%s: a case has a name, and says in sentences what is tried and how it is stopped", id)
		}
		if len(c.Defences) == 0 && c.Contrast == "" || c.Contrast != "" && !sentence(c.Contrast) {
			t.Errorf("%s: a case has defences that can be switched off, or a contrast, in a sentence", id)
		}
		if !declares(t, c.Folder(), c.TestName()) {
			t.Errorf("%s: there is no such test in %s", id, c.Folder())
		}
	}
}

// declares reports whether a folder, below the module's root, has a test.
func declares(t *testing.T, folder, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../..", folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(files, func(name string) bool {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(text), "\nfunc "+test+"(t *testing.T) {")
	})
}

func sentence(s string) bool { return len(s) > 10 && strings.HasSuffix(s, ".") }
