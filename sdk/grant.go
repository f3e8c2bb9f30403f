// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Bearer returns a grant that carries a token in the Authorization header
// (RFC 6750). A zero expiry means that it is unknown.
func Bearer(token string, expiry time.Time) Grant {
	return Grant{Header: http.Header{"Authorization": {"Bearer " + token}}, Expiry: expiry}
}

// Basic returns a grant that carries a user name and a password in the
// Authorization header (RFC 7617).
func Basic(user, password string) Grant {
	pair := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	return Grant{Header: http.Header{"Authorization": {"Basic " + pair}}}
}

// Apply sets on r what g carries. It changes nothing of r that g does not
// name, and re-encodes nothing. It shares no memory with g. It checks neither
// origins nor expiry: that is for hosts.
func (g Grant) Apply(r *http.Request) {
	if r.Header == nil {
		r.Header = make(http.Header, len(g.Header))
	}
	for name, values := range g.Header {
		if name == "Cookie" {
			r.Header[name] = []string{mergeCookies(r.Header[name], values)}
			continue
		}
		r.Header[name] = slices.Clone(values)
	}
	if len(g.Query) > 0 {
		r.URL.RawQuery = addQuery(r.URL.RawQuery, g.Query)
	}
	if len(g.Path) > 0 {
		replacePath(r.URL, g.Path)
	}
}

// mergeCookies returns the pairs of both, those of set before those of the
// same name.
func mergeCookies(have, set []string) string {
	own := strings.Join(set, "; ")
	names := map[string]bool{}
	for pair := range strings.SplitSeq(own, ";") {
		name, _, _ := strings.Cut(strings.TrimSpace(pair), "=")
		names[name] = true
	}
	for pair := range strings.SplitSeq(strings.Join(have, "; "), ";") {
		pair = strings.TrimSpace(pair)
		if name, _, _ := strings.Cut(pair, "="); pair != "" && !names[name] {
			own += "; " + pair
		}
	}
	return own
}

// addQuery appends add to raw, after taking out the parameters of the same
// names. The others stay as they are, letter for letter.
func addQuery(raw string, add url.Values) string {
	var kept []string
	for pair := range strings.SplitSeq(raw, "&") {
		name, _, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		if pair != "" && (err != nil || !add.Has(plain)) {
			kept = append(kept, pair)
		}
	}
	return strings.Join(append(kept, add.Encode()), "&")
}

// replacePath replaces "{name}" in u's path, escaped or not.
func replacePath(u *url.URL, parts map[string]string) {
	escaped := u.EscapedPath()
	for name, part := range parts {
		for _, hole := range []string{"{" + name + "}", "%7B" + name + "%7D", "%7b" + name + "%7d"} {
			escaped = strings.ReplaceAll(escaped, hole, url.PathEscape(part))
		}
	}
	if path, err := url.PathUnescape(escaped); err == nil {
		u.Path, u.RawPath = path, escaped
	}
}
