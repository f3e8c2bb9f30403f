// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// What this file computes is specified in
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.

// awsScope is the scope of a signature.
type awsScope struct{ date, region, service string }

// String returns the scope as it is written.
func (s awsScope) String() string { return s.date + "/" + s.region + "/" + s.service + "/aws4_request" }

// sign returns the signature of a canonical request.
func (s awsScope) sign(secret, date, canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{"AWS4-HMAC-SHA256", date, s.String(), hex.EncodeToString(sum[:])}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.date, s.region, s.service, "aws4_request"} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, text))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// unsigned are the headers that somebody may add or change on the way.
var unsigned = []string{"authorization", "user-agent", "accept-encoding", "connection", "content-length", "expect",
	"transfer-encoding", "x-amzn-trace-id"}

// signedNames returns the names of the headers to sign, host among them.
func signedNames(h http.Header) []string {
	names := []string{"host"}
	for name := range h {
		if name = strings.ToLower(name); name != "host" && !slices.Contains(unsigned, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func canonicalRequest(service, method string, u *url.URL, h http.Header, names []string, payload string) string {
	lines := []string{method, canonicalPath(service, u), canonicalQuery(u.RawQuery)}
	for _, name := range names {
		values := h[http.CanonicalHeaderKey(name)]
		if name == "host" {
			values = []string{u.Host}
		}
		trimmed := make([]string, len(values))
		for i, v := range values {
			trimmed[i] = strings.Join(strings.Fields(v), " ")
		}
		lines = append(lines, name+":"+strings.Join(trimmed, ","))
	}
	return strings.Join(append(lines, "", strings.Join(names, ";"), payload), "\n")
}

// canonicalPath escapes the path once more than it is on the wire, except for
// S3, whose keys are what they are.
func canonicalPath(service string, u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if service == "s3" {
		return path
	}
	segments := strings.Split(path, "/")
	for i, s := range segments {
		segments[i] = awsEscape(s)
	}
	return strings.Join(segments, "/")
}

func canonicalQuery(raw string) string {
	if raw == "" {
		return ""
	}
	var pairs [][]string
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		pairs = append(pairs, []string{awsEscape(unescape(name)), awsEscape(unescape(value))})
	}
	slices.SortFunc(pairs, slices.Compare) // by name first: "=" would stand between the characters of names
	lines := make([]string, len(pairs))
	for i, pair := range pairs {
		lines[i] = strings.Join(pair, "=")
	}
	return strings.Join(lines, "&")
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// awsEscape escapes all but the unreserved characters (RFC 3986, section 2.3).
func awsEscape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
