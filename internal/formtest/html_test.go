// SPDX-License-Identifier: Apache-2.0

package formtest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/credhost/credhost/host/form"
)

// policy is as strict as a page with a form can be.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// serveHTML shows a form, judges what is posted, and shows the form again, with
// what is wrong, if anything is. A test finds the verdict in a header.
func (k *keeper) serveHTML(w http.ResponseWriter, r *http.Request) {
	f, err := k.form(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	var s form.State
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<20)
		if err := r.ParseForm(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		answers, again := f.Parse(r.PostForm)
		s.Answers = answers
		if !again {
			typ, setting := occasion(r)
			stored, err := k.store(r.Context(), typ, setting, answers)
			s.Faults = f.Faults(err)
			said, _ := json.Marshal(verdict{OK: err == nil, Faults: s.Faults, Stored: stored})
			w.Header().Set("Verdict", url.QueryEscape(string(said)))
		}
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	var page bytes.Buffer
	if strings.HasPrefix(r.URL.Path, "/page/") { // which brings its own policy
		err = f.WritePage(&page, s)
	} else {
		w.Header().Set("Content-Security-Policy", policy)
		fmt.Fprintf(&page, `<!DOCTYPE html><html lang="%s"><head><meta charset="utf-8"><title>A form</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/form.css"></head>
<body class="credhost-page"><main><h1>A form</h1>`, f.Language())
		err = f.WriteHTML(&page, s)
		page.WriteString(`</main><script src="/form.js"></script></body></html>`)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	if len(s.Faults) > 0 {
		w.WriteHeader(http.StatusUnprocessableEntity)
	}
	w.Write(page.Bytes())
}

func writeFile(w http.ResponseWriter, mediaType string, text []byte) {
	w.Header().Set("Content-Type", mediaType)
	w.Write(text)
}
