// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// SigV4Standin stands in for AWS: it verifies signatures, as long ago as 15
// minutes or as far ahead, and then answers any request alike.
type SigV4Standin struct {
	Now     func() time.Time  // nil: time.Now; where the service's clock stands
	Keys    map[string]string // secrets by access key ID
	Session string            // the session token that must come along; empty: none
	Deny    bool              // the user may do nothing
}

// NewSigV4Standin returns a stand-in that knows the key of [Answers].
func NewSigV4Standin() *SigV4Standin {
	return &SigV4Standin{Keys: map[string]string{sigv4KeyID: sigv4Secret}}
}

// ServeHTTP implements [http.Handler].
func (s *SigV4Standin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	if s.Now != nil {
		now = s.Now()
	}
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "text/xml")
	if code := s.check(r, now); code != "" {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprintf(w, "<ErrorResponse><Error><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>", code, r.Header.Get("Authorization"))
		return
	}
	io.WriteString(w, "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>")
}

// check returns the code of the error to answer, or "".
func (s *SigV4Standin) check(r *http.Request, now time.Time) string {
	fields, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	if !ok {
		return "MissingAuthenticationToken"
	}
	p := map[string]string{}
	for field := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		p[name] = value
	}
	credential := strings.Split(p["Credential"], "/")
	if len(credential) != 5 || credential[4] != "aws4_request" {
		return "IncompleteSignature"
	}
	secret, known := s.Keys[credential[0]]
	scope := awsScope{credential[1], credential[2], credential[3]}
	date := r.Header.Get("X-Amz-Date")
	at, err := time.Parse("20060102T150405Z", date)
	names := strings.Split(p["SignedHeaders"], ";")
	body, _ := io.ReadAll(r.Body)
	sum := sha256.Sum256(body)
	payload := hex.EncodeToString(sum[:])
	u := &url.URL{Host: r.Host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	want := scope.sign(secret, date, canonicalRequest(scope.service, r.Method, u, r.Header, names, payload))
	switch {
	case !known:
		return "InvalidClientTokenId"
	case err != nil || !strings.HasPrefix(date, scope.date) || now.Sub(at).Abs() > 15*time.Minute:
		return "SignatureDoesNotMatch" // the message says that it has expired
	case !signsEnough(names, r.Header), !hmac.Equal([]byte(want), []byte(p["Signature"])):
		return "SignatureDoesNotMatch"
	case scope.service == "s3" && r.Header.Get("X-Amz-Content-Sha256") != payload:
		return "XAmzContentSHA256Mismatch"
	case r.Header.Get("X-Amz-Security-Token") != s.Session:
		return "InvalidClientTokenId"
	case s.Deny:
		return "AccessDenied"
	}
	return ""
}

// signsEnough reports whether the names of signed headers are in order, and
// among them the host's and those of AWS.
func signsEnough(names []string, h http.Header) bool {
	if !slices.IsSorted(names) || !slices.Contains(names, "host") {
		return false
	}
	for name := range h {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") && !slices.Contains(names, name) {
			return false
		}
	}
	return true
}
