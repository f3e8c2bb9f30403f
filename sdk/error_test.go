// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/credhost/credhost/sdk"
	"github.com/google/go-cmp/cmp"
)

func TestCodes(t *testing.T) {
	t.Parallel()
	words := map[sdk.Code]string{sdk.Internal: "internal", sdk.Invalid: "invalid", sdk.Denied: "denied", sdk.Forbidden: "forbidden", sdk.Unavailable: "unavailable"}
	for code, word := range words {
		text, err := code.MarshalText()
		var back sdk.Code
		if err != nil || string(text) != word || back.UnmarshalText(text) != nil || back != code {
			t.Errorf("%d is %q and comes back as %d", code, text, back)
		}
		wrapped := fmt.Errorf("outside: %w", sdk.Errorf(code, "x").Because(io.EOF))
		for other := range words {
			if errors.Is(wrapped, other) != (other == code) {
				t.Errorf("an error of code %v is %v", code, other)
			}
		}
		if !errors.Is(wrapped, io.EOF) {
			t.Error("the cause is not found")
		}
	}
	var c sdk.Code
	if c.UnmarshalText([]byte("nope")) == nil || sdk.Code(9).Error() != "code(9)" {
		t.Error("a code that is none has a word")
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	f := sdk.Field{Name: "tenant"}
	e := sdk.Errorf(sdk.Invalid, "is %d too long", 3)
	for text, e := range map[string]*sdk.Error{
		"is 3 too long":         e,
		"tenant: is 3 too long": e.In(f).Because(errors.New("cause")),
		"denied":                {Code: sdk.Denied, Field: "x"},
	} {
		if e.Error() != text {
			t.Errorf("the text is %q, want %q", e.Error(), text)
		}
	}
	if e.Field != "" || e.Err != nil {
		t.Error("In or Because changed the error that it copies")
	}
	if got := fmt.Sprintf("%#v %q", e, e); got != `sdk.Error(invalid, "is 3 too long") "is 3 too long"` {
		t.Errorf("it prints as %s", got)
	}
}

func TestErrorAsJSON(t *testing.T) {
	t.Parallel()
	e := &sdk.Error{Code: sdk.Invalid, Field: "f", Reason: "kind", Message: "m", RetryAfter: time.Second, Err: errors.New(canary)}
	text, err := json.Marshal(e)
	if want := `{"code":"invalid","field":"f","reason":"kind","message":"m"}`; err != nil || string(text) != want {
		t.Errorf("its JSON is %s, %v", text, err)
	}
	var back sdk.Error
	if err := json.Unmarshal(text, &back); err != nil || back.Code != sdk.Invalid || back.Message != "m" {
		t.Errorf("it comes back as %+v, %v", back, err)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	first := sdk.Errorf(sdk.Invalid, "one").In(sdk.Field{Name: "a"})
	var err error = sdk.Errors{first, sdk.Errorf(sdk.Denied, "two")}
	var got *sdk.Error
	if !errors.As(err, &got) || got != first {
		t.Errorf("errors.As finds %v", got)
	}
	if !errors.Is(err, sdk.Invalid) || !errors.Is(err, sdk.Denied) || errors.Is(err, sdk.Forbidden) {
		t.Error("errors.Is does not see every fault")
	}
	if diff := cmp.Diff("a: one; two", err.Error()); diff != "" {
		t.Error(diff)
	}
}
