// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"html/template"
	"net/http"
	"net/url"
	"time"
)

// codeLife is how long an authorisation code can be exchanged (unpublished;
// RFC 6749, 4.1.2, allows ten minutes).
const codeLife = 10 * time.Minute

// faxCode is an authorisation code.
type faxCode struct {
	client, redirect string
	expiry           time.Time
	used             bool
	signIn           *faxSignIn
}

// faxSignIn is one approval by a person, and the end of every token that came
// of it.
type faxSignIn struct {
	client  string
	at      time.Time
	revoked bool
}

// login serves /login, where a browser arrives to approve.
func (f *FaxPlus) login(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodPost || r.ParseForm() != nil {
		htmlPage(http.StatusBadRequest, "Bad Request").write(w)
		return
	}
	client, ok := f.clients[r.Form.Get("client_id")]
	uri := r.Form.Get("redirect_uri")
	redirect, err := url.Parse(uri)
	if !ok || err != nil || !redirect.IsAbs() || redirect.Fragment != "" || !client.registered(uri) {
		htmlPage(http.StatusBadRequest, "The client or its redirect URI is not registered").write(w)
		return
	}
	b := f.Behaviour()
	back := url.Values{}
	switch decision := r.PostForm.Get("decision"); {
	case r.Form.Get("response_type") != "code":
		back.Set("error", "unsupported_response_type")
	case r.Form.Get("scope") != "all":
		back.Set("error", "invalid_scope")
	case b.Deny || decision == "deny":
		back.Set("error", "access_denied")
	case b.Ask && decision != "approve":
		f.ask(w, r)
		return
	default:
		back.Set("code", f.newCode(client, uri))
	}
	if state := r.Form.Get("state"); state != "" && !b.NoState {
		back.Set("state", state)
	}
	if redirect.RawQuery != "" {
		redirect.RawQuery += "&"
	}
	redirect.RawQuery += back.Encode()
	w.Header().Set("Location", redirect.String())
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusFound)
}

func (f *FaxPlus) newCode(client FaxPlusClient, redirect string) string {
	now, code := f.now(), opaque()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.codes[code] = &faxCode{client: client.ID, redirect: redirect, expiry: now.Add(codeLife),
		signIn: &faxSignIn{client: client.ID, at: now}}
	return code
}

var askPage = template.Must(template.New("ask").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Fax.Plus (stand-in)</title></head><body>
<h1>Fax.Plus (stand-in)</h1>
<p>{{.Client}} asks for access to the account of {{.Account}}. This page is a local stand-in: nothing leaves this machine.</p>
<form method="post" action="/login">{{range $name, $values := .Params}}
<input type="hidden" name="{{$name}}" value="{{index $values 0}}">{{end}}
<button name="decision" value="approve">Approve</button>
<button name="decision" value="deny">Deny</button>
</form></body></html>
`))

func (f *FaxPlus) ask(w http.ResponseWriter, r *http.Request) {
	r.Form.Del("decision")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = askPage.Execute(w, map[string]any{ // a browser that left needs no page
		"Client": r.Form.Get("client_id"), "Account": f.account.Email, "Params": r.Form,
	})
}
