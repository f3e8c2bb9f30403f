// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// A fault is something that goes wrong at the service.
type fault struct {
	name   string
	when   string                                       // what has happened, to say
	down   bool                                         // nothing is reached
	answer func(w http.ResponseWriter, r *http.Request) // what is answered; nil: it hangs up
	hold   func()                                       // called when a request has come, which is then not answered

	// retry is how long the service asks to wait.
	retry time.Duration

	// address says that the person may have entered a wrong one, so that
	// Invalid is as good as Unavailable, if it names such a field.
	address bool

	// unread says that a test need not notice: it may look at the status alone.
	unread bool
}

// said is what the service says when something goes wrong. It is in no error
// of a plugin: who knows what a service says.
const said = "words-of-the-service-EXAMPLE"

const (
	retrySeconds = 7
	elsewhere    = "https://elsewhere.example"
)

// faults are what a plugin meets sooner or later. Of all of them the person
// learns that the service could not tell, never that the secret is wrong.
var faults = []*fault{
	{name: "Unreachable", when: "the service cannot be reached", down: true, address: true},
	{name: "HangsUp", when: "the service hangs up", address: true},
	{name: "Truncated", when: "the answer breaks off", answer: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "1000")
		fmt.Fprintf(w, `{"access_token":"%s`, said)
		panic(http.ErrAbortHandler)
	}, unread: true},
	{name: "TooManyRequests", when: "the service asks to slow down (429)", retry: retrySeconds * time.Second, answer: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", strconv.Itoa(retrySeconds))
		writeJSON(w, http.StatusTooManyRequests, map[string]string{"error": "rate_limited", "message": said})
	}},
	{name: "ServerError", when: "the service fails (500)", answer: func(w http.ResponseWriter, _ *http.Request) { writePage(w, http.StatusInternalServerError) }},
	{name: "Maintenance", when: "the service is being maintained (503)", retry: retrySeconds * time.Second, answer: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", strconv.Itoa(retrySeconds))
		writePage(w, http.StatusServiceUnavailable)
	}},
	{name: "Page", when: "a page answers in its place (200, HTML)", address: true, answer: func(w http.ResponseWriter, _ *http.Request) { writePage(w, http.StatusOK) }},
	{name: "NotFound", when: "a page says that there is nothing (404, HTML)", address: true, answer: func(w http.ResponseWriter, _ *http.Request) { writePage(w, http.StatusNotFound) }},
	{name: "Redirect", when: "the answer is a redirect to another origin (307), which must not be followed", address: true, answer: func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere+"/"+said, http.StatusTemporaryRedirect)
	}},
	{name: "Nonsense", when: "the answer is not the JSON that it says", address: true, unread: true, answer: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"%s`, said)
	}},
}

// serve answers a request, or does not.
func (f *fault) serve(w http.ResponseWriter, r *http.Request, body []byte, s *Suite) {
	switch {
	case f.hold != nil:
		f.hold()
		<-r.Context().Done() // until the plugin gives up
	case f == forbidden && s.Forbidden != nil:
		s.Forbidden.ServeHTTP(w, r)
		return
	case f.answer != nil:
		r.Body = http.NoBody
		r.Header.Set(bodyHeader, string(body))
		f.answer(w, r)
		return
	}
	panic(http.ErrAbortHandler)
}

// bodyHeader is where an answer finds the body of its request.
const bodyHeader = "Plugintest-Body"

// forbidden is what a service answers to a credential without a permission.
var forbidden = &fault{name: "Forbidden", answer: func(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusForbidden, map[string]string{"error": "forbidden", "message": said})
}}

// ended is what a token endpoint answers to a refresh token that has ended.
var ended = &fault{name: "Ended", answer: func(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant", "error_description": said})
}}

// echo returns a fault that answers with a status and everything that was
// sent, in every place where an error has words.
func echo(status int) *fault {
	return &fault{name: strconv.Itoa(status), answer: func(w http.ResponseWriter, r *http.Request) {
		var sent strings.Builder
		body := r.Header.Get(bodyHeader)
		r.Header.Del(bodyHeader)
		fmt.Fprintf(&sent, "%s %s %s %v", said, r.Method, r.URL, map[string][]string(r.Header))
		if user, password, ok := r.BasicAuth(); ok {
			fmt.Fprintf(&sent, " %s %s", user, password)
		}
		sent.WriteString(" " + body)
		for name, values := range parameters(&http.Request{URL: r.URL, Header: r.Header}, []byte(body)) {
			fmt.Fprintf(&sent, " %s=%s", name, strings.Join(values, ","))
		}
		words := map[string]string{}
		for _, name := range []string{"error", "error_description", "error_uri", "message", "detail", "hint", "title"} {
			words[name] = sent.String()
		}
		writeJSON(w, status, words)
	}}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // a plugin that left needs no answer
}

// writePage answers as whatever stands before a service does, or the wrong
// service.
func writePage(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<!DOCTYPE html><title>%s</title><p>%s", http.StatusText(status), said)
}
