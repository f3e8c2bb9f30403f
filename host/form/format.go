// SPDX-License-Identifier: Apache-2.0

package form

// A Format is a way to render a form for a program.
type Format struct {
	Name      string // such as "rjsf"
	MediaType string // for content negotiation
	Suffix    string // of the name of a file that holds it
	Summary   string // what it is, in a few words
	Render    func(*Form) []byte
}

// Formats returns all formats, the schema itself first.
func Formats() []Format {
	return []Format{
		{"json", "application/json", ".schema.json", "the schema itself", (*Form).JSON},
		{"jsonschema", "application/schema+json", ".jsonschema.json", "JSON Schema 2020-12 of the answers", (*Form).JSONSchema},
		{"rjsf", "application/vnd.credhost.rjsf+json", ".rjsf.json", "for react-jsonschema-form 6", (*Form).RJSF},
		{"jsonforms", "application/vnd.credhost.jsonforms+json", ".jsonforms.json", "for JSON Forms 3", (*Form).JSONForms},
		{"n8n", "application/vnd.credhost.n8n+json", ".n8n.json", "n8n's INodeProperties", (*Form).N8N},
		{"html", "text/html; charset=utf-8", ".html", "an accessible HTML page", (*Form).preview},
	}
}
