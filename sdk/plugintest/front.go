// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// A front stands before the stand-in: it makes things go wrong, and watches
// what must be sent only once.
type front struct {
	n *network

	mu     sync.Mutex
	spent  map[string]bool // refresh tokens that the service has replaced, and assertions
	issued []string        // the forms of the secrets that the service has given, and of assertions
	renews int             // how many requests had a refresh token
	reuse  bool            // the service is said to take again what it has replaced
}

// ServeHTTP implements [http.Handler].
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	from := r.Context().Value(connKey{}).(*conn)
	c := from.call
	r.TLS = from.tls()
	c.requested()
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20)) // what is lost, the stand-in will miss
	r.Body = io.NopCloser(bytes.NewReader(body))
	if fault := f.n.fault.Load(); fault != nil && !c.browser {
		fault.serve(w, r, body, f.n.s)
		return
	}
	params := parameters(r, body)
	f.watch(c, params)
	if f.n.s.Service == nil {
		http.Error(w, "Suite.Service is not set", http.StatusNotImplemented)
		return
	}
	answer := &recorded{ResponseWriter: w}
	f.n.s.Service.ServeHTTP(answer, r)
	f.learn(params, answer)
}

// watch notes codes and refresh tokens: each may be sent once in a call, and
// never again when the service has replaced it.
func (f *front) watch(c *call, params url.Values) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range []string{"code", "refresh_token"} {
		v := params.Get(name)
		if v == "" || c.browser {
			continue
		}
		if name == "refresh_token" {
			f.renews++
		}
		c.mu.Lock()
		again := c.shown[v]
		c.shown[v] = true
		c.mu.Unlock()
		if again {
			c.fail("it sent the same %s twice in one call: it may work only once, so never try again", name)
		}
		if f.spent[v] && !f.reuse {
			c.fail("it sent a refresh token that the service had replaced: Grant.State must keep the newest")
		}
	}
	for _, name := range []string{"client_assertion", "assertion"} {
		v := params.Get(name)
		if strings.Count(v, ".") != 2 || c.browser {
			continue // what is no JWT may be for longer
		}
		if f.spent[v] {
			c.fail("it sent the same %s twice: it is good for once (RFC 7523, section 3), so sign a new one for each request", name)
		}
		f.spent[v] = true
		f.issued = append(f.issued, forms(v)...)
	}
}

// learn takes the secrets out of an answer.
func (f *front) learn(params url.Values, a *recorded) {
	var object map[string]any
	if a.status >= 300 || json.Unmarshal(a.body.Bytes(), &object) != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, v := range object {
		text, _ := v.(string)
		if len(text) >= minSecret && name != "token_type" && (strings.HasSuffix(name, "token") || strings.HasSuffix(name, "device_code")) {
			f.issued = append(f.issued, forms(text)...)
		}
	}
	old := params.Get("refresh_token")
	if next, _ := object["refresh_token"].(string); old != "" && next != "" && next != old {
		f.spent[old] = true
	}
}

// given returns the secrets that the service has given, in all their forms.
func (f *front) given() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.issued[:len(f.issued):len(f.issued)]
}

// forgive lets what was replaced be sent again, until undo is called.
func (f *front) forgive() (undo func()) {
	set := func(reuse bool) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.reuse = reuse
	}
	set(true)
	return func() { set(false) }
}

// refreshed counts the requests that had a refresh token.
func (f *front) refreshed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.renews
}

// parameters returns those of the query, and of a body that is a form or a
// JSON object.
func parameters(r *http.Request, body []byte) url.Values {
	params := r.URL.Query()
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	var object map[string]any
	switch {
	case strings.HasSuffix(kind, "json") && json.Unmarshal(body, &object) == nil:
		for name, v := range object {
			if text, ok := v.(string); ok {
				params.Set(name, text)
			}
		}
	case kind == "application/x-www-form-urlencoded":
		form, _ := url.ParseQuery(string(body)) // what can be read of it
		for name, values := range form {
			params[name] = append(params[name], values...)
		}
	}
	return params
}

// recorded is a response, of which the beginning is kept.
type recorded struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader writes the status.
func (r *recorded) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Write writes a part of the body.
func (r *recorded) Write(p []byte) (int, error) {
	if r.body.Len() < 1<<20 {
		r.body.Write(p)
	}
	return r.ResponseWriter.Write(p)
}
