// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/credhost/credhost/host/sandbox"
)

// A modeFlag is the value of --sandbox.
type modeFlag sandbox.Mode

// String returns the mode's word.
func (m *modeFlag) String() string {
	if *m == modeFlag(sandbox.Best) {
		return "best"
	}
	return string(*m)
}

// Set takes a word.
func (m *modeFlag) Set(text string) error {
	switch text {
	case "best":
		*m = modeFlag(sandbox.Best)
	case string(sandbox.Required), string(sandbox.Off):
		*m = modeFlag(text)
	default:
		return fmt.Errorf("%q must be best, required or off", text)
	}
	return nil
}

// Type returns what help calls the value.
func (m *modeFlag) Type() string { return "MODE" }

// addSandbox adds what plugins run in, and each part of it.
func (e *examination) addSandbox(r sandbox.Report) {
	state, next := "ok", r.Next
	text := "full: a plugin is alone, with its own files and sockets"
	switch r.Level {
	case sandbox.Partial:
		state = "warning"
		text = "partial: a plugin sees other programs, and may connect to Unix sockets that let this user in: " + r.Why
	case sandbox.None:
		state = "warning"
		text = "none: plugins run as this user, and can do what it can: " + r.Why
		if next == "" {
			next = "trust only plugins that you would run yourself"
		}
	}
	e.add(state, "sandbox", text, next)
	for _, p := range r.Parts {
		state := "ok"
		if !p.OK {
			state = "note"
		}
		e.add(state, "  "+string(p.Part), p.Detail, "")
	}
}
