// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// A Code says who must act on an error: there is one for each party.
//
// A Code is itself an error, so that errors.Is(err, sdk.Denied) works on
// either side of a process boundary.
type Code uint8

// The codes.
const (
	Internal    Code = iota // the operator: a bug, or a failure nobody foresaw
	Invalid                 // the person: an answer is wrong, correct the field
	Denied                  // the person: the service takes no such credential, enter or connect it again
	Forbidden               // whoever gives permissions: the credential works but may not do this
	Unavailable             // nobody: try again later
)

var codeText = [...]string{"internal", "invalid", "denied", "forbidden", "unavailable"}

// Error returns the word for c that programs see: "internal", "invalid",
// "denied", "forbidden" or "unavailable".
func (c Code) Error() string {
	if int(c) < len(codeText) {
		return codeText[c]
	}
	return "code(" + strconv.Itoa(int(c)) + ")"
}

// MarshalText returns the word for c.
func (c Code) MarshalText() ([]byte, error) { return []byte(c.Error()), nil }

// UnmarshalText sets c to the code with the given word.
func (c *Code) UnmarshalText(text []byte) error {
	for i, word := range codeText {
		if word == string(text) {
			*c = Code(i)
			return nil
		}
	}
	return errors.New("no error code has this name")
}

// An Error is an error that keeps its meaning across a process boundary.
type Error struct {
	Code Code `json:"code"`

	// Field is the field to correct, if Code is Invalid and there is one.
	Field string `json:"field,omitempty"`

	// Reason is a word for programs and translators, such as "required". See
	// the Reason constants for those of this package; a plugin may use its own.
	Reason string `json:"reason,omitempty"`

	// Message tells the person what happened and what to do next: lower case,
	// no full stop, and nothing that a service or a person said.
	Message string `json:"message"`

	// RetryAfter is how long to wait, if the service said so.
	RetryAfter time.Duration `json:"-"`

	// Err is the cause, for the log of the process that met it. It does not
	// cross the process boundary, and Error does not quote it: it may quote a
	// response, and the response a secret.
	Err error `json:"-"`
}

// The reasons that a [Schema] gives for refusing an answer.
const (
	ReasonRequired = "required" // no answer
	ReasonUnknown  = "unknown"  // the schema has no such field
	ReasonKind     = "kind"     // not a URL, a number, a date and so on
	ReasonPattern  = "pattern"  // does not match the field's pattern
	ReasonBounds   = "bounds"   // too short, too long, too small or too large for the field
	ReasonSize     = "size"     // larger than any answer may be: see MaxAnswer
	ReasonOrigin   = "origin"   // does not fit into the origin that it decides
	ReasonOption   = "option"   // not one of the options, or not one that goes with the other answers
	ReasonFixed    = "fixed"    // nobody is asked this
)

// Errorf returns an error with the given code and message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Because returns a copy of e with the given cause.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.Err = cause
	return &c
}

// In returns a copy of e that names a field.
func (e *Error) In(f Field) *Error {
	c := *e
	c.Field = f.Name
	return &c
}

// Error returns the message, after the field if there is one.
func (e *Error) Error() string {
	switch {
	case e.Field != "" && e.Message != "":
		return e.Field + ": " + e.Message
	case e.Message != "":
		return e.Message
	}
	return e.Code.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is e's code.
func (e *Error) Is(target error) bool {
	c, ok := target.(Code)
	return ok && c == e.Code
}

// Format prints the code and the message, or with a plain verb the message
// alone: no verb quotes the cause.
func (e Error) Format(f fmt.State, verb rune) {
	text := e.Error()
	switch {
	case verb == 'v' && f.Flag('#'):
		text = fmt.Sprintf("sdk.Error(%s, %q)", e.Code.Error(), text)
	case verb == 'q':
		text = strconv.Quote(text)
	}
	io.WriteString(f, text)
}

// Errors are all the faults of a set of answers, in the order of the fields.
// [errors.As] finds the first.
type Errors []*Error

// Error joins the messages.
func (es Errors) Error() string {
	text := make([]string, len(es))
	for i, e := range es {
		text[i] = e.Error()
	}
	return strings.Join(text, "; ")
}

// Unwrap returns the faults.
func (es Errors) Unwrap() []error {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = e
	}
	return errs
}
