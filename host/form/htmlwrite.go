// SPDX-License-Identifier: Apache-2.0

package form

import "strconv"

// form writes the form element.
func (m *markup) form(v *view) {
	m.raw(`<form class="credhost" method="post" accept-charset="utf-8" autocomplete="off" id="`).text(v.ID).raw(`"`).attr(` action="`, v.Save)
	m.attr(` lang="`, v.Lang).attr(` dir="`, v.Dir).attr(` data-form="`, v.Data).raw(">\n")
	if v.Enter { // or the enter key would press another button
		m.raw(`<button class="unseen" type="submit" tabindex="-1" aria-hidden="true"`).ours(v.T).raw(">").text(v.T.Save).raw("</button>\n")
	}
	m.faults(v)
	if v.Docs != "" {
		m.raw(`<p class="docs"><a`).ours(v.T).raw(` target="_blank" rel="noopener noreferrer" href="`).text(v.Docs).raw(`">`).text(v.DocsText)
		m.raw(`<span class="unseen"> `).text(v.T.NewTab).raw("</span></a></p>\n")
	}
	for _, fv := range v.Fields {
		m.redirect(fv.Redirect)
		m.field(fv)
	}
	m.redirect(v.Redirect)
	m.notices(v.After)
	m.actions(v)
	m.raw("</form>\n")
}

// faults writes the summary of what is wrong.
func (m *markup) faults(v *view) {
	if len(v.Faults) == 0 {
		return
	}
	m.raw(`<div class="faults" role="alert" tabindex="-1" aria-labelledby="`).text(v.ID).raw("--faults\">\n")
	m.raw(`<p id="`).text(v.ID).raw(`--faults"`).ours(v.T).raw("><strong>").text(v.T.Problem).raw("</strong></p>\n<ul>\n")
	for _, f := range v.Faults {
		m.raw("<li>").attr(`<a href="#`, f.Target).flag(f.Target != "", ">").text(f.Title).flag(f.Title != "", ": ").text(f.Text)
		m.flag(f.Target != "", "</a>").raw("</li>\n")
	}
	m.raw("</ul>\n</div>\n")
}

// actions writes the buttons.
func (m *markup) actions(v *view) {
	if v.Save != "" {
		m.raw(`<div class="actions"`).ours(v.T).raw(">\n<button class=\"primary\" type=\"submit\">").text(v.T.Save).raw("</button>\n")
		if v.Again {
			m.raw(`<button type="submit" name="_again" value="1" formnovalidate data-noscript>`).text(v.T.Again).raw("</button>\n")
		}
		m.raw("</div>\n")
	}
	if !v.Saved {
		return
	}
	m.raw(`<div class="actions saved" role="group" aria-describedby="`).text(v.ID).raw(`--saved"`).ours(v.T).raw(">\n")
	if b := v.Connect; b != nil {
		m.raw(`<button type="submit" formnovalidate formaction="`).text(b.Link).raw(`"`).when(b.When, b.Away).raw(">").text(v.T.Connect).raw("</button>\n")
	}
	if b := v.Test; b != nil {
		m.raw(`<button type="submit" formnovalidate formaction="`).text(b.Link).raw(`">`).text(v.T.Test).raw("</button>\n")
	}
	m.raw(`<p class="hint" id="`).text(v.ID).raw(`--saved">`).text(v.T.Saved).raw("</p>\n</div>\n")
}

// when writes the condition of an element, and whether it is hidden now.
func (m *markup) when(condition string, away bool) *markup {
	return m.attr(` data-when="`, condition).flag(away, " hidden")
}

func (m *markup) notices(all []noticeView) {
	for _, n := range all {
		m.raw(`<p class="notice"`).when(n.When, n.Away).raw(">").text(n.Text).raw("</p>\n")
	}
}

func (m *markup) redirect(r *redirectView) {
	if r == nil {
		return
	}
	m.raw(`<div class="field"`).when(r.When, r.Away).ours(r.T).raw(">\n<label for=\"").text(r.ID).raw(`">`).text(r.T.Redirect).raw("</label>\n<div class=\"row\">\n")
	m.raw(`<input type="text" readonly dir="ltr" spellcheck="false" id="`).text(r.ID).raw(`" value="`).text(r.URL).raw(`" aria-describedby="`).text(r.ID).raw("-help\">\n")
	m.raw(`<button type="button" hidden data-copy="`).text(r.ID).raw(`">`).text(r.T.Copy).raw(`<span class="unseen">: `).text(r.T.Redirect).raw("</span></button>\n")
	m.raw(`<span class="copied" role="status" data-copied="`).text(r.T.Copied).raw("\"></span>\n</div>\n")
	m.raw(`<p class="help" id="`).text(r.ID).raw(`-help">`).text(r.T.Register).raw("</p>\n</div>\n")
}

// field writes a question and the notices before it.
func (m *markup) field(fv *fieldView) {
	if len(fv.Notices) == 0 && fv.None {
		return
	}
	m.raw(`<div class="field" data-field="`).text(fv.Name).raw(`"`).flag(fv.Away, " hidden").flag(fv.Assumed, " data-assumed").raw(">\n")
	m.notices(fv.Notices)
	switch {
	case fv.None:
	case fv.Group:
		m.group(fv)
	case fv.Sometimes:
		m.raw(`<fieldset role="none"`).flag(fv.Away, " disabled").raw(">\n")
		m.single(fv)
		m.raw("</fieldset>\n")
	default:
		m.single(fv)
	}
	m.raw("</div>\n")
}

// group writes a question with a control for each option.
func (m *markup) group(fv *fieldView) {
	m.raw(`<fieldset id="`).text(fv.ID).raw(`"`).flag(fv.Radio, ` role="radiogroup"`).flag(fv.Radio && fv.Fault != "", ` aria-invalid="true"`)
	m.attr(` aria-describedby="`, fv.Described).flag(fv.Away, " disabled").raw(">\n<legend>").text(fv.Title)
	m.optional(fv).raw("</legend>\n")
	m.help(fv.ID, fv.Help)
	m.fault(fv)
	m.raw("<div class=\"options\">\n")
	if !fv.Radio {
		m.raw(`<input type="hidden" value="" name="`).text(fv.Name).raw("\">\n")
	}
	for _, o := range fv.Options {
		m.raw(`<div class="option" data-option`).flag(o.Away, " hidden").raw(">\n<input type=").flag(fv.Radio, `"radio"`).flag(!fv.Radio, `"checkbox"`)
		m.raw(` id="`).text(o.ID).raw(`" name="`).text(fv.Name).raw(`" value="`).text(o.Value).raw(`"`).flag(o.Chosen, " checked").flag(o.Away, " disabled")
		m.flag(fv.Radio && fv.Required, " required").flag(fv.Radio && fv.Needed, " data-needed").flag(!fv.Radio && fv.Fault != "", ` aria-invalid="true"`)
		if o.Help != "" {
			m.raw(` aria-describedby="`).text(o.ID).raw(`-help"`)
		}
		m.raw(">\n<label for=\"").text(o.ID).raw(`">`).text(o.Title).raw("</label>\n")
		m.help(o.ID, o.Help)
		m.raw("</div>\n")
	}
	if fv.Radio && fv.NoAnswer {
		m.raw(`<div class="option"><input type="radio" value="" id="`).text(fv.ID).raw(`-none" name="`).text(fv.Name).raw(`"`).flag(fv.Nothing, " checked")
		m.raw(">\n<label for=\"").text(fv.ID).raw(`-none"`).ours(fv.T).raw(">").text(fv.T.NoAnswer).raw("</label></div>\n")
	}
	m.raw("</div>\n")
	if fv.Open {
		m.raw(`<label class="others" for="`).text(fv.ID).raw(`-others"`).ours(fv.T).raw(">").text(fv.T.Others).raw("</label>\n<textarea rows=\"2\" dir=\"auto\" spellcheck=\"false\" autocomplete=\"off\" id=\"")
		m.text(fv.ID).raw(`-others" name="`).text(fv.Name).raw("\">\n").text(fv.Others).raw("</textarea>\n")
	}
	m.hints(fv)
	m.suggest(fv)
	m.raw("</fieldset>\n")
}

// single writes a question with one control.
func (m *markup) single(fv *fieldView) {
	if fv.Bool {
		m.raw("<div class=\"option\">\n<input type=\"hidden\" value=\"false\" name=\"").text(fv.Name).raw("\">\n<input type=\"checkbox\" value=\"true\" id=\"").text(fv.ID)
		m.raw(`" name="`).text(fv.Name).raw(`"`).flag(fv.Checked, " checked").said(fv).raw(">\n<label for=\"").text(fv.ID).raw(`">`).text(fv.Title).raw("</label>\n")
		m.help(fv.ID, fv.Help)
		m.fault(fv)
		m.raw("</div>\n")
		return
	}
	m.raw(`<label for="`).text(fv.ID).raw(`">`).text(fv.Title).optional(fv).raw("</label>\n")
	m.fault(fv)
	switch {
	case fv.Select:
		m.choice(fv)
	case fv.Area:
		m.raw(`<textarea spellcheck="false" autocomplete="off" autocapitalize="none" id="`).text(fv.ID).raw(`" name="`).text(fv.Name).raw(`" rows="`).text(strconv.Itoa(fv.Rows)).raw(`"`)
		m.direction(fv).flag(fv.Secret, ` class="masked"`).attr(` placeholder="`, fv.Example).attr(` minlength="`, fv.Least).said(fv)
		m.raw(">\n").text(fv.Value).raw("</textarea>\n") // a browser drops the first line break
	default:
		m.flag(fv.Suggest != "", "<div class=\"row\">\n")
		m.input(fv)
		m.suggest(fv)
		m.flag(fv.Suggest != "", "</div>\n")
	}
	m.help(fv.ID, fv.Help)
	m.hints(fv)
	if fv.Clear {
		m.raw("<div class=\"option clear\">\n<input type=\"checkbox\" value=\"1\" id=\"").text(fv.ID).raw(`-clear" name="_clear.`).text(fv.Name).raw(`"`).flag(fv.Cleared, " checked")
		m.raw(">\n<label for=\"").text(fv.ID).raw(`-clear"><span`).ours(fv.T).raw(">").text(fv.T.Remove).raw(`</span><span class="unseen">: `).text(fv.Title).raw("</span></label>\n</div>\n")
	}
	if fv.Area {
		m.suggest(fv)
	}
}

// choice writes a list to choose from.
func (m *markup) choice(fv *fieldView) {
	m.raw(`<select id="`).text(fv.ID).raw(`" name="`).text(fv.Name).raw(`"`).said(fv).raw(">\n<option value=\"\"").ours(fv.T).raw(">")
	if fv.NoAnswer {
		m.text(fv.T.NoAnswer)
	} else {
		m.text(fv.T.Choose)
	}
	m.raw("</option>\n")
	for _, o := range fv.Options {
		m.raw(`<option data-option value="`).text(o.Value).raw(`"`).flag(o.Chosen, " selected").flag(o.Away, " disabled hidden").raw(">").text(o.Title).raw("</option>\n")
	}
	m.raw("</select>\n")
	if !fv.Helps {
		return
	}
	m.raw(`<div class="help" id="`).text(fv.ID).raw(`-choice">`)
	for _, o := range fv.Options {
		if o.Help != "" {
			m.raw(`<p data-help="`).text(o.Value).raw(`"`).flag(!o.Chosen, " hidden").raw(">").text(o.Help).raw("</p>")
		}
	}
	m.raw("</div>\n")
}

// input writes a line to type in.
func (m *markup) input(fv *fieldView) {
	m.raw(`<input spellcheck="false" autocapitalize="none" id="`).text(fv.ID).raw(`" name="`).text(fv.Name).raw(`"`)
	if fv.Secret {
		m.raw(` type="password" autocomplete="new-password"`)
	} else {
		m.raw(` type="`).text(fv.Type).raw(`" autocomplete="off"`)
	}
	m.direction(fv).attr(` value="`, fv.Value).attr(` step="`, fv.Step).attr(` placeholder="`, fv.Example)
	if fv.Pattern != "" {
		m.attr(` pattern="`, fv.Pattern).raw(` title="`).text(fv.PatternTitle).raw(`"`)
	}
	m.attr(` minlength="`, fv.Least).attr(` min="`, fv.Min).attr(` max="`, fv.Max)
	if !fv.Lists {
		m.said(fv).raw(">\n")
		return
	}
	m.raw(` list="`).text(fv.ID).raw(`-list"`).said(fv).raw(">\n<datalist id=\"").text(fv.ID).raw(`-list">`)
	for _, o := range fv.Options {
		m.raw(`<option data-option value="`).text(o.Value).raw(`"`).flag(o.Away, " disabled hidden").raw(">").text(o.Title).raw("</option>")
	}
	m.raw("</datalist>\n")
}

func (m *markup) direction(fv *fieldView) *markup {
	return m.flag(fv.Left, ` dir="ltr"`).flag(!fv.Left, ` dir="auto"`)
}

// said writes what is said of a control besides its label.
func (m *markup) said(fv *fieldView) *markup {
	return m.flag(fv.Required, " required").flag(fv.Needed, " data-needed").attr(` aria-describedby="`, fv.Described).flag(fv.Fault != "", ` aria-invalid="true"`)
}

func (m *markup) optional(fv *fieldView) *markup {
	if fv.Optional {
		m.raw(` <span class="optional"`).ours(fv.T).raw(">").text(fv.T.Optional).raw("</span>")
	}
	return m
}

// ours says which language this package's own words are in, if it is another
// than the type's (WCAG 2.2, success criterion 3.1.2).
func (m *markup) ours(t *labels) *markup { return m.attr(` lang="`, t.lang) }

func (m *markup) help(id, help string) {
	if help != "" {
		m.raw(`<p class="help" id="`).text(id).raw(`-help">`).text(help).raw("</p>\n")
	}
}

func (m *markup) hints(fv *fieldView) {
	if len(fv.Hints) == 0 {
		return
	}
	m.raw(`<p class="hint" id="`).text(fv.ID).raw(`-hint"`).ours(fv.T).raw(">")
	for _, hint := range fv.Hints {
		m.raw("<span>").text(hint).raw("</span> ")
	}
	m.raw("</p>\n")
}

func (m *markup) fault(fv *fieldView) {
	if fv.Fault != "" {
		m.raw(`<p class="fault" id="`).text(fv.ID).raw(`-fault"`).ours(fv.T).raw(`><span class="unseen">`).text(fv.T.Error).raw(": </span><span>").text(fv.Fault).raw("</span></p>\n")
	}
}

func (m *markup) suggest(fv *fieldView) {
	if fv.Suggest != "" {
		m.raw(`<button type="submit" name="_suggest" formnovalidate value="`).text(fv.Name).raw(`" formaction="`).text(fv.Suggest).raw(`">`)
		m.raw("<span").ours(fv.T).raw(">").text(fv.T.Suggest).raw(`</span><span class="unseen">: `).text(fv.Title).raw("</span></button>\n")
	}
}
