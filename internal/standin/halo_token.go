// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// haloScopes are the scopes that Halo is known to have.
var haloScopes = strings.Fields(`all all:standard all:teams admin access:chat access:adpasswordreset editMine:timesheets
	read:tickets edit:tickets read:calendar edit:calendar read:customers edit:customers read:crm edit:crm
	read:timesheets edit:timesheets read:contracts edit:contracts read:suppliers edit:suppliers read:items edit:items
	read:projects edit:projects read:sales edit:sales read:quotes edit:quotes read:sos edit:sos read:pos edit:pos
	read:invoices edit:invoices read:reporting edit:reporting read:software edit:software
	read:softwarelicensing edit:softwarelicensing read:kb edit:kb read:assets edit:assets`)

// token serves POST /auth/token.
func (h *Halo) token(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	if r.Method != http.MethodPost { // unpublished
		w.Header().Set("Allow", http.MethodPost)
		oauthError(http.StatusMethodNotAllowed, "invalid_request", "The method must be POST.").write(w)
		return
	}
	if mediaType(r.Header) != formType || r.ParseForm() != nil {
		oauthError(http.StatusBadRequest, "invalid_request", "The body must be a form.").write(w)
		return
	}
	h.clientCredentials(r.URL.Query(), r.PostForm).write(w)
}

func (h *Halo) clientCredentials(query, form url.Values) answer {
	b := h.Behaviour()
	switch grant := form.Get("grant_type"); {
	case grant == "":
		return oauthError(http.StatusBadRequest, "invalid_request", "The grant_type is missing.")
	case grant != "client_credentials":
		return oauthError(http.StatusBadRequest, "unsupported_grant_type", "")
	case !b.OnPremise && cmp.Or(query.Get("tenant"), form.Get("tenant")) != h.tenant: // unpublished
		return oauthError(http.StatusBadRequest, "invalid_request", "The tenant is missing or unknown.")
	}
	client, ok := h.clients[form.Get("client_id")]
	if secret := form.Get("client_secret"); !ok || secret != client.Secret || b.RefuseClients {
		description := ""
		if b.EchoSecret {
			description = "The client secret '" + secret + "' is not valid."
		}
		return oauthError(cmp.Or(b.ClientStatus, http.StatusUnauthorized), "invalid_client", description)
	}
	scopes := strings.Fields(form.Get("scope"))
	for _, s := range scopes {
		if !slices.Contains(haloScopes, s) || client.Scopes != nil && !haloAllows(client.Scopes, s) {
			return oauthError(http.StatusBadRequest, "invalid_scope", "")
		}
	}
	return h.issue(b, client, scopes)
}

// issue makes an access token. One without a scope is issued like any other
// and then opens nothing.
func (h *Halo) issue(b HaloBehaviour, client HaloClient, scopes []string) answer {
	now, life := h.now(), cmp.Or(b.ExpiresIn, time.Hour)
	token := opaque()
	claims := map[string]any{"sub": client.Agent.ID, "iat": now.Unix(), "exp": now.Add(life).Unix()}
	if b.JWT {
		claims["jti"] = randomHex(16)
		token = signJWT(`{"typ":"at+jwt","alg":"RS256"}`, encode(claims, ""))
	}
	claims["name"], claims["email"] = client.Agent.Name, client.Agent.Email

	h.mu.Lock()
	h.tokens[token] = &haloToken{client, scopes, now.Add(life)}
	h.mu.Unlock()
	return jsonAnswer(http.StatusOK, struct {
		Scope       string `json:"scope,omitempty"`
		TokenType   string `json:"token_type"`
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"`
		IDToken     string `json:"id_token"`
	}{strings.Join(scopes, " "), "Bearer", token, int64(life / time.Second),
		signJWT(`{"typ":"JWT","alg":"RS256"}`, encode(claims, ""))})
}

// haloAllows tells whether the scopes that were granted cover one that is
// needed: all covers everything, and edit:x covers read:x.
func haloAllows(granted []string, need string) bool {
	what, reads := strings.CutPrefix(need, "read:")
	return slices.Contains(granted, "all") || slices.Contains(granted, need) ||
		reads && slices.Contains(granted, "edit:"+what)
}
