// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// secretParams are the parameters whose value is a secret whatever it is: a
// wrong password is often somebody's right one elsewhere.
var secretParams = map[string]string{
	"access_token":  "access token",
	"client_secret": "client secret",
	"code":          "code",
	"password":      "password",
	"refresh_token": "refresh token",
}

// Secrets is described at [Service].
func (f *front) Secrets() []string {
	return slices.Sorted(maps.Keys(f.known()))
}

// Mask is described at [Service].
func (f *front) Mask(s string) string { return masker(f.known()).Replace(s) }

// Masked is described at [Service].
func (f *front) Masked() []Request {
	known := f.known()
	all := f.Requests()
	for i, r := range all {
		secrets := shown(r)
		maps.Copy(secrets, known) // the service knows better what a value is
		all[i] = maskRequest(r, masker(secrets))
	}
	return all
}

func maskRequest(r Request, m *strings.Replacer) Request {
	r.Path, r.RawQuery, r.Body = m.Replace(r.Path), m.Replace(r.RawQuery), m.Replace(r.Body)
	for _, values := range r.Header { // a copy of the recorded one
		for i, v := range values {
			values[i] = m.Replace(v)
		}
	}
	return r
}

// shown is what stands in a request where a secret belongs, each with its kind.
func shown(r Request) map[string]string {
	secrets := map[string]string{}
	for _, params := range []url.Values{r.Query(), r.Form()} {
		for name, kind := range secretParams {
			for _, v := range params[name] {
				secrets[v] = kind
			}
		}
	}
	for _, v := range r.Header["Authorization"] {
		scheme, credential, _ := strings.Cut(v, " ")
		secrets[credential] = "credential"
		if strings.EqualFold(scheme, "Basic") {
			secrets[credential] = "client id and secret"
		}
	}
	if _, password, ok := (&http.Request{Header: r.Header}).BasicAuth(); ok {
		secrets[password] = "client secret"
	}
	return secrets
}

// masker replaces secrets, longer ones first so that one which holds another
// goes whole, in each of the forms that they take on the wire.
func masker(secrets map[string]string) *strings.Replacer {
	longer := func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) }
	var pairs []string
	for _, s := range slices.SortedFunc(maps.Keys(secrets), longer) {
		if s == "" {
			continue
		}
		forms := []string{
			s, url.QueryEscape(s), url.PathEscape(s), unquote(phpJSON(s)), unquote(encode(s, "")), unquote(goJSON(s)),
			base64.StdEncoding.EncodeToString([]byte(s)),
		}
		for _, form := range slices.Compact(slices.SortedFunc(slices.Values(forms), longer)) {
			pairs = append(pairs, form, "["+secrets[s]+"]")
		}
	}
	return strings.NewReplacer(pairs...)
}

// goJSON is s as Go's clients mostly send it, with HTML's signs escaped.
func goJSON(s string) string {
	text, _ := json.Marshal(s) // a string always can be
	return string(text)
}

// unquote takes the quotes off a JSON string.
func unquote(s string) string { return s[1 : len(s)-1] }
