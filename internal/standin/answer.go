// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"bytes"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"strings"
	"unicode/utf16"
)

// answer is a whole response but for the headers set before it is written.
type answer struct {
	status int
	kind   string // the content type; empty: no body
	body   string
}

func (a answer) write(w http.ResponseWriter) {
	if a.kind == "" {
		w.Header()["Content-Type"] = nil // or net/http would guess one
	} else {
		w.Header().Set("Content-Type", a.kind)
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body) // a client that left needs no answer
}

// jsonAnswer is v as JSON. What the stand-ins marshal always can be.
func jsonAnswer(status int, v any) answer {
	return answer{status, "application/json; charset=utf-8", encode(v, "")}
}

// empty is an answer without a body.
func empty(status int) answer { return answer{status: status} }

// htmlPage is what a web server or the service's web application says where an
// API call was expected.
func htmlPage(status int, title string) answer {
	title = html.EscapeString(title)
	return answer{status, "text/html; charset=utf-8",
		"<!DOCTYPE html>\n<html><head><title>" + title + "</title></head><body><h1>" + title + "</h1></body></html>\n"}
}

// noStore sets what RFC 6749 (5.1) asks of every answer that holds a token.
func noStore(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
}

// oauthError is an error of the token endpoint by RFC 6749, 5.2.
func oauthError(status int, code, description string) answer {
	return jsonAnswer(status, struct {
		Error       string `json:"error"`
		Description string `json:"error_description,omitempty"`
	}{code, description})
}

// encode is v as JSON without HTML escapes; what the stand-ins encode always
// can be. With an indent it is laid out as PHP's JSON_PRETTY_PRINT does.
func encode(v any, indent string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	if err := e.Encode(v); err != nil {
		panic("standin: " + err.Error())
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// phpJSON is v as PHP's json_encode writes it by default: "/" and whatever is
// not ASCII are escaped. A client that looks for a secret in such an answer
// must therefore look for its escaped form too.
func phpJSON(v any) string {
	var b strings.Builder
	for _, r := range encode(v, "") {
		switch {
		case r == '/': // only ever inside a string
			b.WriteString(`\/`)
		case r < 0x80:
			b.WriteRune(r)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			b.WriteString(unicodeEscape(hi) + unicodeEscape(lo))
		default:
			b.WriteString(unicodeEscape(r))
		}
	}
	return b.String()
}

func unicodeEscape(r rune) string {
	const hex = "0123456789abcdef"
	return `\u` + string([]byte{hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15]})
}
