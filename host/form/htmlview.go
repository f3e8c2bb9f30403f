// SPDX-License-Identifier: Apache-2.0

package form

import (
	"cmp"
	"encoding/hex"
	"hash/fnv"
	"maps"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/credhost/credhost/sdk"
)

// A view is what htmlwrite.go writes.
type view struct {
	f       *Form
	answers sdk.Values // typed, or stored, as far as they are offered
	full    sdk.Values // what is asked and answered: what conditions are about
	schema  sdk.Schema // by which conditions are judged

	T             *labels
	ID, Lang, Dir string
	Save          string
	Data          string // for form.js
	Docs          string // a link, or nothing
	DocsText      string
	Enter         bool // another button than Save stands first
	Again         bool // answers decide what is asked
	Faults        []faultView
	Fields        []*fieldView
	After         []noticeView // after the last field
	Redirect      *redirectView
	Saved         bool // there are buttons for what is saved
	Connect, Test *buttonView
}

type faultView struct{ Target, Title, Text string }

// A noticeView is a text that is told under a condition: in JSON for form.js,
// "" is always. Away says that it does not hold now.
type noticeView struct {
	When string
	Away bool
	Text string
}

type redirectView struct {
	When    string
	Away    bool
	T       *labels
	ID, URL string
	before  string // the field that it stands before
}

type buttonView struct {
	When string
	Away bool
	Link string
}

// labels are this package's own texts, translated.
type labels struct {
	Save, Again, Connect, Test, Saved, Suggest, Redirect, Register, Copy, Copied string
	Optional, Choose, NoAnswer, Others, Remove, Error, Problem, NewTab           string

	lang string // what they are in, if that is another language than the type's
}

func (w words) labels() *labels {
	lang := w.formTag
	if lang == w.tag {
		lang = ""
	}
	return &labels{
		lang: lang, Save: w.of("Save"), Again: w.of("Show the questions for these answers"),
		Connect: w.of("Connect"), Test: w.of("Test"), Saved: w.of("These use what is saved: save your changes first."),
		Suggest: w.of("Suggest"), Redirect: w.of("Redirect URL"), Register: w.of("Register it at the service, letter for letter."),
		Copy: w.of("Copy"), Copied: w.of("Copied"), Optional: w.of("(optional)"), Choose: w.of("Choose"),
		NoAnswer: w.of("No answer"), Others: w.of("Others, one in each line"), Remove: w.of("remove it"),
		Error: w.of("Error"), Problem: w.of("There is a problem"), NewTab: w.of("(opens in a new tab)"),
	}
}

// view makes all that is shown.
func (f *Form) view(s State) *view {
	v := &view{f: f, T: f.words.labels(), ID: f.id(), Lang: f.Language(), Dir: direction(f.Language()), Save: reachable(f.cfg.Links.Save), Docs: secure(f.schema.DocsURL)}
	v.DocsText = strings.Replace(f.words.of("How to get these from %"), "%", f.schema.Title, 1)
	v.settle(s.Answers)
	v.Data, v.Again = f.scriptData()
	v.Redirect = v.redirect()
	v.buttons()
	faults := make(map[string]Fault, len(s.Faults))
	for _, fault := range slices.Backward(s.Faults) {
		faults[fault.Field] = fault
	}
	v.Fields = make([]*fieldView, 0, len(f.fields))
	for _, field := range f.fields {
		fv := v.field(field, s.Answers, faults[field.Name])
		v.Enter = v.Enter || fv.Suggest != "" && v.Save != ""
		if v.Redirect != nil && v.Redirect.before == field.Name {
			fv.Redirect, v.Redirect = v.Redirect, nil
		}
		v.Fields = append(v.Fields, fv)
	}
	v.After = v.notices("")
	for _, fault := range s.Faults {
		v.Faults = append(v.Faults, v.fault(fault))
	}
	return v
}

// id returns what the names of a form's elements begin with. Forms for several
// credentials of a type can stand on one page: they are saved elsewhere.
func (f *Form) id() string {
	h := fnv.New32a()
	h.Write([]byte(f.cfg.Links.Save))
	return f.schema.Name + "-" + hex.EncodeToString(h.Sum(nil))
}

// maxRounds bounds how often one choice that is not offered any more may take
// another one with it. The script has the same number.
const maxRounds = 8

// settle finds out what is asked. Choices that are not offered any more are
// dropped, as the script does, so that a default takes their place.
func (v *view) settle(typed sdk.Values) {
	v.answers = make(sdk.Values, len(v.f.fields))
	maps.Copy(v.answers, v.f.stored)
	maps.Copy(v.answers, typed)
	for range maxRounds {
		var all sdk.Values
		v.schema, all = v.f.judged(v.answers)
		v.full = v.schema.Assume(all)
		if !v.deselect() {
			return
		}
	}
}

// deselect drops choices that are not offered, and reports whether there were
// any.
func (v *view) deselect() bool {
	dropped := false
	for _, field := range v.f.fields {
		answer := v.answers[field.Name]
		if answer == "" || field.Kind != sdk.Choice || field.Suggest != nil || !v.holds(field.When) {
			continue
		}
		chosen := chosenOf(field, answer)
		kept := slices.DeleteFunc(slices.Clone(chosen), func(value string) bool { return !v.offers(field, value) })
		if len(kept) == len(chosen) && chosen != nil {
			continue
		}
		dropped = true
		v.answers[field.Name] = ""
		if field.Many && len(kept) > 0 {
			v.answers[field.Name] = manyOf(kept)
		}
	}
	return dropped
}

// offers reports whether a field has an option of that value now.
func (v *view) offers(field *sdk.Field, value string) bool {
	i := slices.IndexFunc(field.Options, func(o sdk.Option) bool { return o.Value == value })
	return i >= 0 && v.holds(field.Options[i].When)
}

func (v *view) holds(c *sdk.Condition) bool { return c == nil || v.schema.Holds(c, v.full) }

// when returns a condition as JSON, and whether what it is of is not shown.
func (v *view) when(c *sdk.Condition) (condition string, away bool) {
	if c == nil {
		return "", false
	}
	return string(compact(conditionData(c))), !v.holds(c)
}

// notices returns those that stand before a field, or after the last.
func (v *view) notices(before string) []noticeView {
	var all []noticeView
	for _, n := range v.f.schema.Notices {
		if n.Before == before && v.f.shows(n) {
			when, away := v.when(n.When)
			all = append(all, noticeView{when, away, n.Text})
		}
	}
	return all
}

// redirect returns the redirect URL, which stands after the fields that decide
// whether it is needed: nothing appears above what a person is at.
func (v *view) redirect() *redirectView {
	f := v.f
	if !f.cfg.Can.Connect || f.cfg.Application || f.cfg.RedirectURL == "" {
		return nil
	}
	r := &redirectView{T: v.T, ID: v.ID + "--redirect", URL: f.cfg.RedirectURL}
	r.When, r.Away = v.when(f.schema.ConnectWhen)
	decided := 0
	eachLeaf(f.schema.ConnectWhen, func(c *sdk.Condition) {
		i := slices.IndexFunc(f.fields, func(field *sdk.Field) bool { return field.Name == c.Field })
		decided = max(decided, i+1)
	})
	if decided < len(f.fields) {
		r.before = f.fields[decided].Name
	}
	return r
}

// buttons offers what can be done with a credential that exists.
func (v *view) buttons() {
	f := v.f
	if f.cfg.Answers == nil || f.cfg.Application {
		return
	}
	if f.cfg.Can.Connect && reachable(f.cfg.Links.Connect) != "" {
		when, away := v.when(f.schema.ConnectWhen)
		v.Connect = &buttonView{when, away, f.cfg.Links.Connect}
	}
	if f.cfg.Can.Test && reachable(f.cfg.Links.Test) != "" {
		v.Test = &buttonView{Link: f.cfg.Links.Test}
	}
	v.Saved = v.Connect != nil || v.Test != nil
}

// fault returns a line of the summary, which leads to the field.
func (v *view) fault(fault Fault) faultView {
	i := slices.IndexFunc(v.Fields, func(fv *fieldView) bool { return fv.Name == fault.Field })
	if i >= 0 && !v.Fields[i].None {
		return faultView{v.Fields[i].target(), v.Fields[i].Title, fault.Message}
	}
	title := fault.Field
	if field := v.f.lookup(fault.Field); field != nil {
		title = cmp.Or(field.Title, field.Name)
	}
	return faultView{"", title, fault.Message}
}

// eachLeaf calls yield for every comparison in c.
func eachLeaf(c *sdk.Condition, yield func(c *sdk.Condition)) {
	if c == nil {
		return
	}
	if c.Field != "" {
		yield(c)
	}
	for _, parts := range [][]*sdk.Condition{c.And, c.Or, {c.Not}} {
		for _, part := range parts {
			eachLeaf(part, yield)
		}
	}
}

// reachable returns a link of the host's, unless it is one that runs something.
func reachable(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "" && u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return link
}

// secure returns a link that may be shown, or nothing. A schema that was never
// validated may have any other.
func secure(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return ""
	}
	return link
}

// rightToLeft are the scripts that are written from right to left.
var rightToLeft = []string{"Adlm", "Arab", "Hebr", "Mand", "Mend", "Nkoo", "Rohg", "Samr", "Syrc", "Thaa"}

func direction(tag string) string {
	if tag == "en" {
		return "ltr" // the most frequent case, for free
	}
	script, _ := language.Make(tag).Script()
	if slices.Contains(rightToLeft, script.String()) {
		return "rtl"
	}
	return "ltr"
}
