// SPDX-License-Identifier: Apache-2.0

package sealer

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/xaesgcm"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// keys is a Tink keyset made ready for use. It never changes once made, so a
// reader needs no lock.
type keys struct {
	handle  *keyset.Handle
	primary string
	list    []Key                // in the keyset's order
	aeads   map[string]tink.AEAD // the enabled ones, by ID
}

// freshKeys is a keyset of one new key.
func freshKeys() (*keys, error) {
	k, _, err := addKey(keyset.NewManager(), true)
	return k, err
}

// add answers the keys with a new one.
func (k *keys) add(promote bool) (next *keys, keyID string, err error) {
	return addKey(keyset.NewManagerFromHandle(k.handle), promote)
}

func addKey(m *keyset.Manager, promote bool) (*keys, string, error) {
	id, err := m.Add(aead.XAES256GCM192BitNonceKeyTemplate())
	if err != nil {
		return nil, "", fmt.Errorf("make a key: %w", err)
	}
	if promote {
		if err := m.SetPrimary(id); err != nil {
			return nil, "", fmt.Errorf("make key %d the primary: %w", id, err)
		}
	}
	next, err := managed(m)
	return next, formatID(id), err
}

// edit answers the keys after do has changed the one named.
func (k *keys) edit(keyID string, do func(*keyset.Manager, uint32) error) (*keys, error) {
	id, err := strconv.ParseUint(keyID, 10, 32)
	if err != nil {
		return nil, errors.New("a key ID is a number below 2^32")
	}
	m := keyset.NewManagerFromHandle(k.handle)
	if err := do(m, uint32(id)); err != nil {
		return nil, err
	}
	return managed(m)
}

func managed(m *keyset.Manager) (*keys, error) {
	handle, err := m.Handle()
	if err != nil {
		return nil, err
	}
	return newKeys(handle)
}

// newKeys makes a keyset ready. It accepts only the kind of key that this
// package makes: a keyset of Tink may also hold keys that ask a remote service,
// say, or that are weaker than promised.
func newKeys(handle *keyset.Handle) (*keys, error) {
	k := &keys{handle: handle, aeads: make(map[string]tink.AEAD, handle.Len())}
	for i := range handle.Len() {
		entry, err := handle.Entry(i)
		if err != nil {
			return nil, err
		}
		id, enabled := formatID(entry.KeyID()), entry.KeyStatus() == keyset.Enabled
		k.list = append(k.list, Key{ID: id, Primary: entry.IsPrimary(), Enabled: enabled})
		if entry.IsPrimary() {
			k.primary = id
		}
		if !enabled {
			continue
		}
		if k.aeads[id], err = cipherOf(entry); err != nil {
			return nil, fmt.Errorf("key %s: %w", id, err)
		}
	}
	if k.aeads[k.primary] == nil {
		return nil, errors.New("no enabled primary key")
	}
	return k, nil
}

// cipherOf makes a keyset of one key, because the cipher of a whole keyset
// would try several keys; a record names the one that counts.
func cipherOf(entry *keyset.Entry) (tink.AEAD, error) {
	p, ok := entry.Key().Parameters().(*xaesgcm.Parameters)
	if !ok || p.Variant() != xaesgcm.VariantTink || p.SaltSizeInBytes() != 12 {
		return nil, errors.New("not an XAES-256-GCM key with a 192-bit nonce and Tink's prefix")
	}
	m := keyset.NewManager()
	if _, err := m.AddKey(entry.Key()); err != nil {
		return nil, err
	}
	if err := m.SetPrimary(entry.KeyID()); err != nil {
		return nil, err
	}
	handle, err := m.Handle()
	if err != nil {
		return nil, err
	}
	return aead.New(handle)
}

// without says why a record cannot have the key it needs.
func (k *keys) without(keyID string, from source, cause error) error {
	i := k.index(keyID)
	return &KeyError{
		KeyID: keyID, Held: k.usable(), Source: from.String(), Disabled: i >= 0 && !k.list[i].Enabled, Cause: cause,
	}
}

// whyNot says why Tink refused to change the named key.
func (k *keys) whyNot(keyID string, from source, refusal error) error {
	i := k.index(keyID)
	switch {
	case i < 0:
		return fmt.Errorf("%w: the %s holds %s", ErrUnknownKey, from, strings.Join(k.usable(), ", "))
	case k.list[i].Primary:
		return ErrPrimaryKey
	case !k.list[i].Enabled:
		return fmt.Errorf("%w: enable it first", ErrDisabledKey)
	}
	return refusal
}

// usable lists the IDs of the enabled keys, the primary first.
func (k *keys) usable() []string {
	ids := []string{k.primary}
	for _, key := range k.list {
		if key.Enabled && !key.Primary {
			ids = append(ids, key.ID)
		}
	}
	return ids
}

// index finds a key, enabled or not; -1 if there is none of that ID.
func (k *keys) index(keyID string) int {
	return slices.IndexFunc(k.list, func(key Key) bool { return key.ID == keyID })
}

func formatID(id uint32) string { return strconv.FormatUint(uint64(id), 10) }
