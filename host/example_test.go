// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"net/http"

	"github.com/credhost/credhost/host"
)

// session is how the engine knows who uses it, and in which workspace. It is
// not the host's business.
func session(*http.Request) (workspace string, actor host.Actor) { return "acme", "anna" }

func fail(w http.ResponseWriter, err error) { http.Error(w, err.Error(), http.StatusForbidden) }

// handle is all that an engine needs to connect credentials.
func handle(mux *http.ServeMux, h *host.Host) {
	mux.HandleFunc("POST /credentials/{id}/connect", func(w http.ResponseWriter, r *http.Request) {
		workspace, actor := session(r) // after your own defence against forged requests
		visit := host.Visit{Credential: r.PathValue("id"), Actor: actor, Return: "credentials"}
		flow, err := h.Workspace(workspace).Begin(r.Context(), visit)
		if err != nil {
			fail(w, err)
			return
		}
		http.SetCookie(w, flow.Cookie)
		http.Redirect(w, r, flow.URL, http.StatusSeeOther)
	})
	mux.HandleFunc("/callback/", func(w http.ResponseWriter, r *http.Request) { // of any method: what is not a visit ends nothing
		w.Header().Set("Referrer-Policy", "no-referrer") // the address holds a code
		workspace, actor := session(r)
		done, err := h.Workspace(workspace).Finish(r, actor)
		switch {
		case done.Return != "": // it is certain that the visit is this person's
			http.Redirect(w, r, done.Return, http.StatusSeeOther) // show err there, and done.Was
		case err != nil:
			fail(w, err)
		}
	})
}

var _ = handle
