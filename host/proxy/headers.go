// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/credhost/credhost/sdk"
)

// This file says what is passed on besides bodies.
//
// Of a request, everything is, but what belongs to a connection (RFC 9110,
// section 7.6.1), what names those who passed it on, what is the proxy's, and
// every header that holds the key. In path mode the cookies of the host's own
// page are taken out as well. The host then checks what is left, and puts the
// grant in the place of what is alike: see [host.Workspace.Forward].
//
// Of an answer, everything is, but what belongs to a connection, and what only
// the proxy may say. In path mode the service's answer has the address of the
// proxy, and so what a service says of its own site is not true of this one:
//
//   - Location is resolved, and leads back through the proxy where the credential
//     does. A client that followed "/v1/keys" would show its key to the host's own
//     API, with a method and a body of the service's choice. Elsewhere it leads
//     straight to the place, but is left out if the key came in Credhost-Key, which
//     clients repeat wherever they are led. Credhost-Location is the address itself.
//   - Cookies are for the service's paths below the proxy alone.
//   - Settings of a site (Strict-Transport-Security, Clear-Site-Data, Alt-Svc and
//     the like) and permissions for other pages (CORS) are left out.
//   - A page that a browser shows is in a sandbox (Content-Security-Policy).

// A verdict says what becomes of a header.
type verdict uint8

const (
	drop verdict = iota + 1
	dropByPath
)

// asked and answered are what is not passed on as it is, by the usual spelling of
// their names.
var (
	asked = map[string]verdict{
		"Connection": drop, "Keep-Alive": drop, "Proxy": drop, "Te": drop, "Trailer": drop, "Transfer-Encoding": drop, "Upgrade": drop,
		"Http2-Settings": drop, "Content-Length": drop, "Host": drop, "Forwarded": drop, "X-Real-Ip": drop, "Via": drop,
	}
	answered = map[string]verdict{
		"Connection": drop, "Keep-Alive": drop, "Te": drop, "Trailer": drop, "Transfer-Encoding": drop, "Upgrade": drop,
		"Alt-Svc": dropByPath, "Clear-Site-Data": dropByPath, "Strict-Transport-Security": dropByPath, "Public-Key-Pins": dropByPath,
		"Report-To": dropByPath, "Reporting-Endpoints": dropByPath, "Nel": dropByPath, "Service-Worker-Allowed": dropByPath,
		"Origin-Agent-Cluster": dropByPath, "Accept-Ch": dropByPath, "Critical-Ch": dropByPath, "Refresh": dropByPath,
	}
)

// fold returns a header's name in its usual spelling, as servers have it that
// take what is neither a letter nor a digit for a hyphen. The usual names cost
// nothing.
func fold(name string) string {
	for i := range len(name) {
		if c := name[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return http.CanonicalHeaderKey(strings.Map(func(r rune) rune {
				if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
					return r
				}
				return '-'
			}, name))
		}
	}
	return http.CanonicalHeaderKey(name)
}

// isAsked reports whether a header of a request is passed on.
func isAsked(name string) bool {
	f := fold(name)
	return asked[f] == 0 && !strings.HasPrefix(f, "Proxy-") && !strings.HasPrefix(f, "Credhost-") && !strings.HasPrefix(f, "X-Forwarded-")
}

// named returns what Connection names, in the spelling of fold.
func named(connection []string) (names []string) {
	for _, v := range connection {
		for name := range strings.SplitSeq(v, ",") {
			names = append(names, fold(strings.Trim(name, " \t")))
		}
	}
	return names
}

// header returns the header that is sent in the place of the caller's.
func (x *exchange) header() http.Header {
	in := x.r.Header
	out := make(http.Header, len(in)+2)
	hops := named(in["Connection"])
	for name, values := range in {
		if !isAsked(name) || hops != nil && slices.Contains(hops, fold(name)) || x.holdsKey(values) {
			continue
		}
		out[name] = slices.Clip(values)
	}
	if x.target.byPath {
		if !x.ownAuthorization {
			delete(out, "Authorization")
		}
		x.withoutPage(out)
	}
	x.forService(out)
	if httpguts.HeaderValuesContainsToken(in["Te"], "trailers") {
		out["Te"] = []string{"trailers"}
	}
	if x.r.ProtoMajor == 1 && in["Upgrade"] != nil && httpguts.HeaderValuesContainsToken(in["Connection"], "Upgrade") {
		out["Connection"], out["Upgrade"] = []string{"Upgrade"}, in["Upgrade"]
	}
	if _, ok := out["User-Agent"]; !ok {
		out["User-Agent"] = []string{""} // or net/http would name itself
	}
	return out
}

// announces reports why the trailers that a request announces are not sent. What
// is no header of a service's must not become one there, where trailers are put to
// the headers.
func (x *exchange) announces() error {
	for name := range x.r.Trailer {
		if !isAsked(name) || fold(name) == "Cookie" {
			return malformed("the request announces a trailer that is not for the service: send it as a header, or leave it out")
		}
	}
	return nil
}

// withoutKey takes out of trailers that have come what has the key in it.
func (x *exchange) withoutKey(trailer http.Header) {
	for name, values := range trailer {
		if x.holdsKey(values) {
			trailer[name] = nil
		}
	}
}

// holdsKey reports whether one of values has the key in it, wherever a client has
// put it.
func (x *exchange) holdsKey(values []string) bool {
	for _, v := range values {
		if len(v) >= len(x.token) && strings.Contains(v, x.token) {
			return true
		}
	}
	return false
}

// ownCookies are those of the host's page, with TLS and without.
var ownCookies = []string{"__Host-credhost", "credhost"}

// withoutPage takes out of a header what a browser says of its page: cookies of
// this host, and, if the page may call, where the page is from.
func (x *exchange) withoutPage(h http.Header) {
	if x.fromPage() {
		for _, name := range []string{"Origin", "Referer", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-User"} {
			delete(h, name)
		}
	}
	lines := h["Cookie"]
	if lines == nil {
		return
	}
	var kept []string
	for pair := range strings.SplitSeq(strings.Join(lines, ";"), ";") {
		name, _, _ := strings.Cut(pair, "=")
		if !slices.Contains(ownCookies, strings.TrimSpace(name)) && strings.TrimSpace(pair) != "" {
			kept = append(kept, strings.TrimSpace(pair))
		}
	}
	if delete(h, "Cookie"); kept != nil {
		h["Cookie"] = []string{strings.Join(kept, "; ")}
	}
}

// pass puts what is passed on of a service's header into h.
func (x *exchange) pass(h, service http.Header) {
	hops := named(service["Connection"])
	for name, values := range service {
		f := fold(name)
		v := answered[f]
		switch {
		case v == drop, v == dropByPath && x.target.byPath:
		case strings.HasPrefix(f, "Proxy-"), strings.HasPrefix(f, "Credhost-"), hops != nil && slices.Contains(hops, f):
		case x.target.byPath && strings.HasPrefix(f, "Access-Control-"):
		default:
			h[name] = values
		}
	}
}

// answerHeader puts the header of the service's answer into that of ours.
func (x *exchange) answerHeader(h, service http.Header) {
	x.pass(h, service)
	if _, ok := service["Content-Type"]; !ok {
		h["Content-Type"] = nil // or the server would guess
	}
	x.redirect(h)
	if !x.target.byPath {
		return
	}
	for i, line := range h["Set-Cookie"] {
		h["Set-Cookie"][i] = x.target.cookie(line)
	}
	h["Content-Security-Policy"] = append(slices.Clip(h["Content-Security-Policy"]), "sandbox")
	x.allowPage(h)
}

// cookie returns a line of Set-Cookie for the service's paths below the proxy. A
// cookie without a path is for the folder of the request in any case (RFC 6265,
// section 5.1.4).
func (t *target) cookie(line string) string {
	pair, attributes, _ := strings.Cut(line, ";")
	for attribute := range strings.SplitSeq(attributes, ";") {
		name, value, _ := strings.Cut(attribute, "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "", "domain":
			continue
		case "path":
			if value = strings.TrimSpace(value); !strings.HasPrefix(value, "/") {
				continue
			}
			attribute = " Path=" + t.base() + value
		}
		pair += ";" + attribute
	}
	return pair
}

// redirect makes Location lead back through the proxy, as this file says.
func (x *exchange) redirect(h http.Header) {
	values, ok := h["Location"]
	if !ok || len(values) == 0 || !x.target.byPath && !x.secured {
		return
	}
	delete(h, "Location")
	here, err := x.target.url(x.r.Method)
	if err != nil {
		return
	}
	to, err := here.Parse(values[0])
	if err != nil {
		return // it leads nowhere
	}
	origins, _ := x.workspace.Origins(x.r.Context(), x.credential)
	within := sdk.MatchOrigin(origins, sdk.OriginOf(to)) && to.User == nil
	if !x.target.byPath { // by http, which the proxy secures again
		if within && to.Scheme == "https" {
			to.Scheme = "http"
		}
		h["Location"] = []string{to.String()}
		return
	}
	h["Credhost-Location"] = []string{to.String()}
	switch {
	case within:
		h["Location"] = []string{pathPrefix + x.target.credential + "/" + to.Scheme + "/" + to.Host + after(to)}
	case x.r.Header["Credhost-Key"] == nil:
		h["Location"] = []string{to.String()}
	}
}

// after returns what stands in u after the host.
func after(u *url.URL) string {
	path := u.RequestURI()
	if u.Fragment != "" {
		path += "#" + u.EscapedFragment()
	}
	return path
}
