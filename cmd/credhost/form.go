// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/host/form/terminal"
	"github.com/credhost/credhost/sdk"
)

// formOf returns what all forms of a type have in common.
func (p *program) formOf(o *opened, t host.Type) form.Config {
	return form.Config{Schema: t.Schema, Can: t.Can, Languages: p.lang, RedirectURL: o.ws.RedirectURL(t.Schema.Name)}
}

// incomplete reports whether answers lack something, and nothing else is wrong
// with them: that is what a person can be asked for.
func incomplete(f *form.Form, answers sdk.Values) bool {
	faults := f.Check(answers)
	for _, fault := range faults {
		if fault.Code != sdk.ReasonRequired {
			return false
		}
	}
	return len(faults) > 0
}

// ask asks a person a form until saving succeeds. Save's error is shown at the
// fields that it is about; one that is about no answer ends the form.
func (p *program) ask(ctx context.Context, f *form.Form, o terminal.Options, save func(context.Context, sdk.Values) error) error {
	someone, _ := p.person()
	if others, ok := p.err.(*aside); ok {
		others.hold()
		defer others.release()
	}
	o.In, o.Out = someone.in, someone.out
	o.Save = func(ctx context.Context, answers sdk.Values) ([]form.Fault, error) {
		err := save(ctx, answers)
		if !aboutAnswers(err) {
			return nil, err
		}
		return f.Faults(err), nil
	}
	_, err := terminal.Ask(ctx, f, o)
	switch {
	case errors.Is(err, terminal.ErrEnded):
		return errEnded
	case errors.Is(err, terminal.ErrInterrupted):
		return errInterrupted
	}
	return err
}

// aboutAnswers reports whether err says what is wrong with answers, so that a
// person can mend it.
func aboutAnswers(err error) bool {
	var faults sdk.Errors
	var one *sdk.Error
	switch {
	case errors.As(err, &faults):
		return len(faults) > 0
	case errors.As(err, &one):
		return one.Code == sdk.Invalid
	}
	return false
}

// translated returns err with the messages that the person reads best.
func translated(f *form.Form, err error) error {
	var told *advised
	var faults sdk.Errors
	var one *sdk.Error
	switch {
	case errors.As(err, &told):
		return &advised{translated(f, told.error), told.next}
	case errors.As(err, &faults):
		said := make(sdk.Errors, len(faults))
		for i, fault := range f.Faults(err) {
			e := *faults[i]
			e.Message = fault.Message
			said[i] = &e
		}
		return said
	case errors.As(err, &one):
		e := *one
		e.Message = f.Faults(err)[0].Message
		return &e
	}
	return err
}

// missingOnly reports whether nothing is wrong with answers but that some are
// missing, which a person can be asked for.
func missingOnly(err error) bool {
	var faults sdk.Errors
	if !errors.As(err, &faults) {
		return false
	}
	for _, e := range faults {
		if e.Reason != sdk.ReasonRequired && e.Reason != host.ReasonAgain {
			return false
		}
	}
	return true
}

// An advised is an error with what to do about it.
type advised struct {
	error
	next string
}

// Unwrap returns the error.
func (a *advised) Unwrap() error { return a.error }

// An aside is where everything but a form is said. While a form is drawn it
// keeps what others say, which would end up amid the form.
type aside struct {
	to io.Writer

	mu   sync.Mutex
	held bool
	kept bytes.Buffer
}

// Write implements [io.Writer].
func (a *aside) Write(text []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.held {
		return a.kept.Write(text)
	}
	return a.to.Write(text)
}

func (a *aside) hold() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held = true
}

func (a *aside) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held = false
	a.kept.WriteTo(a.to)
}

// localeLanguage returns the language of the environment's locale, as it
// stands in Accept-Language; "" is English.
func localeLanguage() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		locale := os.Getenv(name)
		if locale == "" {
			continue
		}
		locale, _, _ = strings.Cut(locale, ".")
		locale, _, _ = strings.Cut(locale, "@")
		if locale == "C" || locale == "POSIX" {
			return ""
		}
		return strings.ReplaceAll(locale, "_", "-")
	}
	return ""
}
