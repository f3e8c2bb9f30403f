// SPDX-License-Identifier: Apache-2.0

// Package sealer seals the records of a host by envelope encryption: a fresh
// data key for each record, wrapped by a key that lives outside the store.
//
//	ring, err := sealer.OpenFile(ctx, sealer.FileConfig{Path: "credhost.key", Create: storeIsEmpty})
//	if err != nil {
//		return err
//	}
//	h, err := host.Open(ctx, host.Config{Sealer: sealer.New(ring), …})
//
// Read this file first; record.go has the layout of a sealed record, and
// keyfile.go that of a key file.
//
// What a sealed record promises: it opens only with the key it names, only
// beside the associated data it was sealed with, and only if no bit of it has
// changed. What it does not hide is the length of the plaintext and which key
// sealed it. That an old record was put back in place of a newer one is seen
// only if the associated data tells the two apart, by a generation, say.
package sealer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
)

// A KEK holds the keys that wrap data keys, and lives outside the store: a
// Keyring, or a key management service. Its keys have names, and a record says
// which one it needs, so nothing is ever tried. All methods are safe for
// concurrent use.
//
// No error may hold key material or associated data: it reaches logs.
type KEK interface {
	// KeyID names the key that wraps from now on: 1 to 255 visible ASCII
	// characters. It is asked before every Wrap and should cost no network call.
	KeyID(ctx context.Context) (string, error)

	// Wrap encrypts a data key with the named key and authenticates associated
	// with it, whole: where a service limits its size, its SHA-256 will do. The
	// answer is at most 64 KiB. dataKey is the caller's, who wipes it; it must
	// not be kept.
	Wrap(ctx context.Context, keyID string, dataKey, associated []byte) (wrapped []byte, err error)

	// Unwrap undoes Wrap. The answer belongs to the caller, who wipes it. The
	// error is ErrAltered if wrapped or associated is not what Wrap saw, a
	// *KeyError if the named key is not at hand or disabled, and anything else if
	// the KEK could not be asked.
	Unwrap(ctx context.Context, keyID string, wrapped, associated []byte) (dataKey []byte, err error)
}

// A Sealer seals and opens records. It is safe for concurrent use and holds no
// secret of its own. Make one with New.
type Sealer struct{ kek KEK }

// New returns a Sealer whose data keys are wrapped by kek, which is required.
func New(kek KEK) *Sealer { return &Sealer{kek} }

// KeyID names the key that Seal uses from now on.
func (s *Sealer) KeyID(ctx context.Context) (string, error) { return s.kek.KeyID(ctx) }

// Seal encrypts plaintext with a data key of its own, and binds the result to
// associated, which Open must be given again, byte for byte. Neither argument
// is changed or kept; plaintext is the caller's to wipe. ctx is for the KEK.
func (s *Sealer) Seal(ctx context.Context, plaintext, associated []byte) ([]byte, error) {
	keyID, err := s.kek.KeyID(ctx)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	head, err := newHead(keyID)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	dataKey := make([]byte, dataKeySize)
	defer clear(dataKey)
	rand.Read(dataKey)

	wrapped, err := s.kek.Wrap(ctx, keyID, dataKey, bind(forWrap, head, associated))
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	if head, err = appendWrapped(head, wrapped); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return sealPayload(dataKey, head, plaintext, bind(forPayload, head, associated))
}

// Open returns the plaintext of a sealed record, which belongs to the caller,
// or an error that is one of ErrAltered, ErrUnknownKey, ErrDisabledKey,
// ErrMalformed and ErrNewer, or what kept the KEK from answering. There is
// never a plaintext beside an error.
func (s *Sealer) Open(ctx context.Context, sealed, associated []byte) ([]byte, error) {
	r, err := parse(sealed)
	if err != nil {
		return nil, err
	}
	return s.open(ctx, r, associated)
}

// Rewrap seals a record anew, data key included, if a key other than the
// primary one sealed it, and reports whether it did. A record under the primary
// key comes back as it is. Either way the record has been opened, so a job that
// rewraps a whole store has also checked it. Such a job may stop and start
// anywhere: call Rewrap for every record, store what changed if nobody changed
// the record meanwhile, and begin again until nothing changes; then no record
// needs the old key. The error is what Open or Seal would say.
func (s *Sealer) Rewrap(ctx context.Context, sealed, associated []byte) (out []byte, changed bool, err error) {
	r, err := parse(sealed)
	if err != nil {
		return nil, false, err
	}
	primary, err := s.kek.KeyID(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("seal: %w", err)
	}
	plaintext, err := s.open(ctx, r, associated)
	if err != nil {
		return nil, false, err
	}
	if r.keyID == primary {
		clear(plaintext)
		return sealed, false, nil
	}
	out, err = s.sealAndWipe(ctx, plaintext, associated)
	return out, err == nil, err
}

// sealAndWipe is Seal for a plaintext that is ours.
func (s *Sealer) sealAndWipe(ctx context.Context, plaintext, associated []byte) ([]byte, error) {
	defer clear(plaintext)
	return s.Seal(ctx, plaintext, associated)
}

func (s *Sealer) open(ctx context.Context, r record, associated []byte) ([]byte, error) {
	dataKey, err := s.kek.Unwrap(ctx, r.keyID, r.wrapped, bind(forWrap, r.name, associated))
	defer clear(dataKey)
	switch {
	case errors.Is(err, ErrAltered):
		return nil, ErrAltered
	case err != nil:
		return nil, fmt.Errorf("open a sealed record: %w", err)
	case len(dataKey) != dataKeySize:
		return nil, ErrAltered
	}
	return openPayload(dataKey, r.payload, bind(forPayload, r.head, associated))
}

// Format prints no more than the type's name, whatever the verb.
func (s Sealer) Format(f fmt.State, _ rune) { fmt.Fprint(f, "sealer.Sealer") }
