// SPDX-License-Identifier: Apache-2.0

package sdk

// SameHeader reports whether two names of headers may be one to a server. All
// servers ignore the case of letters (RFC 9110, section 5.1). Those that hand
// headers to programs as variables, HTTP_X_API_KEY say (RFC 3875, section
// 4.1.18), fold what is neither letter nor digit as well, so that X_Api_Key is
// X-Api-Key there, and whoever sends both has sent one header with two values.
func SameHeader(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if folded[a[i]] != folded[b[i]] {
			return false
		}
	}
	return true
}

// folded has for each byte of a name what such servers make of it.
var folded = func() (t [256]byte) {
	for i := range t {
		switch c := byte(i); {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			t[i] = c
		case c >= 'A' && c <= 'Z':
			t[i] = c + 'a' - 'A'
		default:
			t[i] = '-'
		}
	}
	return t
}()
