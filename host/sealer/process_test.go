// SPDX-License-Identifier: Apache-2.0

package sealer_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credhost/credhost/host/sealer"
)

// childEnv makes this test program one of the processes that share a key file:
// its value is the file's path.
const childEnv = "CREDHOST_SEALER_TEST_CHILD"

const processes = 8

func TestMain(m *testing.M) {
	if path := os.Getenv(childEnv); path != "" {
		if err := child(path); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child says that it is ready, waits for its standard input to end, and opens
// the key file, seals, rotates the key and seals again.
func child(path string) error {
	ctx := context.Background()
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	ring, err := sealer.OpenFile(ctx, sealer.FileConfig{Path: path, Create: true, Announce: func(sentence string) {
		if strings.HasPrefix(sentence, "A new key file") {
			fmt.Println("made")
		}
	}})
	if err != nil {
		return err
	}
	seal := func() error {
		sealed, err := sealer.New(ring).Seal(ctx, plain, aad)
		fmt.Println("sealed", base64.StdEncoding.EncodeToString(sealed))
		return err
	}
	if err := seal(); err != nil {
		return err
	}
	id, err := ring.Rotate(ctx)
	if err != nil {
		return err
	}
	fmt.Println("added", id)
	return seal()
}

// Processes that start at once on an empty folder end with one file, which one
// of them made; and no key that one of them adds is lost to another.
func TestProcessesShareAKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credhost.key")
	said := runChildren(t, path)
	if len(said["made"]) != 1 || len(said["added"]) != processes || len(said["sealed"]) != 2*processes {
		t.Fatalf("%d made the file, %d added a key, %d records",
			len(said["made"]), len(said["added"]), len(said["sealed"]))
	}
	ring := mustOpenFile(t, sealer.FileConfig{Path: path})
	keys, err := ring.Keys(t.Context())
	if err != nil || len(keys) != 1+processes {
		t.Errorf("%d keys, want %d, %v", len(keys), 1+processes, err)
	}
	for _, text := range said["sealed"] {
		sealed, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sealer.New(ring).Open(t.Context(), sealed, aad); err != nil {
			t.Errorf("a record of a process: %v", err)
		}
	}
}

// runChildren starts the children, lets them go at once when all are ready, and
// answers what they said, by the first word.
func runChildren(t *testing.T, path string) map[string][]string {
	t.Helper()
	said := make(map[string][]string)
	var starts []io.Closer
	var outs []*bufio.Scanner
	for range processes {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+path)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Wait() })
		starts, outs = append(starts, in), append(outs, bufio.NewScanner(out))
	}
	for _, out := range outs {
		if !out.Scan() || out.Text() != "ready" {
			t.Fatalf("a process said %q", out.Text())
		}
	}
	for _, start := range starts {
		start.Close()
	}
	for _, out := range outs {
		for out.Scan() {
			word, rest, _ := strings.Cut(out.Text(), " ")
			if word == "error" {
				t.Errorf("a process: %s", rest)
			}
			said[word] = append(said[word], rest)
		}
	}
	return said
}

// While the file changes nobody ever reads half of it.
func TestReadersNeverSeeHalfAFile(t *testing.T) {
	ctx, path := t.Context(), made(t)
	writer := mustOpenFile(t, sealer.FileConfig{Path: path})
	done := make(chan error)
	go func() {
		var err error
		for range 50 {
			if _, err = writer.Rotate(ctx); err != nil {
				break
			}
		}
		done <- err
	}()
	for {
		if _, err := sealer.OpenFile(ctx, sealer.FileConfig{Path: path, Announce: quiet}); err != nil {
			t.Errorf("a reader: %v", err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			return
		default:
		}
	}
}
