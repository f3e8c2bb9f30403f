// SPDX-License-Identifier: Apache-2.0

package sealer_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/credhost/credhost/host/sealer"
)

// witness is a KEK that keeps what passes through it, as none should.
type witness struct {
	sealer.KEK
	associated  []byte
	dataKey     []byte // the very bytes that it was given, or gave
	dataKeyCopy []byte
	wrapped     []byte
}

func (w *witness) Wrap(ctx context.Context, id string, dataKey, associated []byte) ([]byte, error) {
	w.dataKey, w.dataKeyCopy, w.associated = dataKey, slices.Clone(dataKey), associated
	var err error
	w.wrapped, err = w.KEK.Wrap(ctx, id, dataKey, associated)
	return w.wrapped, err
}

func (w *witness) Unwrap(ctx context.Context, id string, wrapped, associated []byte) ([]byte, error) {
	dataKey, err := w.KEK.Unwrap(ctx, id, wrapped, associated)
	w.dataKey, w.dataKeyCopy, w.associated = dataKey, slices.Clone(dataKey), associated
	return dataKey, err
}

func TestTheWrappingBindsHeaderAndAssociatedData(t *testing.T) {
	kek := &witness{KEK: newKeyring(t)}
	sealed := mustSeal(t, sealer.New(kek), plain, aad)
	id, err := sealer.KeyID(sealed)
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Concat([]byte("W"), sealed[:7+len(id)], aad)
	if !bytes.Equal(kek.associated, want) {
		t.Errorf("wrapped with\n%q, want\n%q", kek.associated, want)
	}
	if _, err := sealer.New(kek).Open(t.Context(), sealed, aad); err != nil || !bytes.Equal(kek.associated, want) {
		t.Errorf("unwrapped with\n%q, want\n%q, %v", kek.associated, want, err)
	}
}

func TestDataKeysAreWiped(t *testing.T) {
	kek := &witness{KEK: newKeyring(t)}
	s := sealer.New(kek)
	wiped := func(when string) {
		t.Helper()
		zero := make([]byte, 32)
		if bytes.Equal(kek.dataKeyCopy, zero) || !bytes.Equal(kek.dataKey, zero) {
			t.Errorf("after %s the data key is still there", when)
		}
	}
	sealed := mustSeal(t, s, plain, aad)
	wiped("Seal")
	if _, err := s.Open(t.Context(), sealed, aad); err != nil {
		t.Fatal(err)
	}
	wiped("Open")
	sealed[len(sealed)-1] ^= 1
	mustRefuse(t, s, sealed, aad, sealer.ErrAltered)
	wiped("an Open that refused")
}

// loose is a KEK that ignores what follows a wrapped key, as a service that
// reads a length-prefixed message may, and ignores associated data too.
type loose struct{ sealer.KEK }

func (l loose) Wrap(ctx context.Context, id string, dataKey, _ []byte) ([]byte, error) {
	wrapped, err := l.KEK.Wrap(ctx, id, dataKey, nil)
	return append(wrapped, 0), err
}

func (l loose) Unwrap(ctx context.Context, id string, wrapped, _ []byte) ([]byte, error) {
	return l.KEK.Unwrap(ctx, id, wrapped[:len(wrapped)-1], nil)
}

// What Tink's own envelope lets pass: its wrapped data key may be spelt in more
// than one way.
func TestAMalleableKEKMakesNoMalleableRecord(t *testing.T) {
	s := sealer.New(loose{newKeyring(t)})
	sealed := mustSeal(t, s, plain, aad)
	if _, err := s.Open(t.Context(), sealed, aad); err != nil {
		t.Fatal(err)
	}
	id, _ := sealer.KeyID(sealed)
	sealed[7+len(id)+2+78-1] ^= 1 // the byte that the KEK ignores
	mustRefuse(t, s, sealed, aad, sealer.ErrAltered)
	sealed[7+len(id)+2+78-1] ^= 1
	mustRefuse(t, s, sealed, []byte("elsewhere"), sealer.ErrAltered)
}

// broken is a KEK that answers what it is told to.
type broken struct {
	id               string
	wrapped, dataKey []byte
	err              error
}

func (b broken) KeyID(context.Context) (string, error) { return b.id, nil }

func (b broken) Wrap(context.Context, string, []byte, []byte) ([]byte, error) {
	return b.wrapped, b.err
}

func (b broken) Unwrap(context.Context, string, []byte, []byte) ([]byte, error) {
	return b.dataKey, b.err
}

func TestABrokenKEKSealsNothing(t *testing.T) {
	down := errors.New("the key service is down")
	for name, kek := range map[string]broken{
		"no ID":             {id: "", wrapped: []byte("w")},
		"ID too long":       {id: strings.Repeat("k", 256), wrapped: []byte("w")},
		"ID with a newline": {id: "key\n1", wrapped: []byte("w")},
		"no wrapping":       {id: "k"},
		"wrapping too long": {id: "k", wrapped: make([]byte, 1<<16)},
		"down":              {id: "k", wrapped: []byte("w"), err: down},
	} {
		sealed, err := sealer.New(kek).Seal(t.Context(), plain, aad)
		if err == nil || sealed != nil || (kek.err != nil && !errors.Is(err, kek.err)) {
			t.Errorf("%s: %d bytes, %v", name, len(sealed), err)
		}
	}
	good := broken{id: strings.Repeat("k", 255), wrapped: make([]byte, 1<<16-1), dataKey: make([]byte, 31)}
	sealed := mustSeal(t, sealer.New(good), plain, aad)
	mustRefuse(t, sealer.New(good), sealed, aad, sealer.ErrAltered) // a data key of 31 bytes
	mustRefuse(t, sealer.New(broken{err: down}), sealed, aad, down)
	mustRefuse(t, sealer.New(broken{}), sealed, aad, sealer.ErrAltered)
}

func TestSealWithoutAKeyIDSaysWhy(t *testing.T) {
	gone := errors.New("no key today")
	s := sealer.New(noKey{broken{}, gone})
	if _, err := s.Seal(t.Context(), plain, aad); !errors.Is(err, gone) {
		t.Errorf("Seal: %v", err)
	}
	sealed := mustSeal(t, sealer.New(newKeyring(t)), plain, aad)
	if _, _, err := s.Rewrap(t.Context(), sealed, aad); !errors.Is(err, gone) {
		t.Errorf("Rewrap: %v", err)
	}
}

type noKey struct {
	broken
	err error
}

func (n noKey) KeyID(context.Context) (string, error) { return "", n.err }
