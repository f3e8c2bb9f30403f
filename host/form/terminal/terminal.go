// SPDX-License-Identifier: Apache-2.0

// Package terminal asks a person a form at a terminal.
//
// On a terminal that can move its cursor the form is drawn in place, below what
// is there already: the question that is asked now, with what was answered
// above it and what follows below. Elsewhere (TERM is dumb or not set, the
// window is tiny, or ACCESSIBLE is set in the environment, as for a screen
// reader) the same questions are prompts, one after the other. Neither way is
// anything stored before the form is saved, and neither shows a secret.
//
// Read this file first, then questions.go, which has what both ways share.
package terminal

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/term"

	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

// Options say how a form is asked. Only In and Out are required.
type Options struct {
	In  *os.File  // the terminal that the person types at
	Out io.Writer // the terminal that shows the form; a file, to be drawn on

	// Given are answers that are not asked, such as those of a command line.
	Given sdk.Values

	// Only are the names of the fields to ask. Nil: all that Given does not
	// answer. A field that turns out to be wrong is asked in any case.
	Only []string

	// Faults are what is wrong already, to be shown at their fields.
	Faults []form.Fault

	// Save takes the answers. The form closes once it returns no faults; until
	// then it shows them, and keeps what was typed. An error closes the form,
	// too, and Ask returns it. Nil: the form closes.
	Save func(ctx context.Context, answers sdk.Values) ([]form.Fault, error)

	// Plain asks with prompts, whatever the terminal can do.
	Plain bool
}

// ErrInterrupted is for a person who gives up, by Ctrl-C or by closing the
// window; ErrEnded for one whose input ends, by Ctrl-D for example.
var (
	ErrInterrupted = errors.New("interrupted")
	ErrEnded       = errors.New("the input ended before everything was answered")
)

// Ask asks f, and returns the answers that the form puts: those to all the
// fields that are asked and answered. A secret that is set and was left empty
// is not among them, and stays.
//
// Whatever its error, the terminal is as it was before.
func Ask(ctx context.Context, f *form.Form, o Options) (sdk.Values, error) {
	hung, stop := signal.NotifyContext(ctx, syscall.SIGHUP)
	defer stop()
	if o.Save == nil {
		o.Save = func(context.Context, sdk.Values) ([]form.Fault, error) { return nil, nil }
	}
	q := newQuestions(f, o)
	ask := prompts{q: q, in: o.In, out: o.Out, save: o.Save}.ask
	if file, ok := o.canDraw(); ok {
		ask = newScreen(q, o.In, file, o.Save).ask
	}
	answers, err := ask(hung)
	if hung.Err() != nil && ctx.Err() == nil && err != nil {
		err = ErrInterrupted
	}
	return answers, err
}

// A drawable is a terminal as the library that draws wants it.
type drawable interface {
	io.ReadWriteCloser
	Fd() uintptr
}

// The least window that a form is drawn in.
const leastWidth, leastHeight = 20, 8

// canDraw returns the terminal to draw on, if there is one.
func (o Options) canDraw() (drawable, bool) {
	name := os.Getenv("TERM")
	out, ok := o.Out.(drawable)
	switch {
	case !ok || o.Plain || os.Getenv("ACCESSIBLE") != "":
		return nil, false
	case name == "dumb" || name == "" && runtime.GOOS != "windows":
		return nil, false
	case !term.IsTerminal(int(o.In.Fd())) || !term.IsTerminal(int(out.Fd())):
		return nil, false
	}
	width, height, err := term.GetSize(int(out.Fd()))
	return out, err == nil && width >= leastWidth && height >= leastHeight
}
