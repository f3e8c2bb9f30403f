// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// Origins are where a credential's secrets may go, expanded from its schema
// and its answers. A pattern has the form https://*.example.com; all others
// are origins as [Origin] returns them.
type Origins struct {
	Answers []string `json:"answers,omitempty"` // where the answers may go, to obtain a grant
	Grant   []string `json:"grant,omitempty"`   // where a grant may go
}

// Origin returns the scheme, host and port of rawURL in canonical form: lower
// case, an IPv6 address in the form of RFC 5952, no port that is the scheme's
// own. It returns "" if rawURL has none; or if what it has is not a host to
// everybody alike: a number that resolvers read as an address, a final dot, a
// zone, or letters beyond ASCII (an IDN has its xn-- form).
func Origin(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return ""
	}
	return OriginOf(u)
}

// OriginOf is [Origin] of a parsed URL.
func OriginOf(u *url.URL) string {
	host, ok := hostPort(u)
	if !ok {
		return ""
	}
	return strings.ToLower(u.Scheme) + "://" + host
}

var defaultPort = map[string]string{"https": "443", "http": "80", "wss": "443", "ws": "80"}

// hostPort returns u's host and, unless it is the scheme's own, its port.
func hostPort(u *url.URL) (string, bool) {
	host, ok := canonicalHost(u.Hostname())
	if !ok || u.Scheme == "" || strings.HasSuffix(u.Host, ":") || (host[0] == '[') != (u.Host[0] == '[') {
		return "", false
	}
	if u.Port() == "" {
		return host, true
	}
	port, ok := canonicalPort(u.Port())
	if !ok || port == defaultPort[strings.ToLower(u.Scheme)] {
		return host, ok
	}
	return host + ":" + port, true
}

func canonicalPort(port string) (string, bool) {
	n, err := strconv.ParseUint(port, 10, 16)
	return strconv.FormatUint(n, 10), err == nil && n > 0
}

// isLabel reports whether s is a part of a DNS name, in lower case (RFC 1035,
// section 2.3.1; RFC 1123, section 2.1), which may have the given character besides.
func isLabel(s string, besides byte) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != besides {
			return false
		}
	}
	return true
}

// isHostname reports whether s is a DNS name, in lower case. Names of hosts have no
// underscore, but some that are in use do.
func isHostname(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if !isLabel(label, '_') {
			return false
		}
	}
	return len(s) <= 253
}

var numeric = regexp.MustCompile(`^([0-9]+|0x[0-9a-f]*)$`)

// canonicalHost returns host in lower case, and in brackets if it is an IPv6
// address. It takes IP addresses without a zone, and names that no resolver
// takes for an address: 127.1, 0x7f.1 and 2130706433 are neither.
func canonicalHost(host string) (string, bool) {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Is6() {
			return "[" + addr.String() + "]", addr.Zone() == ""
		}
		return addr.String(), true
	}
	host = lower(host)
	last := host[strings.LastIndexByte(host, '.')+1:]
	return host, isHostname(host) && !numeric.MatchString(last)
}

// lower is strings.ToLower for ASCII alone: that makes a k of the Kelvin sign.
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, s)
}

// MatchOrigin reports whether origin, which is canonical, is one of patterns
// or lies under one: https://*.example.com takes any number of labels in the
// place of the star, but not none.
func MatchOrigin(patterns []string, origin string) bool {
	_, rest, ok := strings.Cut(origin, "://")
	if !ok || strings.ContainsAny(rest, "/?#@*") { // not canonical
		return false
	}
	for _, p := range patterns {
		if p == origin {
			return true
		}
		scheme, suffix, wild := strings.Cut(p, "://*")
		if !wild || !strings.HasPrefix(suffix, ".") {
			continue
		}
		rest, ok := strings.CutPrefix(origin, scheme+"://")
		if ok && len(rest) > len(suffix) && strings.HasSuffix(rest, suffix) {
			return true
		}
	}
	return false
}
