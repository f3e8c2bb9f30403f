// SPDX-License-Identifier: Apache-2.0

package access

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/credhost/credhost/sdk"
)

// canonicalURL returns a URL of [Limits] in the form in which it is kept. It
// takes one without a scheme for https: "api.example/v1/*".
func canonicalURL(text string) (string, error) {
	if text == "" || len(text) > maxURL {
		return "", errors.New("it is empty, or too long")
	}
	origin, path := "", text
	if text[0] != '/' {
		scheme, rest, ok := strings.Cut(text, "://")
		if !ok {
			scheme, rest = "https", text
		}
		scheme = plainScheme(strings.ToLower(scheme))
		slash := strings.IndexByte(rest, '/')
		if slash < 0 {
			return "", errors.New("it has no path: end it with /* for all there is")
		}
		path = rest[slash:]
		if strings.ContainsAny(rest[:slash], "@*?#%") || !slices.Contains([]string{"http", "https"}, scheme) {
			return "", errors.New("it must begin with https://, a host and a slash, or with a slash")
		}
		if origin = sdk.Origin(scheme + "://" + rest[:slash]); origin == "" {
			return "", errors.New("its host is not one to everybody alike: write it in small letters, an IDN in its xn-- form, without a final dot")
		}
	}
	stem, star := strings.CutSuffix(path, "*")
	switch {
	case strings.ContainsAny(stem, "*?#"):
		return "", errors.New("it may have one star, at its end, and no query")
	case star && !strings.HasSuffix(stem, "/"):
		return "", errors.New("its star must come after a slash: /v1* would be /v10, too")
	case !plain(stem):
		return "", errors.New("its path can be read in two ways: write it without . and .., // and \\ and ; and without escaping what need not be escaped")
	}
	return origin + upperEscapes(path), nil
}

func isAlphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// plain reports whether everybody reads an escaped path alike, as
// [Caller.Permits] says.
func plain(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	escaped, start := false, 1
	for i := 1; i < len(path); i++ {
		switch c := path[i]; {
		case c == '/':
			if i == start || isDots(path[start:i]) {
				return false
			}
			start = i + 1
		case c == '%':
			if i+2 >= len(path) || !mustEscape(path[i+1], path[i+2]) {
				return false
			}
			escaped = true
			i += 2
		case !isAlphanumeric(c) && strings.IndexByte("-._~!$&'()*+,=:@", c) < 0: // RFC 3986, section 3.3, without ";"
			return false
		}
	}
	return !isDots(path[start:]) && (!escaped || plainText(path))
}

// isDots reports whether a segment is "." or "..", or more dots, which some
// systems take for them.
func isDots(segment string) bool { return segment != "" && strings.Trim(segment, ".") == "" }

// mustEscape reports whether the escape of two hexadecimal digits stands for
// something that needs it, and that divides no path.
func mustEscape(high, low byte) bool {
	h, ok1 := digit(high)
	l, ok2 := digit(low)
	c := h<<4 | l
	return ok1 && ok2 && c >= ' ' && c != 0x7f && !isAlphanumeric(c) && strings.IndexByte(`-._~/\%;`, c) < 0
}

func digit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// lookalikes are what some systems turn into one of . / \ ; and % when they
// normalise text (Unicode Standard Annex 15) or fit it into a smaller alphabet.
const lookalikes = "\u2024\u2025\u2026\u2027\u2044\u2100\u2101\u2105\u2106\u2215\u2216\u29f8\u29f9\u3002\u037e\ufe52\ufe54\ufe68\ufe6a\uff05\uff0e\uff0f\uff1b\uff3c\uff61"

// plainText reports whether a path is what it seems once its escapes are read.
func plainText(path string) bool {
	text, err := url.PathUnescape(path)
	if err != nil || !utf8.ValidString(text) {
		return false
	}
	for segment := range strings.SplitSeq(text, "/") {
		if segment != "" && strings.ContainsRune(segment, '.') && strings.TrimFunc(segment, func(r rune) bool { return r == '.' || unicode.IsSpace(r) }) == "" {
			return false
		}
	}
	return !strings.ContainsFunc(text, func(r rune) bool {
		return r >= utf8.RuneSelf && (strings.ContainsRune(lookalikes, r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r))
	})
}

// upperEscapes writes the letters of escapes as capitals.
func upperEscapes(path string) string {
	if strings.IndexByte(path, '%') < 0 {
		return path
	}
	b := []byte(path)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:], strings.ToUpper(path[i+1:i+3]))
			i += 2
		}
	}
	return string(b)
}
