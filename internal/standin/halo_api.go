// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// haloTicket is what the stand-in knows of a ticket; Halo's have many fields more.
type haloTicket struct {
	ID      int    `json:"id"`
	Summary string `json:"summary"`
}

var haloTickets = []haloTicket{{1001, "Printer on fire"}, {1002, "Coffee machine offline"}}

// api serves what is below /api/; path is in lower case.
func (h *Halo) api(path string, r *http.Request) answer {
	if path == "authinfo" {
		return h.authInfo(r)
	}
	route := r.Method + " " + path
	need := map[string]string{
		"GET agent/me": "", "GET tickets": "read:tickets", "POST tickets": "edit:tickets",
	}
	scope, ok := need[route]
	if !ok {
		return htmlPage(http.StatusNotFound, "Not Found")
	}
	b := h.Behaviour()
	t, ok := h.find(bearer(r.Header))
	switch {
	case !ok || b.RefuseTokens || len(t.scopes) == 0:
		return empty(http.StatusUnauthorized) // the body is unpublished
	case b.Forbidden || scope != "" && !haloAllows(t.scopes, scope):
		return jsonAnswer(http.StatusForbidden, map[string]string{"Message": "You don't have permissions to use " + path + "."}) // unpublished
	}
	switch route {
	case "GET tickets":
		return listTickets(r)
	case "POST tickets":
		return createTicket(r)
	}
	if b.WrapAgent {
		return jsonAnswer(http.StatusOK, map[string][]HaloAgent{"agents": {t.client.Agent}})
	}
	return jsonAnswer(http.StatusOK, t.client.Agent)
}

// find returns the token if it is still good.
func (h *Halo) find(token string) (haloToken, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t, ok := h.tokens[token]
	if !ok || !h.now().Before(t.expiry) {
		return haloToken{}, false
	}
	return *t, true
}

// authInfo serves GET /api/authinfo, which asks for no token.
func (h *Halo) authInfo(r *http.Request) answer {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	info := map[string]string{"auth_url": scheme + "://" + r.Host + "/auth"}
	if !h.Behaviour().OnPremise {
		info["tenant_id"] = h.tenant
	}
	return jsonAnswer(http.StatusOK, info)
}

func listTickets(r *http.Request) answer {
	n := len(haloTickets)
	if count := r.URL.Query().Get("count"); count != "" {
		asked, err := strconv.Atoi(count)
		if err != nil || asked < 0 {
			return jsonAnswer(http.StatusBadRequest, map[string]string{"count": "The value '" + count + "' is not valid."})
		}
		n = min(n, asked)
	}
	return jsonAnswer(http.StatusOK, struct {
		RecordCount int          `json:"record_count"`
		Tickets     []haloTicket `json:"tickets"`
	}{len(haloTickets), haloTickets[:n]})
}

// createTicket takes an array, as Halo does, and answers its first ticket. It
// keeps nothing.
func createTicket(r *http.Request) answer {
	var posted []haloTicket
	if err := json.NewDecoder(r.Body).Decode(&posted); err != nil || len(posted) == 0 {
		return jsonAnswer(http.StatusBadRequest, map[string]string{"": "A non-empty request body is required."})
	}
	if posted[0].Summary == "" {
		return jsonAnswer(http.StatusBadRequest, map[string]string{"[0].summary": "The summary field is required."})
	}
	posted[0].ID = 1003
	return jsonAnswer(http.StatusCreated, posted[0])
}
