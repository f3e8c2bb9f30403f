// SPDX-License-Identifier: Apache-2.0

package form

import "github.com/credhost/credhost/sdk"

// RJSF returns what react-jsonschema-form 6 needs: its properties schema,
// uiSchema and formData (data). Give it what [ExtraErrors] returns as
// extraErrors. Its own validator, for draft-07, will do.
func (f *Form) RJSF() []byte {
	l, ui := f.plan().logic, object{}
	order := make([]string, 0, len(f.fields)+1)
	for _, field := range f.fields {
		order = append(order, field.Name)
		ui.setObject(field.Name, f.widget(l, field))
	}
	ui = append(object{{"ui:order", names(append(order, "*"))}}, ui...)
	return f.bundle(member{"uiSchema", ui})
}

// widget returns the uiSchema of one field.
func (f *Form) widget(l *logic, field *sdk.Field) object {
	var one object
	switch field.Kind {
	case sdk.LongText, sdk.JSON:
		one.set("ui:widget", "textarea")
	case sdk.URL:
		one.set("ui:options", object{{"inputType", "url"}})
	case sdk.Hidden:
		return object{{"ui:widget", "hidden"}}
	}
	if field.Example != "" {
		one.set("ui:placeholder", field.Example)
	}
	if field.Secret {
		one.set("ui:autocomplete", "new-password")
	}
	if field.Secret && field.Kind == sdk.Number {
		one.set("ui:options", object{{"inputType", "password"}}) // texts have a format that says so
	}
	if field.Many && field.Kind == sdk.Choice && field.Suggest == nil {
		one.set("ui:widget", "checkboxes") // a list of many loses what was chosen at a plain click
	}
	ui := one
	if field.Many && field.Kind != sdk.Choice {
		ui = object{}
		ui.setObject("items", one)
	}
	if f.set[field.Name] && f.cfg.Answers != nil {
		ui.put("ui:placeholder", f.words.of("set; leave it empty to keep it"))
	}
	for _, n := range f.schema.Notices {
		// A notice that is shown whenever its field is; others are in "notices".
		if n.Before == field.Name && l.possible(l.when(field)) && !l.possible(allOf(l.when(field), negate(l.full(n.When)))) {
			ui.set("ui:help", n.Text)
			break
		}
	}
	return ui
}
