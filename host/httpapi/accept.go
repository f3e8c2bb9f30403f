// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"mime"
	"slices"
	"strconv"
	"strings"
)

// An accepted range is one of those that the header Accept names (RFC 9110,
// section 12.5.1).
type accepted struct {
	kind, sub string // "*" for any
	params    map[string]string
	q         float64
}

// acceptable returns which of the offered media types a caller wants most, the
// earliest of them at equal wishes; "" if it wants none of them. An empty header
// accepts all, and so does one that cannot be read.
func acceptable(header string, offered []string) string {
	ranges := parseAccept(header)
	if len(ranges) == 0 {
		return offered[0]
	}
	best, most := "", 0.0
	for _, one := range offered {
		if q := wish(ranges, one); q > most {
			best, most = one, q
		}
	}
	return best
}

// wish is how much a caller wants a media type: what the most specific range
// says that it is within.
func wish(ranges []accepted, mediaType string) float64 {
	full, params, err := mime.ParseMediaType(mediaType)
	if err != nil {
		return 0
	}
	kind, sub, _ := strings.Cut(full, "/")
	q, best := 0.0, -1
	for _, r := range ranges {
		if n := r.covers(kind, sub, params); n > best {
			q, best = r.q, n
		}
	}
	return q
}

// covers returns how specific the range is if a media type is within, and -1 if
// it is not. A charset that the type does not have is overlooked: all is UTF-8.
func (r accepted) covers(kind, sub string, params map[string]string) int {
	switch {
	case r.kind == "*":
		return 0
	case r.kind != kind || r.sub != "*" && r.sub != sub:
		return -1
	case r.sub == "*":
		return 1
	}
	for name, v := range r.params {
		if name == "charset" && strings.EqualFold(v, "utf-8") {
			continue
		}
		if params[name] != v {
			return -1
		}
	}
	return 2 + len(r.params)
}

// parseAccept reads the header Accept, at most 32 ranges of it. What cannot be
// read is left out.
func parseAccept(header string) []accepted {
	var ranges []accepted
	for part := range splitQuoted(header) {
		if len(ranges) == 32 {
			break
		}
		full, params, err := mime.ParseMediaType(part)
		kind, sub, ok := strings.Cut(full, "/")
		if err != nil || !ok || kind == "" || sub == "" || kind == "*" && sub != "*" {
			continue
		}
		r := accepted{kind: kind, sub: sub, q: 1, params: params}
		if text, ok := params["q"]; ok {
			delete(params, "q")
			if r.q, ok = weight(text); !ok {
				continue
			}
		}
		ranges = append(ranges, r)
	}
	return ranges
}

// weight reads a qvalue (RFC 9110, section 12.4.2).
func weight(text string) (float64, bool) {
	if text == "" || len(text) > 5 || text[0] != '0' && text[0] != '1' || strings.Trim(text, "0123456789.") != "" {
		return 0, false
	}
	q, err := strconv.ParseFloat(text, 64)
	return q, err == nil && q <= 1
}

// splitQuoted yields the parts of a list between commas that are in no quotes.
func splitQuoted(list string) func(func(string) bool) {
	return func(yield func(string) bool) {
		quoted, start := false, 0
		for i := 0; i < len(list); i++ {
			switch {
			case list[i] == '\\' && quoted:
				i++
			case list[i] == '"':
				quoted = !quoted
			case list[i] == ',' && !quoted:
				if !yield(strings.TrimSpace(list[start:i])) {
					return
				}
				start = i + 1
			}
		}
		yield(strings.TrimSpace(list[start:]))
	}
}

// isType reports whether a Content-Type is one of the given media types, in
// UTF-8.
func isType(header string, of []string) bool {
	full, params, err := mime.ParseMediaType(header)
	if err != nil || params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
		return false
	}
	return slices.Contains(of, full)
}
