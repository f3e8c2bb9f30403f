// SPDX-License-Identifier: Apache-2.0

package terminal

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// What a person types is not always the answer that sdk.Values hold. Many
// answers are typed one a line, pairs as lines such as name=value, and a text
// of several lines may be in a file whose name follows an @. A text that begins
// with @ is typed with two.

// takesLines reports whether the answer to a field is typed in several lines.
func takesLines(field *sdk.Field) bool {
	return field.Kind == sdk.LongText || field.Kind == sdk.Pairs || field.Many && !picks(field)
}

// picks reports whether the answer to a field is picked from a list. What the
// service suggests is not all that there is.
func picks(field *sdk.Field) bool { return field.Kind == sdk.Choice && field.Suggest == nil }

// isFile reports whether typed names a file.
func isFile(field *sdk.Field, typed string) bool {
	return field.Kind == sdk.LongText && !field.Many && strings.HasPrefix(typed, "@") && !strings.HasPrefix(typed, "@@") &&
		!strings.Contains(strings.TrimRight(typed, "\n"), "\n")
}

// take takes what was typed for a field. A file is read only once the person
// has left the field: before, its name is not complete.
func (q *questions) take(field *sdk.Field, typed string, left bool) {
	if field.Kind != sdk.LongText && !field.Secret {
		typed = strings.TrimRight(typed, " \n")
	}
	q.known = nil
	answer, broken := q.parse(field, typed, left)
	if answer != q.answers[field.Name] {
		delete(q.refused, field.Name)
	}
	q.typed[field.Name], q.broken[field.Name], q.answers[field.Name] = typed, broken, answer
	if answer == "" {
		delete(q.answers, field.Name)
	}
}

// parse turns what was typed into an answer, or says why it cannot.
func (q *questions) parse(field *sdk.Field, typed string, left bool) (answer, broken string) {
	switch {
	case isFile(field, typed):
		if !left {
			return "", ""
		}
		text, ok := readFile(strings.TrimSpace(typed[1:]))
		if !ok {
			return "", q.word("there is no file of text with that name here")
		}
		return text, ""
	case field.Kind == sdk.LongText && !field.Many:
		if strings.HasPrefix(typed, "@@") {
			typed = typed[1:]
		}
		return typed, ""
	case field.Many && !picks(field):
		return listOf(linesOf(typed)), ""
	case field.Kind == sdk.Pairs:
		return q.pairsOf(typed)
	}
	return typed, ""
}

// typedOf returns what a person would have typed for an answer.
func typedOf(field *sdk.Field, answer string) string {
	switch {
	case answer == "":
		return ""
	case field.Kind == sdk.LongText && !field.Many:
		if strings.HasPrefix(answer, "@") {
			return "@" + answer
		}
	case field.Many && !picks(field):
		all := items(answer)
		if !slices.ContainsFunc(all, func(one string) bool { return strings.Contains(one, "\n") }) {
			return strings.Join(all, "\n")
		}
	case field.Kind == sdk.Pairs:
		var pairs map[string]string
		if json.Unmarshal([]byte(answer), &pairs) != nil {
			return answer
		}
		lines := make([]string, 0, len(pairs))
		for name, v := range pairs {
			if strings.ContainsAny(name, "=\n") || strings.Contains(v, "\n") {
				return answer
			}
			lines = append(lines, name+"="+v)
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	return answer
}

// pairsOf reads pairs: a JSON object, or lines such as name=value.
func (q *questions) pairsOf(typed string) (answer, broken string) {
	if text := strings.TrimSpace(typed); text == "" || strings.HasPrefix(text, "{") {
		return text, ""
	}
	pairs := map[string]string{}
	for _, line := range linesOf(typed) {
		name, v, ok := strings.Cut(line, "=")
		name = strings.TrimSpace(name)
		if _, twice := pairs[name]; !ok || name == "" || twice {
			return "", q.word("must be name=value in each line, and each name once")
		}
		pairs[name] = v
	}
	return encoded(pairs), ""
}

// linesOf returns the lines of a text that are not empty, or the texts in a
// JSON list: one of them may have lines of its own.
func linesOf(text string) []string {
	var all []string
	if strings.HasPrefix(strings.TrimSpace(text), "[") && json.Unmarshal([]byte(text), &all) == nil {
		return all
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSuffix(line, "\r"); strings.TrimSpace(line) != "" {
			all = append(all, line)
		}
	}
	return all
}

// items returns the texts in a list, as answers hold it.
func items(answer string) []string {
	var all []string
	if json.Unmarshal([]byte(answer), &all) != nil {
		return nil
	}
	return all
}

// listOf is items turned round; "" if there are none.
func listOf(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return encoded(all)
}

func encoded(v any) string {
	text, _ := json.Marshal(v) // texts always encode
	return string(text)
}

// readFile returns the text in a file. What is longer than any answer is cut
// where it is too long: then the form says so.
func readFile(name string) (string, bool) {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			name = filepath.Join(home, rest)
		}
	}
	if info, err := os.Stat(name); err != nil || !info.Mode().IsRegular() { // a pipe would keep the person waiting
		return "", false
	}
	f, err := os.Open(name)
	if err != nil {
		return "", false
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, sdk.MaxAnswer+1))
	return string(text), err == nil
}
