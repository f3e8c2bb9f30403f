// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Every type of this package that holds a secret prints as an outline, with
// every verb and in every encoding: fmt calls Format, the runtime calls String
// when it prints a panic, and log/slog and the encoders of JSON, XML and YAML
// call MarshalText.
//
// Two gaps no method can close. Fmt calls none of a value in an unexported
// field: a struct that keeps a secret in one needs its own Format. And it calls
// none for the verb %w, which go vet refuses for what is not an error.

// outline is what a value that holds secrets prints as. Names may come from
// anywhere, so they are made fit for a terminal.
func outline(what string, names ...string) string {
	for i, name := range names {
		names[i] = printable(name)
	}
	return what + "[" + strings.Join(names, " ") + "]"
}

// String returns the names of the fields.
func (v Values) String() string { return outline("values", v.Names()...) }

// Format prints the names of the fields.
func (v Values) Format(f fmt.State, _ rune) { io.WriteString(f, v.String()) }

// MarshalText returns the names of the fields. For the answers themselves see
// [Schema.Encode].
func (v Values) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// String returns the names of the fields.
func (in Input) String() string { return outline("input", in.values.Names()...) }

// Format prints the names of the fields.
func (in Input) Format(f fmt.State, _ rune) { io.WriteString(f, in.String()) }

// MarshalText returns the names of the fields.
func (in Input) MarshalText() ([]byte, error) { return []byte(in.String()), nil }

// String returns the names of what g carries, and until when.
func (g Grant) String() string {
	names := slices.Concat(slices.Sorted(maps.Keys(g.Header)), slices.Sorted(maps.Keys(g.Query)), slices.Sorted(maps.Keys(g.Path)))
	if !g.Expiry.IsZero() {
		names = append(names, "until "+g.Expiry.UTC().Format(time.RFC3339))
	}
	return outline("grant", names...)
}

// Format prints the names of what g carries, and until when.
func (g Grant) Format(f fmt.State, _ rune) { io.WriteString(f, g.String()) }

// MarshalText returns the names of what g carries, and until when.
func (g Grant) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// String returns the names of what s adds.
func (s Signature) String() string {
	return outline("signature", slices.Sorted(maps.Keys(s.Header))...)
}

// Format prints the names of what s adds.
func (s Signature) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// MarshalText returns the names of what s adds.
func (s Signature) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String returns the method and the names of the headers.
func (r Request) String() string {
	return outline("request", append([]string{r.Method}, slices.Sorted(maps.Keys(r.Header))...)...)
}

// Format prints the method and the names of the headers.
func (r Request) Format(f fmt.State, _ rune) { io.WriteString(f, r.String()) }

// MarshalText returns the method and the names of the headers.
func (r Request) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// String returns the status and the names of the headers.
func (r Refusal) String() string {
	return outline("refusal", append([]string{fmt.Sprint(r.Status)}, slices.Sorted(maps.Keys(r.Header))...)...)
}

// Format prints the status and the names of the headers.
func (r Refusal) Format(f fmt.State, _ rune) { io.WriteString(f, r.String()) }

// MarshalText returns the status and the names of the headers.
func (r Refusal) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// String returns the names of what came back.
func (cb Callback) String() string {
	return outline("callback", slices.Sorted(maps.Keys(cb.Query))...)
}

// Format prints the names of what came back.
func (cb Callback) Format(f fmt.State, _ rune) { io.WriteString(f, cb.String()) }

// MarshalText returns the names of what came back.
func (cb Callback) MarshalText() ([]byte, error) { return []byte(cb.String()), nil }

// String returns no more than that there is an approval: its URL holds the
// state.
func (a Approval) String() string { return outline("approval") }

// Format prints no more than that there is an approval.
func (a Approval) Format(f fmt.State, _ rune) { io.WriteString(f, a.String()) }

// MarshalText returns no more than that there is an approval.
func (a Approval) MarshalText() ([]byte, error) { return []byte(a.String()), nil }
