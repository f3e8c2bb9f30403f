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
	field *sdk.Field
	T     *labels

	ID, Name, Title, Help, Example string
	Notices                        []noticeView
	Redirect                       *redirectView // it stands before this

	Sometimes bool // its condition may not hold
	Away      bool // nor does it now
	Assumed   bool // it holds a default that may still change
	Secret    bool
	Optional  bool
	Required  bool
	Needed    bool // it is required where there is no default, which may change

	// Of these controls it has one, or else an input.
	None, Bool, Select, Area, Radio, Checks bool
	Group                                   bool // Radio or Checks
	Type, Step                              string
	Rows                                    int
	Left                                    bool // what is typed is written from left to right, whatever the language

	Value    string
	Checked  bool
	Options  []optionView
	Helps    bool   // an option has a help of its own
	Open     bool   // other answers than the options are taken
	Others   string // which these are, of Checks
	NoAnswer bool   // a person can choose that there is none
	Nothing  bool   // no option is chosen
	Lists    bool   // an input has options to choose from
	Suggest  string // the link that offers choices

	Hints     []string
	Fault     string
	Described string // the elements that describe the control

	Pattern, PatternTitle string
	Least, Min, Max       string

	Clear, Cleared bool // what is set can be removed, and shall be
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
		field: field, T: v.T, ID: v.ID + "-" + field.Name, Name: field.Name, Title: cmp.Or(field.Title, field.Name),
		Help: field.Help, Example: field.Example, Notices: v.notices(field.Name), Sometimes: field.When != nil, Away: !v.holds(field.When),
		Secret: field.Secret, Optional: field.Optional && field.Kind != sdk.Bool, Fault: fault.Message,
	}
	fv.control()
	if fv.None {
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
	if field.Suggest != nil && f.cfg.Can.Suggest && reachable(f.cfg.Links.Suggest) != "" {
		fv.Suggest = strings.ReplaceAll(f.cfg.Links.Suggest, "{field}", field.Name)
	}
	fv.describe()
	return fv
}

// reasonAgain is host.ReasonAgain: a secret that is set does not count.
const reasonAgain = "again"

// control says what the field is answered in.
func (fv *fieldView) control() {
	field := fv.field
	choice := field.Kind == sdk.Choice && field.Suggest == nil
	switch {
	case field.Kind == sdk.Hidden:
		fv.None = true
	case field.Kind == sdk.Bool:
		fv.Bool = true
	case field.Kind == sdk.Choice && field.Many:
		fv.Checks, fv.Group, fv.Open = true, true, field.Suggest != nil
	case choice && len(field.Options) <= maxRadios:
		fv.Radio, fv.Group = true, true
	case choice:
		fv.Select = true
	case field.Many || field.Kind == sdk.LongText || field.Kind == sdk.JSON || field.Kind == sdk.Pairs:
		fv.Area = true
	default:
		fv.Type = "text"
	}
	fv.NoAnswer = fv.Optional && field.Default == "" && field.Defaults == nil
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
	field, answer := fv.field, v.answers[fv.Name]
	if answer == "" {
		answer = def
		fv.Assumed = field.Kind == sdk.Choice || len(field.Defaults) > 0
	}
	fv.Value, fv.Checked = textOf(field, answer), answer == "true"
	if field.Kind == sdk.JSON && !field.Many && v.answers[fv.Name] == v.f.stored[fv.Name] {
		fv.Value = indented(fv.Value) // nobody typed it
	}
	if field.Kind != sdk.Choice && field.Suggest == nil {
		return
	}
	chosen := chosenOf(field, answer)
	options := make([]*sdk.Option, len(field.Options))
	for i := range options {
		options[i] = &field.Options[i]
	}
	known := len(options)
	if field.Suggest != nil {
		options = v.f.suggested(variant{field: field, options: options})
	}
	for i, o := range options {
		ov := optionView{ID: fv.ID + "-" + strconv.Itoa(i), Value: o.Value, Title: titleOf(o), Help: o.Help, Away: i < known && !v.holds(o.When)}
		ov.Chosen = !ov.Away && slices.Contains(chosen, o.Value)
		fv.Helps = fv.Helps || o.Help != ""
		fv.Options = append(fv.Options, ov)
	}
	fv.Nothing = !slices.ContainsFunc(fv.Options, func(o optionView) bool { return o.Chosen })
	fv.Lists = fv.Type != "" && len(fv.Options) > 0
	if fv.Open {
		others := slices.DeleteFunc(chosen, func(value string) bool {
			return slices.ContainsFunc(fv.Options, func(o optionView) bool { return o.Chosen && o.Value == value })
		})
		fv.Others = strings.Join(others, "\n")
	}
}

// attributes sets what a browser checks while a person types. It never refuses
// what the host takes, so much is left to the host: see attributePattern.
func (fv *fieldView) attributes(f *Form) {
	field := fv.field
	fv.Rows = 3
	switch field.Kind {
	case sdk.URL, sdk.Number, sdk.DateTime, sdk.JSON, sdk.Pairs:
		fv.Left = true
	}
	if field.Kind == sdk.LongText || field.Kind == sdk.JSON {
		fv.Rows = 5
	}
	least, most := limitsOf(field.Bounds)
	if (field.Kind == sdk.Text || field.Kind == sdk.LongText) && !field.Many && least > 1 {
		fv.Least = strconv.FormatFloat(least, 'f', -1, 64)
	}
	if fv.Type == "" {
		return
	}
	switch {
	case fv.Secret:
	case field.Kind == sdk.URL:
		fv.Type = "url"
	case field.Kind == sdk.Number && (fv.Value == "" || floating.MatchString(fv.Value)):
		fv.Type, fv.Step = "number", "any"
		if field.Bounds != nil {
			fv.Min, fv.Max = limitText(field.Bounds.Min), limitText(field.Bounds.Max)
		}
	case field.Kind == sdk.DateTime && (fv.Value == "" || local.MatchString(fv.Value)):
		fv.Type, fv.Step = "datetime-local", "1"
	}
	if field.Kind == sdk.Text {
		if fv.Pattern = attributePattern(field.Pattern, fv.Secret, most); fv.Pattern != "" {
			fv.PatternTitle = f.words.message(field.Message(sdk.ReasonBounds))
			if field.Pattern != "" {
				fv.PatternTitle = f.words.message(field.Message(sdk.ReasonPattern))
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
	f, field := v.f, fv.field
	hint := func(english string) { fv.Hints = append(fv.Hints, f.words.of(english)) }
	switch {
	case field.Many && field.Kind == sdk.LongText:
		hint("One answer in each line, or a JSON list of texts if an answer has several lines.")
	case fv.Area && field.Many:
		hint("One answer in each line.")
	case field.Kind == sdk.Pairs:
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
	if fv.Secret && field.Optional && f.set[fv.Name] && f.cfg.Answers != nil {
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
	if fv.Select && fv.Helps {
		ids = append(ids, fv.ID+"-choice")
	}
	if len(fv.Hints) > 0 {
		ids = append(ids, fv.ID+"-hint")
	}
	fv.Described = strings.Join(ids, " ")
}

// target returns the element that a line of the summary leads to.
func (fv *fieldView) target() string {
	if !fv.Group {
		return fv.ID
	}
	for _, o := range fv.Options {
		if !o.Away {
			return o.ID
		}
	}
	return fv.ID
}
