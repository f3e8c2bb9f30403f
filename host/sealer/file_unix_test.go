// SPDX-License-Identifier: Apache-2.0

//go:build unix

package sealer_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhost/credhost/host/sealer"
)

func TestAKeyFileThatOthersCanReadIsRefused(t *testing.T) {
	path := made(t)
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("made with mode %v, %v", info.Mode(), err)
	}
	for mode, group := range map[os.FileMode][2]bool{ // accepted: without, with GroupMayRead
		0o600: {true, true}, 0o400: {true, true},
		0o440: {false, true}, 0o640: {false, true},
		0o660: {false, false}, 0o604: {false, false}, 0o444: {false, false}, 0o644: {false, false}, 0o622: {false, false},
	} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		for i, accepted := range group {
			for _, name := range []string{path, link} {
				cfg := sealer.FileConfig{Path: name, Create: true, GroupMayRead: i == 1, Announce: quiet}
				_, err := sealer.OpenFile(t.Context(), cfg)
				if accepted && err != nil || !accepted && !errors.Is(err, sealer.ErrExposedKeyFile) {
					t.Errorf("mode %o, GroupMayRead %t: %v", mode, i == 1, err)
				}
				if want := fmt.Sprintf("%s has mode %04o: run chmod 600", name, mode); err != nil &&
					!strings.Contains(err.Error(), want) {
					t.Errorf("said %q, want %q", err, want)
				}
			}
		}
	}
}

func TestAnExposedFileIsNoticedWhileInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := made(t)
		s := sealer.New(mustOpenFile(t, sealer.FileConfig{Path: path}))
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		if _, err := s.Seal(t.Context(), plain, aad); !errors.Is(err, sealer.ErrExposedKeyFile) {
			t.Errorf("Seal: %v", err)
		}
	})
}

func TestWhatIsNotARegularFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, pipe} {
		_, err := sealer.OpenFile(t.Context(), sealer.FileConfig{Path: path, Create: true, Announce: quiet})
		if !errors.Is(err, sealer.ErrDamagedKeyFile) {
			t.Errorf("%s: %v", path, err)
		}
	}
	dangling := filepath.Join(dir, "dangling")
	if err := os.Symlink(filepath.Join(dir, "nowhere"), dangling); err != nil {
		t.Fatal(err)
	}
	_, err := sealer.OpenFile(t.Context(), sealer.FileConfig{Path: dangling, Create: true, Announce: quiet})
	if !errors.Is(err, sealer.ErrNoKeyFile) {
		t.Errorf("a link to nothing: %v", err)
	}
}

// A link stays a link, and its target stays as private and as owned as it was.
func TestAChangeKeepsLinkModeAndOwner(t *testing.T) {
	path := made(t)
	owner := os.Geteuid()
	if owner == 0 {
		owner = 4711 // root rotates the key of a service
		if err := os.Chown(path, owner, owner); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	ring := mustOpenFile(t, sealer.FileConfig{Path: link, GroupMayRead: true})
	if _, err := ring.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
	for _, name := range []string{path, path + ".lock"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if uid := int(info.Sys().(*syscall.Stat_t).Uid); uid != owner {
			t.Errorf("%s belongs to %d, want %d", name, uid, owner)
		}
		if name == path && info.Mode() != 0o640 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
}

func TestALockThatIsHeldIsWaitedForAndNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := made(t)
		ring := mustOpenFile(t, sealer.FileConfig{Path: path})
		first, _ := ring.KeyID(t.Context())
		held, err := os.OpenFile(path+".lock", os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer held.Close()
		if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = ring.Rotate(t.Context())
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), path+".lock") ||
			time.Since(began) != 10*time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := ring.Rotate(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		if keys, _ := ring.Keys(t.Context()); len(keys) != 1 || keys[0].ID != first {
			t.Errorf("keys %v", keys)
		}
		go func() {
			time.Sleep(time.Second)
			held.Close()
		}()
		if _, err := ring.Rotate(t.Context()); err != nil {
			t.Errorf("once it is free: %v", err)
		}
	})
}
