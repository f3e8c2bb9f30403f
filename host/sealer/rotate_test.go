// SPDX-License-Identifier: Apache-2.0

package sealer_test

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/credhost/credhost/host/sealer"
)

func TestRotationKeepsOldRecordsOpen(t *testing.T) {
	ring := newKeyring(t)
	s := sealer.New(ring)
	first, _ := s.KeyID(t.Context())
	old := mustSeal(t, s, plain, aad)

	second, err := ring.Rotate(t.Context())
	if err != nil || second == first {
		t.Fatalf("Rotate: %q after %q, %v", second, first, err)
	}
	got, err := ring.Keys(t.Context())
	want := []sealer.Key{{ID: first, Enabled: true}, {ID: second, Primary: true, Enabled: true}}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("keys: %v\n%s", err, cmp.Diff(want, got))
	}
	if id, _ := sealer.KeyID(mustSeal(t, s, plain, aad)); id != second {
		t.Errorf("sealed with %s, want %s", id, second)
	}
	if got, err := s.Open(t.Context(), old, aad); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("the old record: %v", err)
	}
}

func TestRewrapMovesARecordToThePrimaryKey(t *testing.T) {
	ring := newKeyring(t)
	s := sealer.New(ring)
	old := mustSeal(t, s, plain, aad)
	second, _ := ring.Rotate(t.Context())

	fresh, changed, err := s.Rewrap(t.Context(), old, aad)
	if err != nil || !changed {
		t.Fatalf("Rewrap: %t, %v", changed, err)
	}
	if id, _ := sealer.KeyID(fresh); id != second {
		t.Errorf("rewrapped under %s, want %s", id, second)
	}
	again, changed, err := s.Rewrap(t.Context(), fresh, aad)
	if err != nil || changed || !bytes.Equal(again, fresh) {
		t.Errorf("a second Rewrap: %t, %v", changed, err)
	}
	if got, err := s.Open(t.Context(), fresh, aad); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("the new record: %v", err)
	}
	// The job refuses what is wrong, whichever key sealed it.
	for _, sealed := range [][]byte{old, fresh} {
		if out, changed, err := s.Rewrap(t.Context(), sealed, []byte("elsewhere")); out != nil || changed ||
			!errors.Is(err, sealer.ErrAltered) {
			t.Errorf("Rewrap elsewhere: %d bytes, %t, %v", len(out), changed, err)
		}
	}
	if _, _, err := s.Rewrap(t.Context(), old[:20], aad); !errors.Is(err, sealer.ErrMalformed) {
		t.Errorf("Rewrap of a part: %v", err)
	}
}

func TestADisabledOrRemovedKeyOpensNothing(t *testing.T) {
	ctx, ring := t.Context(), newKeyring(t)
	s := sealer.New(ring)
	first, _ := s.KeyID(ctx)
	old := mustSeal(t, s, plain, aad)
	second, _ := ring.Rotate(ctx)

	if err := ring.Disable(ctx, first); err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, s, old, aad, sealer.ErrDisabledKey)
	_, err := s.Open(ctx, old, aad)
	want := "open a sealed record: key " + first + " is needed, but it is disabled in the keyring in memory: " +
		"enable it, or restore a record sealed since with " + second
	if errors.Is(err, sealer.ErrUnknownKey) || err.Error() != want {
		t.Errorf("said %q\nwant %q", err, want)
	}
	if err := ring.Enable(ctx, first); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Open(ctx, old, aad); err != nil {
		t.Errorf("enabled again: %v", err)
	}
	if err := ring.Remove(ctx, first); err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, s, old, aad, sealer.ErrUnknownKey)
	if got, _ := ring.Keys(ctx); len(got) != 1 || got[0].ID != second {
		t.Errorf("left: %v", got)
	}
}

func TestThePrimaryKeyStays(t *testing.T) {
	ctx, ring := t.Context(), newKeyring(t)
	only, _ := ring.KeyID(ctx)
	if err := ring.Disable(ctx, only); !errors.Is(err, sealer.ErrPrimaryKey) {
		t.Errorf("Disable: %v", err)
	}
	if err := ring.Remove(ctx, only); !errors.Is(err, sealer.ErrPrimaryKey) {
		t.Errorf("Remove: %v", err)
	}
	if err := ring.Promote(ctx, only); err != nil {
		t.Errorf("Promote what is the primary: %v", err)
	}
}

// In two steps, for hosts that have key files of their own.
func TestAddedKeyOpensBeforeItSeals(t *testing.T) {
	ctx, ring := t.Context(), newKeyring(t)
	first, _ := ring.KeyID(ctx)
	second, err := ring.Add(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if id, _ := ring.KeyID(ctx); id != first {
		t.Errorf("Add promoted %s", id)
	}
	if err := ring.Disable(ctx, second); err != nil {
		t.Fatal(err)
	}
	if err := ring.Promote(ctx, second); !errors.Is(err, sealer.ErrDisabledKey) {
		t.Errorf("promote a disabled key: %v", err)
	}
	if err := errors.Join(ring.Enable(ctx, second), ring.Promote(ctx, second)); err != nil {
		t.Fatal(err)
	}
	if id, _ := ring.KeyID(ctx); id != second {
		t.Errorf("primary %s, want %s", id, second)
	}
}

func TestChangingAnUnknownKeyNamesThoseHeld(t *testing.T) {
	ctx, ring := t.Context(), newKeyring(t)
	only, _ := ring.KeyID(ctx)
	for _, id := range []string{"0", "4294967296", "", "all"} {
		err := ring.Remove(ctx, id)
		if !errors.Is(err, sealer.ErrUnknownKey) || !strings.HasSuffix(err.Error(), "holds "+only) {
			t.Errorf("Remove(%q): %v", id, err)
		}
	}
}

func TestSealersWorkWhileKeysChange(t *testing.T) {
	ctx, ring := t.Context(), newKeyring(t)
	s := sealer.New(ring)
	old := mustSeal(t, s, plain, aad)
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for range 200 {
				sealed, err := s.Seal(ctx, plain, aad)
				if err != nil {
					t.Errorf("Seal: %v", err)
					return
				}
				for _, record := range [][]byte{sealed, old} {
					if got, err := s.Open(ctx, record, aad); err != nil || !bytes.Equal(got, plain) {
						t.Errorf("Open: %v", err)
						return
					}
				}
			}
		})
	}
	for range 4 {
		work.Go(func() {
			for range 5 {
				if _, err := ring.Rotate(ctx); err != nil {
					t.Errorf("Rotate: %v", err)
				}
			}
		})
	}
	work.Wait()
	if got, _ := ring.Keys(ctx); len(got) != 21 {
		t.Errorf("%d keys, want 21", len(got))
	}
}
