// SPDX-License-Identifier: Apache-2.0

package form

import (
	"cmp"
	"errors"
	"regexp"
	"strings"

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
	if text, ok := w.ofForm[english]; ok {
		return text
	}
	for _, m := range patterns {
		if found := m.re.FindStringSubmatch(english); found != nil {
			text := w.of(m.english)
			for _, part := range found[1:] {
				text = strings.Replace(text, "%", part, 1)
			}
			return text
		}
	}
	return english
}

// patterns are the messages of package sdk that hold something else, which
// stands where the percent signs are.
var patterns = messagePatterns(
	"must be between % and % characters long",
	"must be at least % characters long",
	"must be at most % characters long",
	"must be between % and %",
	"must be at least %",
	"must be at most %",
	"must look like %",
	"is not a field of %",
)

type messagePattern struct {
	english string
	re      *regexp.Regexp
}

func messagePatterns(english ...string) []messagePattern {
	all := make([]messagePattern, len(english))
	for i, text := range english {
		all[i] = messagePattern{text, regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(text), "%", "(.*)") + "$")}
	}
	return all
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
