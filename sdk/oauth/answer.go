// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"encoding/json"
	"math"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// read makes a token of an answer, or an error. Nothing beside the access
// token can spoil it: the refresh token that it took to get here is spent.
func (c Client) read(resp *http.Response, body []byte, asked time.Time) (Token, error) {
	answer := members(resp.Header.Get("Content-Type"), body)
	t := Token{
		AccessToken:  text(answer["access_token"]),
		TokenType:    text(answer["token_type"]),
		RefreshToken: text(answer["refresh_token"]),
		Scope:        member(answer, "scope"),
		answer:       answer,
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 || !fitsHeader(t.AccessToken) {
		return Token{}, refused(resp, body, answer)
	}
	if !scheme.MatchString(t.TokenType) {
		t.TokenType = ""
	}
	if lifetime := c.lifetime(member(answer, "expires_in")); lifetime > 0 {
		t.Expiry = asked.Add(lifetime).Round(0) // without the monotonic clock, which stops while a machine sleeps
	}
	return t, nil
}

// members returns the members of an answer: of a JSON object or, as some
// services still have it, of a form. It returns nil if the answer is neither,
// or says that it is something else: an HTML page of a wrong address, say.
func members(contentType string, body []byte) map[string]json.RawMessage {
	var object map[string]json.RawMessage
	kind, _, _ := mime.ParseMediaType(contentType)
	switch {
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		if json.Unmarshal(body, &object) != nil {
			return nil
		}
	case kind == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil
		}
		object = make(map[string]json.RawMessage, len(form))
		for name := range form {
			object[name], _ = json.Marshal(form.Get(name)) // a string always encodes
		}
	}
	return object
}

// maxLifetime keeps an absurd expires_in from wrapping around.
const maxLifetime = 10 * 365 * 24 * time.Hour

// lifetime reads expires_in.
func (c Client) lifetime(expiresIn string) time.Duration {
	if d := seconds(expiresIn); d > 0 {
		return d
	}
	return c.Lifetime
}

// seconds reads a number of seconds, also as a string or with a fraction. Zero,
// less and nonsense are zero.
func seconds(text string) time.Duration {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(n) || n <= 0 {
		return 0
	}
	return time.Duration(min(n, maxLifetime.Seconds()) * float64(time.Second))
}

// scheme is what may stand before a token in a header (RFC 9110, section 11.1).
var scheme = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]*$")

// fitsHeader reports whether s is an access token as RFC 6749, appendix A.12,
// has it. What is not cannot stand in a header.
func fitsHeader(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// member returns a member of an answer: a string as it is, anything else as
// JSON, and "" if it is missing or null.
func member(answer map[string]json.RawMessage, name string) string {
	raw := answer[name]
	if len(raw) == 0 || raw[0] == '"' || string(raw) == "null" {
		return text(raw)
	}
	return string(raw)
}

// text returns raw if it is a string, else "".
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}
