// SPDX-License-Identifier: Apache-2.0

package canary

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf16"
)

// A spelling is one way to write a secret.
type spelling struct {
	name string
	text []byte
}

// spellings returns all ways to write a secret that somebody could read back.
func spellings(secret string) []spelling {
	all := []spelling{
		{"as it is", []byte(secret)},
		{"as it is", joined([]byte(secret))}, // where lines are joined
		{"in capitals", []byte(strings.ToUpper(secret))},
		{"in small letters", []byte(strings.ToLower(secret))},
		{"for a URL", []byte(url.QueryEscape(secret))},
		{"for a URL", []byte(url.PathEscape(secret))},
		{"for a URL, every byte", each(secret, "%%%02X")},
		{"for a URL, every byte", each(secret, "%%%02x")},
		{"in JSON", inJSON(secret)},
		{"in JSON, every character", each(secret, `\u%04x`)},
		{"quoted for Go", []byte(strings.Trim(strconv.Quote(secret), `"`))},
		{"quoted for Go", []byte(strings.Trim(strconv.QuoteToASCII(secret), `"`))},
		{"quoted for Go, every byte", each(secret, `\x%02x`)},
		{"in HTML", []byte(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(secret))},
		{"in hexadecimal", []byte(hex.EncodeToString([]byte(secret)))},
		{"in hexadecimal", []byte(strings.ToUpper(hex.EncodeToString([]byte(secret))))},
		{"in hexadecimal, with spaces", each(secret, "%02x ")},
		{"in hexadecimal, with colons", each(secret, "%02x:")},
		{"as Go prints bytes", each(secret, "%d ")},
		{"as JavaScript prints bytes", each(secret, "%d,")},
		{"as Go shows bytes", each(secret, "0x%x, ")},
		{"in UTF-16", inUTF16(secret)},
	}
	for offset := range 3 {
		all = append(all,
			spelling{"in base64", inBase64(base64.StdEncoding, secret, offset)},
			spelling{"in base64", inBase64(base64.URLEncoding, secret, offset)})
	}
	return all
}

// each writes every byte of a secret with a format, and leaves out the end of
// what stands between two.
func each(secret, format string) []byte {
	var b strings.Builder
	for i := range len(secret) {
		fmt.Fprintf(&b, format, secret[i])
	}
	return []byte(strings.TrimRight(b.String(), " ,:"))
}

func inJSON(secret string) []byte {
	quoted, err := json.Marshal(secret)
	if err != nil {
		return nil
	}
	return quoted[1 : len(quoted)-1]
}

func inUTF16(secret string) (b []byte) {
	for _, c := range utf16.Encode([]rune(secret)) {
		b = append(b, byte(c), byte(c>>8))
	}
	return b
}

// inBase64 returns the characters of an encoding that a secret alone decides,
// if it begins at an offset of the three bytes that four characters hold.
func inBase64(e *base64.Encoding, secret string, offset int) []byte {
	text := e.WithPadding(base64.NoPadding).EncodeToString([]byte(strings.Repeat("\x00", offset) + secret))
	from := []int{0, 2, 3}[offset]         // behind the characters that hold bytes before it
	bits := (offset + len(secret)) * 8 / 6 // of whole characters
	if from > bits || bits > len(text) {
		return nil
	}
	return []byte(text[from:bits])
}
