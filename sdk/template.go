// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Expand returns the origins of a credential with the given answers, which
// are complete. A template is one of
//
//	https://api.example.com        an origin
//	{baseUrl}                      the origin of a URL answer, or of several
//	https://{shop}.example.com     an answer in the place of one DNS label, or of a part of it
//	https://*.example.com          any labels above a fixed suffix
//	tcp://{host}:{port}            a host and a port, for what is not HTTP
//
// A template with an answer that is missing is left out: in a draft, or for
// a field that is not asked.
func (s Schema) Expand(answers Values) (Origins, error) {
	grant, err := s.expand(s.Origins, answers)
	if err != nil {
		return Origins{}, err
	}
	if s.AnswerOrigins == nil {
		return Origins{Answers: grant, Grant: grant}, nil
	}
	obtain, err := s.expand(s.AnswerOrigins, answers)
	if err != nil {
		return Origins{}, err
	}
	return Origins{Answers: obtain, Grant: grant}, nil
}

func (s Schema) expand(templates []string, answers Values) ([]string, error) {
	var all []string
	for _, t := range templates {
		origins, err := s.expandOne(t, answers)
		if err != nil {
			return nil, err
		}
		all = append(all, origins...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

var placeholder = regexp.MustCompile(`\{([^{}]*)\}`)

// TemplateFields returns the names of the fields in an origin's template.
func TemplateFields(template string) []string {
	var names []string
	for _, m := range placeholder.FindAllStringSubmatch(template, -1) {
		names = append(names, m[1])
	}
	return names
}

func (s Schema) expandOne(template string, answers Values) ([]string, error) {
	names := TemplateFields(template)
	for _, name := range names {
		if answers[name] == "" {
			return nil, nil
		}
	}
	if len(names) == 1 && template == "{"+names[0]+"}" {
		f, _ := s.Field(names[0])
		return f.origins(answers[names[0]])
	}
	expanded, err := fill(template, answers)
	if err != nil {
		return nil, err
	}
	if origin := patternOrOrigin(expanded); origin != "" {
		return []string{origin}, nil
	}
	e := invalid(ReasonKind, "does not make an origin of "+template)
	if len(names) > 0 {
		e.Field = names[0]
	}
	return nil, e
}

// patternOrOrigin returns the canonical form of an origin, whose first label
// may be a star.
func patternOrOrigin(s string) string {
	scheme, rest, wild := strings.Cut(s, "://*.")
	if !wild {
		return Origin(s)
	}
	return strings.Replace(Origin(scheme+"://"+rest), "://", "://*.", 1)
}

// fill puts answers in the places of a template. It takes only what cannot
// change the meaning of what stands around it.
func fill(template string, answers Values) (string, error) {
	var fault *Error
	filled := placeholder.ReplaceAllStringFunc(template, func(hole string) string {
		name := hole[1 : len(hole)-1]
		part := partOf(template, hole)
		answer, ok := part.fit(answers[name])
		if !ok && fault == nil {
			fault = invalid(ReasonOrigin, part.Message())
			fault.Field = name
		}
		return answer
	})
	if fault != nil {
		return "", fault
	}
	return filled, nil
}

// ExpandIssuer returns s's Issuer with the answers in their places, or "" if
// there is none or an answer is missing. What comes of it must be compared
// character by character (RFC 9207, section 2.4), and must lie among the
// credential's origins: an answer can make any URL of a template.
func (s Schema) ExpandIssuer(answers Values) string {
	for _, name := range TemplateFields(s.Issuer) {
		if answers[name] == "" {
			return ""
		}
	}
	return placeholder.ReplaceAllStringFunc(s.Issuer, func(hole string) string {
		return answers[hole[1:len(hole)-1]]
	})
}

// checkIssuer reports what is wrong with s's Issuer.
func (s Schema) checkIssuer() error {
	for _, name := range TemplateFields(s.Issuer) {
		f, ok := s.Field(name)
		whole := strings.HasPrefix(s.Issuer, "{"+name+"}")
		switch {
		case !ok:
			return fmt.Errorf("issuer: there is no field %q", printable(name))
		case f.Secret || f.Many || whole != (f.Kind == URL):
			return fmt.Errorf("issuer: field %q must be a URL that stands in front, or a line of text that is no secret", printable(name))
		}
	}
	sample, _ := strings.CutPrefix(placeholder.ReplaceAllString(s.Issuer, "1"), "1")
	if sample != s.Issuer && strings.HasPrefix(s.Issuer, "{") {
		sample = "https://issuer.example" + sample
	}
	u, err := url.Parse(sample)
	if err != nil || u.Scheme != "https" || OriginOf(u) == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || len(s.Issuer) > MaxText {
		return fmt.Errorf("issuer must be an https URL without user, query and fragment")
	}
	return nil
}

// An OriginPart says what the answer to a field is in an origin.
type OriginPart uint8

// The parts of an origin that an answer can be.
const (
	NoPart    OriginPart = iota // of none, or a URL whose origin it is
	LabelPart                   // one label of a host's name, or a part of it
	HostPart                    // a whole host, of an origin of the scheme tcp
	PortPart                    // a port
)

// OriginPart returns which part of s's origins the answer to a field is. An
// answer that does not fit there is refused: see ReasonOrigin.
func (s Schema) OriginPart(name string) OriginPart {
	hole := "{" + name + "}"
	for _, templates := range [][]string{s.Origins, s.AnswerOrigins} {
		for _, t := range templates {
			if t != hole && strings.Contains(t, hole) {
				return partOf(t, hole)
			}
		}
	}
	return NoPart
}

func partOf(template, hole string) OriginPart {
	switch {
	case strings.HasSuffix(template, ":"+hole):
		return PortPart
	case isHostHole(template, hole):
		return HostPart
	}
	return LabelPart
}

// Message returns what is said of an answer that does not fit.
func (p OriginPart) Message() string {
	switch p {
	case PortPart:
		return "must be a port: a number from 1 to 65535"
	case HostPart:
		return "must be the name or the IP address of a host, without a port"
	case LabelPart:
		return "must be one part of a host name: letters, digits and hyphens"
	}
	return ""
}

// fit returns an answer as it stands in an origin, and whether it fits there.
func (p OriginPart) fit(answer string) (string, bool) {
	switch p {
	case PortPart:
		return canonicalPort(answer)
	case HostPart:
		return canonicalHost(answer)
	}
	return lower(answer), isLabel(lower(answer), '-')
}

// isHostHole reports whether a whole host may stand in a hole. That is not for
// HTTP, where it would allow everything: a field of kind URL says so.
func isHostHole(template, hole string) bool {
	rest, ok := strings.CutPrefix(template, "tcp://"+hole)
	return ok && (rest == "" || rest[0] == ':')
}

// origins returns the origins of a URL answer, or of several.
func (f Field) origins(answer string) ([]string, error) {
	urls := []string{answer}
	if f.Many {
		urls = list(answer)
	}
	for i, u := range urls {
		if urls[i] = Origin(u); urls[i] == "" {
			e := invalid(ReasonKind, "must be a URL with a host")
			e.Field = f.Name
			return nil, e
		}
	}
	return urls, nil
}

// checkTemplate reports what is wrong with an origin's template.
func (s Schema) checkTemplate(template string) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("origin %q: "+format, append([]any{printable(template)}, args...)...)
	}
	for _, name := range TemplateFields(template) {
		f, ok := s.Field(name)
		whole := template == "{"+name+"}"
		name = printable(name)
		switch {
		case !ok:
			return bad("there is no field %q", name)
		case f.Secret:
			return bad("field %q is secret, and origins are shown", name)
		case whole != (f.Kind == URL):
			return bad("field %q must be a URL that stands alone, or a part of a host", name)
		case whole:
			return nil
		case f.Many || !slices.Contains([]Kind{Text, Choice, Hidden, Number}, f.Kind):
			return bad("field %q cannot be part of a host", name)
		}
	}
	if message := checkShape(template); message != "" {
		return bad("%s", message)
	}
	return nil
}

// checkShape returns what is wrong with the form of a template, which is not a
// URL field.
func checkShape(template string) string {
	scheme, rest, _ := strings.Cut(template, "://")
	if !slices.Contains([]string{"https", "http", "tcp"}, scheme) {
		return "must begin with https://, http:// or tcp://, or be a URL field"
	}
	if strings.ContainsAny(rest, "/?#@") {
		return "must be a scheme, a host and perhaps a port"
	}
	if scheme == "tcp" && !strings.Contains(rest[strings.LastIndexByte(rest, ']')+1:], ":") {
		return "needs a port"
	}
	// An answer of 1 fits everywhere: into a label, as a port, and before them
	// a name that makes a host of it.
	hole := placeholder.FindString(template)
	whole := hole != "" && isHostHole(template, hole)
	sample := placeholder.ReplaceAllString(template, "1")
	if whole {
		sample = strings.Replace(sample, "tcp://1", "tcp://host", 1)
	}
	if patternOrOrigin(sample) == "" {
		return "is not an origin, or has a star that does not stand in front"
	}
	if host, _, _ := strings.Cut(rest, ":"); !whole && !fixedEnd(host) {
		return "needs at least two fixed labels at its end"
	}
	return ""
}

// fixedEnd reports whether no answer decides whose host this is: whether its
// last two labels are fixed, or all of it is.
func fixedEnd(host string) bool {
	if !strings.ContainsAny(host, "*{") {
		return true
	}
	labels := strings.Split(host, ".")
	return len(labels) >= 3 && !strings.ContainsAny(strings.Join(labels[len(labels)-2:], ""), "*{")
}
