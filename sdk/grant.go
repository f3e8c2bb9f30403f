// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"encoding/base64"
	"iter"
	"net/http"
	"net/url"
	"regexp"
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
		name = http.CanonicalHeaderKey(name) // or the caller's own would go along
		if name == "Cookie" {
			mergeCookies(r.Header, values)
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

// mergeCookies puts set before the cookies of h, and in the place of those of
// the same names.
func mergeCookies(h http.Header, set []string) {
	var pairs []string
	names := map[string]bool{}
	for name, pair := range cookies(set) {
		names[name] = true
		pairs = append(pairs, pair)
	}
	for name, pair := range cookies(h["Cookie"]) {
		if !names[name] {
			pairs = append(pairs, pair)
		}
	}
	if pairs != nil {
		h["Cookie"] = []string{strings.Join(pairs, "; ")} // one line (RFC 6265, section 5.4)
	}
}

// cookies yields the pairs in the lines of a Cookie header, by their names.
func cookies(lines []string) iter.Seq2[string, string] {
	return func(yield func(name, pair string) bool) {
		for pair := range strings.SplitSeq(strings.Join(lines, ";"), ";") {
			pair = strings.TrimSpace(pair)
			name, _, _ := strings.Cut(pair, "=")
			if pair != "" && !yield(strings.TrimSpace(name), pair) {
				return
			}
		}
	}
}

// addQuery appends add to raw, after taking out the parameters of the same
// names. The others stay as they are, letter for letter.
func addQuery(raw string, add url.Values) string {
	kept := make([]string, 0, 8)
	for pair := range strings.SplitSeq(raw, "&") {
		name, _, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		if err != nil || !add.Has(plain) {
			kept = append(kept, pair)
		}
	}
	raw, added := strings.Join(kept, "&"), add.Encode()
	if raw == "" || added == "" || strings.HasSuffix(raw, "&") {
		return raw + added
	}
	return raw + "&" + added
}

// pathHole is "{name}", escaped or not.
var pathHole = regexp.MustCompile(`(?:\{|%7[Bb])([^{}/%]*)(?:\}|%7[Dd])`)

// replacePath fills the holes in u's path that parts has a name for. What it
// puts there is not looked at again: it may have braces, too.
func replacePath(u *url.URL, parts map[string]string) {
	escaped := u.EscapedPath()
	if path, err := url.PathUnescape(u.RawPath); err == nil && path == u.Path && u.RawPath != "" {
		escaped = u.RawPath // EscapedPath does not take this with a brace, and would lose a %2F
	}
	escaped = pathHole.ReplaceAllStringFunc(escaped, func(hole string) string {
		part, ok := parts[pathHole.FindStringSubmatch(hole)[1]]
		if !ok {
			return hole
		}
		return url.PathEscape(part)
	})
	if path, err := url.PathUnescape(escaped); err == nil && path != u.Path {
		u.Path, u.RawPath = path, escaped
	}
}
