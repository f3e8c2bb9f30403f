// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package terminal

import "os"

// A keyboard is a terminal's input. The library reads a console of Windows by
// its events, and stops when it is told.
type keyboard struct{ *os.File }

func newKeyboard(tty *os.File) (*keyboard, error) { return &keyboard{tty}, nil }

func (k *keyboard) end() {}
