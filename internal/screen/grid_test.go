// SPDX-License-Identifier: Apache-2.0

//go:build unix

package screen

import (
	"strings"
	"testing"
)

func TestGrid(t *testing.T) {
	for _, test := range []struct{ name, written, seen string }{
		{"lines", "one\r\ntwo", "one\ntwo\n\n"},
		{"a line too long", "abcdefghij", "abcdefgh\nij\n\n"},
		{"one that just fits", "abcdefgh\r\nij", "abcdefgh\nij\n\n"},
		{"scrolling", "1\r\n2\r\n3\r\n4", "2\n3\n4\n"},
		{"over what is there", "abc\r\x1b[CX\x1b[K", "aX\n\n\n"},
		{"up and erase below", "a\r\nb\r\nc\x1b[2A\r\x1b[JX", "X\n\n\n"},
		{"colours", "\x1b[1;31ma\x1b[0mb", "ab\n\n\n"},
		{"inserting and deleting", "abc\r\x1b[@_\x1b[2P", "_c\n\n\n"},
		{"wide characters", "你好\b\b\b\bx", "x好\n\n\n"},
		{"lines in between", "a\r\nb\x1b[1;1H\x1b[L", "\na\nb\n"},
	} {
		g := newGrid(8, 3)
		for _, b := range []byte(test.written) { // each alone: a chunk may end anywhere
			g.write([]byte{b})
		}
		if got := strings.ReplaceAll(g.String(), "\x00", ""); got != test.seen {
			t.Errorf("%s: %q, not %q", test.name, got, test.seen)
		}
		if len(g.unknown) > 0 {
			t.Errorf("%s: %q is not known", test.name, g.unknown)
		}
	}
	g := newGrid(8, 3)
	g.write([]byte("\x1b[?25l\x1b[?2004;1049h\x1b[?2026$p\x1b]0;title\x07\x1b[>4;2m"))
	if got := strings.Join(g.modes(), ", "); got != "cursor hidden, alternate screen, bracketed paste" {
		t.Errorf("modes: %s", got)
	}
}
