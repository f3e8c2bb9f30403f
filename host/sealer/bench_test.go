// SPDX-License-Identifier: Apache-2.0

package sealer_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/credhost/credhost/host/sealer"
)

// A record of 300 bytes and associated data of the length that a host gives.
var (
	benchPlain      = bytes.Repeat([]byte("secret"), 50)
	benchAssociated = []byte("acme|0197a3b2-7c1e-7d0a-9f51-3f0c6b1f2a4d|halopsa|3|17|https://acme.halopsa.com")
)

func BenchmarkSeal(b *testing.B) {
	eachKeyring(b, func(b *testing.B, s *sealer.Sealer) {
		for b.Loop() {
			if _, err := s.Seal(b.Context(), benchPlain, benchAssociated); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	eachKeyring(b, func(b *testing.B, s *sealer.Sealer) {
		sealed, err := s.Seal(b.Context(), benchPlain, benchAssociated)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := s.Open(b.Context(), sealed, benchAssociated); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// eachKeyring measures the key file, which is looked at with every use, and
// keys in memory, which are not.
func eachKeyring(b *testing.B, f func(*testing.B, *sealer.Sealer)) {
	file, err := sealer.OpenFile(b.Context(), sealer.FileConfig{
		Path: filepath.Join(b.TempDir(), "key"), Create: true, Announce: func(string) {},
	})
	if err != nil {
		b.Fatal(err)
	}
	memory, err := sealer.NewKeyring()
	if err != nil {
		b.Fatal(err)
	}
	for name, ring := range map[string]*sealer.Keyring{"file": file, "memory": memory} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(benchPlain)))
			b.ReportAllocs()
			f(b, sealer.New(ring))
		})
	}
}
