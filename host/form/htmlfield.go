// SPDX-License-Identifier: Apache-2.0

package form

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// A fieldView is one question.
type fieldView struct {
	*sdk.Field
	ID, Title string
	Control   string // input, area, select, radio, checks, bool or none
	Type      string // of an input
	Masked    bool   // an area that holds a secret
	Rows      int

	Sometimes bool // its condition may not hold
	Away      bool // nor does it now
	Assumed   bool // it holds a default that may still change
	Optional  bool
	Required  bool
	Needed    bool // it is required where there is no default, which may change

	Value   string
	Options []optionView
	Helps   bool   // an option has a help of its own
	Others  string // answers to a checks field that are none of the options

	Hints     []string
	Fault     string
	Described string // the elements that describe the control

	Pattern, PatternTitle string
	Least, Min, Max       string
	Text                  string // the direction of what is typed: auto or ltr

	Clear, Cleared bool   // what is set can be removed, and shall be
	Suggest        string // the link that offers choices
	Notices        []noticeView
	Redirect       *redirectView // it stands before this
}

type optionView struct {
	ID, Value, Title, Help string
	Chosen, Away           bool
}

// maxRadios is up to how many options are all seen at once.
const maxRadios = 4

// field makes the view of one field.
func (v *view) field(field *sdk.Field, typed sdk.Values, fault Fault) *fieldView {
	f := v.f
	fv := &fieldView{
		Field: field, ID: v.ID + "-" + field.Name, Title: cmp.Or(field.Title, field.Name), Control: controlOf(field),
		Sometimes: field.When != nil, Away: !v.holds(field.When), Optional: field.Optional && field.Kind != sdk.Bool,
		Fault: fault.Message, Notices: v.notices(field.Name),
	}
	if fv.Control == "none" {
		return fv
	}
	def := v.defaultOf(field)
	again := fault.Code == reasonAgain
	fv.Required = def == "" && (f.needed(field) || again && !field.Optional)
	fv.Needed = f.needed(field) && (field.Default != "" || field.Defaults != nil)
	if !field.Secret {
		v.fill(fv, def)
	}
	fv.attributes(f)
	v.hints(fv, typed, again)
	if field.Suggest != nil && f.cfg.Can.Suggest && f.cfg.Links.Suggest != "" {
		fv.Suggest = strings.ReplaceAll(f.cfg.Links.Suggest, "{field}", field.Name)
	}
	fv.describe()
	return fv
}

// reasonAgain is host.ReasonAgain: a secret that is set does not count.
const reasonAgain = "again"

func controlOf(field *sdk.Field) string {
	switch {
	case field.Kind == sdk.Hidden:
		return "none"
	case field.Kind == sdk.Bool:
		return "bool"
	case field.Kind == sdk.Choice && field.Many:
		return "checks"
	case field.Kind == sdk.Choice && field.Suggest == nil && len(field.Options) <= maxRadios:
		return "radio"
	case field.Kind == sdk.Choice && field.Suggest == nil:
		return "select"
	case field.Many || field.Kind == sdk.LongText || field.Kind == sdk.JSON || field.Kind == sdk.Pairs:
		return "area"
	}
	return "input"
}

// defaultOf returns the answer that is assumed now if a field is left empty.
func (v *view) defaultOf(field *sdk.Field) string {
	def := field.Default
	for _, d := range field.Defaults {
		if v.holds(d.When) {
			def = d.Value
			break
		}
	}
	if field.Kind == sdk.Choice && field.Suggest == nil {
		if slices.ContainsFunc(chosenOf(field, def), func(value string) bool { return !v.offers(field, value) }) {
			return ""
		}
	}
	return def
}

// fill puts an answer, or else the default, into the control.
func (v *view) fill(fv *fieldView, def string) {
	answer := v.answers[fv.Name]
	if answer == "" {
		answer = def
		fv.Assumed = fv.Kind == sdk.Choice || len(fv.Defaults) > 0
	}
	fv.Value = textOf(fv.Field, answer)
	if fv.Kind == sdk.JSON && !fv.Many && v.answers[fv.Name] == v.f.stored[fv.Name] {
		fv.Value = indented(fv.Value) // nobody typed it
	}
	if fv.Kind != sdk.Choice && fv.Field.Suggest == nil {
		return
	}
	chosen := chosenOf(fv.Field, answer)
	options := make([]*sdk.Option, len(fv.Field.Options))
	for i := range options {
		options[i] = &fv.Field.Options[i]
	}
	known := len(options)
	if fv.Field.Suggest != nil {
		options = v.f.suggested(variant{field: fv.Field, options: options})
	}
	for i, o := range options {
		ov := optionView{ID: fv.ID + "-" + strconv.Itoa(i), Value: o.Value, Title: titleOf(o), Help: o.Help, Away: i < known && !v.holds(o.When)}
		ov.Chosen = !ov.Away && slices.Contains(chosen, o.Value)
		fv.Helps = fv.Helps || o.Help != ""
		fv.Options = append(fv.Options, ov)
	}
	if fv.Field.Suggest != nil && fv.Many {
		others := slices.DeleteFunc(chosen, func(value string) bool {
			return slices.ContainsFunc(fv.Options, func(o optionView) bool { return o.Chosen && o.Value == value })
		})
		fv.Others = strings.Join(others, "\n")
	}
}

// attributes sets what a browser checks while a person types. It never refuses
// what the host takes, so much is left to the host: see attributePattern.
func (fv *fieldView) attributes(f *Form) {
	fv.Text, fv.Rows, fv.Masked = "auto", 3, fv.Secret
	if slices.Contains([]sdk.Kind{sdk.URL, sdk.Number, sdk.DateTime, sdk.JSON, sdk.Pairs}, fv.Kind) {
		fv.Text = "ltr"
	}
	if fv.Kind == sdk.LongText || fv.Kind == sdk.JSON {
		fv.Rows = 5
	}
	least, most := limitsOf(fv.Bounds)
	if (fv.Kind == sdk.Text || fv.Kind == sdk.LongText) && !fv.Many && least > 1 {
		fv.Least = strconv.FormatFloat(least, 'f', -1, 64)
	}
	if fv.Control != "input" {
		return
	}
	fv.Type = "text"
	switch {
	case fv.Secret:
		fv.Type = "password"
	case fv.Kind == sdk.URL:
		fv.Type = "url"
	case fv.Kind == sdk.Number && (fv.Value == "" || floating.MatchString(fv.Value)):
		fv.Type = "number"
		if fv.Bounds != nil {
			fv.Min, fv.Max = limitText(fv.Bounds.Min), limitText(fv.Bounds.Max)
		}
	case fv.Kind == sdk.DateTime && (fv.Value == "" || local.MatchString(fv.Value)):
		fv.Type = "datetime-local"
	}
	if fv.Kind == sdk.Text {
		if fv.Pattern = attributePattern(fv.Field.Pattern, fv.Secret, most); fv.Pattern != "" {
			fv.PatternTitle = f.words.message(fv.Message(sdk.ReasonBounds))
			if fv.Field.Pattern != "" {
				fv.PatternTitle = f.words.message(fv.Message(sdk.ReasonPattern))
			}
		}
	}
}

// limitsOf returns the whole numbers of characters that bounds allow; most is
// negative where there is no limit.
func limitsOf(b *sdk.Bounds) (least, most float64) {
	most = -1
	if b != nil && b.Min != nil {
		least = math.Ceil(*b.Min)
	}
	if b != nil && b.Max != nil && *b.Max >= 0 && *b.Max <= sdk.MaxAnswer {
		most = math.Floor(*b.Max)
	}
	return min(least, sdk.MaxAnswer), most
}

func limitText(x *float64) string {
	if x == nil {
		return ""
	}
	return strconv.FormatFloat(*x, 'f', -1, 64)
}

// hints says what a person must know to answer.
func (v *view) hints(fv *fieldView, typed sdk.Values, again bool) {
	f := v.f
	hint := func(english string) { fv.Hints = append(fv.Hints, f.words.of(english)) }
	switch {
	case fv.Many && fv.Kind == sdk.LongText:
		hint("One answer in each line, or a JSON list of texts if an answer has several lines.")
	case fv.Control == "area" && fv.Many:
		hint("One answer in each line.")
	case fv.Kind == sdk.Pairs:
		hint("One “name: value” in each line. A name has no colon.")
	case fv.Type == "datetime-local":
		hint("The time is in UTC.")
	}
	switch set := f.set[fv.Name] && f.cfg.Answers != nil; {
	case fv.Secret && typed[fv.Name] != "":
		hint("What you typed is not shown. Enter it again.")
	case fv.Secret && set && !again:
		hint("set; leave it empty to keep it")
	}
	if fv.Secret && fv.Field.Optional && f.set[fv.Name] && f.cfg.Answers != nil {
		fv.Clear = true
		empty, typed := typed[fv.Name]
		fv.Cleared = typed && empty == ""
	}
	if !fv.Secret && f.cfg.Answers != nil && f.setHere() && f.decides(fv.Name) {
		hint("If this changes, the secrets must be entered again.")
	}
}

// setHere reports whether a secret that is asked here is set.
func (f *Form) setHere() bool {
	return slices.ContainsFunc(f.fields, func(field *sdk.Field) bool { return field.Secret && f.set[field.Name] })
}

// describe names the elements that say more about the control.
func (fv *fieldView) describe() {
	var ids []string
	if fv.Fault != "" {
		ids = append(ids, fv.ID+"-fault")
	}
	if fv.Help != "" {
		ids = append(ids, fv.ID+"-help")
	}
	if fv.Control == "select" && fv.Helps {
		ids = append(ids, fv.ID+"-choice")
	}
	if len(fv.Hints) > 0 {
		ids = append(ids, fv.ID+"-hint")
	}
	fv.Described = strings.Join(ids, " ")
}

// target returns the element that a line of the summary leads to.
func (fv *fieldView) target() string {
	if fv.Control != "radio" && fv.Control != "checks" {
		return fv.ID
	}
	for _, o := range fv.Options {
		if !o.Away {
			return o.ID
		}
	}
	return fv.ID
}

// NoAnswer reports whether a person can choose that there is none.
func (fv *fieldView) NoAnswer() bool { return fv.Optional && fv.Default == "" && fv.Defaults == nil }

// Nothing reports whether no option is chosen.
func (fv *fieldView) Nothing() bool {
	return !slices.ContainsFunc(fv.Options, func(o optionView) bool { return o.Chosen })
}

// Lists reports whether an input has suggestions to choose from.
func (fv *fieldView) Lists() bool { return fv.Control == "input" && !fv.Secret && len(fv.Options) > 0 }
