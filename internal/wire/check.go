// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"

	"github.com/credhost/credhost/sdk"
)

// The check functions refuse what a plugin must not answer. Both ends call
// them: a plugin's end, so that its author learns of a mistake; the host's,
// because it believes nothing. None quotes a value, which may be a secret.

func checkGrant(g sdk.Grant) error {
	return first(
		checkHeader(g.Header),
		checkQuery(g.Query),
		checkPath(g.Path),
		checkOrigins(g.Origins),
		checkStatuses(g.Refused),
		checkTime("the expiry", g.Expiry),
		checkTime("the time to reconnect", g.Reconnect),
		checkIdle(g.Idle),
		checkPublic(g),
		checkAnswers(g.Values),
		checkState(g.State),
	)
}

// first returns the first of errs that is one.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// forbidden are the headers that belong to the connection or to the host (RFC
// 9110, sections 7.2, 7.6.1, 8.6 and 10.1.1; RFC 9112, section 6; RFC 7540,
// section 3.2.1), and Proxy, in which programs behind CGI read the address of a
// proxy.
var forbidden = []string{
	"Host", "Content-Length", "Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect", "Http2-Settings", "Proxy",
}

func isForbidden(name string) bool {
	return slices.ContainsFunc(forbidden, func(f string) bool { return sdk.SameHeader(f, name) })
}

func checkHeader(h http.Header) error {
	if len(h) > maxHeaders {
		return fmt.Errorf("there are more than %d headers", maxHeaders)
	}
	size := 0
	names := slices.Sorted(maps.Keys(h))
	for i, name := range names {
		values := h[name]
		switch {
		case !httpguts.ValidHeaderFieldName(name): // not quoted: values are mistaken for names
			return errors.New("a header has a name that HTTP does not allow")
		case isForbidden(name):
			return fmt.Errorf("header %s is not for plugins to set", plain(name, maxName))
		case len(values) == 0:
			return fmt.Errorf("header %s has no value", plain(name, maxName))
		case len(values) > 1 && sdk.SameHeader(name, "Authorization"):
			return fmt.Errorf("header %s has more than one value", plain(name, maxName))
		case slices.ContainsFunc(names[:i], func(other string) bool { return sdk.SameHeader(other, name) }):
			return fmt.Errorf("header %s is there twice, spelt in two ways that are one to many servers", plain(name, maxName))
		}
		for _, v := range values {
			switch {
			case !httpguts.ValidHeaderFieldValue(v):
				return fmt.Errorf("header %s has a value that HTTP does not allow", plain(name, maxName))
			case strings.Trim(v, " \t") != v: // HTTP/2 forbids it, HTTP/1.1 drops it
				return fmt.Errorf("header %s has a value with spaces around it", plain(name, maxName))
			}
			size += len(name) + len(v)
		}
	}
	if size > MaxHeader {
		return errors.New("the headers are larger than 64 KiB")
	}
	return nil
}

func checkQuery(q url.Values) error {
	if len(q.Encode()) > MaxQuery {
		return errors.New("the query is larger than 64 KiB")
	}
	for name := range q {
		if name == "" || !isPlain(name, maxName) {
			return errors.New("the query has a parameter whose name is empty, longer than 128 bytes or not plain text")
		}
	}
	return nil
}

func checkPath(path map[string]string) error {
	size := 0
	for name, v := range path {
		switch {
		case !isWord(name):
			return errors.New(`a path parameter's name has other characters than letters, digits, "_", "-" and "."`)
		case v == "" || v == "." || v == ".." || !isPlain(v, MaxPath):
			return fmt.Errorf("path parameter %s is empty, a dot segment or not plain text", name)
		}
		size += len(name) + len(v)
	}
	if size > MaxPath {
		return errors.New("the path parameters are larger than 64 KiB")
	}
	return nil
}

func checkOrigins(origins []string) error {
	if len(origins) > MaxOrigins {
		return fmt.Errorf("there are more than %d origins", MaxOrigins)
	}
	for i, o := range origins {
		if o == "" || sdk.Origin(o) != o {
			return fmt.Errorf("origin %d is not in canonical form, such as https://api.example.com", i+1)
		}
	}
	return nil
}

func checkStatuses(statuses []int) error {
	if len(statuses) > MaxOrigins {
		return fmt.Errorf("there are more than %d refused statuses", MaxOrigins)
	}
	for _, s := range statuses {
		if s < 400 || s > 599 {
			return fmt.Errorf("refused status %d is not one from 400 to 599", s)
		}
	}
	return nil
}

// checkTime refuses years that no encoding of a time agrees on.
func checkTime(what string, t time.Time) error {
	if !t.IsZero() && (t.Unix() < 0 || t.UTC().Year() > 9999) {
		return fmt.Errorf("%s is before 1970 or after 9999", what)
	}
	return nil
}

func checkIdle(d time.Duration) error {
	if d < 0 || d > maxIdle {
		return errors.New("the time that the state may be idle is not one from nothing to a hundred years")
	}
	return nil
}

// checkPublic checks what is shown of a grant.
func checkPublic(g sdk.Grant) error {
	if !isPlain(g.Account, maxAccount) {
		return errors.New("the account is longer than 1 KiB or not plain text")
	}
	if len(g.Facts) > MaxFacts {
		return fmt.Errorf("there are more than %d facts", MaxFacts)
	}
	for name, v := range g.Facts {
		if !isWord(name) {
			return errors.New(`a fact's name has other characters than letters, digits, "_", "-" and "."`)
		}
		if !isPlain(v, maxFact) {
			return fmt.Errorf("fact %s is longer than 4 KiB or not plain text", name)
		}
	}
	return nil
}

// checkAnswers checks answers, and values for release.
func checkAnswers(values sdk.Values) error {
	if len(values) > maxValues {
		return fmt.Errorf("there are more than %d values", maxValues)
	}
	for name, v := range values {
		if !isWord(name) {
			return errors.New(`a value's name has other characters than letters, digits, "_", "-" and "."`)
		}
		if len(v) > sdk.MaxAnswer || !utf8.ValidString(v) {
			return fmt.Errorf("value %s is longer than 256 KiB or not text", name)
		}
	}
	return nil
}

func checkState(state []byte) error {
	if len(state) > MaxState {
		return errors.New("the state is larger than 1 MiB")
	}
	return nil
}

func checkApproval(a sdk.Approval) error {
	switch {
	case !isApprovalURL(a.URL):
		return errors.New("the approval's URL must be https, or http on a loopback address, and have at most 16 KiB")
	case !isPlain(a.UserCode, maxCode):
		return errors.New("the user code is longer than 64 bytes or not plain text")
	case a.Interval < 0 || a.Interval > time.Hour:
		return errors.New("the interval is not one from nothing to an hour")
	}
	if err := checkTime("the expiry", a.Expiry); err != nil {
		return err
	}
	return checkState(a.State)
}

// isApprovalURL reports whether a person's browser may be sent to raw.
func isApprovalURL(raw string) bool {
	if len(raw) > MaxURL || !isVisible(raw) {
		return false
	}
	u, err := url.Parse(raw)
	if err != nil || u.User != nil || sdk.OriginOf(u) == "" {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// isVisible reports whether s is visible ASCII, without spaces.
func isVisible(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

func checkSignature(s sdk.Signature) error {
	if err := checkHeader(s.Header); err != nil {
		return err
	}
	switch {
	case len(s.Query) > MaxQuery:
		return errors.New("the signature's query is larger than 64 KiB")
	case !isVisible(s.Query) || strings.ContainsRune(s.Query, '#') || strings.HasPrefix(s.Query, "&"):
		return errors.New(`the signature's query has a "#", a space, a control character or a leading "&"`)
	}
	return nil
}

// checkOptions checks what is suggested for a field of s.
func checkOptions(s sdk.Schema, options []sdk.Option) error {
	if len(options) > sdk.MaxOptions {
		return fmt.Errorf("there are more than %d options", sdk.MaxOptions)
	}
	seen := make(map[string]bool, len(options))
	for i, o := range options {
		switch {
		case o.Value == "" || o.Value != strings.TrimSpace(o.Value) || seen[o.Value]:
			return fmt.Errorf("option %d needs a value of its own, without spaces around it", i+1)
		case !isPlain(o.Value, sdk.MaxText) || !isPlain(o.Title, sdk.MaxText) || !isPlain(o.Help, sdk.MaxText):
			return fmt.Errorf("option %d has text that is longer than 4 KiB or not plain", i+1)
		case !isCondition(s, o.When, maxDepth):
			return fmt.Errorf("option %d has a condition that is malformed or about no field", i+1)
		}
		seen[o.Value] = true
	}
	return nil
}

// maxDepth is how deep conditions are nested at most.
const maxDepth = 16

// isCondition reports whether c, which may be nil, is well formed and about
// fields of s.
func isCondition(s sdk.Schema, c *sdk.Condition, depth int) bool {
	if c == nil {
		return true
	}
	_, known := s.Field(c.Field)
	uses := 0
	for _, used := range []bool{c.Is != "", c.Present, len(c.And) > 0, len(c.Or) > 0, c.Not != nil} {
		if used {
			uses++
		}
	}
	if depth == 0 || uses != 1 || (c.Is != "" || c.Present) != known {
		return false
	}
	bad := func(sub *sdk.Condition) bool { return sub == nil || !isCondition(s, sub, depth-1) }
	return !slices.ContainsFunc(c.And, bad) && !slices.ContainsFunc(c.Or, bad) && isCondition(s, c.Not, depth-1)
}
