// SPDX-License-Identifier: Apache-2.0

// Package form shows a person what a type of credential asks.
//
// A [Form] is one schema on one occasion: a new credential or one that is
// edited, an operator's application or a person's connection, in one language.
// It renders itself for whoever fills it in:
//
//	JSON        the schema itself, which schemas/schema.schema.json specifies
//	JSONSchema  JSON Schema 2020-12, for validators
//	RJSF        for react-jsonschema-form, version 6
//	JSONForms   for JSON Forms, version 3
//	N8N         n8n's INodeProperties
//	WriteHTML   an accessible page that works without script
//
// and package terminal asks it at a terminal. All show the same questions
// under the same conditions; what they send is judged by the host alone, as
// [github.com/credhost/credhost/sdk.Schema.Complete] says, and [Form.Faults]
// returns its verdict in the form's language.
//
// # What a form sends
//
// A form puts all its answers: a JSON object of native ones. An answer that is
// absent is none, but a secret that is set stays. Null, an empty text and an
// empty list are the same as absent, and the spaces around a line do not count;
// a JSON Schema need not take these, the host does. Answers that are left over
// in fields that are not asked any more are dropped, whatever they are. No form
// is ever told a secret, nor sends a word that stands for one.
//
// Read this file first, then logic.go, which has the conditions.
package form

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"github.com/credhost/credhost/sdk"
)

// Config says what a form is for. Only Schema is required.
type Config struct {
	Schema sdk.Schema
	Can    sdk.Abilities // what the type can do: connect and test are offered accordingly

	// Languages are those that the person reads, best first, as in the header
	// Accept-Language: "pt-BR, en;q=0.8". What nobody translated is English.
	Languages string

	// Application makes the form of an operator, with the application's fields
	// alone. Draft lets answers be missing that the service suggests.
	Application bool
	Draft       bool

	// Answers are those of the credential that is edited, native, its secrets
	// as {"set":true}: host.Credential has them so. Nil: it is a new one.
	Answers map[string]json.RawMessage

	// Given are an application's answers, in the same form. The credential's
	// form then asks nothing of the application's scope. Nil: there is none.
	Given map[string]json.RawMessage

	// Suggestions are what the service offers to choose from, by field.
	Suggestions map[string][]sdk.Option

	// RedirectURL is what the person registers at the service, if the type can
	// connect.
	RedirectURL string

	// Links are where the form and its buttons lead.
	Links Links
}

// Links are URLs that a form leads to. A form offers no button without one.
type Links struct {
	Save    string // takes the answers
	Connect string // begins to connect
	Test    string // tests what is saved
	Suggest string // offers choices; {field} stands for the field's name
}

// A Form is safe for concurrent use.
type Form struct {
	cfg    Config
	schema sdk.Schema     // translated, and all of it
	fields []*sdk.Field   // those that are asked here, in order
	index  map[string]int // of all fields of schema
	words  words

	stored sdk.Values      // the answers that are not secret
	set    map[string]bool // the secrets that are set, given ones included
	given  sdk.Values      // the application's answers that are not secret

	plan func() *plan // made by whoever renders first
}

// New returns a form. Cfg.Schema must be valid (see
// [github.com/credhost/credhost/sdk.Schema.Validate]), as that of every type
// is which a host serves.
func New(cfg Config) *Form {
	f := &Form{cfg: cfg, set: map[string]bool{}, words: languageOf(cfg.Schema, cfg.Languages)}
	f.schema = f.words.translate(cfg.Schema)
	f.index = make(map[string]int, len(f.schema.Fields))
	for i := range f.schema.Fields {
		field := &f.schema.Fields[i]
		f.index[field.Name] = i
		switch {
		case cfg.Application && field.Scope != sdk.Application:
		case cfg.Given != nil && field.Scope == sdk.Application:
		default:
			f.fields = append(f.fields, field)
		}
	}
	f.stored, f.given = f.open(cfg.Answers), f.open(cfg.Given)
	f.plan = sync.OnceValue(f.makePlan)
	return f
}

// open returns what may be seen of answers, and notes which secrets are set.
func (f *Form) open(answers map[string]json.RawMessage) sdk.Values {
	public := object{}
	for name, native := range answers {
		field := f.lookup(name)
		switch {
		case field == nil:
		case field.Secret:
			f.set[name] = true
		default:
			public.set(name, native)
		}
	}
	values, err := f.schema.Decode(compact(public))
	if err != nil {
		return nil
	}
	return values
}

// lookup returns the field with the given name, or nil.
func (f *Form) lookup(name string) *sdk.Field {
	if i, ok := f.index[name]; ok {
		return &f.schema.Fields[i]
	}
	return nil
}

// isGiven reports whether the application answers field, or does not.
func (f *Form) isGiven(field *sdk.Field) bool {
	return f.cfg.Given != nil && field.Scope == sdk.Application
}

// present reports whether the application answers the field with that name.
func (f *Form) present(name string) bool { return f.given[name] != "" || f.set[name] }

// Language returns the tag of the language that the form is in, such as
// "pt-BR"; "en" where it was not translated.
func (f *Form) Language() string { return f.words.tag }

// Word translates a text of this package or of another renderer of forms, such
// as "Save", by its English. What has no translation is returned as it is.
func (f *Form) Word(english string) string { return f.words.of(english) }

// RedirectURL returns what the person registers at the service if completed
// answers (see Assume) need connecting, or else "".
func (f *Form) RedirectURL(answers sdk.Values) string {
	if !f.cfg.Can.Connect || f.cfg.Application || !f.schema.NeedsConnect(answers) {
		return ""
	}
	return f.cfg.RedirectURL
}

// Holds reports whether a condition of the form's type holds for completed
// answers (see Assume).
func (f *Form) Holds(c *sdk.Condition, answers sdk.Values) bool { return f.schema.Holds(c, answers) }

// Notices returns what to tell the person before a field, or after them all if
// before is "", while the completed answers are these.
func (f *Form) Notices(before string, answers sdk.Values) []string {
	var told []string
	for _, n := range f.schema.Notices {
		if n.Before == before && f.shows(n) && f.schema.Holds(n.When, answers) {
			told = append(told, n.Text)
		}
	}
	return told
}

// Schema returns the schema in the form's language, with the fields that are
// asked here.
func (f *Form) Schema() sdk.Schema {
	s := f.schema
	s.Fields = make([]sdk.Field, len(f.fields))
	for i, field := range f.fields {
		s.Fields[i] = *field
	}
	return s
}

// Stored returns the answers of the credential that is edited, without its
// secrets.
func (f *Form) Stored() sdk.Values { return maps.Clone(f.stored) }

// IsSet reports whether the answer to a secret field is set, so that the field
// need not be answered again.
func (f *Form) IsSet(name string) bool { return f.set[name] }

// Assume returns what is asked and answered, with all defaults, if a person
// has typed answers so far. It is what conditions are about: see
// [github.com/credhost/credhost/sdk.Schema.Assume]. A secret that is set is
// answered by a text of no meaning.
func (f *Form) Assume(answers sdk.Values) sdk.Values {
	s, all := f.judged(answers)
	return s.Assume(all)
}

// Check returns what is wrong with answers, as the host would judge them, in
// the order of the fields; nil if nothing is. It is for a form that answers
// while a person types: the host alone decides, and may have more to say.
func (f *Form) Check(answers sdk.Values) []Fault {
	s, all := f.judged(answers)
	check := s.Complete
	if f.cfg.Draft {
		check = s.Draft
	}
	_, err := check(all)
	return f.Faults(err)
}

// judged returns the schema and the answers by which this form's are judged:
// with what the application gives, and with secrets that are set and not typed
// anew taken as they are.
func (f *Form) judged(answers sdk.Values) (sdk.Schema, sdk.Values) {
	s := f.schema
	s.Fields = slices.Clone(s.Fields)
	all := sdk.Values{}
	maps.Copy(all, answers)
	kept := s.Fields[:0]
	for _, field := range s.Fields {
		switch {
		case f.cfg.Application && field.Scope != sdk.Application:
			continue
		case f.isGiven(&field): // which nobody is asked here
			field = sdk.Field{Name: field.Name, Kind: sdk.Hidden, Many: field.Many, Default: f.given[field.Name]}
			if f.set[field.Name] {
				field.Default = "set"
			}
		case f.set[field.Name] && !answered(answers, field.Name):
			field.Kind, field.Many, field.Pattern, field.Bounds = sdk.Text, false, "", nil
			all[field.Name] = "set"
		}
		kept = append(kept, field)
	}
	s.Fields = kept
	return s, all
}

// answered reports whether there is an answer, or one that clears.
func answered(answers sdk.Values, name string) bool { _, ok := answers[name]; return ok }

// JSON returns the schema in the form's language, as
// schemas/schema.schema.json specifies it.
func (f *Form) JSON() []byte {
	s := f.Schema()
	s.Words = nil
	if f.cfg.Languages == "" {
		s.Words = f.cfg.Schema.Words // all that there is to know
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic("form: " + err.Error()) // a schema is made of texts and numbers
	}
	return indent(b.Bytes())
}
