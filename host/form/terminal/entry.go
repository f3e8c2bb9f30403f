// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/huh/v2"
	"charm.land/lipgloss/v2"

	"github.com/credhost/credhost/sdk"
)

// An entry is where the answer to one field is entered: a field of the library,
// or a secret of several lines, which it has nothing for.
type entry struct {
	field  *sdk.Field
	input  huh.Field
	secret *secretText // instead of input

	typed func() string // as typed.go explains
	lines bool          // it takes several lines, so enter and the arrows are its own
	moves bool          // up and down are its own
	hints []string      // what its keys do

	helps map[string]string // of options, if there is no room for those of all
}

// newEntry returns the entry of a field, with what was typed there before.
func (m *screen) newEntry(field *sdk.Field) *entry {
	e := &entry{field: field, lines: takesLines(field)}
	typed, ok := m.q.typed[field.Name]
	if !ok {
		typed = typedOf(field, m.q.answers[field.Name])
	}
	switch {
	case picks(field) && field.Many:
		m.multiSelect(e)
	case picks(field):
		m.selection(e)
	case field.Kind == sdk.Bool:
		m.confirm(e)
	case e.lines && field.Secret:
		e.secret = &secretText{text: typed, isFile: func(text string) bool { return isFile(field, text) }}
		e.typed = func() string { return e.secret.text }
	case e.lines:
		// The library's own keys are left out: one of them writes what was
		// typed to a file that everybody can read, to open an editor there.
		e.input = huh.NewText().Title(m.titleOf(field)).Description(m.helpOf(field)).ExternalEditor(false).
			Lines(min(max(m.height-14, 2), 8)).Value(&typed)
		e.typed = func() string { return typed }
	default:
		m.line(e, typed)
	}
	if e.input != nil {
		e.input.WithTheme(m.look.theme)
		e.input.WithWidth(m.width)
	}
	if e.lines {
		e.hint(m.q.word("enter"), m.q.word("new line"))
		e.hint(m.q.word("tab"), m.q.word("next"))
	} else {
		e.hint(m.q.word("enter"), m.q.word("next"))
	}
	return e
}

// hint says what a key does.
func (e *entry) hint(key, does string) { e.hints = append(e.hints, key+" "+does) }

// usesArrows reports whether up and down are the entry's own; nil is none.
func (e *entry) usesArrows() bool { return e != nil && (e.moves || e.lines) }

// focus has the entry take keys from now on.
func (e *entry) focus() tea.Cmd {
	if e.input == nil {
		return nil
	}
	return e.input.Focus()
}

// update has the entry take a message.
func (e *entry) update(msg tea.Msg) tea.Cmd {
	if e.input != nil {
		next, cmd := e.input.Update(msg)
		if field, ok := next.(huh.Field); ok {
			e.input = field
		}
		return cmd
	}
	switch msg := msg.(type) {
	case tea.KeyPressMsg:
		e.secret.press(msg)
	case tea.PasteMsg:
		e.secret.paste(msg.Content)
	}
	return nil
}

// titleOf returns the label of a field.
func (m *screen) titleOf(field *sdk.Field) string {
	if field.Optional {
		return field.Title + " (" + m.q.word("optional") + ")"
	}
	return field.Title
}

// helpOf returns what stands below the label.
func (m *screen) helpOf(field *sdk.Field) string {
	var lines []string
	if field.Help != "" {
		lines = append(lines, field.Help)
	}
	switch {
	case field.Kind == sdk.LongText && !field.Many && field.Secret:
		lines = append(lines, m.q.word("paste it, or type @ and the name of a file"))
	case field.Kind == sdk.LongText && !field.Many:
		lines = append(lines, m.q.word("or type @ and the name of a file"))
	case field.Kind == sdk.Pairs && !field.Many:
		lines = append(lines, m.q.word("name=value, one a line"))
	case takesLines(field):
		lines = append(lines, m.q.word("one a line"))
	case field.Kind == sdk.DateTime && field.Example == "":
		lines = append(lines, m.q.word("such as %", "2006-01-02T15:04:05Z"))
	}
	if field.Example != "" && !picks(field) &&
		(takesLines(field) || field.Secret || m.q.defaultOf(field) != "" || lipgloss.Width(field.Example) > m.width-6) {
		lines = append(lines, m.q.word("such as %", field.Example)) // there is no room for it in the input
	}
	switch def := m.q.defaultOf(field); {
	case m.q.isKept(field):
		lines = append(lines, m.q.word("set; leave it empty to keep it"))
	case def != "" && !picks(field) && field.Kind != sdk.Bool:
		lines = append(lines, m.q.word("left empty: %", m.q.summary(field, field.Options, def)))
	}
	return strings.Join(lines, "\n")
}

// line makes the entry of one line of text.
func (m *screen) line(e *entry, typed string) {
	input := huh.NewInput().Title(m.titleOf(e.field)).Description(m.helpOf(e.field)).Value(&typed)
	placeholder := m.q.defaultOf(e.field)
	if placeholder == "" {
		placeholder = e.field.Example
	}
	keys := huh.NewDefaultKeyMap()
	if e.field.Secret {
		input.EchoMode(huh.EchoModePassword)
	} else {
		input.Placeholder(printable(placeholder))
	}
	var suggestions []string
	for _, o := range m.q.options(e.field) {
		suggestions = append(suggestions, o.Value)
	}
	if len(suggestions) > 0 {
		keys.Input.AcceptSuggestion.SetKeys("right", "ctrl+e")
		e.moves = true
		e.hint(m.look.up, m.q.word("choose"))
		e.hint(m.look.right, m.q.word("complete"))
	}
	input.WithKeyMap(keys)
	if e.moves {
		input.Suggestions(suggestions)
	}
	e.input, e.typed = input, func() string { return typed }
}

// confirm makes the entry of a yes or no.
func (m *screen) confirm(e *entry) {
	is := m.q.now().assumed[e.field.Name] == "true"
	e.input = huh.NewConfirm().Title(m.titleOf(e.field)).Description(m.helpOf(e.field)).
		Affirmative(m.q.word("Yes")).Negative(m.q.word("No")).WithButtonAlignment(0).Value(&is)
	e.input.WithKeyMap(huh.NewDefaultKeyMap())
	e.hint(m.look.sides, m.q.word("choose"))
	e.typed = func() string {
		if is {
			return "true"
		}
		return "false"
	}
}

// choices returns what there is to choose from, as the library takes it.
func (m *screen) choices(e *entry) []huh.Option[string] {
	field := e.field
	var all []huh.Option[string]
	add := func(title, value string) { all = append(all, huh.NewOption(title, value)) }
	if field.Optional && !field.Many && m.q.defaultOf(field) == "" {
		add(m.q.word("none"), "")
	}
	options, height := m.q.options(field), 0
	for _, o := range options {
		height += len(wrapped(m.look.styles.Focused.Option, titleAndHelp(o), m.width-8))
	}
	if height > m.height-8 {
		e.helps = map[string]string{}
	}
	for _, o := range options {
		title := titleAndHelp(o)
		if e.helps != nil {
			title, e.helps[o.Value] = o.Title, o.Help
		}
		add(title, o.Value)
	}
	return all
}

// titleAndHelp returns what an option is and means.
func titleAndHelp(o sdk.Option) string {
	if o.Help == "" {
		return o.Title
	}
	return o.Title + ": " + o.Help
}

// selection makes the entry of a choice.
func (m *screen) selection(e *entry) {
	choices := m.choices(e)
	chosen := m.q.now().assumed[e.field.Name]
	if !slices.ContainsFunc(choices, func(o huh.Option[string]) bool { return o.Value == chosen }) && len(choices) > 0 {
		chosen = choices[0].Value
	}
	input := huh.NewSelect[string]().Title(m.titleOf(e.field)).Description(m.helpOf(e.field)).Options(choices...).Value(&chosen)
	keys := huh.NewDefaultKeyMap()
	keys.Select.Filter.SetKeys()
	input.WithKeyMap(keys)
	e.input, e.moves, e.typed = input, true, func() string { return chosen }
	e.hint(m.look.up, m.q.word("choose"))
}

// multiSelect makes the entry of any number of choices.
func (m *screen) multiSelect(e *entry) {
	chosen := items(m.q.now().assumed[e.field.Name])
	choices := m.choices(e)
	for i := range choices { // the library does not wrap these
		choices[i].Key = strings.Join(wrapped(m.look.styles.Focused.Option, choices[i].Key, m.width-8), "\n")
	}
	input := huh.NewMultiSelect[string]().Title(m.titleOf(e.field)).Description(m.helpOf(e.field)).Filterable(false).
		Options(choices...).Value(&chosen)
	input.WithKeyMap(huh.NewDefaultKeyMap())
	e.input, e.moves, e.typed = input, true, func() string { return listOf(chosen) }
	e.hint(m.look.up, m.q.word("choose"))
	e.hint(m.q.word("space"), m.q.word("mark"))
}

// oneLine returns what was pasted into one line. A line break at its end came
// with the copying; one within it is a mistake that must not pass for a space.
func oneLine(field *sdk.Field, text string) (tea.PasteMsg, bool) {
	text = strings.TrimRight(text, "\r\n")
	return tea.PasteMsg{Content: text}, field.Kind == sdk.JSON || !strings.ContainsAny(text, "\r\n")
}
