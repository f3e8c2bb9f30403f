// SPDX-License-Identifier: Apache-2.0

package form

import (
	"bytes"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/credhost/credhost/sdk"
)

// A control holds text. textOf and answerOf convert between that and an answer:
//
//	many answers   one in each line
//	pairs          one "name: value" in each line
//	a time         as datetime-local has it, in UTC
//
// What lines cannot hold, such as a name with a colon, is shown as the JSON
// that it is, and taken as such. What is no answer at all is shown as typed.

// misfit ends an answer that is of no kind: no field takes it, and without it,
// it is what was typed.
const misfit = "\x00"

// textOf returns an answer as the control of its field holds it.
func textOf(field *sdk.Field, answer string) string {
	answer = strings.TrimSuffix(answer, misfit)
	switch {
	case answer == "" || field.Kind == sdk.Choice && !field.Many:
		return answer
	case field.Many:
		many := items(answer)
		text := strings.Join(many, "\n")
		if many == nil || field.Kind == sdk.LongText && !slices.Equal(items(answerOf(field, text)), many) {
			return answer
		}
		return text
	case field.Kind == sdk.Pairs:
		return linesOf(field, answer)
	case field.Kind == sdk.DateTime:
		if t, err := time.Parse(time.RFC3339, answer); err == nil && inCalendar(t.UTC()) {
			return t.UTC().Format("2006-01-02T15:04:05")
		}
	}
	return answer
}

// inCalendar reports whether the control for times has a year.
func inCalendar(t time.Time) bool { return t.Year() >= 1 && t.Year() <= 9999 }

func linesOf(field *sdk.Field, answer string) string {
	var pairs map[string]string
	if json.Unmarshal([]byte(answer), &pairs) != nil {
		return answer
	}
	lines := make([]string, 0, len(pairs))
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		lines = append(lines, name+": "+pairs[name])
	}
	text := strings.Join(lines, "\n")
	var again map[string]string
	if json.Unmarshal([]byte(answerOf(field, text)), &again) != nil || !maps.Equal(again, pairs) {
		return answer
	}
	return text
}

var (
	// newlines are as browsers send them; an answer has the plain one.
	newlines = strings.NewReplacer("\r\n", "\n", "\r", "\n")

	// local is what a browser sends of a datetime-local.
	local = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?$`)

	// floating is what a browser sends of a number. It is not always JSON.
	floating = regexp.MustCompile(`^(-?)0*([0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)
)

// answerOf returns what a control holds as an answer to its field.
func answerOf(field *sdk.Field, text string) string {
	if strings.Contains(text, "\r") {
		text = newlines.Replace(text)
	}
	if !field.Many {
		return oneOf(field.Kind, text)
	}
	if trimmed := strings.TrimSpace(text); field.Kind == sdk.LongText && strings.HasPrefix(trimmed, "[") && items(trimmed) != nil {
		return trimmed
	}
	var many []string
	for line := range strings.SplitSeq(text, "\n") {
		if one := oneOf(field.Kind, line); one != "" {
			many = append(many, one)
		}
	}
	if many == nil {
		return ""
	}
	return manyOf(many)
}

func oneOf(kind sdk.Kind, text string) string {
	switch kind {
	case sdk.Pairs:
		return pairsOf(text)
	case sdk.DateTime:
		trimmed := strings.TrimSpace(text)
		switch m := local.FindStringSubmatch(trimmed); {
		case m == nil:
		case m[1] == "":
			return trimmed + ":00Z"
		default:
			return trimmed + "Z"
		}
	case sdk.Number:
		// 007 and .5 are numbers to a browser, and to people.
		if m := floating.FindStringSubmatch(text); m != nil && m[2]+m[3] != "" || m != nil && strings.Contains(text, "0") {
			if m[2] == "" {
				m[2] = "0"
			}
			return m[1] + m[2] + m[3] + m[4]
		}
	}
	return text
}

// pairsOf returns lines as pairs. What is none ends in misfit.
func pairsOf(text string) string {
	trimmed := strings.TrimSpace(text)
	if trimmed == "" || strings.HasPrefix(trimmed, "{") && json.Valid([]byte(trimmed)) {
		return trimmed
	}
	pairs := map[string]string{}
	for line := range strings.SplitSeq(trimmed, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if _, twice := pairs[name]; !ok || twice || name == "" {
			return text + misfit
		}
		pairs[name] = strings.TrimSpace(value)
	}
	o := make(object, 0, len(pairs))
	for _, name := range slices.Sorted(maps.Keys(pairs)) {
		o.set(name, pairs[name])
	}
	return string(compact(o))
}

// manyOf returns several answers as one text.
func manyOf(many []string) string { return string(compact(names(many))) }

// chosenOf returns the options that an answer is made of.
func chosenOf(field *sdk.Field, answer string) []string {
	switch {
	case answer == "":
		return nil
	case field.Many:
		return items(answer)
	}
	return []string{answer}
}

// indented returns a JSON document in the form in which people read it.
func indented(document string) string {
	var b bytes.Buffer
	if json.Indent(&b, []byte(document), "", "  ") != nil {
		return document
	}
	return b.String()
}

// attributePattern returns the attribute pattern of an input for a field with a
// pattern and a most of characters (none is negative), or "". A browser matches
// all that is typed, with the flag v, and shortens nothing: spaces around a line
// are let through, since the host does not count them; an attribute maxlength
// would cut off what somebody pastes, and counts some characters twice.
func attributePattern(pattern string, secret bool, most float64) string {
	around := `[\s\x85]*`
	if secret {
		around = ""
	}
	text := ""
	if inner, ok := wholly(pattern); ok {
		text = around + "(?:" + ecma(inner) + ")" + around
	}
	if most < 0 {
		return text
	}
	length := around + `[\s\S]{0,` + limitText(&most) + "}" + around // [^] is broken in some browsers with the flag v
	if text == "" {
		return length
	}
	return "(?=" + length + "$)" + text
}

// wholly returns what stands between the anchors of a pattern that has one at
// each end and none within, and whether a browser reads it alike with the flag v,
// for which more characters are special in a class.
func wholly(pattern string) (string, bool) {
	inner, begins := strings.CutPrefix(pattern, "^")
	inner, ends := strings.CutSuffix(inner, "$")
	if !begins || !ends {
		return "", false
	}
	class := false
	for i := 0; i < len(inner); i++ {
		c := inner[i]
		switch {
		case c == '\\':
			i++
			if i == len(inner) || strings.IndexByte("bB", inner[i]) >= 0 || class && inner[i] == 'S' {
				return "", false
			}
		case !class && strings.IndexByte("^$|", c) >= 0:
			return "", false
		case !class && c == '[':
			class = true
			if i+1 < len(inner) && inner[i+1] == '^' {
				i++
			}
			if strings.HasPrefix(inner[i+1:], "-") {
				return "", false
			}
		case class && c == ']':
			class = false
		case class && c == '-' && strings.HasPrefix(inner[i+1:], "]"):
			return "", false
		case class && (strings.IndexByte(`(){}/|[`, c) >= 0 || i+1 < len(inner) && c == inner[i+1] && strings.IndexByte("&!#$%*+,.:;<=>?@^`~-", c) >= 0):
			return "", false
		}
	}
	return inner, true
}
