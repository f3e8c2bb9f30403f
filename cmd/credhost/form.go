// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// A form asks a person for answers, one question after the other. What is
// asked next depends on what was answered so far.
type form struct {
	person person
	schema sdk.Schema
	before func(f sdk.Field, answers sdk.Values) // called before each question; may be nil
}

// fill asks for the fields that given does not answer, and returns all the
// answers. Those given are taken as they are.
func (f form) fill(ctx context.Context, given sdk.Values) (sdk.Values, error) {
	answers, asked := sdk.Values{}, map[string]bool{}
	maps.Copy(answers, given)
	for name := range given {
		asked[name] = true
	}
	for {
		i := slices.IndexFunc(f.schema.Fields, func(field sdk.Field) bool {
			return !asked[field.Name] && field.Kind != sdk.Hidden && f.schema.Holds(field.When, f.assumed(answers))
		})
		if i < 0 {
			f.notices("", answers)
			return answers, nil
		}
		field := f.schema.Fields[i]
		asked[field.Name] = true
		f.notices(field.Name, answers)
		if f.before != nil {
			f.before(field, f.assumed(answers))
		}
		if err := f.ask(ctx, field, answers); err != nil {
			return nil, err
		}
	}
}

// assumed returns answers with the defaults of what is not answered yet: what
// the conditions are about.
func (f form) assumed(answers sdk.Values) sdk.Values {
	full, err := f.lenient().Complete(answers)
	if err != nil {
		return answers
	}
	return full
}

// lenient is the schema with nothing required.
func (f form) lenient() sdk.Schema {
	s := f.schema
	s.Fields = slices.Clone(s.Fields)
	for i := range s.Fields {
		s.Fields[i].Optional = true
	}
	return s
}

// notices shows what stands before a field, or after all of them.
func (f form) notices(before string, answers sdk.Values) {
	for _, n := range f.schema.Notices {
		if n.Before == before && f.schema.Holds(n.When, f.assumed(answers)) {
			f.person.say("\n* %s", n.Text)
		}
	}
}

// ask asks one question until the answer is right, and adds it to answers.
func (f form) ask(ctx context.Context, field sdk.Field, answers sdk.Values) error {
	assumed := f.assumed(answers)
	options := slices.DeleteFunc(slices.Clone(field.Options), func(o sdk.Option) bool { return !f.schema.Holds(o.When, assumed) })
	f.question(field, options, assumed[field.Name])
	for {
		v, err := f.read(ctx, field, options)
		if err != nil {
			return err
		}
		if v == "" && (field.Optional || assumed[field.Name] != "") {
			return nil // the default, or none
		}
		if fault := f.check(field, v, answers); fault != "" {
			f.person.say("  %s", fault)
			continue
		}
		answers[field.Name] = v
		return nil
	}
}

// question prints what is asked.
func (f form) question(field sdk.Field, options []sdk.Option, def string) {
	title := field.Title
	switch {
	case field.Optional:
		title += " (optional)"
	case def != "":
		title += " [" + defaultText(field, options, def) + "]"
	}
	f.person.say("\n%s", title)
	if field.Help != "" {
		f.person.say("  %s", field.Help)
	}
	if field.Example != "" {
		f.person.say("  such as %s", field.Example)
	}
	for i, o := range options {
		text := o.Title
		if text == "" {
			text = o.Value
		}
		if o.Help != "" {
			text += ": " + o.Help
		}
		f.person.say("  %d  %s", i+1, text)
	}
	if how := howTo(field); how != "" {
		f.person.say("  %s", how)
	}
}

// defaultText returns a default as the question shows its choices.
func defaultText(field sdk.Field, options []sdk.Option, def string) string {
	for _, o := range options {
		if o.Value == def && o.Title != "" {
			return o.Title
		}
	}
	if field.Kind == sdk.Bool {
		return map[string]string{"true": "y", "false": "n"}[def]
	}
	return def
}

// howTo says how a field is answered, where that is not plain.
func howTo(field sdk.Field) string {
	switch {
	case field.Kind == sdk.LongText && field.Secret:
		return "the name of a file that holds it"
	case field.Kind == sdk.LongText:
		return "end the text with a line that has only a dot; or @ and the name of a file"
	case field.Many:
		return "one a line; an empty line ends them"
	case field.Kind == sdk.Bool:
		return "y or n"
	case field.Kind == sdk.Pairs:
		return "name=value, one a line; an empty line ends them"
	case field.Kind == sdk.DateTime:
		return "a date and time such as 2006-01-02T15:04:05Z"
	case field.Secret:
		return "what you type is not shown"
	}
	return ""
}

// read reads an answer in the form that [sdk.Values] have.
func (f form) read(ctx context.Context, field sdk.Field, options []sdk.Option) (string, error) {
	const prompt = "> "
	switch {
	case field.Kind == sdk.LongText && field.Secret:
		name, err := f.person.line(ctx, prompt)
		return f.file(name), err
	case field.Kind == sdk.LongText:
		return f.text(ctx)
	case field.Many, field.Kind == sdk.Pairs:
		return f.several(ctx, field, options)
	case field.Secret:
		return f.person.secret(ctx, prompt)
	}
	text, err := f.person.line(ctx, prompt)
	return single(field, options, strings.TrimSpace(text)), err
}

// single turns what is easy to type into an answer: the number of an option
// into the option, y and n into true and false.
func single(field sdk.Field, options []sdk.Option, text string) string {
	switch field.Kind {
	case sdk.Choice:
		isOption := slices.ContainsFunc(options, func(o sdk.Option) bool { return o.Value == text })
		if n, err := strconv.Atoi(text); err == nil && !isOption && n >= 1 && n <= len(options) {
			return options[n-1].Value
		}
	case sdk.Bool:
		switch strings.ToLower(text) {
		case "y", "yes":
			return "true"
		case "n", "no":
			return "false"
		}
	}
	return text
}

// text reads lines up to one with a dot.
func (f form) text(ctx context.Context) (string, error) {
	var lines []string
	for {
		line, err := f.person.line(ctx, "> ")
		switch {
		case err != nil:
			return "", err
		case len(lines) == 0 && strings.HasPrefix(line, "@"):
			return f.file(line[1:]), nil
		case line == "." || line == "" && len(lines) == 0:
			return strings.Join(lines, "\n"), nil
		}
		lines = append(lines, line)
	}
}

// file returns what is in a file; nothing if it cannot be read.
func (f form) file(name string) string {
	if name == "" {
		return ""
	}
	data, err := os.ReadFile(strings.TrimSpace(name))
	if err != nil {
		f.person.say("  %v", err)
	}
	return string(data)
}

// several reads lines up to an empty one.
func (f form) several(ctx context.Context, field sdk.Field, options []sdk.Option) (string, error) {
	var all []string
	pairs := map[string]string{}
	for {
		read := f.person.line
		if field.Secret {
			read = f.person.secret
		}
		line, err := read(ctx, "> ")
		if err != nil {
			return "", err
		}
		if line == "" {
			break
		}
		name, value, _ := strings.Cut(line, "=")
		pairs[strings.TrimSpace(name)] = value
		all = append(all, single(field, options, line))
	}
	if len(all) == 0 {
		return "", nil
	}
	if field.Many {
		return encoded(all), nil
	}
	return encoded(pairs), nil
}

func encoded(v any) string {
	text, _ := json.Marshal(v) // texts always encode
	return string(text)
}

// check says what is wrong with an answer, if anything is.
func (f form) check(field sdk.Field, v string, answers sdk.Values) string {
	if v == "" {
		return "is required"
	}
	with := maps.Clone(answers)
	with[field.Name] = v
	_, err := f.lenient().Complete(with)
	var faults sdk.Errors
	errors.As(err, &faults)
	for _, e := range faults {
		if e.Field == field.Name {
			return e.Message
		}
	}
	return ""
}
