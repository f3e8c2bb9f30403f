// SPDX-License-Identifier: Apache-2.0

package form

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/credhost/credhost/sdk"
)

// A Fault is what is wrong with one answer.
type Fault struct {
	Field string `json:"field,omitempty"` // empty: it is about none of the fields

	// Code is for programs and translators: the reason of the host or of the
	// plugin, such as "required" (see the Reason constants of package sdk and
	// host.ReasonAgain), or else the word for the error's code, such as
	// "denied".
	Code string `json:"code"`

	// Message is for the person, in the form's language: without the field's
	// title, in lower case, without a full stop.
	Message string `json:"message"`
}

// Faults returns what err says about the answers, in the form's language: one
// fault for each error of an [sdk.Errors], in their order. An error that is
// not an [*sdk.Error] is a fault of no field whose text stays with the caller,
// since it is not meant for the person.
func (f *Form) Faults(err error) []Fault {
	if err == nil {
		return nil
	}
	var many sdk.Errors
	var one *sdk.Error
	switch {
	case errors.As(err, &many):
	case errors.As(err, &one):
		many = sdk.Errors{one}
	default:
		return []Fault{{Code: sdk.Internal.Error(), Message: f.words.of("something went wrong on our side; try again later")}}
	}
	faults := make([]Fault, len(many))
	for i, e := range many {
		faults[i] = Fault{Field: e.Field, Code: cmp.Or(e.Reason, e.Code.Error()), Message: f.words.message(e.Message)}
	}
	return faults
}

// message translates an error's message: the plugin's own, or one of the host,
// which may have numbers and names within.
func (w words) message(english string) string {
	if text, ok := w.ofSchema[english]; ok {
		return text
	}
	if text, ok := w.ofForm[english]; ok || len(w.ofForm) == 0 {
		return cmp.Or(text, english)
	}
	for _, p := range patterns() {
		if values, ok := p.match(english); ok {
			for i := range values {
				values[i] = w.schema(values[i]) // an example is a text of the type
			}
			return fill(w.ofForm[p.english], values)
		}
	}
	return english
}

// A pattern is a message that holds something else, such as a number, where it
// has a percent sign.
type pattern struct {
	english string
	around  []string // the text around the percent signs
}

// patterns are the messages of that kind that are translated. Those with more
// text of their own come first: "must be at least % characters long" before
// "must be at least %".
var patterns = sync.OnceValue(func() []pattern {
	known := map[string]bool{}
	for _, one := range formWords() {
		for english := range one {
			known[english] = strings.Contains(english, "%")
		}
	}
	maps.DeleteFunc(known, func(_ string, holes bool) bool { return !holes })
	all := make([]pattern, 0, len(known))
	for _, english := range slices.Sorted(maps.Keys(known)) {
		all = append(all, pattern{english, strings.Split(english, "%")})
	}
	own := func(p pattern) int { return len(p.english) - len(p.around) }
	slices.SortStableFunc(all, func(a, b pattern) int { return cmp.Compare(own(b), own(a)) })
	return all
})

// match returns what text holds if it is p, and whether it is.
func (p pattern) match(text string) (values []string, ok bool) {
	last := len(p.around) - 1
	rest, ok := strings.CutPrefix(text, p.around[0])
	for i := 1; ok && i <= last; i++ {
		var value string
		if i == last {
			value, ok = strings.CutSuffix(rest, p.around[i])
		} else {
			value, rest, ok = strings.Cut(rest, p.around[i])
		}
		ok = ok && p.holds(i-1, value)
		values = append(values, value)
	}
	return values, ok
}

// holds reports whether value can stand in the hole at index i. A number, a
// name and an address are one word. Only an example and a status, which is in
// parentheses, may be more: what else is more is the sentence of a plugin that
// happens to begin alike, and is left whole.
func (p pattern) holds(i int, value string) bool {
	before := p.around[i]
	return value != "" && (!strings.Contains(value, " ") || strings.HasSuffix(before, "(") || strings.HasSuffix(before, " look like "))
}

// fill puts values in the place of the percent signs of a translation, in
// their order, or where it has %1 and %2 in that of these.
func fill(text string, values []string) string {
	var b strings.Builder
	for next := 0; ; next++ {
		before, rest, ok := strings.Cut(text, "%")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		i := next
		if rest != "" && rest[0] >= '1' && rest[0] <= '9' {
			i, rest = int(rest[0]-'1'), rest[1:]
		}
		if i < len(values) {
			b.WriteString(values[i])
		}
		text = rest
	}
}

// ExtraErrors returns faults as the property extraErrors of
// react-jsonschema-form.
func ExtraErrors(faults []Fault) []byte {
	errs := object{}
	for _, fault := range faults {
		if fault.Field == "" { // of the whole form
			whole, _ := errs.get("__errors").(list)
			errs.put("__errors", append(whole, fault.Message))
			continue
		}
		of, _ := errs.get(fault.Field).(object)
		messages, _ := of.get("__errors").(list)
		errs.put(fault.Field, object{{"__errors", append(messages, fault.Message)}})
	}
	return encode(errs)
}

// AdditionalErrors returns faults as the property additionalErrors of JSON
// Forms.
func AdditionalErrors(faults []Fault) []byte {
	errs := make(list, len(faults))
	for i, fault := range faults {
		path := ""
		if fault.Field != "" {
			path = "/" + fault.Field
		}
		errs[i] = object{{"instancePath", path}, {"message", fault.Message}, {"keyword", fault.Code}, {"schemaPath", ""}, {"params", object{}}}
	}
	return encode(errs)
}
