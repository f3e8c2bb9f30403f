// SPDX-License-Identifier: Apache-2.0

//go:build unix

package terminal

import (
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// A keyboard is a terminal's input that can be taken away from its reader. The
// library's reader may be left waiting for a key when its program has ended;
// it would take one that is typed for whoever asks next.
//
// It has no name, so that the library does not take it for a file and wait for
// it in a way of its own.
type keyboard struct {
	tty         *os.File
	stop, stops *os.File // the ends of a pipe, for writing and for reading

	mu    sync.Mutex // held while a read waits
	ended bool
}

func newKeyboard(tty *os.File) (*keyboard, error) {
	stops, stop, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	return &keyboard{tty: tty, stop: stop, stops: stops}, nil
}

// Read implements [io.Reader]. It is at the end once end was called.
func (k *keyboard) Read(keys []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for !k.ended {
		var ready unix.FdSet
		tty, stops := int(k.tty.Fd()), int(k.stops.Fd())
		ready.Set(tty)
		ready.Set(stops)
		// Not poll, which does not know all terminals on macOS.
		_, err := unix.Select(max(tty, stops)+1, &ready, nil, nil, nil)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, err
		case ready.IsSet(stops):
			return 0, io.EOF
		}
		return k.tty.Read(keys)
	}
	return 0, io.EOF
}

// end ends all reads, the one that waits included.
func (k *keyboard) end() {
	k.stop.Close()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ended = true
	k.stops.Close()
}

// Write implements [io.Writer], for the library's sake.
func (k *keyboard) Write(text []byte) (int, error) { return k.tty.Write(text) }

// Close leaves the terminal open: it is the caller's.
func (k *keyboard) Close() error { return nil }

// Fd returns the terminal's, so that the library can silence it.
func (k *keyboard) Fd() uintptr { return k.tty.Fd() }
