// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// A code is a way in which a run ends: for scripts the exit code, for programs
// that read JSON the word.
type code struct {
	exit    int
	word    string
	meaning string
}

// The codes. They stay as they are for ever; docs/program.md lists them.
var (
	codeOK          = code{0, "ok", "it is done; of test: the credential works"}
	codeInternal    = code{1, "internal", "a bug, or a failure nobody foresaw"}
	codeUsage       = code{2, "usage", "the command line is wrong, or nobody is there to ask"}
	codeInvalid     = code{3, "invalid", "an answer is wrong: correct the field that is named"}
	codeDenied      = code{4, "denied", "the service does not take the credential: enter it again, or connect it"}
	codeForbidden   = code{5, "forbidden", "the credential works, but lacks a permission"}
	codeUnavailable = code{6, "unavailable", "the service, its plugin or the store is not at hand: try again later"}
	codeNotFound    = code{7, "not-found", "there is no such credential in the workspace"}
	codeSetup       = code{8, "setup", "the data folder, the key, the store or a plugin is not in order: see credhost doctor"}
	codeDeclined    = code{9, "declined", "the person who was asked said no"}
	codeUntested    = code{10, "untested", "of test: the type has no test, so nothing is known"}
	codeHTTP        = code{22, "http", "of request --fail: the service answered with a status of 400 or more"}
	codeInterrupted = code{130, "interrupted", "interrupted, by Ctrl-C for example"}
)

// codes are all of them, in order.
var codes = []code{codeOK, codeInternal, codeUsage, codeInvalid, codeDenied, codeForbidden, codeUnavailable,
	codeNotFound, codeSetup, codeDeclined, codeUntested, codeHTTP, codeInterrupted}

// codeOf returns the code of an [sdk.Code].
func codeOf(c sdk.Code) code {
	for _, known := range codes {
		if known.word == c.Error() {
			return known
		}
	}
	return codeInternal
}

// A failure is an error that is the program's own.
type failure struct {
	code code
	text string
	next string // what to do; empty: the text says so
	err  error  // the cause; nil: none
	said bool   // the result says all: only the exit code is left
}

// Error returns the text.
func (f *failure) Error() string { return f.text }

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.err }

var errInterrupted = &failure{code: codeInterrupted, text: "interrupted"}

// usage is for a command line that cannot be understood.
func usage(c *cobra.Command, format string, args ...any) error {
	return &failure{code: codeUsage, text: fmt.Sprintf(format, args...), next: "see " + c.CommandPath() + " --help"}
}

// exit is for a run whose result has been printed.
func exit(c code) error { return &failure{code: c, text: c.meaning, said: true} }

// setup is for what the operator must put in order first.
func setup(err error, next string) error {
	return &failure{code: codeSetup, text: plain(err), next: next, err: err}
}

// A report is what is said of an error. It is the "error" of the JSON.
type report struct {
	Code       string  `json:"code"`
	Exit       int     `json:"exit"`
	Field      string  `json:"field,omitempty"`
	Reason     string  `json:"reason,omitempty"`
	Message    string  `json:"message"`
	RetryAfter float64 `json:"retryAfter,omitempty"` // seconds
	Next       string  `json:"next,omitempty"`

	// All are the faults of all the answers, where there are several; Field,
	// Reason and Message are the first's.
	All []fault `json:"all,omitempty"`

	said bool
}

// A fault is what is wrong with one answer.
type fault struct {
	Field   string `json:"field,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message"`
}

// explain says what err means, and what to do.
func (p *program) explain(err error) report {
	var told *advised
	var own *failure
	var many sdk.Errors
	var one *sdk.Error
	switch {
	case errors.As(err, &told):
		r := p.explain(told.error)
		r.Next = told.next
		return r
	case errors.As(err, &own):
		return report{Code: own.code.word, Exit: own.code.exit, Message: own.text, Next: own.next, said: own.said}
	case errors.As(err, &many) && len(many) > 0:
		r := p.explain(many[0])
		for _, e := range many {
			r.All = append(r.All, fault{e.Field, e.Reason, e.Message})
		}
		return r
	case errors.As(err, &one):
		c := codeOf(one.Code)
		return report{Code: c.word, Exit: c.exit, Field: one.Field, Reason: one.Reason, Message: one.Message,
			RetryAfter: math.Ceil(one.RetryAfter.Seconds())}
	case errors.Is(err, host.ErrNotFound):
		return report{Code: codeNotFound.word, Exit: codeNotFound.exit,
			Message: fmt.Sprintf("there is no such credential in the workspace %q", p.workspace),
			Next:    "credhost list shows those there are, and --workspace looks in another workspace"}
	case errors.Is(err, host.ErrConflict), errors.Is(err, host.ErrLeased):
		return report{Code: codeUnavailable.word, Exit: codeUnavailable.exit, Message: "another process changed the credential meanwhile: try again"}
	case errors.Is(err, context.DeadlineExceeded):
		return report{Code: codeUnavailable.word, Exit: codeUnavailable.exit, Message: "there was no answer in time: try again"}
	}
	return report{Code: codeInternal.word, Exit: codeInternal.exit, Message: plain(err)}
}

// plain returns err's text without the name of the package that it is from.
func plain(err error) string { return strings.TrimPrefix(err.Error(), "host: ") }

// fail says what went wrong, and returns the exit code.
func (p *program) fail(err error) int {
	r := p.explain(err)
	switch {
	case r.said:
	case p.json:
		p.encode(map[string]report{"error": r})
	default:
		all := r.All
		if all == nil {
			all = []fault{{r.Field, r.Reason, r.Message}}
		}
		for _, f := range all {
			if f.Field != "" {
				f.Message = f.Field + ": " + f.Message
			}
			fmt.Fprintf(p.err, "credhost: %s\n", visible(f.Message))
		}
		if r.Next != "" {
			fmt.Fprintf(p.err, "credhost: %s\n", visible(r.Next))
		}
	}
	return r.Exit
}
