// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// This file says what a caller may send beside a grant. A request with a
// credential is one request, to the host that was checked, with one value of
// each header of the grant, to every server and proxy on the way alike (RFC
// 9110, 9112 and 9113). Connections are kept and used again, for other
// credentials too, so that a request which is two to somebody is everybody's
// concern.
//
// Refused, with an error that names it, before a grant is obtained:
//
//   - CONNECT; TRACE and TRACK, which bring back what was attached (RFC 9110,
//     section 9.3.8); and what is no method
//   - a URL that names a user, that has an opaque part, whose path does not
//     begin with a slash, or whose query has a space, a control character or "#"
//   - a header whose name or value HTTP does not allow
//   - Host, if it is not that of the URL; Proxy, which programs behind CGI
//     take for a setting; Upgrade and HTTP2-Settings; Connection, if it names
//     more than itself: whatever it names, the next proxy would take off
//   - trailers, and any transfer encoding but chunked
//
// Dropped, since it belongs to the connection, which is not the caller's: the
// rest of Connection (close is heeded), Content-Length (the request's own
// counts), Expect, Host, Keep-Alive, Proxy-Authenticate, Proxy-Authorization,
// Proxy-Connection, TE (but trailers), Trailer and Transfer-Encoding.
//
// Replaced: every header that a server may take for one of the grant's (see
// [sdk.SameHeader]), parameters of the query of the same names, and cookies of
// the same names. An Authorization or a Cookie that the grant does not set is
// the caller's own, and is sent.
//
// Sent as it is: everything else. What a service believes of X-Forwarded-For,
// X-Original-URL or X-HTTP-Method-Override is between it and the caller, who
// could say the same without a credential.

// lax are the defences that a test has switched off, for all that a host does.
type lax struct {
	methods, target, fields, framed, ownHop, folded       bool
	untraced, returned, ownCookie, unechoed, memory, core bool
}

func laxIn(ctx context.Context) lax {
	off := func(d defence.Defence) bool { return defence.Off(ctx, d) }
	return lax{
		methods: off(defence.Methods), target: off(defence.Target), fields: off(defence.Fields), framed: off(defence.Framed),
		ownHop: off(defence.OwnHop), folded: off(defence.Folded), untraced: off(defence.Untraced), returned: off(defence.Returned),
		ownCookie: off(defence.OwnCookie), unechoed: off(defence.Unechoed), memory: off(defence.HostMemory), core: off(defence.HostCore),
	}
}

// check refuses what no request with a credential may be. It reports whether r
// has a header that [Host.tidy] must look at: nearly no request has, and to look
// again takes longer than all else does.
func (h *Host) check(r *http.Request) (untidy bool, err error) {
	if !h.lax.methods {
		if err := checkMethod(r.Method); err != nil {
			return false, err
		}
	}
	if !h.lax.target {
		if err := checkTarget(r); err != nil {
			return false, err
		}
	}
	if !h.lax.framed {
		if err := checkFraming(r); err != nil {
			return false, err
		}
	}
	for name, values := range r.Header {
		valid, usual := spelling(name)
		if !h.lax.fields {
			if err := checkField(name, valid, values); err != nil {
				return false, err
			}
		}
		hop := hopOf(name)
		if hop != nil && hop.check != nil && !h.lax.ownHop {
			if err := hop.check(r, values); err != nil {
				return false, err
			}
		}
		untidy = untidy || !usual || hop != nil
	}
	return untidy, nil
}

// The kinds of bytes in a header's name.
const (
	small = iota + 1
	capital
	digit
	hyphen
	odd // in a name, but not in those of anybody who means well
)

// nameKinds are the kinds of all bytes; 0 of those that no name has.
var nameKinds = func() (t [256]uint8) {
	for i := range t {
		switch c := byte(i); {
		case c >= 'a' && c <= 'z':
			t[i] = small
		case c >= 'A' && c <= 'Z':
			t[i] = capital
		case c >= '0' && c <= '9':
			t[i] = digit
		case c == '-':
			t[i] = hyphen
		case httpguts.ValidHeaderFieldName(string(rune(c))):
			t[i] = odd
		}
	}
	return t
}()

// spelling reports whether HTTP allows a header's name, and whether it is spelt
// as net/http does it: of those, no two are one to a server.
func spelling(name string) (valid, usual bool) {
	usual = true
	word := true
	for i := range len(name) {
		k := nameKinds[name[i]]
		if k == 0 {
			return false, false
		}
		usual = usual && k != odd && (k != small || !word) && (k != capital || word)
		word = k == hyphen
	}
	return name != "", usual
}

// checkMethod refuses methods. Some servers ignore the case of their letters.
func checkMethod(method string) error {
	switch method {
	case "", http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return nil
	}
	if !httpguts.ValidHeaderFieldName(method) { // the two are spelt alike (RFC 9110, section 5.6.2)
		return sdk.Errorf(sdk.Invalid, "the request's method is not one: use GET, POST or the like")
	}
	for _, m := range []string{http.MethodTrace, "TRACK", http.MethodConnect} {
		if strings.EqualFold(method, m) {
			return sdk.Errorf(sdk.Invalid, "a request with a credential must not be %s: it would bring the credential back, or lead elsewhere", m)
		}
	}
	return nil
}

// checkTarget refuses a URL that is not sent as what it seems to be.
func checkTarget(r *http.Request) error {
	u := r.URL
	switch {
	case u == nil:
		return sdk.Errorf(sdk.Invalid, "the request has no URL")
	case u.User != nil:
		return sdk.Errorf(sdk.Invalid, "the request's URL names a user: take it out, since the credential says who asks")
	case u.Opaque != "":
		return sdk.Errorf(sdk.Invalid, "the request's URL has an opaque part: use Path, and RawPath for how it is escaped")
	case u.Path != "" && u.Path[0] != '/' && !(u.Path == "*" && r.Method == http.MethodOptions):
		return sdk.Errorf(sdk.Invalid, "the path of the request's URL does not begin with a slash")
	case !isQuery(u):
		return sdk.Errorf(sdk.Invalid, `the query of the request's URL has a space, a control character or "#": escape it`)
	}
	return nil
}

// isQuery reports whether u's query, which is sent as it is, ends where the
// target does.
func isQuery(u *url.URL) bool {
	for i := range len(u.RawQuery) {
		if c := u.RawQuery[i]; c <= ' ' || c == '#' || c == 0x7f {
			return false
		}
	}
	return true
}

// checkFraming refuses what could make a request end where nobody expects.
// Net/http sends a body that has neither a length nor an encoding as it is, and
// a service takes it for the next request.
func checkFraming(r *http.Request) error {
	switch te := r.TransferEncoding; {
	case len(te) > 1, len(te) == 1 && te[0] != "chunked":
		return sdk.Errorf(sdk.Invalid, "the request has a transfer encoding other than chunked: leave TransferEncoding out")
	case len(r.Trailer) > 0:
		return sdk.Errorf(sdk.Invalid, "the request has trailers, which are not sent with a credential: services may take them for headers")
	}
	return nil
}

func checkField(name string, valid bool, values []string) error {
	if !valid { // not quoted: values are mistaken for names
		return sdk.Errorf(sdk.Invalid, "the request has a header with a name that HTTP does not allow")
	}
	for _, v := range values {
		if !httpguts.ValidHeaderFieldValue(v) {
			return sdk.Errorf(sdk.Invalid, "the request's header %s has a value that HTTP does not allow: no line breaks, no control characters", short(name))
		}
	}
	return nil
}

// short returns a header's name for an error.
func short(name string) string {
	if len(name) > 64 {
		return name[:64] + "…"
	}
	return name
}

// A hop says what is done with a header that belongs to the connection.
type hop struct {
	name  string
	check func(r *http.Request, values []string) error // nil: it is dropped, whatever it says
}

// hops are those headers.
var hops = []hop{
	{"Connection", checkConnection}, {"Content-Length", nil}, {"Expect", nil}, {"Host", checkHost},
	{"Http2-Settings", neverUpgrade}, {"Keep-Alive", nil}, {"Proxy", neverProxy}, {"Proxy-Authenticate", nil},
	{"Proxy-Authorization", nil}, {"Proxy-Connection", nil}, {"Te", nil}, {"Trailer", nil}, {"Transfer-Encoding", nil},
	{"Upgrade", neverUpgrade},
}

// hopsBy are the hops by the lengths of their names.
var hopsBy = func() (by [20][]hop) {
	for _, h := range hops {
		by[len(h.name)] = append(by[len(h.name)], h)
	}
	return by
}()

// hopOf returns the hop that a header is to some server, or nil.
func hopOf(name string) *hop {
	if len(name) >= len(hopsBy) {
		return nil
	}
	for i := range hopsBy[len(name)] {
		if h := &hopsBy[len(name)][i]; sdk.SameHeader(h.name, name) {
			return h
		}
	}
	return nil
}

// checkConnection takes what Connection says of itself.
func checkConnection(_ *http.Request, values []string) error {
	for _, v := range values {
		for option := range strings.SplitSeq(v, ",") {
			switch strings.ToLower(strings.Trim(option, " \t")) {
			case "", "close", "keep-alive", "te":
			default:
				return sdk.Errorf(sdk.Invalid, "the request's header Connection names another header, which a proxy would take off: leave it out")
			}
		}
	}
	return nil
}

func checkHost(r *http.Request, values []string) error {
	for _, v := range values {
		if !strings.EqualFold(v, r.URL.Host) {
			return sdk.Errorf(sdk.Invalid, "the request's Host is not that of its URL")
		}
	}
	return nil
}

func neverUpgrade(*http.Request, []string) error {
	return sdk.Errorf(sdk.Invalid, "the request wants to upgrade the connection, which the host's connections do not: for a WebSocket, Authenticate a plain GET and connect with its headers")
}

func neverProxy(*http.Request, []string) error {
	return sdk.Errorf(sdk.Invalid, "the request has a header Proxy, which no service needs, and some take for a setting: leave it out")
}

// tidy drops of r's headers what the connection says itself, and what a server
// may take for a header of l.
func (h *Host) tidy(l *live, r *http.Request) {
	for name, values := range r.Header {
		switch {
		case !h.lax.ownHop && hopOf(name) != nil && !isTrailers(name, values):
			r.Close = r.Close || sdk.SameHeader(name, "Connection") && httpguts.HeaderValuesContainsToken(values, "close")
			delete(r.Header, name)
		case !h.lax.folded:
			replaceAlike(r.Header, name, l.names)
		}
	}
}

// isTrailers reports whether a header is TE: trailers, which says that trailers
// of the answer are read. Services of gRPC ask for it.
func isTrailers(name string, values []string) bool {
	return name == "Te" && len(values) == 1 && values[0] == "trailers"
}

// replaceAlike takes the header with the given name out of h if it is spelt
// otherwise than one of names, and a server may take it for that one. Cookies
// move to where they are merged.
func replaceAlike(h http.Header, name string, names []string) {
	for _, own := range names {
		if name == own || !sdk.SameHeader(name, own) {
			continue
		}
		if own == "Cookie" {
			h[own] = append(h[own], h[name]...)
		}
		delete(h, name)
	}
}
