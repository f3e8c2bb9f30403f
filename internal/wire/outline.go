// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"syscall"

	"github.com/credhost/credhost/sdk"
)

// An error of net/http quotes the URL of a request, one of a decoder the body
// of an answer, and a panic whatever it likes. A plugin's log ends up in its
// host's, where no secret may be. So what is logged of an error or of a panic
// is its outline: what it is, never what it says, unless its words are fixed.

// outline returns the outline of a value that a plugin panicked with, or of an
// error: the types of the error and of its causes, the words of those that
// cannot hold a secret.
func outline(v any) string {
	err, ok := v.(error)
	if !ok {
		return fmt.Sprintf("a %T", v)
	}
	return strings.Join(outlines(nil, err, 8), ": ")
}

// outlines appends the outlines of err and its causes, down to a depth.
func outlines(all []string, err error, depth int) []string {
	if err == nil || depth == 0 {
		return all
	}
	all = append(all, fmt.Sprintf("%T", err)+words(err))
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return outlines(all, e.Unwrap(), depth-1)
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			all = outlines(all, err, depth-1)
		}
	}
	return all
}

// words returns what err says, in brackets, if that cannot hold a secret.
func words(err error) string {
	switch e := err.(type) {
	case *sdk.Error: // its message is for people, by contract
		return fmt.Sprintf(" (%s)", plain(e.Error(), maxMessage))
	case sdk.Code, syscall.Errno, runtime.Error: // indexes and types, never contents
		return fmt.Sprintf(" (%s)", plain(err.Error(), maxMessage))
	}
	for _, constant := range []error{
		context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, errors.ErrUnsupported,
	} {
		if err == constant {
			return fmt.Sprintf(" (%v)", err)
		}
	}
	return ""
}

// stack returns where the caller's caller was called from, function by
// function. Unlike a stack that the runtime prints it has no arguments, which
// may be secrets.
func stack() string {
	var b strings.Builder
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		fmt.Fprintf(&b, "\n\t%s\n\t\t%s:%d", f.Function, f.File, f.Line)
		if !more {
			return b.String()
		}
	}
}
