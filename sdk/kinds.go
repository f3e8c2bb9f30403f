// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"bytes"
	"encoding/json"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// canonical checks one answer, or many, and returns it in the form that is
// stored. It never quotes v, which may be a secret.
func (f Field) canonical(v string) (string, *Error) {
	long := invalid(ReasonSize, f.Message(ReasonSize))
	if len(v) > MaxAnswer {
		return "", long
	}
	each := f.one
	if f.Many && v != "" {
		each = f.many
	}
	v, err := each(v)
	if len(v) > MaxAnswer { // the canonical form may be the longer one
		return "", long
	}
	return v, err
}

// many checks the answers in a list.
func (f Field) many(v string) (string, *Error) {
	var many []string
	if json.Unmarshal([]byte(v), &many) != nil {
		return "", invalid(ReasonKind, "must be a list")
	}
	kept := many[:0]
	for _, v := range many {
		c, err := f.one(v)
		if err != nil {
			return "", err
		}
		switch {
		case c == "":
		case f.Kind == Choice && slices.Contains(kept, c):
			return "", invalid(ReasonOption, "is chosen twice")
		default:
			kept = append(kept, c)
		}
	}
	if len(kept) == 0 {
		return "", nil
	}
	return encode(kept), nil
}

// one checks a single answer.
func (f Field) one(v string) (string, *Error) {
	if !f.Secret && f.Kind != LongText {
		v = strings.TrimSpace(v)
	}
	if v == "" {
		return "", nil
	}
	if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
		return "", invalid(ReasonKind, kindMessages[f.Kind])
	}
	v, err := f.parse(v)
	if err != nil || v == "" {
		return "", err
	}
	if !f.Bounds.contains(f.measure(v)) {
		return "", invalid(ReasonBounds, f.Message(ReasonBounds))
	}
	if f.Pattern != "" && !compiled(f.Pattern).MatchString(v) {
		return "", invalid(ReasonPattern, f.Message(ReasonPattern))
	}
	return v, nil
}

// parse checks that v looks like its kind.
func (f Field) parse(v string) (string, *Error) {
	switch f.Kind {
	case Text, Choice:
		if strings.ContainsFunc(v, isControl) {
			return "", invalid(ReasonKind, kindMessages[f.Kind])
		}
	case URL:
		return parseURL(v)
	case Bool:
		if v != "true" && v != "false" {
			return "", invalid(ReasonKind, kindMessages[Bool])
		}
	case Number:
		return parseNumber(v)
	case DateTime:
		t, err := time.Parse(time.RFC3339, v)
		if err != nil {
			return "", invalid(ReasonKind, kindMessages[DateTime])
		}
		return t.Format(time.RFC3339Nano), nil
	case JSON:
		return parseJSON(v)
	case Pairs:
		return parsePairs(v)
	}
	return v, nil
}

// kindMessages say what an answer of each kind must be.
var kindMessages = map[Kind]string{
	Text:     "must be one line, without line breaks and control characters",
	LongText: "must be text",
	URL:      "must be a URL such as https://example.com/path, without user, query and fragment",
	Choice:   "must be one line, without line breaks and control characters",
	Bool:     "must be true or false",
	Number:   "must be a number such as 12.5",
	DateTime: "must be a date and time such as 2006-01-02T15:04:05Z",
	JSON:     "must be JSON",
	Pairs:    "must be names and values, all of them text, and each name once",
	Hidden:   "is not asked, so it cannot be answered",
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 }

func parseURL(v string) (string, *Error) {
	bad := invalid(ReasonKind, kindMessages[URL])
	u, err := url.Parse(strings.TrimRight(v, "/"))
	if err != nil || strings.ContainsFunc(v, notInURL) || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil ||
		u.RawQuery+u.Fragment != "" || u.ForceQuery || strings.Contains(v, "#") {
		return "", bad
	}
	host, ok := hostPort(u)
	if !ok {
		return "", bad
	}
	u.Host = host
	return u.String(), nil
}

// notInURL reports whether RFC 3986 has no place for r, which browsers and
// libraries then each encode in their own way.
func notInURL(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"<>\\^`{|}", r) }

func parseJSON(v string) (string, *Error) {
	var b bytes.Buffer
	if json.Compact(&b, []byte(v)) != nil {
		return "", invalid(ReasonKind, kindMessages[JSON])
	}
	if b.String() == "null" {
		return "", nil
	}
	return b.String(), nil
}

// integer is a whole number without leading zeros.
var integer = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

func parseNumber(v string) (string, *Error) {
	if len(strings.TrimPrefix(v, "-")) <= 31 && v != "-0" && integer.MatchString(v) {
		return v, nil
	}
	x, err := strconv.ParseFloat(v, 64)
	if err != nil || math.IsInf(x, 0) || math.IsNaN(x) || !json.Valid([]byte(v)) {
		return "", invalid(ReasonKind, kindMessages[Number])
	}
	return encode(x + 0), nil // + 0 makes 0 of -0
}

func parsePairs(v string) (string, *Error) {
	all := pairs([]byte(v))
	switch {
	case all == nil:
		return "", invalid(ReasonKind, kindMessages[Pairs])
	case len(all) == 0:
		return "", nil
	}
	return encode(all), nil
}

// pairs returns the members of a JSON object of strings, or of a list of names
// and values; none of null, and nil of anything else. A name that stands twice
// in a list is refused.
func pairs(native []byte) map[string]string {
	var members map[string]*string
	if json.Unmarshal(native, &members) == nil {
		all := make(map[string]string, len(members))
		for name, value := range members {
			if value == nil {
				return nil
			}
			all[name] = *value
		}
		return all
	}
	var listed []struct{ Name, Value *string }
	if json.Unmarshal(native, &listed) != nil {
		return nil
	}
	all := make(map[string]string, len(listed))
	for _, pair := range listed {
		switch {
		case pair.Name == nil && pair.Value == nil: // a row that was added and left empty
			continue
		case pair.Name == nil:
			return nil
		}
		if _, twice := all[*pair.Name]; twice {
			return nil
		}
		all[*pair.Name] = ""
		if pair.Value != nil {
			all[*pair.Name] = *pair.Value
		}
	}
	return all
}

// measure returns what the field's bounds are about.
func (f Field) measure(v string) float64 {
	if f.Kind == Number {
		x, _ := strconv.ParseFloat(v, 64)
		return x
	}
	return float64(utf8.RuneCountInString(v))
}

// Message returns what [Schema.Complete] says of an answer to f that it refuses
// for the given reason, so that a form can say the same; "" if it gives none.
func (f Field) Message(reason string) string {
	switch reason {
	case ReasonRequired:
		return "is required"
	case ReasonKind:
		return kindMessages[f.Kind]
	case ReasonBounds:
		return f.boundsMessage()
	case ReasonSize:
		return "is longer than 256 KiB"
	case ReasonPattern:
		return f.patternMessage()
	case ReasonOption:
		return "is not one of the options"
	case ReasonFixed:
		return kindMessages[Hidden]
	}
	return ""
}

func (f Field) boundsMessage() string {
	limit := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	text := "must be "
	switch b := f.Bounds; {
	case b == nil:
		return ""
	case b.Min != nil && b.Max != nil:
		text += "between " + limit(*b.Min) + " and " + limit(*b.Max)
	case b.Min != nil:
		text += "at least " + limit(*b.Min)
	default:
		text += "at most " + limit(*b.Max)
	}
	if f.Kind != Number {
		text += " characters long"
	}
	return text
}

func (f Field) patternMessage() string {
	if f.Example != "" {
		return "must look like " + f.Example
	}
	return "does not have the form that is asked for"
}

// encode returns v as compact JSON that leaves <, > and & alone.
func encode(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("sdk: " + err.Error()) // strings, numbers and maps of strings always encode
	}
	return strings.TrimSuffix(b.String(), "\n")
}
