// SPDX-License-Identifier: Apache-2.0

package proxy

import "net/http"

// fromPage reports whether a script of a page that may call has made the request,
// as far as its browser says.
func (x *exchange) fromPage() bool {
	origin := x.r.Header["Origin"]
	return x.target.byPath && len(origin) == 1 && x.h.origins[origin[0]]
}

// allowPage lets the script of such a page read the answer (CORS, as the Fetch
// standard has it). It has shown a key; cookies are of no use here.
func (x *exchange) allowPage(h http.Header) {
	if len(x.h.origins) == 0 || !x.target.byPath {
		return
	}
	h.Add("Vary", "Origin")
	if x.fromPage() {
		h.Set("Access-Control-Allow-Origin", x.r.Header.Get("Origin"))
		h.Set("Access-Control-Expose-Headers", "*")
	}
}

// isPreflight reports whether a browser asks what a script may do, which it does
// without a key.
func (x *exchange) isPreflight() bool {
	h := x.r.Header
	return x.target.byPath && x.r.Method == http.MethodOptions && h["Origin"] != nil && h["Access-Control-Request-Method"] != nil
}

// preflight answers in the service's place.
func (x *exchange) preflight() error {
	if !x.fromPage() {
		return fail("origin", "pages of this origin may not call this proxy: its operator can allow it (proxy.Config.Origins)")
	}
	h := x.w.Header()
	x.allowPage(h)
	h.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	h.Set("Access-Control-Allow-Methods", x.r.Header.Get("Access-Control-Request-Method"))
	if names := x.r.Header.Get("Access-Control-Request-Headers"); names != "" {
		h.Set("Access-Control-Allow-Headers", names)
	}
	h.Set("Access-Control-Max-Age", "600")
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}
