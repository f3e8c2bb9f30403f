// SPDX-License-Identifier: Apache-2.0

package testplugin_test

import (
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"testing"

	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk"
)

func readCloser(text string) io.ReadCloser { return io.NopCloser(strings.NewReader(text)) }

func TestTypesAreSoundAndHaveAnswers(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range testplugin.Plugins() {
		s := p.Schema()
		if err := s.Validate(); err != nil {
			t.Error(err)
		}
		if _, err := s.Complete(testplugin.Answers(s.Name)); err != nil {
			t.Errorf("%s: its answers are not good: %v", s.Name, err)
		}
		if seen[s.Name] {
			t.Errorf("there are two types %s", s.Name)
		}
		seen[s.Name] = true
	}
	if len(seen) != 414 {
		t.Errorf("got %d types, want 414", len(seen))
	}
}

// The program says what the package says.
func TestBuild(t *testing.T) {
	for name, c := range map[string]struct {
		old  bool
		want []sdk.Plugin
	}{
		"new": {false, testplugin.Plugins()},
		"old": {true, testplugin.OldPlugins()},
	} {
		t.Run(name, func(t *testing.T) {
			program, err := testplugin.Build(t.TempDir(), c.old)
			if err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command(program, "--describe").Output()
			if err != nil {
				t.Fatal(err)
			}
			var d struct{ Types []struct{ Schema sdk.Schema } }
			if err := json.Unmarshal(out, &d); err != nil {
				t.Fatal(err)
			}
			if len(d.Types) != len(c.want) {
				t.Fatalf("the program serves %d types, want %d", len(d.Types), len(c.want))
			}
			for i, p := range c.want {
				if got, want := d.Types[i].Schema, p.Schema(); got.Name != want.Name || got.Version != want.Version {
					t.Errorf("type %d is %s in version %d, want %s in %d", i, got.Name, got.Version, want.Name, want.Version)
				}
			}
		})
	}
}
