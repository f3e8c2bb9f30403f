// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
)

// A tb is what the suite needs of a test: a *testing.T or, in the tests of the
// suite itself, one that expects to fail.
type tb interface {
	Helper()
	Run(name string, f func(tb)) bool
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Failed() bool
	Cleanup(f func())
	Context() context.Context

	// frozen calls f while the clock stands still.
	frozen(f func())
}

// real is a tb of package testing.
type real struct{ *testing.T }

// Run runs a subtest.
func (r real) Run(name string, f func(tb)) bool {
	r.Helper()
	return r.T.Run(name, func(t *testing.T) { f(real{t}) })
}

func (r real) frozen(f func()) { synctest.Test(r.T, func(*testing.T) { f() }) }

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
