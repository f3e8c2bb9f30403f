// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// pathPrefix is what paths begin with in path mode.
const pathPrefix = "/proxy/"

// A target is where a request goes.
type target struct {
	byPath     bool   // whether in path mode
	credential string // as the path has it; empty: headers say it
	scheme     string // http or https
	host       string // with its port, unless that is the scheme's own
	path       string // as it came; may be empty
	query      string // as it came, with its "?"; empty if there is none
}

// origin returns the target's origin, in canonical form.
func (t *target) origin() string { return t.scheme + "://" + t.host }

// base returns what in path mode stands before a path of the target's.
func (t *target) base() string {
	return pathPrefix + t.credential + "/" + t.scheme + "/" + t.host
}

// isAbsolute reports whether a request target is in absolute form (RFC 9112,
// section 3.2.2).
func isAbsolute(target string) bool {
	scheme, _, ok := strings.Cut(target, "://")
	return ok && !strings.ContainsAny(scheme, "/?")
}

var (
	errPath   = malformed("the address must have the form /proxy/{credential}/{scheme}/{host}/{path}, such as /proxy/c-4cavwdp2/https/api.example/v1/things")
	errHost   = malformed("the address has no host that is one to everybody alike: write it in small letters, an IDN in its xn-- form, with no user, no final dot and no escapes")
	errScheme = malformed("the address has another scheme than https and http")
	errBytes  = malformed("the path has bytes that no path has: escape spaces, control characters, # and what is not ASCII")
)

// parseTarget reads a request's target off its first line: what net/http has
// made of it has lost how it was spelt.
func parseTarget(r *http.Request) (target, error) {
	var t target
	raw := r.RequestURI
	if i := strings.IndexByte(raw, '?'); i >= 0 {
		raw, t.query = raw[:i], raw[i:]
	}
	rest, ok := strings.CutPrefix(raw, pathPrefix)
	if t.byPath = ok; ok {
		if t.credential, rest, ok = strings.Cut(rest, "/"); !ok || t.credential == "" {
			return t, errPath
		}
		if t.scheme, rest, ok = strings.Cut(rest, "/"); !ok {
			return t, errPath
		}
	} else if t.scheme, rest, ok = strings.Cut(raw, "://"); !ok {
		return t, errPath
	}
	authority := rest
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		authority, t.path = rest[:i], rest[i:]
	}
	return t, t.canonical(authority)
}

// canonical gives t its scheme and host.
func (t *target) canonical(authority string) error {
	switch strings.ToLower(t.scheme) {
	case "https", "wss":
		t.scheme = "https"
	case "http", "ws":
		t.scheme = "http"
	default:
		return errScheme
	}
	if strings.ContainsAny(authority, "@%#") { // which Origin takes for what stands beside a host
		return errHost
	}
	_, host, ok := strings.Cut(sdk.Origin(t.scheme+"://"+authority), "://")
	if !ok {
		return errHost
	}
	t.host = host
	for i := range len(t.path) {
		if c := t.path[i]; c <= ' ' || c >= 0x7f || c == '#' {
			return errBytes
		}
	}
	return nil
}

// url returns the target as [host.Workspace.Forward] takes it: with its path as
// it came.
func (t *target) url(method string) (*url.URL, error) {
	u := &url.URL{Scheme: t.scheme, Host: t.host}
	if t.query != "" {
		u.RawQuery, u.ForceQuery = t.query[1:], t.query == "?"
	}
	switch {
	case t.path != "":
	case method == http.MethodOptions && !t.byPath && t.query == "": // RFC 9112, section 3.2.4
		u.Path = "*"
		return u, nil
	default:
		u.Path = "/"
		return u, nil
	}
	plain, err := url.PathUnescape(t.path)
	if err != nil {
		return nil, malformed("the path has a % that begins no escape: write it as %25")
	}
	if u.Path = plain; u.EscapedPath() != t.path {
		u.RawPath = t.path
	}
	return u, nil
}

// choose gives a target that was asked for by http the scheme that its
// credential is for: the caller cannot ask a proxy for https. It reports whether
// it has changed it.
func (x *exchange) choose(ctx context.Context, asked []string) (bool, error) {
	t := &x.target
	if t.byPath || t.scheme == "https" {
		return false, nil
	}
	secure, ok := secured(t.host)
	switch {
	case len(asked) > 1 || len(asked) == 1 && asked[0] != "https" && asked[0] != "http":
		return false, malformed("the header Credhost-Scheme must be https or http")
	case len(asked) == 1 && asked[0] == "http" || !ok:
		return false, nil
	case len(asked) == 0:
		origins, err := x.workspace.Origins(ctx, x.credential)
		if err != nil {
			return false, err
		}
		if sdk.MatchOrigin(origins, t.origin()) || !sdk.MatchOrigin(origins, "https://"+secure) {
			return false, nil
		}
	}
	t.scheme, t.host = "https", secure
	return true, nil
}

// secured returns the host and port of https where those of http are known.
func secured(host string) (string, bool) {
	_, secure, ok := strings.Cut(sdk.Origin("https://"+host), "://")
	return secure, ok
}
