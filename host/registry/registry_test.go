// SPDX-License-Identifier: Apache-2.0

//go:build unix

package registry

import (
	"errors"
	"os"
	"strconv"
	"testing"

	"github.com/credhost/credhost/sdk"
)

func TestTrustedProgramIsCalled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.install("alpha", conf{Version: "1.2.3", Origins: []string{"https://api.example.com"}})
	r := b.open()

	if p := programOf(t, r, "alpha"); p.State != Untrusted {
		t.Errorf("state %s before it is trusted", p.State)
	} else {
		wantWords(t, p.Fault, "credhost plugin trust alpha")
	}
	if _, err := r.Plugin("acme", "alpha"); !errors.Is(err, sdk.Invalid) {
		t.Errorf("a type of an untrusted program: %v, want Invalid", err)
	}

	o, err := r.Inspect(t.Context(), "alpha")
	if err != nil {
		t.Fatal(err)
	}
	if o.Trusted || o.Version != "1.2.3" || len(o.Types) != 1 || len(o.Origins) != 1 || o.Origins[0] != "https://api.example.com" || o.Reads != nil {
		t.Errorf("offer %+v", o)
	}
	if err := r.Trust(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	p := programOf(t, r, "alpha")
	if p.State != Trusted || p.Fault != "" || p.Digest != o.Digest || p.Version != "1.2.3" || p.Running != 0 {
		t.Errorf("program %+v", p)
	}
	if o, err := r.Inspect(t.Context(), "alpha"); err != nil || !o.Trusted {
		t.Errorf("offer of a trusted program: %+v, %v", o, err)
	}

	g, err := askWith(t.Context(), r, "acme", "alpha", sdk.Values{"token": "s3cret"})
	if err != nil {
		t.Fatal(err)
	}
	if g.Header.Get("Authorization") != "Bearer s3cret" || string(g.State) != "state of alpha" {
		t.Errorf("grant %v", g)
	}
	if p := programOf(t, r, "alpha"); p.Running != 1 {
		t.Errorf("%d processes run after a call", p.Running)
	}
	if err := r.Distrust("alpha"); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Plugin("acme", "alpha"); !errors.Is(err, sdk.Invalid) {
		t.Errorf("a type of a distrusted program: %v, want Invalid", err)
	}
	eventually(t, "its process ends", func() bool { return programOf(t, r, "alpha").Running == 0 })
}

func TestEachWorkspaceHasItsOwnProcess(t *testing.T) {
	t.Parallel()
	r := newBench(t).loose().trusted("alpha", conf{})
	pid := func(workspace string) string {
		g, err := ask(t.Context(), r, workspace, "alpha", "pid", "")
		if err != nil {
			t.Fatal(err)
		}
		return g.Facts["it"]
	}
	a, b := pid("a"), pid("b")
	if a == b {
		t.Errorf("two workspaces share process %s", a)
	}
	if again := pid("a"); again != a {
		t.Errorf("a workspace has process %s after %s", again, a)
	}
	if a == strconv.Itoa(os.Getpid()) {
		t.Error("the plugin runs in the host")
	}
}
