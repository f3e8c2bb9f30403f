// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// jwt is an access token with the claims that the release puts into one. The
// newer library keeps microseconds, so that its times are fractions.
func (r release) jwt(client, user, jti string, now, expiry time.Time) string {
	header := `{"typ":"JWT","alg":"RS256"}`
	seconds := func(t time.Time) json.Number {
		return json.Number(strconv.FormatFloat(float64(t.UnixMicro())/1e6, 'f', -1, 64))
	}
	marshal := func(v any) string { return encode(v, "") }
	if !r.league8 {
		header = `{"typ":"JWT","alg":"RS256","jti":"` + jti + `"}`
		seconds = func(t time.Time) json.Number { return json.Number(strconv.FormatInt(t.Unix(), 10)) }
		marshal = phpJSON
	}
	return signJWT(header, marshal(struct {
		Audience string      `json:"aud"`
		ID       string      `json:"jti"`
		Issued   json.Number `json:"iat"`
		After    json.Number `json:"nbf"`
		Expiry   json.Number `json:"exp"`
		Subject  string      `json:"sub"`
		Scopes   []string    `json:"scopes"`
	}{client, jti, seconds(now), seconds(now), seconds(expiry), user, []string{}}))
}

// authorization is the header as PHP sees it, and whether it sees one.
func (c call) authorization() (string, bool) {
	switch c.b.Authorization {
	case HeaderDropped:
		return "", false
	case HeaderEmptied:
		return "", true
	}
	values := c.Header["Authorization"]
	if len(values) == 0 {
		return "", false
	}
	return values[0], true
}

// bearerPrefix is case-sensitive, and takes one white space after the word.
var bearerPrefix = regexp.MustCompile(`^\s*Bearer\s`)

// authenticate finds the row of the access token in a request.
func (h *HelloCloud) authenticate(c call) (*tokenRow, error) {
	header, ok := c.authorization()
	if !ok {
		return nil, accessDenied(`Missing "Authorization" header`)
	}
	t, err := c.release.parseJWT(strings.TrimSpace(bearerPrefix.ReplaceAllString(header, "")))
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	row := h.rows[t.id]
	stale := row != nil && row.stale
	gone := row == nil || row.deleted
	h.mu.Unlock()
	now := h.now()
	switch {
	case !t.verified:
		return nil, accessDenied("Access token could not be verified")
	case c.release.league8 && (stale || float64(now.UnixMicro())/1e6 >= t.expiry):
		return nil, accessDenied("Access token could not be verified")
	case !c.release.league8 && (stale || float64(now.Unix()) > t.expiry):
		return nil, accessDenied("Access token is invalid")
	case gone:
		return nil, accessDenied("Access token has been revoked")
	}
	return row, nil
}

// parsedJWT is what matters of an access token.
type parsedJWT struct {
	id       string
	expiry   float64 // Unix time in seconds
	verified bool
}

// parseJWT reads a JWT as lcobucci/jwt does: 3.2 under the older league
// library, 4.0 under the newer one.
func (r release) parseJWT(jwt string) (parsedJWT, error) {
	parts := strings.Split(jwt, ".")
	if len(parts) != 3 {
		return parsedJWT{}, accessDenied("The JWT string must have two dots")
	}
	var header struct {
		Alg string `json:"alg"`
	}
	var claims struct {
		ID     string  `json:"jti"`
		Expiry float64 `json:"exp"`
	}
	if err := r.decodePart(parts[0], &header); err != nil {
		return parsedJWT{}, err
	}
	if err := r.decodePart(parts[1], &claims); err != nil {
		return parsedJWT{}, err
	}
	sig, err := r.base64(parts[2])
	if err != nil {
		return parsedJWT{}, err
	}
	if !r.league8 && (parts[2] == "" || header.Alg == "" || header.Alg == "none") {
		return parsedJWT{}, unknownError("This token is not signed") // an exception of the kind league does not expect
	}
	verified := header.Alg == "RS256" && verifyJWT(parts[0]+"."+parts[1], sig)
	return parsedJWT{claims.ID, claims.Expiry, verified}, nil
}

func (r release) decodePart(part string, v any) error {
	text, err := r.base64(part)
	if err != nil {
		return err
	}
	var wrong *json.UnmarshalTypeError // valid JSON of another shape is no error there
	if err := json.Unmarshal(text, v); err != nil && !errors.As(err, &wrong) {
		if r.league8 {
			return accessDenied("Error while decoding from JSON")
		}
		return accessDenied("Error while decoding to JSON")
	}
	return nil
}

// base64 decodes as PHP does: the older library passes over what is not of the
// alphabet, the newer one refuses it.
func (r release) base64(part string) ([]byte, error) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	clean := strings.Map(func(c rune) rune {
		switch c {
		case '+':
			return '-'
		case '/':
			return '_'
		}
		if strings.ContainsRune(alphabet, c) {
			return c
		}
		return -1
	}, part)
	odd := len(clean)%4 == 1
	if r.league8 && (odd || len(clean) != len(strings.TrimRight(part, "="))) {
		return nil, accessDenied("Error while decoding from Base64Url, invalid base64 characters detected")
	}
	if odd {
		clean = clean[:len(clean)-1]
	}
	text, err := base64.RawURLEncoding.DecodeString(clean)
	if err != nil {
		panic("standin: " + err.Error()) // clean holds nothing else
	}
	return text, nil
}
