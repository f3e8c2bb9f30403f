// SPDX-License-Identifier: Apache-2.0

package sealer

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzOpen gives Open what nobody sealed: it refuses with one of its reasons,
// and never panics.
func FuzzOpen(f *testing.F) {
	ring, err := NewKeyring()
	if err != nil {
		f.Fatal(err)
	}
	s, place := New(ring), []byte("place")
	sealed, err := s.Seal(f.Context(), []byte("plain"), place)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed, place)
	f.Add(sealed[:60], place)
	f.Add(sealed[:len(sealed)-1], []byte{})
	f.Add([]byte("CHSR\x01\x01\x00"), place)
	f.Add([]byte("CHSR\x01\x01\xff"), place)
	f.Add([]byte("CHSR\x02\x01\x011"), place)
	f.Fuzz(func(t *testing.T, record, associated []byte) {
		got, err := s.Open(t.Context(), record, associated)
		if bytes.Equal(record, sealed) && bytes.Equal(associated, place) {
			if err != nil {
				t.Fatalf("what was sealed: %v", err)
			}
			return
		}
		if err == nil || got != nil {
			t.Fatalf("opened what nobody sealed: %d bytes, %v", len(got), err)
		}
		for _, reason := range []error{ErrAltered, ErrMalformed, ErrNewer, ErrUnknownKey} {
			if errors.Is(err, reason) {
				return
			}
		}
		t.Fatalf("refused with %v", err)
	})
}

// FuzzKeyFile gives the key file's parser anything.
func FuzzKeyFile(f *testing.F) {
	k, err := freshKeys()
	if err != nil {
		f.Fatal(err)
	}
	data, err := formatKeyFile(k)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte("credhost key file v1 sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\n{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := parseKeyFile(data)
		if err == nil && k.aeads[k.primary] == nil {
			t.Fatal("a keyring without a primary key")
		}
		if err != nil && !errors.Is(err, ErrDamagedKeyFile) && !errors.Is(err, ErrNewer) {
			t.Fatalf("refused with %v", err)
		}
	})
}
