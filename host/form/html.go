// SPDX-License-Identifier: Apache-2.0

package form

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // form.tmpl, form.css and form.js
	"encoding/base64"
	"html/template"
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

//go:embed form.tmpl
var templateText string

var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("credhost").Parse(templateText))
})

// WriteHTML writes the form element alone, for a page of the host's own. It is
// posted to Links.Save in the usual encoding of forms: see [Form.Parse].
//
// No secret is in it, be it stored or typed; whatever the type's texts say,
// they are text.
func (f *Form) WriteHTML(w io.Writer, s State) error {
	return write(w, "form", f.view(s))
}

// WritePage writes a whole document with style and script inside, for previews.
func (f *Form) WritePage(w io.Writer, s State) error {
	p := page{Form: f.view(s), Fixed: pageOnce(), Title: f.schema.Title}
	if f.schema.Icon != "" {
		// In an img nothing of it runs, and nothing of it is fetched.
		p.Icon = template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(f.schema.Icon)))
	}
	return write(w, "page", p)
}

// buffers hold forms, which have no secrets.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// write executes a template. A reader never gets a part of a form: what is
// written is whole.
func write(w io.Writer, name string, data any) error {
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	if err := templates().ExecuteTemplate(b, name, data); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// A page is what a whole document shows.
type page struct {
	Form  *view
	Fixed pageParts
	Title string
	Icon  template.URL
}

// pageParts are the same in all documents.
type pageParts struct {
	Policy string // allows these two and nothing else
	Style  template.CSS
	Script template.JS
}

var pageOnce = sync.OnceValue(func() pageParts {
	hash := func(text []byte) string {
		sum := sha256.Sum256(text)
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return pageParts{
		Policy: "default-src 'none'; style-src " + hash(Style) + "; script-src " + hash(Script) + "; img-src data:; base-uri 'none'",
		Style:  template.CSS(Style),
		Script: template.JS(Script),
	}
})

// preview renders a document as those see it who begin.
func (f *Form) preview() []byte {
	var b bytes.Buffer
	if err := f.WritePage(&b, State{}); err != nil {
		panic("form: " + err.Error()) // a buffer takes everything, and a view fits its template
	}
	return b.Bytes()
}
