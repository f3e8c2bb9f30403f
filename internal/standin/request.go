// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Request is one request as it arrived at a stand-in. It is a copy: changing
// it changes nothing.
type Request struct {
	At       time.Time // by the stand-in's clock
	Part     Part
	Method   string
	Host     string
	Path     string // as it was escaped on the wire
	RawQuery string
	Header   http.Header
	Body     string // the first 64 KiB
	Status   int    // what was answered; 0: nothing yet, or the answer was lost
}

// Query returns the parameters of the URL.
func (r Request) Query() url.Values {
	q, _ := url.ParseQuery(r.RawQuery)
	return q
}

// Form returns the parameters of the body: those of a form, or the text values
// of a JSON object. Of any other body it returns none.
func (r Request) Form() url.Values {
	switch kind := mediaType(r.Header); {
	case kind == formType:
		form, _ := url.ParseQuery(r.Body)
		return form
	case isJSON(kind):
		var object map[string]any
		form := url.Values{}
		_ = json.Unmarshal([]byte(r.Body), &object) // not an object: no parameters
		for name, v := range object {
			if s, ok := v.(string); ok {
				form.Set(name, s)
			}
		}
		return form
	}
	return nil
}

// String is the request in the manner of HTTP/1.1, headers sorted. It shows
// what arrived, secrets and all; see [Service.Masked].
func (r Request) String() string {
	var b strings.Builder
	target := r.Path
	if r.RawQuery != "" {
		target += "?" + r.RawQuery
	}
	fmt.Fprintf(&b, "%s %s\nHost: %s\n", r.Method, target, r.Host)
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range r.Header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	if r.Body != "" {
		fmt.Fprintf(&b, "\n%s\n", r.Body)
	}
	return b.String()
}

const formType = "application/x-www-form-urlencoded"

// mediaType is the media type of a body, lower case and without parameters.
func mediaType(h http.Header) string {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return kind
}

func isJSON(kind string) bool {
	return kind == "application/json" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
}

// bearer is the token of an "Authorization: Bearer" header, or "". The scheme
// may be in any case (RFC 9110, 11.1).
func bearer(h http.Header) string {
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
