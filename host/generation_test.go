// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"errors"
	"testing"

	"github.com/credhost/credhost/host"
)

// TestGeneration shows that nobody overwrites, or deletes, what another has
// saved since it was looked at.
func TestGeneration(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("placed", nil)
	seen, err := h.Show(t.Context(), id)
	if err != nil || seen.Generation != 1 {
		t.Fatalf("generation %d, %v; want 1", seen.Generation, err)
	}
	first, second := "first", "second"
	if err := h.Update(t.Context(), id, host.Patch{Name: &first, Generation: seen.Generation}); err != nil {
		t.Fatal(err)
	}
	if err := h.Update(t.Context(), id, host.Patch{Name: &second, Generation: seen.Generation}); !errors.Is(err, host.ErrConflict) {
		t.Errorf("an update of what has changed: %v; want ErrConflict", err)
	}
	if err := h.DeleteUnchanged(t.Context(), id, seen.Generation); !errors.Is(err, host.ErrConflict) {
		t.Errorf("a deletion of what has changed: %v; want ErrConflict", err)
	}
	if seen, err = h.Show(t.Context(), id); err != nil || seen.Name != first {
		t.Fatalf("%+v, %v; want what was saved first", seen, err)
	}
	if err := h.Update(t.Context(), id, host.Patch{Name: &second}); err != nil {
		t.Errorf("an update of whatever is there: %v", err)
	}
	if err := h.DeleteUnchanged(t.Context(), id, seen.Generation+1); err != nil {
		t.Errorf("a deletion of what is there: %v", err)
	}
	if err := h.DeleteUnchanged(t.Context(), id, seen.Generation+1); !errors.Is(err, host.ErrNotFound) {
		t.Errorf("a deletion of what is gone: %v; want ErrNotFound", err)
	}
}
