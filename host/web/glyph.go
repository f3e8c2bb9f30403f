// SPDX-License-Identifier: Apache-2.0

package web

import (
	"crypto/sha256"
	"encoding/hex"
	"html/template"
	"net/http"
	"unicode"

	"github.com/credhost/credhost/sdk"
)

// glyphs are the page's own signs: paths in a square of 24, drawn in the colour
// of the text beside them.
var glyphs = map[string]string{
	"key":     `<circle cx="8" cy="15" r="4"/><path d="m11 12 8-8m-3 3 3 3m-6 0 2 2"/>`,
	"plus":    `<path d="M12 5v14M5 12h14"/>`,
	"app":     `<rect x="4" y="4" width="7" height="7" rx="1.5"/><rect x="13" y="4" width="7" height="7" rx="1.5"/><rect x="4" y="13" width="7" height="7" rx="1.5"/><path d="M16.5 13v7M13 16.5h7"/>`,
	"token":   `<rect x="3" y="7" width="18" height="10" rx="2"/><path d="M7 12h.01M11 12h.01M15 12h2"/>`,
	"list":    `<path d="M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01"/>`,
	"people":  `<circle cx="9" cy="8" r="3.5"/><path d="M3 19.5c0-3.3 2.7-5.5 6-5.5s6 2.2 6 5.5M15.5 5a3.5 3.5 0 0 1 0 6.5m2 3c2.2.7 3.5 2.5 3.5 5"/>`,
	"hook":    `<path d="M4 12a8 8 0 0 1 8-8m8 8a8 8 0 0 1-8 8M8 12a4 4 0 0 1 4-4m4 4a4 4 0 0 1-4 4m0-4h.01"/>`,
	"space":   `<path d="m12 3 9 5-9 5-9-5zm-9 9 9 5 9-5m-18 4 9 5 9-5"/>`,
	"plug":    `<path d="M9 3v5m6-5v5M6 8h12v3a6 6 0 0 1-12 0zm6 9v4"/>`,
	"good":    `<circle cx="12" cy="12" r="9"/><path d="m8 12.5 2.7 2.7L16 9.5"/>`,
	"warn":    `<path d="M12 4 2.8 20h18.4zm0 6v4m0 3h.01"/>`,
	"bad":     `<circle cx="12" cy="12" r="9"/><path d="m9 9 6 6m0-6-6 6"/>`,
	"idle":    `<circle cx="12" cy="12" r="9"/><path d="M8 12h8"/>`,
	"down":    `<path d="M4 4 20 20M8 7a7 7 0 0 1 10 4 4 4 0 0 1 2 6M7 9a5 5 0 0 0 0 10h9"/>`,
	"search":  `<circle cx="11" cy="11" r="6.5"/><path d="m16 16 4.5 4.5"/>`,
	"out":     `<path d="M14 4H6v16h8M10 12h11m-3-3 3 3-3 3"/>`,
	"menu":    `<path d="M4 7h16M4 12h16M4 17h16"/>`,
	"arrow":   `<path d="M9 5.5 15.5 12 9 18.5"/>`,
	"back":    `<path d="M15 5.5 8.5 12l6.5 6.5"/>`,
	"lock":    `<rect x="5" y="11" width="14" height="9" rx="2"/><path d="M8 11V8a4 4 0 0 1 8 0v3"/>`,
	"clock":   `<circle cx="12" cy="12" r="9"/><path d="M12 7v5l3.5 2"/>`,
	"shield":  `<path d="M12 3 5 6v5.5c0 4.3 2.9 7.6 7 9.5 4.1-1.9 7-5.2 7-9.5V6z"/>`,
	"globe":   `<circle cx="12" cy="12" r="9"/><path d="M3 12h18M12 3c2.6 2.7 3.8 5.7 3.8 9s-1.2 6.3-3.8 9c-2.6-2.7-3.8-5.7-3.8-9S9.4 5.7 12 3z"/>`,
	"theme":   `<circle cx="12" cy="12" r="9"/><path d="M12 3v18a9 9 0 0 0 0-18z" fill="currentColor"/>`,
	"outside": `<path d="M14 4h6v6m0-6-9 9M10 5H5v14h14v-5"/>`,
}

// glyph returns one of the page's signs. It says nothing to who cannot see it:
// the text beside it does.
func glyph(name string) template.HTML {
	return template.HTML(`<svg class="glyph" viewBox="0 0 24 24" aria-hidden="true" focusable="false">` + glyphs[name] + `</svg>`) //nolint:gosec // constants
}

// monograms are the colours of types without an icon, dark enough for white
// letters.
var monograms = []string{"#1d4f91", "#7a3e9d", "#a03c5b", "#8a4b08", "#3d6b1f", "#0f6b6b", "#4a4fa3", "#5b5148"}

// monogram draws the sign of a type that has none.
func monogram(s sdk.Schema) string {
	letter, sum := "", 0
	for _, r := range s.Title + " " + s.Name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			letter = string(unicode.ToUpper(r))
			break
		}
	}
	for _, r := range s.Name {
		sum += int(r)
	}
	return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" rx="8" fill="` + monograms[sum%len(monograms)] +
		`"/><text x="20" y="27.5" font-family="system-ui, sans-serif" font-size="21" font-weight="650" fill="#fff" text-anchor="middle">` + template.HTMLEscapeString(letter) + `</text></svg>`
}

// sign returns the sign of a type: its own, or its monogram.
func sign(s sdk.Schema) string {
	if s.Icon != "" {
		return s.Icon
	}
	return monogram(s)
}

// version tells a sign from the one that it had before.
func version(svg string) string {
	sum := sha256.Sum256([]byte(svg))
	return hex.EncodeToString(sum[:6])
}

// icon serves the sign of a type, which is a plugin's: as an image nothing of it
// runs and nothing of it is fetched, and opened by itself it is in a sandbox.
func (v *visit) icon() error {
	t, err := v.h.cfg.Host.Type(v.r.PathValue("type"))
	if err != nil {
		return errNowhere
	}
	svg, cached := sign(t.Schema), "private, no-cache"
	if v.r.URL.Query().Get("v") == version(svg) {
		cached = "private, max-age=31536000, immutable" // RFC 8246
	}
	v.w.Header().Set("Content-Type", "image/svg+xml")
	v.w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'")
	v.w.Header().Set("Cache-Control", cached)
	if v.r.Method != http.MethodHead {
		v.w.Write([]byte(svg))
	}
	return nil
}
