// SPDX-License-Identifier: Apache-2.0

package sealer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// A Keyring is a KEK whose keys are a Tink keyset of XAES-256-GCM keys, whose
// random nonces of 192 bits never run out (https://c2sp.org/XAES-256-GCM).
// Exactly one key is the primary, which seals; every enabled one opens. Key IDs
// are Tink's, in decimal, as they stand in the key file.
//
// To rotate on one machine: Rotate, Rewrap every record, Remove the old key.
// Hosts with key files of their own go in smaller steps, each everywhere before
// the next: copy a file in which Add put a key, Promote it, Rewrap, Remove.
//
// OpenFile and NewKeyring make one. All methods are safe for concurrent use.
type Keyring struct{ source source }

var _ KEK = (*Keyring)(nil)

// A source holds a keyset, and may share it with other processes.
type source interface {
	fmt.Stringer // what it is, for errors: "key file /etc/credhost.key"

	// current answers the keys as they were at most 100 ms ago, and latest as
	// they are now. If that cannot be said, both answer an error beside the keys
	// last seen.
	current() (*keys, error)
	latest() (*keys, error)

	// change replaces the keys by what edit makes of the keys as they are now;
	// nobody else changes them between, in this process or another.
	change(ctx context.Context, edit func(*keys) (*keys, error)) error
}

// Key describes a key of a Keyring.
type Key struct {
	ID      string
	Primary bool // it seals
	Enabled bool // it opens
}

// NewKeyring returns a Keyring that lives in memory, for tests: what it sealed
// is lost with it.
func NewKeyring() (*Keyring, error) {
	first, err := freshKeys()
	if err != nil {
		return nil, err
	}
	m := &memory{}
	m.held.Store(first)
	return &Keyring{m}, nil
}

// KeyID names the primary key. Of a key file that has gone or is damaged it
// answers an error: what is sealed then could be lost with this process.
func (r *Keyring) KeyID(context.Context) (string, error) {
	k, err := r.source.current()
	if err != nil {
		return "", err
	}
	return k.primary, nil
}

// Wrap encrypts dataKey with the named key.
func (r *Keyring) Wrap(_ context.Context, keyID string, dataKey, associated []byte) (wrapped []byte, err error) {
	aead, err := r.aead(keyID)
	if err != nil {
		return nil, err
	}
	erasing(func() { wrapped, err = aead.Encrypt(dataKey, associated) })
	if err != nil {
		return nil, errors.New("the data key could not be wrapped")
	}
	return wrapped, nil
}

// Unwrap decrypts a data key with the named key, which may be any enabled one.
// Of a key file that has gone or is damaged the keys last seen are used, so
// that a running host goes on opening what it has.
func (r *Keyring) Unwrap(_ context.Context, keyID string, wrapped, associated []byte) (dataKey []byte, err error) {
	aead, err := r.aead(keyID)
	if err != nil {
		return nil, err
	}
	erasing(func() { dataKey, err = aead.Decrypt(wrapped, associated) })
	if err != nil {
		return nil, ErrAltered
	}
	return dataKey, nil
}

// aead answers the cipher of the named key, and looks twice for one that may be
// new. That the source cannot be read now matters only if the key is unknown.
func (r *Keyring) aead(keyID string) (tink.AEAD, error) {
	k, _ := r.source.current()
	if aead, ok := k.aeads[keyID]; ok {
		return aead, nil
	}
	k, cause := r.source.latest()
	if aead, ok := k.aeads[keyID]; ok {
		return aead, nil
	}
	return nil, k.without(keyID, r.source, cause)
}

// Keys lists the keys, in the order in which they were added.
func (r *Keyring) Keys(context.Context) ([]Key, error) {
	k, err := r.source.latest()
	if err != nil {
		return nil, err
	}
	return slices.Clone(k.list), nil
}

// Rotate adds a key, makes it the primary one in the same step, and answers its
// ID. The other keys go on opening.
func (r *Keyring) Rotate(ctx context.Context) (keyID string, err error) {
	return r.add(ctx, true)
}

// Add adds a key that opens but does not seal yet, and answers its ID. Promote
// it when every host that shares the store has it.
func (r *Keyring) Add(ctx context.Context) (keyID string, err error) {
	return r.add(ctx, false)
}

func (r *Keyring) add(ctx context.Context, promote bool) (keyID string, err error) {
	err = r.source.change(ctx, func(k *keys) (next *keys, err error) {
		next, keyID, err = k.add(promote)
		return next, err
	})
	if err != nil {
		return "", fmt.Errorf("add a key: %w", err)
	}
	return keyID, nil
}

// Promote makes an enabled key the primary one: it seals from now on.
func (r *Keyring) Promote(ctx context.Context, keyID string) error {
	return r.edit(ctx, "promote", keyID, (*keyset.Manager).SetPrimary)
}

// Disable makes a key refuse to open, until Enable. The primary key cannot be
// disabled: ErrPrimaryKey. Disable a key for a while before Remove, so that a
// record that was forgotten shows itself.
func (r *Keyring) Disable(ctx context.Context, keyID string) error {
	return r.edit(ctx, "disable", keyID, (*keyset.Manager).Disable)
}

// Enable undoes Disable.
func (r *Keyring) Enable(ctx context.Context, keyID string) error {
	return r.edit(ctx, "enable", keyID, (*keyset.Manager).Enable)
}

// Remove destroys a key, and with it every record, and every backup of one,
// that still needs it. The primary key cannot be removed: ErrPrimaryKey.
func (r *Keyring) Remove(ctx context.Context, keyID string) error {
	return r.edit(ctx, "remove", keyID, (*keyset.Manager).Delete)
}

func (r *Keyring) edit(ctx context.Context, verb, keyID string, do func(*keyset.Manager, uint32) error) error {
	err := r.source.change(ctx, func(k *keys) (*keys, error) {
		next, err := k.edit(keyID, do)
		if err != nil {
			return nil, k.whyNot(keyID, r.source, err)
		}
		return next, nil
	})
	if err != nil {
		return fmt.Errorf("%s key %s: %w", verb, keyID, err)
	}
	return nil
}

// Format prints where the keys come from, whatever the verb, and no key.
func (r Keyring) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "sealer.Keyring(%s)", r.source) }

// memory is the source of NewKeyring.
type memory struct {
	mu   sync.Mutex // held by whoever changes
	held atomic.Pointer[keys]
}

func (m *memory) String() string { return "keyring in memory" }

func (m *memory) current() (*keys, error) { return m.held.Load(), nil }

func (m *memory) latest() (*keys, error) { return m.held.Load(), nil }

func (m *memory) change(_ context.Context, edit func(*keys) (*keys, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	next, err := edit(m.held.Load())
	if err != nil {
		return err
	}
	m.held.Store(next)
	return nil
}
