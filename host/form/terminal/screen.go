// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	tea "charm.land/bubbletea/v2"

	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

// A screen is the form that is drawn: the model of a program of the library,
// which alone writes to the terminal meanwhile. One question is open and has an
// entry, or else the button below them all is reached. Whatever changes an
// answer may change which questions there are.
type screen struct {
	q             *questions
	in            *os.File
	out           io.Writer
	look          look
	width, height int

	entry   *entry          // of the open question; nil: the button is reached
	insists bool            // the person tried to leave a wrong answer
	told    string          // what was wrong then, or when it was opened
	pasted  string          // why what was pasted was not taken
	seen    map[string]bool // fields that were open before
	general string          // what is wrong with no answer in particular

	save    func(context.Context, sdk.Values) ([]form.Fault, error)
	submit  func(sdk.Values) tea.Cmd // saves
	giveUp  context.CancelFunc       // makes saving end early
	saving  bool
	leaving bool // and it is to end

	closed bool
	result sdk.Values
	err    error
}

func newScreen(q *questions, in *os.File, out io.Writer, save func(context.Context, sdk.Values) ([]form.Fault, error)) *screen {
	return &screen{q: q, in: in, out: out, save: save, look: newLook(), seen: map[string]bool{}, width: 80, height: 24}
}

// What the program is told besides keys.
type (
	leave struct{ err error } // the person gives up, or the program must end
	saved struct {            // how saving ended
		answers sdk.Values
		faults  []form.Fault
		err     error
	}
)

// ask draws the form until it is saved or left.
func (m *screen) ask(ctx context.Context) (sdk.Values, error) {
	working, giveUp := context.WithCancel(ctx)
	defer giveUp()
	var saves sync.WaitGroup
	defer saves.Wait() // whatever becomes of the terminal
	m.giveUp = giveUp
	m.submit = func(answers sdk.Values) tea.Cmd {
		saves.Add(1)
		return func() tea.Msg {
			defer saves.Done()
			faults, err := m.save(working, answers)
			return saved{answers, faults, err}
		}
	}
	// Signals are the caller's, through ctx. The form is left as by a key, so
	// that nothing of it stays on the screen.
	keys, err := newKeyboard(m.in)
	if err != nil {
		return nil, err
	}
	defer keys.end()
	os.Unsetenv("TEA_TRACE") // or the library would write what is typed to a file
	p := tea.NewProgram(m, tea.WithInput(keys), tea.WithOutput(m.out), tea.WithoutSignalHandler())
	defer context.AfterFunc(ctx, func() { p.Send(leave{ctx.Err()}) })()
	_, err = p.Run()
	switch {
	case m.closed:
		return m.result, m.err
	case errors.Is(err, tea.ErrProgramPanic):
		return nil, err
	}
	return nil, ErrEnded // the terminal is gone
}

// Init implements [tea.Model].
func (m *screen) Init() tea.Cmd {
	if first := m.q.first(); first != nil && len(m.q.refused) > 0 {
		cmd := m.open(first)
		m.insists = true
		return cmd
	}
	return m.open(m.neighbour(nil, 1))
}

// Update implements [tea.Model].
func (m *screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = max(msg.Width, leastWidth), max(msg.Height, leastHeight)
		if m.entry == nil {
			return m, nil
		}
		m.entry = m.newEntry(m.entry.field) // what it says depends on the room
		return m, m.entry.focus()
	case leave:
		return m, m.leave(msg.err)
	case saved:
		return m, m.saved(msg)
	case tea.KeyPressMsg:
		return m, m.press(msg)
	case tea.PasteMsg:
		return m, m.paste(msg)
	}
	return m, m.pass(msg)
}

// leave closes the form without saving it; while it is saved, once that ends.
func (m *screen) leave(err error) tea.Cmd {
	if m.saving {
		m.err, m.leaving = err, true
		m.giveUp()
		return nil
	}
	return m.close(nil, err)
}

func (m *screen) close(result sdk.Values, err error) tea.Cmd {
	m.closed, m.result, m.err = true, result, err
	return tea.Quit
}

// saved goes on after saving. What is wrong is shown where it is.
func (m *screen) saved(s saved) tea.Cmd {
	m.saving = false
	switch {
	case s.err == nil && len(s.faults) == 0:
		return m.close(s.answers, nil) // though the person may have given up: it is done
	case m.leaving:
		return m.close(nil, m.err)
	case s.err != nil:
		return m.close(nil, s.err)
	}
	return m.point(s.faults)
}

// point shows faults, and opens the first question that has one.
func (m *screen) point(faults []form.Fault) tea.Cmd {
	m.general = m.q.refuse(faults)
	for _, field := range m.q.schema.Fields {
		m.seen[field.Name] = true
	}
	first := m.q.first()
	if first == nil {
		if m.general == "" { // of what is not asked any more, which nobody can mend
			m.general = faults[0].Message
		}
		return m.open(nil)
	}
	cmd := m.open(first)
	m.insists = true
	return cmd
}

// press takes a key: the form's own, or the entry's.
func (m *screen) press(key tea.KeyPressMsg) tea.Cmd {
	name := key.String()
	switch {
	case name == "ctrl+c":
		return m.leave(ErrInterrupted)
	case m.saving:
		return nil
	case name == "ctrl+d" && (m.entry == nil || m.entry.typed() == "" || m.entry.moves && !m.entry.lines):
		return m.leave(ErrEnded)
	case name == "ctrl+d" && m.entry.lines, name == "tab", name == "enter" && (m.entry == nil || !m.entry.lines):
		return m.forward(name == "enter")
	case name == "shift+tab":
		return m.back()
	case name == "up" && !m.entry.usesArrows():
		return m.back()
	case name == "down" && !m.entry.usesArrows():
		return m.forward(false)
	case m.entry == nil:
		return nil
	case name == "enter" && m.entry.secret == nil: // the library's own takes but a hundred lines
		return m.change(tea.PasteMsg{Content: "\n"})
	}
	return m.change(key)
}

// paste takes what was pasted.
func (m *screen) paste(p tea.PasteMsg) tea.Cmd {
	switch {
	case m.entry == nil || m.saving:
		return nil
	case m.entry.lines:
		return m.change(p)
	}
	m.pasted = ""
	line, ok := oneLine(m.entry.field, p.Content)
	if !ok {
		m.pasted = m.q.word("is one line, and what was pasted is several")
		return nil
	}
	return m.change(line)
}

// change has the entry take a key or what was pasted, and takes what is typed
// there now for the answer.
func (m *screen) change(msg tea.Msg) tea.Cmd {
	m.pasted, m.general = "", ""
	cmd := m.pass(msg)
	m.q.take(m.entry.field, m.entry.typed(), false)
	return cmd
}

// pass gives the entry a message.
func (m *screen) pass(msg tea.Msg) tea.Cmd {
	if m.entry == nil {
		return nil
	}
	return m.entry.update(msg)
}

// forward leaves the open question for the next. A wrong answer keeps it open,
// unless the person has seen that and moves on all the same. Enter presses: it
// never passes a wrong answer, and at the button it saves.
func (m *screen) forward(pressed bool) tea.Cmd {
	if m.entry == nil {
		if pressed {
			return m.finish()
		}
		return nil
	}
	field := m.entry.field
	m.q.take(field, m.entry.typed(), true)
	if message, refused := m.q.fault(field.Name); message != "" && !refused && (pressed || message != m.told) {
		m.insists, m.told = true, message
		return nil
	}
	return m.open(m.neighbour(field, 1))
}

// back opens the question before, whatever is wrong with this one.
func (m *screen) back() tea.Cmd {
	var from *sdk.Field
	if m.entry != nil {
		from = m.entry.field
		if typed := m.entry.typed(); typed != "" && !picks(from) {
			m.q.take(from, typed, true)
		}
	}
	if to := m.neighbour(from, -1); to != nil {
		return m.open(to)
	}
	return nil
}

// finish saves, if nothing is wrong as far as the form knows.
func (m *screen) finish() tea.Cmd {
	m.general = ""
	m.q.refused = map[string]form.Fault{}
	if faults := m.q.faults(); len(faults) > 0 {
		return m.point(faults)
	}
	m.saving = true
	return m.submit(m.q.put())
}

// neighbour returns the field that is asked after or before another; nil stands
// for the button, which comes before the first and after the last.
func (m *screen) neighbour(from *sdk.Field, step int) *sdk.Field {
	asked := m.q.asked()
	i := len(asked)
	if from != nil {
		i = slices.Index(asked, from)
	} else if step > 0 {
		i = -1
	}
	if i += step; i < 0 || i >= len(asked) {
		return nil
	}
	return asked[i]
}

// open opens a question, or reaches the button if field is nil.
func (m *screen) open(field *sdk.Field) tea.Cmd {
	m.insists, m.pasted = false, ""
	if m.entry != nil {
		m.seen[m.entry.field.Name] = true
	}
	if m.entry = nil; field == nil {
		return nil
	}
	if m.told = ""; m.seen[field.Name] {
		m.told, _ = m.q.fault(field.Name)
	}
	m.entry = m.newEntry(field)
	return m.entry.focus()
}

// message returns what is wrong with the open question's answer. While it is
// being typed for the first time it is a hint, and not yet a fault.
func (m *screen) message() (text string, isFault bool) {
	field := m.entry.field
	if m.pasted != "" {
		return m.pasted, true
	}
	text, refused := m.q.fault(field.Name)
	if m.insists || refused || m.seen[field.Name] {
		return text, true
	}
	typed := m.q.typed[field.Name]
	if strings.TrimSpace(typed) == "" || isFile(field, typed) {
		return "", false
	}
	return text, false
}
