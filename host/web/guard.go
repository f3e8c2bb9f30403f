// SPDX-License-Identifier: Apache-2.0

package web

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/credhost/credhost/host"
)

// policy is the Content-Security-Policy of every page. Scripts and styles are
// files of this host alone, no text becomes markup in a script (Trusted Types),
// and a form goes nowhere else: who is sent to a provider is sent by a page.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// protect sets the headers that every answer has.
func (h *Handler) protect(header http.Header) {
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cross-Origin-Embedder-Policy", "require-corp")
	header.Set("Permissions-Policy", "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), payment=(), usb=()")
	header.Set("Cache-Control", "no-store")
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.protect(w.Header())
	if w.Header().Get(requestHeader) == "" {
		id := rand.Text()
		w.Header().Set(requestHeader, id)
		r = r.WithContext(host.WithSource(r.Context(), host.Source{Request: id}))
	}
	switch {
	case !h.hosts[strings.ToLower(r.Host)]:
		http.Error(w, "This host is not known here. Use the address that its operator has named.", http.StatusMisdirectedRequest)
	case !h.invited(r):
		http.Error(w, "This address is a page's: open it in a browser.", http.StatusForbidden)
	default:
		h.mux.ServeHTTP(w, r)
	}
}

// requestHeader is the name of the header that has a request's ID. Who serves
// this handler may have set it.
const requestHeader = "Credhost-Request"

// invited reports whether a request comes from one of the host's own pages, or
// only visits one. Browsers say so in headers that no page can set (Fetch
// Metadata; RFC 6454, section 7). What changes something must say it.
func (h *Handler) invited(r *http.Request) bool {
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	own := origin == h.scheme()+strings.ToLower(r.Host)
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		dest := r.Header.Get("Sec-Fetch-Dest")
		visit := r.Header.Get("Sec-Fetch-Mode") == "navigate" && (dest == "document" || dest == "")
		return site == "" || site == "same-origin" || site == "none" || visit
	case site != "":
		return site == "same-origin" && (own || origin == "")
	}
	return own
}

func (h *Handler) scheme() string {
	if h.secure {
		return "https://"
	}
	return "http://"
}

// cookie returns a cookie of the given name, which has the prefix that keeps it
// to this host (RFC 6265bis, section 4.1.3.2) where there is encryption.
func (h *Handler) cookie(name, value string, same http.SameSite) *http.Cookie {
	return &http.Cookie{Name: h.cookieName(name), Value: value, Path: "/", HttpOnly: true, Secure: h.secure, SameSite: same}
}

func (h *Handler) cookieName(name string) string {
	if h.secure {
		return "__Host-" + name
	}
	return name
}

// read returns the value of a cookie, "" if there is none.
func (h *Handler) read(r *http.Request, name string) string {
	c, err := r.Cookie(h.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// drop has the browser forget a cookie.
func (h *Handler) drop(w http.ResponseWriter, name string) {
	c := h.cookie(name, "", http.SameSiteStrictMode)
	c.MaxAge = -1
	http.SetCookie(w, c)
}

// The names of cookies, without their prefix.
const (
	sessionCookie  = "credhost"          // who has signed in
	visitorCookie  = "credhost-visitor"  // who has not, so that nobody else signs them in
	visitCookie    = "credhost-visit"    // who is at a provider to sign in
	popupCookie    = "credhost-popup"    // the visit to a provider is in a window of its own
	spaceCookie    = "credhost-space"    // in which workspace an operator was last
	languageCookie = "credhost-language" // what was chosen in the place of Accept-Language
	themeCookie    = "credhost-theme"
)

// tokenOf returns what a form of a session must bring along. It follows from the
// session's secret, which it does not tell, so that every host knows it.
func tokenOf(session string) string {
	mac := hmac.New(sha256.New, []byte(session))
	mac.Write([]byte("credhost form 1"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// isTokenOf compares in constant time.
func isTokenOf(session, token string) bool {
	return session != "" && hmac.Equal([]byte(tokenOf(session)), []byte(token))
}

// ownPath returns a path of this page to go to, or "/": anything else would
// send people to where somebody else wants them.
func ownPath(path string) string {
	if len(path) < 2 || path[0] != '/' || path[1] == '/' || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == '\\' || r == 0x7f }) {
		return "/"
	}
	return path
}
