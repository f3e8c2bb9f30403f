// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"cmp"
	"net/http"
	"net/url"
	"time"
)

// refreshLife is how long after a sign-in its refresh tokens end under
// Advanced Security Controls.
const refreshLife = 30 * 24 * time.Hour

type faxRefresh struct {
	signIn *faxSignIn
	spent  bool
}

type faxAccess struct {
	signIn *faxSignIn
	expiry time.Time
}

// token serves POST /token. The parameters are taken from the query, where the
// documentation puts them, and from the form, where one of the vendor's own
// samples does; the form wins.
func (f *FaxPlus) token(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	switch {
	case r.Method != http.MethodPost: // unpublished
		w.Header().Set("Allow", http.MethodPost)
		oauthError(http.StatusMethodNotAllowed, "invalid_request", "the method must be POST").write(w)
		return
	case mediaType(r.Header) != formType || r.ParseForm() != nil: // unpublished
		oauthError(http.StatusBadRequest, "invalid_request", "the content type must be "+formType).write(w)
		return
	}
	id, secret, _ := r.BasicAuth() // taken as it is: the vendor does not speak of RFC 6749's form encoding
	client, ok := f.clients[id]
	b := f.Behaviour()
	if !ok || secret != client.Secret || b.RefuseClients || r.Form.Has("client_id") && r.Form.Get("client_id") != id {
		w.Header().Set("WWW-Authenticate", `Basic realm="Fax.Plus"`)
		refusal(b, http.StatusUnauthorized, "invalid_client", secret).write(w)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch r.Form.Get("grant_type") {
	case "authorization_code":
		f.exchange(b, client, r.Form).write(w)
	case "refresh_token":
		f.renew(b, client, r.Form.Get("refresh_token")).write(w)
	case "":
		refusal(b, http.StatusBadRequest, "invalid_request", "").write(w)
	default:
		refusal(b, http.StatusBadRequest, "unsupported_grant_type", "").write(w)
	}
}

// exchange turns a code into tokens, once.
func (f *FaxPlus) exchange(b FaxPlusBehaviour, client FaxPlusClient, form url.Values) answer {
	shown := form.Get("code")
	code := f.codes[shown]
	switch {
	case shown == "":
		return refusal(b, http.StatusBadRequest, "invalid_request", "")
	case code == nil || code.client != client.ID:
		return refusal(b, http.StatusBadRequest, "invalid_grant", shown)
	case code.used:
		f.reuse(b, code.signIn)
		return refusal(b, http.StatusBadRequest, "invalid_grant", shown)
	}
	code.used = true // by a wrong redirect URI too
	if form.Get("redirect_uri") != code.redirect || !f.now().Before(code.expiry) {
		return refusal(b, http.StatusBadRequest, "invalid_grant", shown)
	}
	return f.issue(b, code.signIn, f.newRefresh(code.signIn))
}

// renew turns a refresh token into an access token.
func (f *FaxPlus) renew(b FaxPlusBehaviour, client FaxPlusClient, shown string) answer {
	t := f.refresh[shown]
	switch {
	case shown == "":
		return refusal(b, http.StatusBadRequest, "invalid_request", "")
	case t == nil || t.signIn.client != client.ID || t.signIn.revoked,
		b.AdvancedSecurity && f.now().Sub(t.signIn.at) >= refreshLife:
		if t != nil && t.spent {
			f.shownAgain()
		}
		return refusal(b, http.StatusBadRequest, "invalid_grant", shown)
	case t.spent:
		f.reuse(b, t.signIn)
		return refusal(b, http.StatusBadRequest, "invalid_grant", shown)
	case !b.Rotate:
		return f.issue(b, t.signIn, "")
	}
	t.spent = true
	return f.issue(b, t.signIn, f.newRefresh(t.signIn))
}

func (f *FaxPlus) reuse(b FaxPlusBehaviour, signIn *faxSignIn) {
	f.shownAgain()
	signIn.revoked = signIn.revoked || b.RevokeOnReuse
}

func (f *FaxPlus) newRefresh(signIn *faxSignIn) string {
	token := opaque()
	f.refresh[token] = &faxRefresh{signIn: signIn}
	return token
}

// issue makes an access token. The keys beyond the two tokens are unpublished.
func (f *FaxPlus) issue(b FaxPlusBehaviour, signIn *faxSignIn, refresh string) answer {
	life := cmp.Or(b.ExpiresIn, time.Hour)
	token := opaque()
	f.access[token] = &faxAccess{signIn: signIn, expiry: f.now().Add(life)}
	out := map[string]any{"access_token": token}
	if refresh != "" || b.EmptyRefresh {
		out["refresh_token"] = refresh
	}
	if !b.Bare {
		out["token_type"], out["expires_in"], out["scope"] = "bearer", int64(life/time.Second), "all"
	}
	return jsonAnswer(http.StatusOK, out)
}

// refusal is a token error; a service that echoes puts what it refused into
// the description.
func refusal(b FaxPlusBehaviour, status int, code, shown string) answer {
	if !b.EchoSecret || shown == "" {
		return oauthError(status, code, "")
	}
	return oauthError(status, code, "refused: "+shown)
}
