// SPDX-License-Identifier: Apache-2.0

package formtest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/credhost/credhost/host/form"
)

// serve serves the forms of a keeper, and judges what is sent:
//
//	GET  /types                             the names of the types
//	GET  /cases                             the table, in full
//	GET  /forms/{type}/{setting}/{format}   a form, in one of form.Formats
//	POST /forms/{type}/{setting}/submit     native answers; says what is wrong, or what was stored
//	GET  /dist/                             the pages that show the libraries' forms
//	     /html/{type}/{setting}             WriteHTML's form in a page of the server's own
//	     /page/{type}/{setting}             WritePage's page
//
// A setting is one of the table's, or "new".
func serve(t testing.TB, k *keeper, dist string) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /types", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, typeNames()) })
	mux.HandleFunc("GET /cases", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, table.Cases) })
	mux.HandleFunc("GET /forms/{type}/{setting}/{format}", k.serveForm)
	mux.HandleFunc("POST /forms/{type}/{setting}/submit", k.serveSubmit)
	mux.HandleFunc("/html/{type}/{setting}", k.serveHTML)
	mux.HandleFunc("/page/{type}/{setting}", k.serveHTML)
	mux.HandleFunc("GET /form.js", func(w http.ResponseWriter, _ *http.Request) { writeFile(w, "text/javascript", form.Script) })
	mux.HandleFunc("GET /form.css", func(w http.ResponseWriter, _ *http.Request) { writeFile(w, "text/css", form.Style) })
	mux.HandleFunc("GET /favicon.ico", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("GET /dist/", http.StripPrefix("/dist/", http.FileServer(http.Dir(dist))))
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// occasion returns what a request is about.
func occasion(r *http.Request) (typ, setting string) {
	typ, setting = r.PathValue("type"), r.PathValue("setting")
	if setting == "new" {
		setting = ""
	}
	return typ, setting
}

// form returns the form that a request is about.
func (k *keeper) form(r *http.Request) (*form.Form, error) {
	typ, setting := occasion(r)
	if _, ok := programs[typ]; !ok {
		return nil, fmt.Errorf("no type %q", typ)
	}
	cfg, err := k.config(r.Context(), typ, setting)
	cfg.Languages = r.URL.Query().Get("lang")
	cfg.Links = form.Links{Save: r.URL.RequestURI(), Connect: "/connect", Test: "/test", Suggest: "/suggest/{field}"}
	return form.New(cfg), err
}

func (k *keeper) serveForm(w http.ResponseWriter, r *http.Request) {
	f, err := k.form(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	for _, format := range form.Formats() {
		if format.Name == r.PathValue("format") {
			w.Header().Set("Content-Type", format.MediaType)
			w.Write(format.Render(f))
			return
		}
	}
	http.NotFound(w, r)
}

// A verdict is what the server says of answers.
type verdict struct {
	OK               bool                       `json:"ok"`
	Faults           []form.Fault               `json:"faults"`
	ExtraErrors      json.RawMessage            `json:"extraErrors"`
	AdditionalErrors json.RawMessage            `json:"additionalErrors"`
	Stored           map[string]json.RawMessage `json:"stored"`
}

func (k *keeper) serveSubmit(w http.ResponseWriter, r *http.Request) {
	f, err := k.form(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	native, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	typ, setting := occasion(r)
	stored, err := k.submit(r.Context(), typ, setting, native)
	faults := f.Faults(err)
	writeJSON(w, verdict{OK: err == nil, Faults: faults, Stored: stored,
		ExtraErrors: form.ExtraErrors(faults), AdditionalErrors: form.AdditionalErrors(faults)})
}
