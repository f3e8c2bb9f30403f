// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// DigestStandin stands in for a service with HTTP Digest authentication. It
// offers SHA-256 and MD5, and takes each count of a nonce once.
type DigestStandin struct {
	mu     sync.Mutex
	nonces map[string]map[string]bool // the counts that were seen
}

// NewDigestStandin returns a stand-in.
func NewDigestStandin() *DigestStandin {
	return &DigestStandin{nonces: map[string]map[string]bool{}}
}

// Expire makes every nonce stale: an answer to one is refused with stale=true,
// which asks for another try and not for another password.
func (d *DigestStandin) Expire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.nonces)
}

const (
	digestRealm  = `Example "realm"`
	digestOpaque = "EXAMPLE-opaque"
)

// ServeHTTP implements [http.Handler].
func (d *DigestStandin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	good, stale := d.check(r)
	if good {
		reply(w, map[string]string{"name": digestUser})
		return
	}
	nonce := rand.Text()
	d.nonces[nonce] = map[string]bool{}
	for _, algorithm := range []string{"SHA-256", "MD5"} {
		w.Header().Add("WWW-Authenticate", `Digest realm=`+quoted(digestRealm)+`, qop="auth, auth-int", algorithm=`+algorithm+
			`, nonce=`+quoted(nonce)+`, opaque=`+quoted(digestOpaque)+`, stale=`+strconv.FormatBool(stale))
	}
	refuse(w, http.StatusUnauthorized, "authenticate")
}

// check reports whether r carries a good answer; if not, whether a fresh nonce
// would make it one.
func (d *DigestStandin) check(r *http.Request) (good, stale bool) {
	fields, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Digest ")
	if !ok {
		return false, false
	}
	p := parseParameters(fields)
	c := challenge{Realm: digestRealm, Nonce: p["nonce"], Opaque: digestOpaque, Algorithm: p["algorithm"]}
	n, err := strconv.ParseUint(p["nc"], 16, 32)
	want := parseParameters(strings.TrimPrefix(c.answer(digestUser, digestPassword, r.Method, r.RequestURI, p["cnonce"], n), "Digest "))
	for name, value := range want {
		if p[name] != value || err != nil || n == 0 {
			return false, false
		}
	}
	seen, known := d.nonces[p["nonce"]]
	if !known || seen[p["nc"]] {
		return false, true
	}
	seen[p["nc"]] = true
	return true, false
}
