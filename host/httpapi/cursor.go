// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
)

// Pages of lists: how many entries one has, and the most that it may have.
const (
	pageSize = 50
	maxPage  = 200
)

// A cursor says where a page of a list begins: after an ID. It is bound to what
// the list is of, so that nobody goes on in another list by mistake. It is no
// secret, and grants nothing.
type cursor struct {
	list  string // what the list is of, in a few letters
	after string
}

// listOf is a few letters that stand for what a list is of: its path and its
// filters.
func listOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:4])
}

// String returns the cursor as callers see it.
func (c cursor) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte("1" + c.list + c.after))
}

// parseCursor reads a cursor of the given list; "" is the list's beginning.
func parseCursor(text, list string) (after string, err error) {
	if text == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	rest, ok := strings.CutPrefix(string(raw), "1"+list)
	if err != nil || !ok || rest == "" || len(rest) > 200 || strings.ContainsFunc(rest, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fail("invalid", "this cursor is of another list, or none: begin without one",
			Fault{Parameter: "cursor", Reason: "invalid", Detail: "must be one that this list gave, with the same filters"})
	}
	return rest, nil
}

// nextLink is the header Link to the next page (RFC 8288): the same request with
// another cursor.
func nextLink(r *http.Request, cursor string) string {
	if cursor == "" {
		return ""
	}
	q := r.URL.Query()
	q.Set("cursor", cursor)
	return "<" + (&url.URL{Path: r.URL.Path, RawQuery: q.Encode()}).String() + `>; rel="next"`
}
