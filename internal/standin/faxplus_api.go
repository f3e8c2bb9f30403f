// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// faxBearer is whom an access token or a Personal Access Token speaks for.
type faxBearer struct {
	pat    *FaxPlusPAT // nil for OAuth
	scopes []string
}

// api serves restapi.fax.plus.
func (f *FaxPlus) api(r *http.Request) answer {
	b := f.Behaviour()
	path, v3 := strings.CutPrefix(r.URL.Path, "/v3/")
	route := r.Method + " " + strings.Replace(path, f.account.UID, "self", 1)
	need, ok := map[string][]string{
		"GET auth/token":            {},
		"GET accounts/self":         {"fax:all:read", "fax:member:read", "fax:user:read"},
		"GET accounts/self/outbox":  {"fax:all:read", "fax:fax:read"},
		"POST accounts/self/outbox": {"fax:all:edit", "fax:fax:edit"},
	}[route]
	if !v3 || !ok || b.NoTokenInfo && path == "auth/token" {
		return faxError(http.StatusNotFound, "no such endpoint")
	}
	who, refused := f.who(r.Header)
	switch {
	case refused != "":
		return faxErrorNamed(http.StatusUnauthorized, "unauthorized", refused)
	case who.pat != nil && len(need) > 0 && !slices.ContainsFunc(need, func(s string) bool { return slices.Contains(who.scopes, s) }):
		return faxError(http.StatusForbidden, "the token lacks a scope: "+strings.Join(need, " or "))
	}
	switch route {
	case "GET auth/token":
		return f.tokenInfo(who)
	case "GET accounts/self":
		account := f.account
		account.Status = cmp.Or(b.Status, account.Status)
		return jsonAnswer(http.StatusOK, account)
	case "GET accounts/self/outbox":
		return jsonAnswer(http.StatusOK, map[string][]string{"records": {}})
	}
	return sendFax(r)
}

// who checks the credential of a request. A Personal Access Token needs
// nothing else; an OAuth token needs the client it was issued to.
func (f *FaxPlus) who(h http.Header) (who faxBearer, refused string) {
	token := bearer(h)
	now := f.now()
	if pat, ok := f.pats[token]; ok {
		if !pat.Expiry.IsZero() && !now.Before(pat.Expiry) {
			return who, "the personal access token has expired"
		}
		return faxBearer{&pat, pat.Scopes}, ""
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	t, ok := f.access[token]
	switch client := h.Get("x-fax-clientid"); {
	case !ok || t.signIn.revoked || !now.Before(t.expiry):
		return who, "the access token is unknown or has expired"
	case client == "":
		return who, "the header x-fax-clientid is missing"
	case client != t.signIn.client:
		return who, "the header x-fax-clientid names another client"
	}
	return faxBearer{nil, []string{"all"}}, ""
}

// tokenInfo describes the token that asks. Times are in milliseconds.
func (f *FaxPlus) tokenInfo(who faxBearer) answer {
	if who.pat == nil {
		return jsonAnswer(http.StatusOK, struct {
			Type   string   `json:"token_type"`
			Scopes []string `json:"scopes"`
		}{"oauth", who.scopes})
	}
	millis := func(t time.Time) *int64 {
		if t.IsZero() {
			return nil
		}
		ms := t.UnixMilli()
		return &ms
	}
	pat := who.pat
	return jsonAnswer(http.StatusOK, struct {
		Type    string   `json:"token_type"`
		Scopes  []string `json:"scopes"`
		ID      string   `json:"id"`
		Name    string   `json:"name"`
		Preview string   `json:"preview"`
		Created *int64   `json:"created_date"`
		Expiry  *int64   `json:"expiration_date"`
		Used    *int64   `json:"last_used"`
	}{"pat", pat.Scopes, "pat-example", pat.Name, pat.Token[:min(len(pat.Token), 14)] + "…",
		millis(pat.Created), millis(pat.Expiry), millis(f.now())})
}

// sendFax takes a fax for delivery and forgets it.
func sendFax(r *http.Request) answer {
	var fax struct {
		To    []string `json:"to"`
		Files []string `json:"files"`
	}
	const most = 20 // of each; unpublished
	switch err := json.NewDecoder(r.Body).Decode(&fax); {
	case err != nil || len(fax.To) == 0:
		return faxErrorNamed(http.StatusBadRequest, "invalid_payload", "to must name a destination")
	case len(fax.To) > most:
		return faxErrorNamed(http.StatusBadRequest, "too_many_destinations", "too many destinations")
	case len(fax.Files) > most:
		return faxErrorNamed(http.StatusBadRequest, "too_many_files", "too many files")
	}
	ids := map[string]string{}
	for _, to := range fax.To {
		ids[to] = randomHex(16)
	}
	return jsonAnswer(http.StatusOK, map[string]map[string]string{"ids": ids})
}
