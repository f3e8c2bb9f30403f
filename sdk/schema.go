// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"slices"
)

// A Schema describes a type of credential. It is data: it holds no functions,
// so that it can be stored, published and rendered by any language. Its JSON
// form is specified by schemas/schema.schema.json.
type Schema struct {
	Name    string `json:"name"`              // identifies the type for ever, such as "halopsa"
	Title   string `json:"title"`             // what people call the service
	Version int    `json:"version,omitempty"` // raised when old answers need an [Upgrader]
	DocsURL string `json:"docsUrl,omitempty"` // where the service explains how to get a credential
	Icon    string `json:"icon,omitempty"`    // an SVG document, at most 16 KiB

	Fields []Field `json:"fields,omitempty"` // what to ask, in order

	// Origins are where a grant may go, and nothing else is. AnswerOrigins are
	// where the answers themselves may go, to obtain a grant; nil means
	// Origins, while an empty list means nowhere. They are expanded when the
	// answers are saved, and frozen. See [Schema.Expand] for their form.
	Origins       []string `json:"origins,omitempty"`
	AnswerOrigins []string `json:"answerOrigins,omitzero"`

	// ConnectWhen says which answers of a [Connector]'s type need a person's
	// approval in a browser. Nil: all of them.
	ConnectWhen *Condition `json:"connectWhen,omitempty"`

	// Issuer is what a Connector's service calls itself when it sends a person
	// back (RFC 9207), with answers in braces: "https://{tenant}.example.com/".
	// A host then refuses whoever comes back with another iss or with none. It
	// is for a service that always sends it. See [Schema.ExpandIssuer].
	Issuer string `json:"issuer,omitempty"`

	// NoPKCE says that a Connector's service takes no PKCE (RFC 7636), so that
	// a host sends people to a page without a challenge, which it refuses
	// otherwise. It is shown to whoever trusts the plugin.
	NoPKCE bool `json:"noPkce,omitempty"`

	// RevokeReplaced says that a [Revoker]'s service ends only what it is
	// shown, so that a host can revoke the grant that another has replaced.
	// Services that end all that a client has from an account must leave it out.
	RevokeReplaced bool `json:"revokeReplaced,omitempty"`

	// ReuseSeconds is for how many seconds after a refresh token, or whatever
	// else is in [Grant.State], was spent its service takes it again: a large
	// number for one that does not rotate, a small one for one that forgives a
	// lost answer (RFC 9700, section 4.14.2), zero if it never does. A host
	// whose renewal brought no answer repeats it only within this time, since a
	// service may revoke everything on a reuse; later, a person must connect
	// again. It means nothing for grants without a State: they spend nothing.
	// At most [MaxReuse].
	ReuseSeconds int `json:"reuseSeconds,omitempty"`

	// ClientCertificate names the answers that the host shows on its TLS
	// connections to the credential's origins; nil: none.
	ClientCertificate *ClientCertificate `json:"clientCertificate,omitempty"`

	Notices []Notice `json:"notices,omitempty"` // what to tell the person

	// Words translates: Words["de"]["Client ID"] is the German for that title.
	// Titles, helps, options, notices and constant error messages are looked
	// up by their English text; tags are those of BCP 47.
	Words map[string]map[string]string `json:"words,omitempty"`
}

// A Field is one question to a person. The zero value of everything but Name
// and Title makes a required line of text.
type Field struct {
	Name  string `json:"name"`            // identifies the answer for ever; camelCase
	Title string `json:"title,omitempty"` // the label
	Help  string `json:"help,omitempty"`  // a sentence or two below the input
	Kind  Kind   `json:"kind,omitempty"`  // what an answer looks like

	Secret   bool `json:"secret,omitempty"`   // never shown again
	Many     bool `json:"many,omitempty"`     // takes any number of answers
	Optional bool `json:"optional,omitempty"` // may be left empty

	Default  string    `json:"default,omitempty"`  // the answer if it is left empty
	Defaults []Default `json:"defaults,omitempty"` // the first whose condition holds goes before Default
	Example  string    `json:"example,omitempty"`  // shown in the empty input

	Options []Option `json:"options,omitempty"` // what there is to choose from
	Pattern string   `json:"pattern,omitempty"` // a regular expression (RE2 and ECMAScript alike), unanchored
	Bounds  *Bounds  `json:"bounds,omitempty"`  // of a number's value, or else of the length in characters

	When    *Condition `json:"when,omitempty"`    // asked only when this holds
	Scope   Scope      `json:"scope,omitempty"`   // who answers
	Suggest *Suggest   `json:"suggest,omitempty"` // the service offers the choices, through a [Suggester]
}

// A Kind says what an answer looks like, and thus what a form shows.
type Kind string

// The kinds. In [Values] every answer is text; see [Schema.Decode].
const (
	Text     Kind = ""         // a line of text
	LongText Kind = "longText" // text of several lines, such as a PEM file
	URL      Kind = "url"      // an absolute http or https URL without user, query and fragment
	Choice   Kind = "choice"   // one of Options, or of what the service suggests
	Bool     Kind = "bool"     // "true" or "false"; no answer is "false"
	Number   Kind = "number"   // a JSON number in its shortest form
	DateTime Kind = "dateTime" // RFC 3339, such as 2006-01-02T15:04:05Z
	JSON     Kind = "json"     // any JSON value but null, compact
	Pairs    Kind = "pairs"    // a JSON object of strings, such as {"X-Team":"blue"}
	Hidden   Kind = "hidden"   // never asked: always its default
)

// A Scope says who answers a field.
type Scope string

// The scopes.
const (
	Connection  Scope = ""            // the person whose credential it is
	Application Scope = "application" // the operator, once for many credentials; or that person, if the operator did not
)

// An Option is one answer to a [Choice].
type Option struct {
	Value string     `json:"value"`
	Title string     `json:"title,omitempty"` // Value, if empty
	Help  string     `json:"help,omitempty"`
	When  *Condition `json:"when,omitempty"` // offered only when this holds
}

// A Default is an answer that is assumed under a condition.
type Default struct {
	Value string     `json:"value"`
	When  *Condition `json:"when,omitempty"`
}

// Bounds are limits, both inclusive. A nil limit is none.
type Bounds struct {
	Min *float64 `json:"min,omitempty"`
	Max *float64 `json:"max,omitempty"`
}

// Between returns the bounds from min to max.
func Between(min, max float64) *Bounds { return &Bounds{&min, &max} }

// AtLeast returns bounds with a lower limit only.
func AtLeast(min float64) *Bounds { return &Bounds{Min: &min} }

// AtMost returns bounds with an upper limit only.
func AtMost(max float64) *Bounds { return &Bounds{Max: &max} }

// contains reports whether x is within b, which may be nil.
func (b *Bounds) contains(x float64) bool {
	return b == nil || (b.Min == nil || x >= *b.Min) && (b.Max == nil || x <= *b.Max)
}

// Suggest says that the service offers the choices of a field.
type Suggest struct {
	Needs []string `json:"needs,omitempty"` // the fields that must be answered first
}

// A Notice is something that a form tells a person.
type Notice struct {
	Before string     `json:"before,omitempty"` // the field that it stands before; empty: after the last
	Text   string     `json:"text"`
	When   *Condition `json:"when,omitempty"`
}

// Field returns the field with the given name.
func (s Schema) Field(name string) (Field, bool) {
	for i := range s.Fields { // rather than copy every field on the way
		if s.Fields[i].Name == name {
			return s.Fields[i], true
		}
	}
	return Field{}, false
}

// In returns s with only the fields of one scope. The conditions of fields of
// the application's scope name no others, so that an operator's answers can be
// checked by themselves.
func (s Schema) In(scope Scope) Schema {
	s.Fields = slices.DeleteFunc(slices.Clone(s.Fields), func(f Field) bool { return f.Scope != scope })
	return s
}

// NeedsConnect reports whether a credential with these answers, which are
// complete, needs a person's approval. It is for types that can connect.
func (s Schema) NeedsConnect(answers Values) bool { return s.Holds(s.ConnectWhen, answers) }
