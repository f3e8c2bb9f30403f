// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/credhost/credhost/sdk"
)

// What services and plugins say ends up on a terminal, which would obey it.
func TestNothingCommandsTheTerminal(t *testing.T) {
	const evil = "\x1b]0;owned\a\x1b[2J\u009b31m\u202eabc\r"
	var out, err bytes.Buffer
	p := &program{out: &out, err: &err}
	p.note("%s", evil)
	p.fail(sdk.Errorf(sdk.Denied, "%s", evil))
	p.fail(errors.New(evil))
	row(&out, evil)
	for _, text := range []string{out.String(), err.String()} {
		for _, r := range text {
			if r < ' ' && r != '\n' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x202e {
				t.Errorf("%q has the character %q", text, r)
			}
		}
	}
	if visible("a\tb\nc é 字") != "a\tb\nc é 字" {
		t.Error("harmless text is changed")
	}
}

func TestSpansAreInTheLargestUnit(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 seconds", time.Second: "1 second", 90 * time.Second: "1 minute", 10 * time.Minute: "10 minutes",
		25 * time.Hour: "1 day", 30 * 24 * time.Hour: "30 days",
	} {
		if got := roughly(d); got != want {
			t.Errorf("%v is %q, not %q", d, got, want)
		}
	}
}

// Each code of the sdk has an exit code of its own, and a word that is the same.
func TestCodesOfErrors(t *testing.T) {
	p := &program{}
	seen := map[int]bool{}
	for c := sdk.Internal; c <= sdk.Unavailable; c++ {
		r := p.explain(sdk.Errorf(c, "text"))
		if r.Code != c.Error() || r.Exit == 0 || seen[r.Exit] {
			t.Errorf("%v is reported as %q with the exit code %d", c, r.Code, r.Exit)
		}
		seen[r.Exit] = true
	}
}
