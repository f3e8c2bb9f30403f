// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"strconv"
	"strings"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
)

// A secretText is where a secret of several lines is entered: a private key,
// say, which is pasted or named by its file. It shows how much there is, and
// nothing of it but the name of a file.
type secretText struct {
	text   string
	isFile func(text string) bool
}

// press takes a key.
func (s *secretText) press(key tea.KeyPressMsg) {
	switch key.String() {
	case "enter", "ctrl+j":
		s.text += "\n"
	case "backspace", "ctrl+h":
		_, size := utf8.DecodeLastRuneInString(s.text)
		s.text = s.text[:len(s.text)-size]
	case "ctrl+u":
		s.text = ""
	default:
		s.text += key.Text
	}
}

// paste takes a text, to the letter but for the line breaks: terminals have
// their own.
func (s *secretText) paste(text string) {
	s.text += strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
}

// view returns what is seen of the text.
func (s *secretText) view(q *questions, width int) string {
	if s.isFile(s.text) {
		return s.text
	}
	lines := strings.Split(s.text, "\n")
	last := utf8.RuneCountInString(lines[len(lines)-1])
	view := strings.Repeat("*", max(min(last, width-1), 0))
	if len(lines) > 1 {
		view += "\n" + q.word("lines: %", strconv.Itoa(strings.Count(strings.TrimSuffix(s.text, "\n"), "\n")+1))
	}
	return view
}
