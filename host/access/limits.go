// SPDX-License-Identifier: Apache-2.0

package access

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// Limits narrow what a caller may do with its scopes. A list that is empty
// limits nothing.
type Limits struct {
	// Credentials are the IDs of those that exist for the caller.
	Credentials []string `json:"credentials,omitempty"`

	// Methods are those of requests that it may send with a credential, in
	// capital letters. None includes another: GET is not HEAD.
	Methods []string `json:"methods,omitempty"`

	// URLs are where it may send them: "https://api.example/v1/*" stands for
	// all that begins so, "/v1/*" for such paths at any of the credential's
	// origins; without the star, for that path alone. The star comes last, and
	// after a slash. A query is not looked at. A request whose path could be
	// read in two ways matches none; see [Caller.Permits].
	URLs []string `json:"urls,omitempty"`
}

// Of each list, and of a URL.
const (
	maxListed = 100
	maxURL    = 1000
)

// none reports whether l limits nothing.
func (l Limits) none() bool { return len(l.Credentials)+len(l.Methods)+len(l.URLs) == 0 }

// canonical returns l as it is kept and compared: methods in capital letters,
// URLs with their scheme and without a port that is the scheme's own.
func (l Limits) canonical() (Limits, error) {
	c := Limits{Credentials: distinct(l.Credentials)}
	for _, id := range c.Credentials {
		if len(id) > 100 || !isWord(id) {
			return Limits{}, wrong("limits.credentials", "a credential has an ID such as c-4cavwdp2; see the list of credentials")
		}
	}
	for _, m := range l.Methods {
		m = strings.ToUpper(m)
		if len(m) > 20 || !isWord(m) || slices.Contains([]string{http.MethodConnect, http.MethodTrace, "TRACK"}, m) {
			return Limits{}, wrong("limits.methods", "a method is GET, POST, PUT, PATCH, DELETE or the like")
		}
		c.Methods = append(c.Methods, m)
	}
	c.Methods = distinct(c.Methods)
	for i, text := range l.URLs {
		u, err := canonicalURL(text)
		if err != nil {
			return Limits{}, wrong("limits.urls", fmt.Sprintf("the %s is not one that can be limited to: %v", ordinal(i), err))
		}
		c.URLs = append(c.URLs, u)
	}
	c.URLs = distinct(c.URLs)
	for name, list := range map[string][]string{"limits.credentials": c.Credentials, "limits.methods": c.Methods, "limits.urls": c.URLs} {
		if len(list) > maxListed {
			return Limits{}, wrong(name, fmt.Sprintf("there are more than %d: make several keys", maxListed))
		}
	}
	return c, nil
}

func wrong(field, message string) *sdk.Error {
	return &sdk.Error{Code: sdk.Invalid, Field: field, Message: message}
}

func ordinal(i int) string { return fmt.Sprintf("URL number %d", i+1) }

// distinct returns a sorted copy of list without what comes twice; nil if it is
// empty.
func distinct(list []string) []string {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	if sorted = slices.Compact(sorted); len(sorted) == 0 {
		return nil
	}
	return sorted
}

// isWord reports whether s has letters, digits, hyphens and underscores alone,
// and at least one.
func isWord(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isAlphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return s != ""
}

// within returns an error that names the list if l, which is canonical, allows
// something that outer does not.
func (l Limits) within(outer Limits) error {
	for _, list := range []struct {
		name         string
		inner, outer []string
		covers       func(outer, inner string) bool
	}{
		{"limits.credentials", l.Credentials, outer.Credentials, equal},
		{"limits.methods", l.Methods, outer.Methods, equal},
		{"limits.urls", l.URLs, outer.URLs, covers},
	} {
		if len(list.outer) == 0 {
			continue
		}
		if len(list.inner) == 0 {
			return &sdk.Error{Code: sdk.Forbidden, Field: list.name, Message: "your own key is limited here: name those of its limits that the new one shall have"}
		}
		for _, in := range list.inner {
			if !slices.ContainsFunc(list.outer, func(out string) bool { return list.covers(out, in) }) {
				return &sdk.Error{Code: sdk.Forbidden, Field: list.name, Message: "your own key may not do all of that, and nobody makes a key that may do more than their own"}
			}
		}
	}
	return nil
}

func equal(a, b string) bool { return a == b }

// Sees reports whether a credential exists for the caller, as far as its limits
// go. One of another workspace does not exist either.
func (c Caller) Sees(credential string) bool {
	for i := range c.Limits {
		if l := &c.Limits[i]; len(l.Credentials) > 0 && !slices.Contains(l.Credentials, credential) {
			return false
		}
	}
	return true
}

// Permits returns nil if the caller may send such a request with a credential;
// [host.ErrNotFound] if the credential does not exist for it; or an error with
// the code [sdk.Forbidden] that says what is lacking.
//
// Where a limit names URLs, a URL is judged as it is sent, and refused unless
// everybody reads it alike: it must not name a user nor have an opaque part, and
// its path must have no "." or "..", no empty segment, no backslash or
// semicolon, none of these escaped, no escaped "%", nothing escaped that need
// not be (RFC 3986, section 2.3), no control character, and nothing beyond ASCII
// that is not UTF-8, or that some take for one of these. Origins are compared
// as [sdk.Origin] returns them; ws and wss are http and https.
func (c Caller) Permits(credential, method string, u *url.URL) error {
	if !c.Sees(credential) {
		return host.ErrNotFound
	}
	if err := c.May(UseCredential); err != nil {
		return err
	}
	if method == "" {
		method = http.MethodGet
	}
	for i := range c.Limits {
		l := &c.Limits[i]
		if len(l.Methods) > 0 && !slices.Contains(l.Methods, method) {
			return sdk.Errorf(sdk.Forbidden, "this key may not send such requests: it is limited to the methods %s", strings.Join(l.Methods, ", "))
		}
		if len(l.URLs) == 0 {
			continue
		}
		if err := l.allows(u); err != nil {
			return err
		}
	}
	return nil
}

// PermitsRequest is [Caller.Permits] for a request that is about to be sent, and
// refuses besides what has some servers take it for another request than it is:
// headers, and trailers, such as X-HTTP-Method-Override and the parameter _method
// where methods are limited, X-Original-URL and X-Rewrite-URL where URLs are. A
// body is not looked at.
func (c Caller) PermitsRequest(credential string, r *http.Request) error {
	if err := c.Permits(credential, r.Method, r.URL); err != nil {
		return err
	}
	for i := range c.Limits {
		l := &c.Limits[i]
		if len(l.Methods) > 0 && overridesMethod(r) {
			return sdk.Errorf(sdk.Forbidden, "this key is limited to some methods, and the request asks the service to take it for another: leave out X-HTTP-Method-Override and the like")
		}
		if len(l.URLs) > 0 && (hasAny(r.Header, placing...) || hasAny(r.Trailer, placing...)) {
			return sdk.Errorf(sdk.Forbidden, "this key is limited to some URLs, and the request asks the service to take it for another: leave out X-Original-URL and X-Rewrite-URL")
		}
	}
	return nil
}

// overriding are headers that have some servers take a request for one of another
// method.
var overriding = []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"}

// placing are headers that have some servers take a request for one of another
// URL.
var placing = []string{"X-Original-Url", "X-Rewrite-Url", "X-Override-Url"}

// overridesMethod reports whether a server may take a request for one of another
// method. Some separate parameters by semicolons, and take what is neither letter
// nor digit in a name for an underscore.
func overridesMethod(r *http.Request) bool {
	if hasAny(r.Header, overriding...) || hasAny(r.Trailer, overriding...) {
		return true
	}
	query := r.URL.RawQuery
	if query == "" || !strings.ContainsRune(query, '%') && !strings.Contains(strings.ToLower(query), "method") {
		return false
	}
	for pair := range strings.FieldsFuncSeq(query, func(c rune) bool { return c == '&' || c == ';' }) {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		name = strings.TrimLeft(name, " ")
		if sdk.SameHeader(name, "_method") || sdk.SameHeader(name, "x-http-method-override") {
			return true
		}
	}
	return false
}

// hasAny reports whether h has one of some headers, in whatever spelling.
func hasAny(h http.Header, names ...string) bool {
	for _, n := range names {
		if len(h[n]) > 0 {
			return true
		}
	}
	for n := range h {
		if slices.ContainsFunc(names, func(name string) bool { return sdk.SameHeader(n, name) }) {
			return true
		}
	}
	return false
}

var (
	errElsewhere = sdk.Errorf(sdk.Forbidden, "this key may not send requests there: it is limited to other URLs")
	errTwoWays   = sdk.Errorf(sdk.Forbidden, "this key is limited to some URLs, and this one can be read in two ways: write its path without . and .., // and \\ and ; and without escaping what need not be escaped")
)

// allows returns nil if a request to u is one to l's URLs.
func (l *Limits) allows(u *url.URL) error {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if u.User != nil || u.Opaque != "" || !plain(path) {
		return errTwoWays
	}
	origin := ""
	for _, pattern := range l.URLs {
		at, there := cutPattern(pattern)
		if at != "" && at != origin && !isSpelt(at, u) {
			if origin == "" {
				origin = originOf(u)
			}
			if at != origin {
				continue
			}
		}
		if matchPath(there, path) {
			return nil
		}
	}
	return errElsewhere
}

// cutPattern returns a URL's origin, empty if it is for any, and its path. Of what
// is no URL of [Limits] the path is empty, and no request has such a one.
func cutPattern(pattern string) (origin, path string) {
	if strings.HasPrefix(pattern, "/") {
		return "", pattern
	}
	i := strings.Index(pattern, "://")
	if i < 0 {
		return pattern, ""
	}
	i += len("://")
	slash := strings.IndexByte(pattern[i:], '/')
	if slash < 0 {
		return pattern, ""
	}
	return pattern[:i+slash], pattern[i+slash:]
}

// isSpelt reports whether u's origin is spelt like this one, which is canonical:
// it is then the same, and need not be parsed.
func isSpelt(origin string, u *url.URL) bool {
	n := len(u.Scheme)
	return len(origin) == n+len("://")+len(u.Host) && origin[:n] == u.Scheme && origin[n+len("://"):] == u.Host
}

// originOf is [sdk.OriginOf] with the schemes of WebSockets as those that they
// begin with; something that no pattern has if there is none.
func originOf(u *url.URL) string {
	o := sdk.OriginOf(u)
	if scheme, rest, ok := strings.Cut(o, "://"); ok {
		return plainScheme(scheme) + "://" + rest
	}
	return "none"
}

func plainScheme(scheme string) string {
	switch scheme {
	case "ws":
		return "http"
	case "wss":
		return "https"
	}
	return scheme
}

// matchPath reports whether a path is a pattern's, both plain.
func matchPath(pattern, path string) bool {
	if stem, ok := strings.CutSuffix(pattern, "*"); ok {
		return len(path) >= len(stem) && samePath(path[:len(stem)], stem)
	}
	return samePath(pattern, path)
}

// samePath compares plain paths, in which the letters of escapes are the same in
// either case (RFC 3986, section 6.2.2.1).
func samePath(a, b string) bool {
	return a == b || strings.IndexByte(a, '%') >= 0 && upperEscapes(a) == upperEscapes(b)
}

// covers reports whether a canonical URL of [Limits] allows all that another does.
func covers(outer, inner string) bool {
	if outer[0] == '/' {
		_, inner = cutPattern(inner)
	}
	if stem, ok := strings.CutSuffix(outer, "*"); ok {
		return strings.HasPrefix(inner, stem)
	}
	return outer == inner
}
