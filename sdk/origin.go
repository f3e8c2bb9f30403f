// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Origins are where a credential's secrets may go, expanded from its schema
// and its answers. A pattern has the form https://*.example.com; all others
// are origins as [Origin] returns them.
type Origins struct {
	Answers []string `json:"answers,omitempty"` // where the answers may go, to obtain a grant
	Grant   []string `json:"grant,omitempty"`   // where a grant may go
}

// Origin returns the scheme, host and port of rawURL in canonical form: lower
// case, without the scheme's own port. It returns "" if rawURL has none.
func Origin(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return OriginOf(u)
}

// OriginOf is [Origin] of a parsed URL.
func OriginOf(u *url.URL) string {
	host, ok := hostPort(u)
	if !ok {
		return ""
	}
	return strings.ToLower(u.Scheme) + "://" + host
}

var defaultPort = map[string]string{"https": "443", "http": "80", "wss": "443", "ws": "80"}

// hostPort returns u's host and, unless it is the scheme's own, its port.
func hostPort(u *url.URL) (string, bool) {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if u.Scheme == "" || !isHost(host) || strings.HasSuffix(u.Host, ":") {
		return "", false
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == "" || port == defaultPort[strings.ToLower(u.Scheme)] {
		return host, true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", false
	}
	return host + ":" + strconv.FormatUint(n, 10), true
}

var (
	label    = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	hostname = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$`)
	numeric  = regexp.MustCompile(`^([0-9]+|0x[0-9a-f]*)$`)
)

// isHost reports whether host, in lower case, is an IP address without a zone
// or a name that no resolver takes for an address: 127.1, 0x7f.1 and
// 2130706433 are neither.
func isHost(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Zone() == ""
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	return len(host) <= 253 && hostname.MatchString(host) && !numeric.MatchString(last)
}

// MatchOrigin reports whether origin, which is canonical, is one of patterns
// or lies under one: https://*.example.com takes any number of labels in the
// place of the star, but not none.
func MatchOrigin(patterns []string, origin string) bool {
	for _, p := range patterns {
		if p == origin {
			return true
		}
		scheme, suffix, wild := strings.Cut(p, "://*")
		if !wild {
			continue
		}
		rest, ok := strings.CutPrefix(origin, scheme+"://")
		if ok && len(rest) > len(suffix) && strings.HasSuffix(rest, suffix) {
			return true
		}
	}
	return false
}

// Expand returns the origins of a credential with the given answers, which
// are complete. A template is one of
//
//	https://api.example.com        an origin
//	{baseUrl}                      the origin of a URL answer, or of several
//	https://{shop}.example.com     an answer in the place of one DNS label
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
	return Origins{Answers: obtain, Grant: grant}, err
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
		return f.origins(answers[f.Name])
	}
	expanded := template
	for _, name := range names {
		if !fits(template, name, answers[name]) {
			e := invalid(ReasonKind, "must be one part of a host name: letters, digits and hyphens")
			e.Field = name
			return nil, e
		}
		expanded = strings.ReplaceAll(expanded, "{"+name+"}", strings.ToLower(answers[name]))
	}
	if scheme, rest, wild := strings.Cut(expanded, "://*."); wild {
		if o := Origin(scheme + "://" + rest); o != "" {
			return []string{strings.Replace(o, "://", "://*.", 1)}, nil
		}
	} else if o := Origin(expanded); o != "" {
		return []string{o}, nil
	}
	e := invalid(ReasonKind, "does not make an origin of "+template)
	if len(names) > 0 {
		e.Field = names[0]
	}
	return nil, e
}

// fits reports whether an answer may stand in its place in a template.
func fits(template, name, answer string) bool {
	answer = strings.ToLower(answer)
	switch {
	case strings.Contains(template, ":{"+name+"}"):
		n, err := strconv.ParseUint(answer, 10, 16)
		return err == nil && n > 0
	case strings.HasPrefix(template, "tcp://{"+name+"}"):
		return isHost(answer) && !strings.Contains(answer, ":")
	}
	return label.MatchString(answer)
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
	names := TemplateFields(template)
	sample := template
	for _, name := range names {
		f, ok := s.Field(name)
		whole := template == "{"+name+"}"
		switch {
		case !ok:
			return fmt.Errorf("origin %q: there is no field %q", template, name)
		case f.Secret:
			return fmt.Errorf("origin %q: field %q is secret, and origins are shown", template, name)
		case whole != (f.Kind == URL):
			return fmt.Errorf("origin %q: field %q must be a URL that stands alone, or a part of a host", template, name)
		case !whole && (f.Many || f.Kind != Text && f.Kind != Choice && f.Kind != Hidden && f.Kind != Number):
			return fmt.Errorf("origin %q: field %q cannot be part of a host", template, name)
		case whole:
			return nil
		}
		sample = strings.ReplaceAll(sample, "{"+name+"}", "1")
	}
	return checkShape(template, sample)
}

// checkShape checks a template whose placeholders are filled with a 1.
func checkShape(template, sample string) error {
	scheme, rest, _ := strings.Cut(sample, "://")
	switch scheme {
	case "https", "http", "tcp":
	default:
		return fmt.Errorf("origin %q: must begin with https://, http:// or tcp://, or be a URL field", template)
	}
	host, wild := strings.CutPrefix(rest, "*.")
	if strings.ContainsAny(host, "*/?#@{} ") {
		return fmt.Errorf("origin %q: must be a scheme, a host and perhaps a port, with a star only in front", template)
	}
	if strings.HasPrefix(template, "tcp://{") { // the host is an answer
		host = "host.test" + host[min(1, len(host)):]
	}
	fixed := strings.Split(strings.Split(placeholder.ReplaceAllString(template, ""), "://")[1], ".")
	if (wild || strings.Contains(template, "{")) && scheme != "tcp" && len(slices.DeleteFunc(fixed, isStar)) < 2 {
		return fmt.Errorf("origin %q: needs at least two fixed labels at its end", template)
	}
	if Origin(scheme+"://"+host) == "" {
		return fmt.Errorf("origin %q: is not an origin", template)
	}
	return nil
}

func isStar(part string) bool { return part == "*" || part == "" }
