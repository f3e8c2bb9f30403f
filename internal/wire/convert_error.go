// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"fmt"
	"math"
	"time"

	"github.com/credhost/credhost/internal/wire/pluginv1"
	"github.com/credhost/credhost/sdk"
)

// The limits of an error.
const (
	maxMessage    = sdk.MaxText
	maxRetryAfter = 24 * time.Hour
)

// toError returns what crosses of an error: everything but its cause.
func toError(e *sdk.Error) *pluginv1.Error {
	m := &pluginv1.Error{
		Code:       toCode(e.Code),
		Field:      plain(e.Field, maxName),
		Message:    plain(e.Message, maxMessage),
		RetryAfter: toDuration(min(max(e.RetryAfter, 0), maxRetryAfter)),
	}
	if isWord(e.Reason) {
		m.Reason = e.Reason
	}
	if m.Message == "" {
		m.Message = e.Code.Error()
	}
	return m
}

func toCode(c sdk.Code) pluginv1.Code {
	if c > sdk.Unavailable {
		return pluginv1.Code_CODE_INTERNAL
	}
	return pluginv1.Code(c) + pluginv1.Code_CODE_INTERNAL
}

// fromError returns the error that a plugin answered with. People see its
// message, so it is cut down to what can be shown rather than refused: it may
// be all they learn.
func fromError(who string, s sdk.Schema, m *pluginv1.Error) *sdk.Error {
	code := m.GetCode() - pluginv1.Code_CODE_INTERNAL
	if code < 0 || code > pluginv1.Code(sdk.Unavailable) {
		return malformed(who, fmt.Errorf("there is no error code %d", m.GetCode()))
	}
	e := &sdk.Error{Code: sdk.Code(code), Message: plain(m.GetMessage(), maxMessage)}
	if e.Message == "" {
		return malformed(who, fmt.Errorf("its error, %s, has no message", e.Code.Error()))
	}
	if _, ok := s.Field(m.GetField()); ok {
		e.Field = m.GetField()
	}
	if isWord(m.GetReason()) {
		e.Reason = m.GetReason()
	}
	if d := m.GetRetryAfter(); d != nil {
		e.RetryAfter = min(time.Duration(min(max(d.GetSeconds(), 0), math.MaxInt32))*time.Second+time.Duration(max(d.GetNanos(), 0)), maxRetryAfter)
	}
	return e
}
