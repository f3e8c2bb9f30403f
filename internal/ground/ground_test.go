// SPDX-License-Identifier: Apache-2.0

package ground_test

import (
	"testing"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/internal/ground"
)

func TestMain(m *testing.M) { ground.Main(m) }

// What the ground is for: credentials of every type work on it, and its keys
// are somebody's.
func TestGround(t *testing.T) {
	g := ground.New(t, ground.Config{Types: []string{"acme", "halopsa", "hellocloud", "faxplus"}})
	for _, typ := range g.Host.Types() {
		id := g.Create(typ.Schema.Name)
		v, err := g.Host.Workspace(ground.Workspace).Test(t.Context(), id)
		if err != nil || !v.OK() {
			t.Errorf("%s: %+v, %v", typ.Schema.Name, v, err)
		}
	}
	caller, err := g.Access.Caller(t.Context(), g.Key(access.Read))
	if err != nil || caller.Workspace != ground.Workspace || !caller.Has(access.Read) || caller.Has(access.Use) {
		t.Errorf("the key is %+v's, %v", caller, err)
	}
}
