// SPDX-License-Identifier: Apache-2.0

package sealer_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/credhost/credhost/host/sealer"
)

func Example() {
	dir, err := os.MkdirTemp("", "sealer")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()

	ring, err := sealer.OpenFile(ctx, sealer.FileConfig{
		Path:     filepath.Join(dir, "credhost.key"),
		Create:   true, // because there is nothing to open yet
		Announce: func(sentence string) { log.Print(sentence) },
	})
	if err != nil {
		log.Fatal(err)
	}
	s := sealer.New(ring)

	sealed, err := s.Seal(ctx, []byte("hunter2"), []byte("acme/1"))
	if err != nil {
		log.Fatal(err)
	}
	plaintext, err := s.Open(ctx, sealed, []byte("acme/1"))
	fmt.Println(string(plaintext), err)

	_, err = s.Open(ctx, sealed, []byte("evil/1"))
	fmt.Println(errors.Is(err, sealer.ErrAltered), err)

	// Output:
	// hunter2 <nil>
	// true the sealed record does not belong here or was altered: restore it from a backup
}
