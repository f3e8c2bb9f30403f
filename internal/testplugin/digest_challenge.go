// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"net/http"
	"strings"
)

// parseChallenges returns the best challenge of an answer that can be met:
// SHA-256 goes before MD5 (RFC 7616, section 3.7). Each is expected in a
// header line of its own, as servers send them.
func parseChallenges(h http.Header) (best challenge, stale, ok bool) {
	for _, line := range h.Values("Www-Authenticate") {
		scheme, rest, _ := strings.Cut(line, " ")
		p := parseParameters(rest)
		algorithm := p["algorithm"]
		if algorithm == "" {
			algorithm = "MD5"
		}
		known := algorithm == "MD5" || algorithm == "SHA-256"
		if !strings.EqualFold(scheme, "Digest") || !known || !offersAuth(p["qop"]) || p["nonce"] == "" {
			continue
		}
		if !ok || algorithm == "SHA-256" {
			best = challenge{Realm: p["realm"], Nonce: p["nonce"], Opaque: p["opaque"], Algorithm: algorithm}
			stale, ok = strings.EqualFold(p["stale"], "true"), true
		}
	}
	return best, stale, ok
}

func offersAuth(qop string) bool {
	for word := range strings.SplitSeq(qop, ",") {
		if strings.EqualFold(strings.TrimSpace(word), "auth") {
			return true
		}
	}
	return false
}

// parseParameters reads name=value pairs, quoted or not (RFC 9110, section 11.2).
func parseParameters(s string) map[string]string {
	p := map[string]string{}
	for s = strings.TrimLeft(s, ", \t"); s != ""; s = strings.TrimLeft(s, ", \t") {
		name, rest, ok := strings.Cut(s, "=")
		if !ok {
			return p
		}
		value, after := parseValue(rest)
		p[strings.ToLower(strings.TrimSpace(name))] = value
		s = after
	}
	return p
}

// parseValue reads a token or a quoted string, and returns what follows it.
func parseValue(s string) (value, after string) {
	if !strings.HasPrefix(s, `"`) {
		value, after, _ = strings.Cut(s, ",")
		return strings.TrimSpace(value), after
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}
