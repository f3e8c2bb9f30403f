// SPDX-License-Identifier: Apache-2.0

package form

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // form.css and form.js
	"encoding/base64"
	"io"
	"sync"

	"github.com/credhost/credhost/sdk"
)

// A State is how far a person has come with a form.
type State struct {
	// Answers are those that are typed so far, secrets included: they count for
	// conditions and are never shown. An answer that is absent was not asked yet
	// and is as the form begins with; an empty one was emptied. Nil: the person
	// begins.
	Answers sdk.Values

	Faults []Fault // what is wrong with them
}

// Script and Style make WriteHTML's form pleasant. Serve them as files; they
// need no more of a Content-Security-Policy than script-src and style-src
// 'self'. Without Script the form works too: see [Form.Parse]. A form that is
// put into a page later is set up by window.credhostForm(element), or else by
// the first touch.
var (
	//go:embed form.js
	Script []byte
	//go:embed form.css
	Style []byte
)

// WriteHTML writes the form element alone, for a page of the host's own. It is
// posted to Links.Save in the usual encoding of forms: see [Form.Parse].
//
// No secret is in it, be it stored or typed; whatever the type's texts say,
// they are text.
func (f *Form) WriteHTML(w io.Writer, s State) error {
	return write(w, func(m *markup) { m.form(f.view(s)) })
}

// ID returns the id of the form element that WriteHTML writes: for controls that
// stand outside it and belong to it all the same, by their attribute form.
func (f *Form) ID() string { return f.id() }

// WritePage writes a whole document with style and script inside, for previews.
func (f *Form) WritePage(w io.Writer, s State) error {
	return write(w, func(m *markup) { m.page(f, s) })
}

// page writes a document that allows its own style and script, and nothing
// else.
func (m *markup) page(f *Form, s State) {
	v := f.view(s)
	m.raw("<!DOCTYPE html>\n<html lang=\"").text(v.Lang).raw(`" dir="`).text(v.Dir).raw("\">\n<head>\n<meta charset=\"utf-8\">\n")
	m.raw(`<meta http-equiv="Content-Security-Policy" content="`).text(policy()).raw("\">\n")
	m.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n")
	m.raw("<meta name=\"referrer\" content=\"no-referrer\">\n<title>").text(f.schema.Title).raw("</title>\n<style>").own(Style)
	m.raw("</style>\n</head>\n<body class=\"credhost-page\">\n<main>\n<header>")
	if f.schema.Icon != "" {
		// In an img nothing of it runs, and nothing of it is fetched.
		m.raw(`<img alt="" width="40" height="40" src="data:image/svg+xml;base64,`)
		m.b = base64.StdEncoding.AppendEncode(m.b, []byte(f.schema.Icon))
		m.raw(`">`)
	}
	m.raw("<h1>").text(f.schema.Title).raw("</h1></header>\n")
	m.form(v)
	m.raw("</main>\n<script>").own(Script).raw("</script>\n</body>\n</html>\n")
}

// own writes this package's style or script.
func (m *markup) own(file []byte) *markup {
	m.b = append(m.b, file...)
	return m
}

// policy is the Content-Security-Policy of a page.
var policy = sync.OnceValue(func() string {
	hash := func(file []byte) string {
		sum := sha256.Sum256(file)
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; style-src " + hash(Style) + "; script-src " + hash(Script) + "; img-src data:; base-uri 'none'"
})

// write writes what build makes, whole.
func write(w io.Writer, build func(*markup)) error {
	return scratch(markupOf(build), func(b []byte) error {
		_, err := w.Write(b)
		return err
	})
}

func markupOf(build func(*markup)) func([]byte) []byte {
	return func(b []byte) []byte {
		m := &markup{b}
		build(m)
		return m.b
	}
}

// preview renders a document as those see it who begin.
func (f *Form) preview() []byte {
	return scratch(markupOf(func(m *markup) { m.page(f, State{}) }), bytes.Clone)
}
