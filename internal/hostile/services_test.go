// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"net/http"
	"testing"

	"github.com/credhost/credhost/internal/hostile"
)

func TestServices(t *testing.T) { try(t, hostile.Service, servicesThatRedirect) }

var servicesThatRedirect = attempts{
	"a redirect to another origin": {
		says: "the credential is not for " + evil,
		run: func(w *world) (bool, error) {
			to := evil + "/gather"
			if w.easy {
				to = api + "/gather"
			}
			got := false
			w.serve(api, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/gather" {
					got = r.Header.Get("X-Api-Key") == canary
					return
				}
				http.Redirect(rw, r, to, http.StatusFound)
			}))
			_, _, err := w.get(w.create("key", nil), api+"/things")
			return got || w.evilGot(canary), err
		},
	},
}
