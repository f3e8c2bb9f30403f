// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"os"
	"runtime"
	"strings"

	"charm.land/huh/v2"
	"charm.land/lipgloss/v2"
)

// A look is how the drawn form looks. It says nothing by colour alone, and has
// only the sixteen colours that each person has chosen for their terminal; the
// library leaves them out where NO_COLOR is set, or the terminal has none.
type look struct {
	theme  huh.Theme
	styles *huh.Styles

	answered, wrong, open string // what stands before a question that is not open
	more, between         string // after a text that is cut, and between hints
	up, right, sides      string // keys
}

// newLook returns a look whose signs the terminal can show.
func newLook() look {
	l := look{answered: "+", wrong: "!", open: "-", more: "...", between: " - ", up: "up/down", right: "right", sides: "left/right"}
	if showsUnicode() {
		l = look{answered: "✓", wrong: "!", open: "·", more: "…", between: " · ", up: "↑/↓", right: "→", sides: "←/→"}
	}
	l.styles = stylesOf()
	l.theme = huh.ThemeFunc(func(bool) *huh.Styles { return l.styles })
	return l
}

// showsUnicode reports whether the locale says that the terminal shows more
// than ASCII.
func showsUnicode() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := strings.ToLower(os.Getenv(name)); locale != "" {
			return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
		}
	}
	return runtime.GOOS == "windows"
}

func stylesOf() *huh.Styles {
	s := huh.ThemeBase16(false)
	plain := lipgloss.NewStyle()
	f := &s.Focused
	f.Base = plain.PaddingLeft(2)
	f.Title = f.Title.Bold(true)
	f.Description = plain.Faint(true)
	f.ErrorIndicator = plain
	f.ErrorMessage = plain.Foreground(lipgloss.Color("1"))
	f.Option, f.UnselectedOption = plain, plain
	f.SelectedOption = plain.Bold(true)
	f.SelectedPrefix = plain.SetString("[x] ")
	f.UnselectedPrefix = plain.SetString("[ ] ")
	f.FocusedButton = plain.Padding(0, 1).MarginRight(1).Reverse(true).Bold(true)
	f.BlurredButton = plain.Padding(0, 1).MarginRight(1)
	f.TextInput.Placeholder = plain.Faint(true)
	f.TextInput.Prompt = plain.Foreground(lipgloss.Color("6"))
	f.TextInput.Text = plain
	s.Blurred = *f
	return s
}

// wrapped returns text in lines of at most a width, each painted by style. A
// word that is longer than that is broken.
func wrapped(style lipgloss.Style, text string, width int) []string {
	if text == "" {
		return nil
	}
	lines := strings.Split(lipgloss.Wrap(text, max(width, 1), ""), "\n")
	for i := range lines {
		lines[i] = style.Render(lines[i])
	}
	return lines
}

// clipped returns text cut to a width, with a sign that it is.
func (l look) clipped(text string, width int) string {
	if lipgloss.Width(text) <= width {
		return text
	}
	runes := []rune(text)
	for len(runes) > 0 && lipgloss.Width(string(runes))+len([]rune(l.more)) > width {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + l.more
}
