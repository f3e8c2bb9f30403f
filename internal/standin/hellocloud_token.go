// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"cmp"
	"net/http"
	"strings"
	"time"
)

// token serves POST /access_token.
func (h *HelloCloud) token(w http.ResponseWriter, c call) {
	p := parseParams(c.Request)
	h.mu.Lock()
	body, err := h.grant(c, p)
	h.mu.Unlock()
	if err != nil {
		c.refuse(w, err)
		return
	}
	noStore(w)
	answer{http.StatusOK, "application/json; charset=UTF-8", body}.write(w)
}

// grant checks in league's order: grant type, client, scope, user; for a
// refresh the token comes before the scope.
func (h *HelloCloud) grant(c call, p params) (string, error) {
	grant, _ := p.get("grant_type")
	switch {
	case grant == "password":
		return h.passwordGrant(c, p)
	case grant == "client_credentials" && c.release.clientCredentials:
		client, err := h.client(c, p, grant)
		if err == nil {
			err = p.checkScope()
		}
		if err != nil {
			return "", err
		}
		return h.issue(c, p, client, "", false)
	case grant == "refresh_token" && c.release.refresh:
		return h.refreshGrant(c, p)
	}
	return "", c.release.unsupportedGrant()
}

func (h *HelloCloud) passwordGrant(c call, p params) (string, error) {
	client, err := h.client(c, p, "password")
	if err == nil {
		err = p.checkScope()
	}
	if err != nil {
		return "", err
	}
	name, ok := p.get("username")
	if !ok {
		return "", missing("username")
	}
	password, ok := p.get("password")
	if !ok {
		return "", missing("password")
	}
	switch user := h.user(name); {
	case c.release.old && (user.ID == "" || user.Password != password):
		return "", leagueError{http.StatusUnauthorized, "invalid_credentials", "The user credentials were incorrect.", ""}
	case user.ID == "":
		return "", unknownError("No user found with this username: " + name)
	case user.Password != password:
		return "", unknownError("The password is invalid: " + password) // in clear text, in every release
	default:
		return h.issue(c, p, client, user.ID, true)
	}
}

// refreshGrant spends a refresh token: the old pair is gone before the new one
// is made, even if that fails.
func (h *HelloCloud) refreshGrant(c call, p params) (string, error) {
	client, err := h.client(c, p, "refresh_token")
	if err != nil {
		return "", err
	}
	shown, ok := p.get("refresh_token")
	if !ok {
		return "", missing("refresh_token")
	}
	t := h.refresh[shown]
	switch {
	case t == nil:
		return "", c.release.invalidRefresh("Cannot decrypt the refresh token")
	case t.client != client.ID:
		return "", c.release.invalidRefresh("Token is not linked to client")
	case t.expiry.Unix() < h.now().Unix():
		return "", c.release.invalidRefresh("Token has expired")
	case t.row.deleted:
		if t.spent {
			h.shownAgain()
		}
		return "", c.release.invalidRefresh("Token has been revoked")
	}
	if err := p.checkScope(); err != nil {
		return "", err
	}
	t.row.deleted, t.spent = true, true
	return h.issue(c, p, client, t.user, true)
}

// client finds and checks the client. Its ID and secret may come by Basic
// authentication; those in the body win.
func (h *HelloCloud) client(c call, p params, grant string) (HelloCloudClient, error) {
	auth, _ := c.authorization()
	basicID, basicSecret, basic := (&http.Request{Header: http.Header{"Authorization": {auth}}}).BasicAuth()
	id, ok := p.get("client_id")
	if !ok && !basic {
		return HelloCloudClient{}, missing("client_id")
	} else if !ok {
		id = basicID
	}
	secret, ok := p.get("client_secret")
	if !ok {
		secret = basicSecret
	}
	client, known := h.clients[id]
	_, redirect := p.get("redirect_uri") // never the registered one, as there is none
	r := c.release
	switch {
	case r.old && !known:
		return client, invalidClient
	case id == "":
		return client, unknownError("Module id is empty when trying to get OAuth2Clients")
	case !known:
		return client, unknownError("OAuth2Clients module with id " + id + " is not found")
	case r.old && r.clientCredentials && client.Grant != grant:
		return client, errSlim // an exception that only Slim catches
	case r.league8 && grant == "client_credentials" && client.Public,
		r.matchGrant && grant != "refresh_token" && client.Grant != grant,
		r.matchRefresh && grant == "refresh_token",
		secret != client.Secret && !(r.old && client.Public),
		redirect, c.b.RefuseClients:
		return client, invalidClient
	}
	return client, nil
}

// checkScope refuses every scope: SuiteCRM has none.
func (p params) checkScope() error {
	scope, _ := p.get("scope")
	for _, s := range strings.Fields(scope) {
		return invalidScope(s)
	}
	return nil
}

// owner is the ID of the user that a new token belongs to. user is the ID of
// the one who signed in, if any.
func (h *HelloCloud) owner(c call, p params, client HelloCloudClient, user string) (string, error) {
	assigned, posted := h.user(client.User).ID, ""
	if name, ok := p.get("username"); ok && p.form {
		posted = h.user(name).ID
	}
	owner := assigned
	switch person := client.Grant == "password"; {
	case c.release.owner == ownerNone:
		return "", nil
	case c.release.owner == ownerPosted:
		return cmp.Or(posted, assigned), nil
	case person && c.release.owner == ownerPostedOnly:
		owner = posted
	case person:
		owner = user
	}
	if owner == "" {
		return "", unknownError("No user found")
	}
	return owner, nil
}

// issue makes an access token, and a refresh token if asked to; user is the
// ID of whom it is for, empty for a machine.
func (h *HelloCloud) issue(c call, p params, client HelloCloudClient, user string, refresh bool) (string, error) {
	owner, err := h.owner(c, p, client, user)
	if err != nil {
		return "", err
	}
	if c.b.BrokenKeys {
		return "", unknownError("It was not possible to parse your key, reason: error:0909006C:PEM routines:get_name:no start line")
	}
	now, life := h.now(), cmp.Or(c.b.ExpiresIn, time.Hour)
	jti := randomHex(40)
	row := &tokenRow{jwt: c.release.jwt(client.ID, user, jti, now, now.Add(life)), client: client, owner: owner}
	h.rows[jti] = row
	out := struct {
		Type    string `json:"token_type"`
		Expires int64  `json:"expires_in"`
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token,omitempty"`
	}{"Bearer", int64(life / time.Second), row.jwt, ""}
	if refresh {
		// The header of a Defuse ciphertext, then salt, nonce, text and
		// authentication code, as long as the real one.
		out.Refresh = "def50200" + randomHex(32+16+269+len(client.ID)+len(user)+32)
		h.refresh[out.Refresh] = &refreshToken{client: client.ID, user: user, row: row, expiry: now.AddDate(0, 1, 0)}
	}
	return phpJSON(out), nil
}
