// SPDX-License-Identifier: Apache-2.0

package sealer

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/aead/subtle"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// What Rewrap opened is wiped, whether it could be sealed again or not.
func TestRewrapWipesThePlaintext(t *testing.T) {
	ring, err := NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	for name, kek := range map[string]KEK{"sealed": ring, "refused": shut{ring}} {
		plaintext := []byte("canary")
		_, err := New(kek).sealAndWipe(t.Context(), plaintext, nil)
		if (name == "refused") != (err != nil) || !bytes.Equal(plaintext, make([]byte, 6)) {
			t.Errorf("%s: %q is left, %v", name, plaintext, err)
		}
	}
}

// shut is a KEK that refuses to wrap.
type shut struct{ KEK }

func (shut) Wrap(context.Context, string, []byte, []byte) ([]byte, error) {
	return nil, errors.New("shut")
}

// A keyset of Tink that holds anything but our kind of key is no key file.
func TestOnlyOurKindOfKeyIsAccepted(t *testing.T) {
	for name, add := range map[string]func(*keyset.Manager) (uint32, error){
		"AES-128-GCM":       func(m *keyset.Manager) (uint32, error) { return m.Add(aead.AES128GCMKeyTemplate()) },
		"AES-256-GCM":       func(m *keyset.Manager) (uint32, error) { return m.Add(aead.AES256GCMKeyTemplate()) },
		"AES-CTR with HMAC": func(m *keyset.Manager) (uint32, error) { return m.Add(aead.AES256CTRHMACSHA256KeyTemplate()) },
		"160-bit nonce":     func(m *keyset.Manager) (uint32, error) { return m.Add(aead.XAES256GCM160BitNonceKeyTemplate()) },
		"no prefix":         func(m *keyset.Manager) (uint32, error) { return m.Add(aead.XAES256GCM192BitNonceNoPrefixKeyTemplate()) },
	} {
		m := keyset.NewManager()
		id, err := add(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.SetPrimary(id); err != nil {
			t.Fatal(err)
		}
		handle, err := m.Handle()
		if err != nil {
			t.Fatal(err)
		}
		data, err := formatKeyFile(&keys{handle: handle})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseKeyFile(data); !errors.Is(err, ErrDamagedKeyFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The layout in record.go is what a reader in another language would go by, so
// here is one: Tink's whole-keyset cipher and its own GCM, and the offsets.
func TestTheLayoutIsAsWritten(t *testing.T) {
	ring, err := NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	want, associated := []byte("plain"), []byte("beside")
	sealed, err := New(ring).Seal(t.Context(), want, associated)
	if err != nil {
		t.Fatal(err)
	}
	k, _ := ring.source.current()
	wrapper, err := aead.New(k.handle)
	if err != nil {
		t.Fatal(err)
	}
	n := int(sealed[6])
	m := int(sealed[7+n])<<8 | int(sealed[8+n])
	if string(sealed[:6]) != "CHSR\x01\x01" || string(sealed[7:7+n]) != k.primary || m != 77 ||
		len(sealed) != 9+n+m+12+len(want)+16 {
		t.Errorf("header %q, %d bytes", sealed[:9+n], len(sealed))
	}
	dataKey, err := wrapper.Decrypt(sealed[9+n:9+n+m], slices.Concat([]byte("W"), sealed[:7+n], associated))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := subtle.NewAESGCM(dataKey)
	if err != nil {
		t.Fatal(err)
	}
	got, err := payload.Decrypt(sealed[9+n+m:], slices.Concat([]byte("P"), sealed[:9+n+m], associated))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
}

// A KEK cannot talk the payload down to a shorter key.
func TestAShorterDataKeyIsRefused(t *testing.T) {
	head, err := newHead("k")
	if err != nil {
		t.Fatal(err)
	}
	if head, err = appendWrapped(head, []byte("wrapped")); err != nil {
		t.Fatal(err)
	}
	for size, want := range map[int]error{16: ErrAltered, 24: ErrAltered, 32: nil} {
		sealed, err := sealPayload(make([]byte, size), head, []byte("plain"), bind(forPayload, head, nil))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(zeroes(size)).Open(t.Context(), sealed, nil); !errors.Is(err, want) {
			t.Errorf("a data key of %d bytes: %v, want %v", size, err, want)
		}
	}
}

// zeroes is a KEK that answers a data key of so many zeroes.
type zeroes int

func (zeroes) KeyID(context.Context) (string, error) { return "k", nil }

func (zeroes) Wrap(context.Context, string, []byte, []byte) ([]byte, error) {
	return []byte("wrapped"), nil
}

func (z zeroes) Unwrap(context.Context, string, []byte, []byte) ([]byte, error) {
	return make([]byte, z), nil
}

func TestARecordWithoutAWrappedKeyIsMalformed(t *testing.T) {
	head, err := newHead("k")
	if err != nil {
		t.Fatal(err)
	}
	record := append(head, make([]byte, 2+nonceSize+tagSize)...)
	if _, err := KeyID(record); !errors.Is(err, ErrMalformed) {
		t.Errorf("error %v", err)
	}
}

// Where the file system has no hard links a file is still not replaced.
func TestPlacingWithoutLinks(t *testing.T) {
	temp, path := filepath.Join(t.TempDir(), "temp"), filepath.Join(t.TempDir(), "key")
	for _, want := range []error{nil, fs.ErrExist} {
		if err := os.WriteFile(temp, []byte("key"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := placeUnlinked(temp, path); !errors.Is(err, want) {
			t.Errorf("error %v, want %v", err, want)
		}
	}
}
