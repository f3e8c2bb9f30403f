// SPDX-License-Identifier: Apache-2.0

package form

import (
	"slices"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// bundle returns what all documents for form libraries have in common, but for
// the schema and what is added to it.
//
//	type, version, language   what this is a form of
//	hash                      changes with the schema
//	data                      what the form begins with
//	notices                   what to tell the person, and when
//	actions                   what the person can do besides: connect, test, …
//	secrets                   which are set, of a credential that is edited
//	messages                  by field and keyword, what to say where it fails
func (f *Form) bundle(additions ...member) []byte {
	b := object{{"type", f.schema.Name}, {"version", f.schema.Version}, {"language", f.Language()}}
	p := f.plan()
	b.set("hash", p.hash())
	b.setText("docsUrl", f.schema.DocsURL)
	b.set("schema", p.schema)
	b = append(b, additions...)
	b.set("data", f.data())
	b.setList("notices", f.notices(p.logic))
	b.setList("actions", f.actions(p.logic))
	if secrets := f.secrets(); f.cfg.Answers != nil {
		b.set("secrets", secrets)
	}
	b.set("messages", f.messages())
	return encode(b)
}

// data returns the answers that the form begins with: those that are stored,
// or the defaults.
func (f *Form) data() object {
	answers := f.stored
	if f.cfg.Answers == nil {
		answers = f.Assume(nil)
	}
	var data object
	for _, field := range f.fields {
		if answer := answers[field.Name]; answer != "" && !field.Secret && field.Kind != sdk.Hidden {
			data.set(field.Name, f.native(field, answer))
		}
	}
	return data
}

// notices returns what to tell the person.
func (f *Form) notices(l *logic) list {
	var told list
	for _, n := range f.schema.Notices {
		when := l.full(n.When)
		if before := f.lookup(n.Before); before != nil {
			when = allOf(when, l.when(before))
		}
		if when.op == never || !f.shows(n) {
			continue
		}
		notice := object{{"text", n.Text}}
		notice.setText("before", n.Before)
		if when.op != always {
			notice.set("when", f.statement(when))
		}
		told = append(told, notice)
	}
	return told
}

// shows reports whether a notice stands before a field that is asked here, or
// after them all.
func (f *Form) shows(n sdk.Notice) bool {
	return n.Before == "" && !f.cfg.Application || slices.ContainsFunc(f.fields, func(field *sdk.Field) bool { return field.Name == n.Before })
}

// actions returns what the person can do besides answering.
func (f *Form) actions(l *logic) list {
	var all list
	add := func(id, title, link string, when *expr, more ...member) {
		a := object{{"id", id}, {"title", f.words.of(title)}}
		a.setText("href", link)
		if when.op != always {
			a.set("when", f.statement(when))
		}
		all = append(all, append(a, more...))
	}
	if connects := l.full(f.schema.ConnectWhen); f.cfg.Can.Connect && connects.op != never && !f.cfg.Application {
		if f.cfg.RedirectURL != "" {
			add("redirect", "Redirect URL", "", connects, member{"value", f.cfg.RedirectURL},
				member{"help", f.words.of("Register it at the service, letter for letter.")})
		}
		add("connect", "Connect", f.cfg.Links.Connect, connects)
	}
	if f.cfg.Can.Test && !f.cfg.Application {
		add("test", "Test", f.cfg.Links.Test, yes)
	}
	for _, field := range f.fields {
		if field.Suggest != nil && f.cfg.Can.Suggest {
			add("suggest", "Suggest", strings.ReplaceAll(f.cfg.Links.Suggest, "{field}", field.Name), l.when(field),
				member{"field", field.Name}, member{"requires", names(field.Suggest.Needs)})
		}
	}
	return all
}

// secrets returns which secrets are set.
func (f *Form) secrets() object {
	var set object
	for _, field := range f.fields {
		if field.Secret {
			set.set(field.Name, object{{"set", f.set[field.Name]}})
		}
	}
	return set
}

// messages returns what to say where a keyword of the schema fails, in the
// words in which the host says it.
func (f *Form) messages() object {
	var said object
	for _, field := range f.fields {
		said.setObject(field.Name, f.messagesOf(field))
	}
	return said
}

// messagesOf returns what the host says of a field, by the keyword of JSON
// Schema that finds the same.
func (f *Form) messagesOf(field *sdk.Field) object {
	var m object
	set := func(reason string, keywords ...string) {
		for _, keyword := range keywords {
			m.setText(keyword, f.words.message(field.Message(reason)))
		}
	}
	if field.Kind == sdk.Hidden {
		return m
	}
	if !field.Optional && field.Kind != sdk.Bool {
		set(sdk.ReasonRequired, "required")
		if field.Many || field.Kind == sdk.Pairs {
			set(sdk.ReasonRequired, "minItems")
		}
	}
	set(sdk.ReasonKind, "type")
	if field.Kind == sdk.DateTime {
		set(sdk.ReasonKind, "format", "pattern")
	}
	if part := f.schema.OriginPart(field.Name); part != sdk.NoPart {
		m.setText("pattern", f.words.message(part.Message()))
		m.setText("minimum", f.words.message(part.Message()))
		return m
	}
	switch least, most := limits(field.Bounds); {
	case field.Kind == sdk.Bool || field.Kind == sdk.DateTime || field.Kind == sdk.Pairs:
	case field.Kind == sdk.Choice && field.Suggest == nil:
		set(sdk.ReasonOption, "oneOf")
	case field.Kind == sdk.Number:
		set(sdk.ReasonBounds, "minimum", "maximum")
	default:
		set(reasonIf(least, sdk.ReasonBounds, sdk.ReasonRequired), "minLength")
		set(reasonIf(most, sdk.ReasonBounds, sdk.ReasonSize), "maxLength")
		blank := field.Kind == sdk.Text && !field.Secret && !field.Optional
		set(reasonIf(field.Pattern != "", sdk.ReasonPattern, reasonIf(blank, sdk.ReasonRequired, sdk.ReasonKind)), "pattern")
	}
	return m
}

func limits(b *sdk.Bounds) (least, most bool) {
	return b != nil && b.Min != nil, b != nil && b.Max != nil
}

func reasonIf(first bool, reason, otherwise string) string {
	if first {
		return reason
	}
	return otherwise
}
