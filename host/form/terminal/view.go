// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/huh/v2"

	"github.com/credhost/credhost/sdk"
)

// View implements [tea.Model]. A form that was saved leaves its answers on the
// screen, one that was left leaves nothing.
func (m *screen) View() tea.View {
	var lines []string
	switch {
	case !m.closed:
		lines = m.fit(m.height - 1)
	case m.err == nil:
		head, _ := m.head()
		lines = append(append(head, ""), m.rows(m.q.asked())...)
		lines = append(lines, "", "") // the library clears the line that it ends on
	}
	return tea.NewView(strings.Join(lines, "\n"))
}

// fit returns the form in at most height lines. What is open, its message and
// the keys come first; of the rest, what is nearest.
func (m *screen) fit(height int) []string {
	asked := m.q.asked()
	at := len(asked)
	if m.entry != nil {
		for i, field := range asked {
			if field.Name == m.entry.field.Name {
				at = i
			}
		}
	}
	keys := m.keys()
	block := m.block(height - len(keys) - 1)
	before := m.rows(asked[:at])
	var after []string
	if at < len(asked) {
		after = append(m.rows(asked[at+1:]), m.row(m.look.open, m.q.word("Save"), ""))
	}
	room := height - len(block) - len(keys) - 1
	head, short := m.head()
	if len(head)+1+len(before)+len(after) > room {
		head = short
	}
	if len(head)+1 > room {
		head = nil
	} else {
		head = append(head, "")
	}
	room -= len(head)
	space := 0
	if len(before)+len(after)+2 <= room {
		space = 1
	}
	above, below := share(len(before), len(after), room-2*space)
	lines := append(head, before[len(before)-above:]...)
	if above > 0 && space > 0 {
		lines = append(lines, "")
	}
	lines = append(lines, block...)
	if below > 0 && space > 0 {
		lines = append(lines, "")
	}
	lines = append(lines, after[:below]...)
	return append(append(lines, ""), keys...)
}

// share divides room between what is above and what is below, evenly unless one
// of them needs less.
func share(above, below, room int) (int, int) {
	room = max(room, 0)
	if above+below <= room {
		return above, below
	}
	above = min(above, max(room/2, room-below))
	return above, min(below, room-above)
}

// head returns what stands above the form, and what of it where there is little
// room: without where to read more.
func (m *screen) head() (all, short []string) {
	styles := m.look.styles.Focused
	all = wrapped(styles.Title, m.q.schema.Title, m.width)
	short = slices.Clone(all)
	if m.q.schema.DocsURL != "" {
		all = append(all, wrapped(styles.Description, m.q.schema.DocsURL, m.width)...)
	}
	if url := m.q.redirectURL(); url != "" {
		registered := wrapped(styles.Option, m.q.word("Redirect URL")+": "+url, m.width)
		all, short = append(all, registered...), append(short, registered...)
		all = append(all, wrapped(styles.Description, m.q.word("Register it at the service, letter for letter."), m.width)...)
	}
	return all, short
}

// rows returns a line for each of fields: what it is, and its answer.
func (m *screen) rows(fields []*sdk.Field) []string {
	answers, assumed := m.q.now().all, m.q.now().assumed
	rows := make([]string, len(fields))
	for i, field := range fields {
		mark, title := m.look.open, m.titleOf(field)
		answer := m.q.summary(field, field.Options, answers[field.Name])
		message, refused := m.q.fault(field.Name)
		switch {
		case message != "" && (m.seen[field.Name] || refused):
			mark = m.look.wrong
		case message == "" && (answer != "" || m.q.isKept(field) || m.seen[field.Name]):
			mark = m.look.answered
		}
		switch {
		case answer == "" && m.q.isKept(field):
			answer = m.q.summary(field, nil, "set")
		case answer == "" && !field.Secret:
			answer = m.q.summary(field, field.Options, assumed[field.Name])
		}
		if answer != "" {
			title = field.Title
		}
		rows[i] = m.row(mark, title, answer)
	}
	return rows
}

// row returns one such line. What does not fit is cut; it is there in full once
// the question is open.
func (m *screen) row(mark, title, answer string) string {
	styles := m.look.styles.Focused
	title = m.look.clipped(title, m.width-2)
	if answer == "" {
		return mark + " " + title
	}
	answer = m.look.clipped(title+": "+answer, m.width-2)[len(title):]
	return mark + " " + title + styles.Description.Render(answer)
}

// block returns the open question, or the button, in at most height lines.
func (m *screen) block(height int) []string {
	if m.entry == nil {
		return m.button(height)
	}
	var notices, lines []string
	for _, text := range m.q.notices(m.entry.field.Name) {
		notices = append(notices, m.notice(text)...)
	}
	var fault []string
	text, isFault := m.message()
	style := m.look.styles.Focused.Description
	if isFault {
		style = m.look.styles.Focused.ErrorMessage
		text = prefixed("! ", text)
	}
	for _, line := range wrapped(style, text, m.width-2) {
		fault = append(fault, "  "+line)
	}
	room := height - len(fault)
	help := m.optionHelp()
	if len(help)+4 > room {
		help = nil
	}
	lines = append(m.entryLines(room-len(help)), help...)
	switch room -= len(lines); {
	case len(notices) == 0 || len(notices) > room:
	case len(notices) == room:
		lines = append(notices, lines...)
	default:
		lines = append(append(notices, ""), lines...)
	}
	return append(lines, fault...)
}

func prefixed(prefix, text string) string {
	if text == "" {
		return ""
	}
	return prefix + text
}

// entryLines returns the entry in at most height lines, if it can be.
func (m *screen) entryLines(height int) []string {
	e := m.entry
	var lines []string
	if e.secret != nil {
		lines = m.secretLines()
	} else {
		lines = m.drawn(e.input)
	}
	if len(lines) <= height {
		return lines
	}
	switch input := e.input.(type) { // a list scrolls
	case *huh.Select[string]:
		input.Height(max(height, 3))
		lines = m.drawn(input)
	case *huh.MultiSelect[string]:
		input.Height(max(height, 3))
		lines = m.drawn(input)
	}
	if tail := max(height-1, 1); len(lines) > tail+1 { // what it is called, and what is entered
		lines = append(lines[:1:1], lines[len(lines)-tail:]...)
	}
	return lines
}

// optionHelp returns the help of the option that would be chosen now, if that
// does not stand beside it.
func (m *screen) optionHelp() []string {
	if m.entry.helps == nil || m.entry.field.Many {
		return nil
	}
	lines := wrapped(m.look.styles.Focused.Description, m.entry.helps[m.entry.typed()], m.width-2)
	for i := range lines {
		lines[i] = "  " + lines[i]
	}
	return lines
}

func (m *screen) drawn(input huh.Field) []string {
	lines := strings.Split(input.View(), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

// secretLines returns the entry of a secret of several lines.
func (m *screen) secretLines() []string {
	styles, e := m.look.styles.Focused, m.entry
	lines := wrapped(styles.Title, m.titleOf(e.field), m.width-2)
	for text := range strings.SplitSeq(m.helpOf(e.field), "\n") {
		lines = append(lines, wrapped(styles.Description, text, m.width-2)...)
	}
	lines = append(lines, strings.Split(styles.TextInput.Prompt.Render("> ")+e.secret.view(m.q, m.width-5), "\n")...)
	for i := range lines {
		lines[i] = "  " + lines[i]
	}
	return lines
}

// notice returns what to tell, set apart from the questions.
func (m *screen) notice(text string) []string {
	lines := wrapped(m.look.styles.Focused.Option, text, m.width-4)
	for i := range lines {
		lines[i] = "    " + lines[i]
	}
	if len(lines) > 0 {
		lines[0] = "  * " + lines[0][4:]
	}
	return lines
}

// button returns what is below the questions.
func (m *screen) button(height int) []string {
	styles := m.look.styles.Focused
	var lines []string
	for _, text := range m.q.notices("") {
		lines = append(lines, m.notice(text)...)
	}
	if len(lines) > 0 {
		lines = append(lines, "")
	}
	title := m.q.word("Save")
	if m.saving {
		title = m.q.word("saving") + m.look.more
	}
	lines = append(lines, "  "+styles.FocusedButton.Render(title))
	for _, line := range wrapped(styles.ErrorMessage, prefixed("! ", m.general), m.width-2) {
		lines = append(lines, "  "+line)
	}
	return lines[max(len(lines)-height, 0):]
}

// keys returns what the keys do.
func (m *screen) keys() []string {
	var hints []string
	first := true
	if m.entry != nil {
		hints = append(hints, m.entry.hints...)
		first = m.neighbour(m.entry.field, -1) == nil
	} else {
		hints = append(hints, m.q.word("enter")+" "+m.q.word("save"))
		first = len(m.q.asked()) == 0
	}
	if !first {
		hints = append(hints, "shift+tab "+m.q.word("back"))
	}
	hints = append(hints, "ctrl+c "+m.q.word("cancel"))
	return wrapped(m.look.styles.Focused.Description, strings.Join(hints, m.look.between), m.width)
}
