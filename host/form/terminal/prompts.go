// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

// prompts ask one question after the other, on any terminal at all. What is
// asked next depends on what was answered so far.
type prompts struct {
	q    *questions
	in   *os.File
	out  io.Writer
	save func(context.Context, sdk.Values) ([]form.Fault, error)

	registered bool // the redirect URL was shown
}

// ask asks until the answers are saved.
func (p prompts) ask(ctx context.Context) (sdk.Values, error) {
	p.say("%s", p.q.schema.Title)
	if p.q.schema.DocsURL != "" {
		p.say("%s", p.q.schema.DocsURL)
	}
	done := map[string]bool{}
	for {
		if err := p.askAll(ctx, done); err != nil {
			return nil, err
		}
		p.q.refused = map[string]form.Fault{}
		faults := p.q.faults()
		if len(faults) == 0 {
			var err error
			answers := p.q.put()
			if faults, err = p.save(ctx, answers); err != nil {
				return nil, err
			}
			if len(faults) == 0 {
				return answers, nil
			}
		}
		general := p.q.refuse(faults)
		if general != "" {
			p.say("\n%s", general)
		}
		first := p.q.first()
		if first == nil { // nothing that is asked can change it
			return nil, sdk.Errorf(sdk.Invalid, "%s", general)
		}
		for _, field := range p.q.asked() {
			if message, _ := p.q.fault(field.Name); message != "" {
				done[field.Name] = false
			}
		}
	}
}

// askAll asks what is not done, and what that leads to.
func (p *prompts) askAll(ctx context.Context, done map[string]bool) error {
	for {
		asked := p.q.asked()
		i := slices.IndexFunc(asked, func(field *sdk.Field) bool { return !done[field.Name] })
		if i < 0 {
			p.notices("")
			return nil
		}
		done[asked[i].Name] = true
		if err := p.askOne(ctx, asked[i]); err != nil {
			return err
		}
	}
}

// askOne asks one question until the answer is right.
func (p *prompts) askOne(ctx context.Context, field *sdk.Field) error {
	p.notices(field.Name)
	if url := p.q.redirectURL(); url != "" && !p.registered {
		p.say("\n* %s: %s", p.q.word("Redirect URL"), url)
		p.say("  %s", p.q.word("Register it at the service, letter for letter."))
		p.registered = true
	}
	options, before := p.q.options(field), p.q.answers[field.Name]
	p.question(field, options)
	if fault, ok := p.q.refused[field.Name]; ok {
		p.say("  %s", fault.Message)
	}
	for {
		typed, err := p.read(ctx, field)
		if err != nil {
			return err
		}
		switch {
		case typed == "-" && p.mayClear(field):
			p.q.take(field, "", true)
		case typed != "":
			p.q.take(field, p.picked(field, options, typed), true)
		}
		message, refused := p.q.fault(field.Name)
		if message == "" || refused && typed == "" {
			return nil
		}
		p.say("  %s", message)
		p.q.take(field, typedOf(field, before), true)
	}
}

// say tells the person something.
func (p *prompts) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	said := strings.TrimLeft(text, "\n ")
	fmt.Fprint(p.out, text[:len(text)-len(said)], printable(said), "\n")
}

func (p *prompts) notices(before string) {
	for _, text := range p.q.notices(before) {
		p.say("\n* %s", text)
	}
}

// question prints what is asked.
func (p *prompts) question(field *sdk.Field, options []sdk.Option) {
	title := field.Title
	now := p.q.now().all[field.Name]
	if field.Secret {
		now = ""
	}
	if now == "" {
		now = p.q.defaultOf(field)
	}
	if field.Optional {
		title += " (" + p.q.word("optional") + ")"
	}
	if now != "" {
		title += " [" + p.q.summary(field, options, now) + "]"
	}
	p.say("\n%s", title)
	if field.Help != "" {
		p.say("  %s", field.Help)
	}
	if field.Example != "" {
		p.say("  %s", p.q.word("such as %", field.Example))
	}
	for i, o := range options {
		p.say("  %d  %s", i+1, titleAndHelp(o))
	}
	for _, how := range p.howTo(field) {
		p.say("  %s", how)
	}
}

// howTo says how a field is answered, where that is not plain.
func (p *prompts) howTo(field *sdk.Field) (how []string) {
	say := func(english string) { how = append(how, p.q.word(english)) }
	switch {
	case field.Kind == sdk.LongText && !field.Many:
		say("end the text with a line that has only a dot; or type @ and the name of a file")
	case field.Kind == sdk.Pairs && !field.Many:
		say("name=value, one a line; an empty line ends them")
	case field.Many:
		say("one a line; an empty line ends them")
	case field.Kind == sdk.Bool:
		say("y or n")
	case field.Kind == sdk.DateTime:
		how = append(how, p.q.word("such as %", "2006-01-02T15:04:05Z"))
	}
	if field.Secret {
		say("what you type is not shown")
	}
	if p.q.isKept(field) {
		say("set; leave it empty to keep it")
	}
	if p.mayClear(field) {
		say("leave it empty to keep it, or type - to clear it")
	}
	return how
}

// mayClear reports whether a person may want to take back an answer.
func (p *prompts) mayClear(field *sdk.Field) bool {
	return field.Optional && !field.Secret && p.q.answers[field.Name] != ""
}

// read reads what a person types for a field.
func (p *prompts) read(ctx context.Context, field *sdk.Field) (string, error) {
	const prompt = "> "
	whole := wholeOf(field)
	if field.Secret {
		fmt.Fprint(p.out, prompt)
		defer fmt.Fprintln(p.out)
		return hidden(ctx, p.in, whole)
	}
	for lines := []string(nil); ; {
		fmt.Fprint(p.out, prompt)
		line, err := ReadLine(ctx, p.in)
		if err != nil {
			fmt.Fprintln(p.out)
			return "", err
		}
		lines = append(lines, line)
		if text, ok := whole(lines); ok {
			return text, nil
		}
	}
}

// wholeOf returns a function that says whether lines are all of the answer to a
// field, and returns that without the line that only ends it.
func wholeOf(field *sdk.Field) func(lines []string) (string, bool) {
	return func(lines []string) (string, bool) {
		rest, last := lines[:len(lines)-1], lines[len(lines)-1]
		switch {
		case field.Kind == sdk.LongText && !field.Many:
			if last == "." {
				return strings.Join(rest, "\n"), true
			}
			return last, len(rest) == 0 && (last == "" || isFile(field, last))
		case takesLines(field) || field.Many:
			return strings.Join(rest, "\n"), last == ""
		}
		return last, true
	}
}

// picked turns what is easy to type into an answer: the numbers of options into
// the options, y and n into true and false.
func (p *prompts) picked(field *sdk.Field, options []sdk.Option, typed string) string {
	switch {
	case picks(field) && field.Many:
		var all []string
		for _, line := range linesOf(typed) {
			all = append(all, pickedOne(options, line))
		}
		return listOf(all)
	case field.Kind == sdk.Choice && !field.Many:
		return pickedOne(options, typed)
	case field.Kind == sdk.Bool:
		text := strings.ToLower(strings.TrimSpace(typed))
		switch text {
		case "y", "yes", strings.ToLower(p.q.word("Yes")):
			return "true"
		case "n", "no", strings.ToLower(p.q.word("No")):
			return "false"
		}
		return text
	}
	return typed
}

func pickedOne(options []sdk.Option, typed string) string {
	typed = strings.TrimSpace(typed)
	isOption := slices.ContainsFunc(options, func(o sdk.Option) bool { return o.Value == typed })
	if n, err := strconv.Atoi(typed); err == nil && !isOption && n >= 1 && n <= len(options) {
		return options[n-1].Value
	}
	return typed
}

// summary returns an answer in one line, as it is shown beside its question.
func (q *questions) summary(field *sdk.Field, options []sdk.Option, answer string) string {
	titled := func(v string) string {
		for _, o := range options {
			if o.Value == v {
				return o.Title
			}
		}
		return printable(v)
	}
	switch {
	case answer == "":
		return ""
	case field.Secret:
		return "********" // as many, whatever the secret
	case field.Many:
		all := items(answer)
		for i := range all {
			all[i] = titled(all[i])
		}
		return strings.Join(all, ", ")
	case field.Kind == sdk.Bool:
		return q.word(map[string]string{"true": "Yes", "false": "No"}[answer])
	case field.Kind == sdk.Pairs:
		return printable(strings.ReplaceAll(typedOf(field, answer), "\n", ", "))
	}
	return titled(answer)
}
