// SPDX-License-Identifier: Apache-2.0

// Command faxplus is the credential plugin for Fax.Plus: a personal access
// token, or the OAuth 2.0 code flow with renewal.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
	"github.com/credhost/credhost/sdk/serve"
)

func main() { serve.Plugin(faxplus{}) }

// The service has fixed addresses.
const (
	accounts = "https://accounts.fax.plus"
	api      = "https://restapi.fax.plus"
)

var (
	method = sdk.Field{Name: "authMethod", Title: "Authentication method", Kind: sdk.Choice, Default: "pat",
		Help: "Both need the Enterprise plan, and an owner or administrator in the web app.",
		Options: []sdk.Option{
			{Value: "pat", Title: "Personal Access Token", Help: "Recommended. You make it once; it expires on the date that you choose."},
			{Value: "oauth2", Title: "OAuth 2.0", Help: "You approve access in the browser."},
		}}
	token = sdk.Field{Name: "personalAccessToken", Title: "Personal Access Token", Secret: true, Pattern: `^\S+$`, Example: "alohi_pat_…",
		When: method.Is("pat"),
		Help: "Profile > Integrations > FAX.PLUS API > Personal Access Tokens > Manage > Generate Token. Choose a name, an expiration date and the scopes, both edit and read. Copy it now: you will not be able to see it again."}
	tokenEnds = sdk.Field{Name: "patExpiresAt", Title: "Token expires", Kind: sdk.DateTime, Optional: true,
		When: method.Is("pat"), Help: "The date that you chose, so that you can be warned in time."}
	clientID = sdk.Field{Name: "clientId", Title: "Client ID", Pattern: `^APIK-[^:\s]+$`, Example: "APIK-…",
		When: method.Is("oauth2"), Help: "Profile > Integrations > Fax.Plus API > Activate. It starts with APIK-."}
	clientSecret = sdk.Field{Name: "clientSecret", Title: "Client secret", Secret: true,
		When: method.Is("oauth2"), Help: "Shown in the same place."}
	advanced = sdk.Field{Name: "advancedSecurityControls", Title: "The account has Advanced Security Controls", Kind: sdk.Bool,
		When: method.Is("oauth2"), Help: "If so, access must be approved again every 30 days."}
)

// faxplus is the plugin. It has no settings.
type faxplus struct{}

var (
	_ sdk.Tester    = faxplus{}
	_ sdk.Connector = faxplus{}
)

// Schema implements [sdk.Plugin].
func (faxplus) Schema() sdk.Schema {
	return sdk.Schema{
		Name:          "faxplus",
		Title:         "Fax.Plus",
		DocsURL:       "https://apidoc.fax.plus/concepts/authentication",
		Icon:          icon,
		Fields:        []sdk.Field{method, token, tokenEnds, clientID, clientSecret, advanced},
		Origins:       []string{api},
		AnswerOrigins: []string{accounts},
		ConnectWhen:   method.Is("oauth2"),
		NoPKCE:        true,
		// The refresh token does not rotate: both samples of the vendor keep the
		// old one, which is good for 30 days or for ever.
		ReuseSeconds: sdk.MaxReuse,
		Notices: []sdk.Notice{
			{Before: "clientId", Text: "Add this host's redirect URL to the redirect URIs of the API client at Fax.Plus, letter for letter.", When: method.Is("oauth2")},
		},
		Words: words,
	}
}

// client describes how the service speaks OAuth 2.0: parameters in the query,
// an empty body, one scope, no PKCE that it knows of, and Basic authentication
// with the ID and the secret as they are, without RFC 6749's encoding.
func client(in sdk.Input) oauth.Client {
	header := sdk.Basic(in.Get(clientID), in.Get(clientSecret)).Header
	header.Set("Content-Type", "application/x-www-form-urlencoded")
	return oauth.Client{
		TokenURL: accounts + "/token", Encoding: oauth.Query, Header: header,
		NoPKCE:   true,
		Lifetime: time.Hour, // where the answer does not say
	}
}

// Connect implements [sdk.Connector].
func (faxplus) Connect(_ context.Context, in sdk.Input, cb sdk.Callback) (sdk.Approval, error) {
	c := client(in)
	c.ID, c.AuthURL, c.Scopes = in.Get(clientID), accounts+"/login", []string{"all"}
	return c.Approval(cb), nil
}

// Exchange implements [sdk.Connector].
func (faxplus) Exchange(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Grant, error) {
	c := client(in)
	c.ID = in.Get(clientID) // which this request wants beside the header
	tok, err := c.Exchange(ctx, cb)
	if err != nil {
		return sdk.Grant{}, explain(err, errApproval)
	}
	tok.Kept = map[string]string{"approved": time.Now().UTC().Format(time.RFC3339)}
	return grant(in, tok), nil
}

// Grant implements [sdk.Plugin].
func (faxplus) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	if in.Get(method) == "pat" {
		ends, _ := time.Parse(time.RFC3339, in.Get(tokenEnds)) // zero, if not answered
		g := sdk.Bearer(in.Get(token), time.Time{})
		g.Reconnect = ends // only a person can make another
		return g, nil
	}
	tok, err := client(in).Refresh(ctx, in.State)
	if err != nil {
		return sdk.Grant{}, explain(err, errRenewal)
	}
	return grant(in, tok), nil
}

var (
	errApproval = sdk.Errorf(sdk.Denied, "Fax.Plus does not take the approval: check that this host's redirect URL is one of the client's, and connect again")
	errRenewal  = sdk.Errorf(sdk.Denied, "Fax.Plus does not renew the access any more: connect again; with Advanced Security Controls this is due every 30 days")
)

// explain says what to do when the service refuses what was shown to it, as
// ended does, or the client that showed it.
func explain(err error, ended *sdk.Error) error {
	var said *oauth.ResponseError
	switch {
	case !errors.As(err, &said) || !errors.Is(err, sdk.Denied):
		return err
	case said.Code == "invalid_client":
		return sdk.Errorf(sdk.Denied, "Fax.Plus does not take the client ID and secret: enter them again").Because(err)
	}
	return ended.Because(err)
}

// grant adds to a token the header that the API wants with it, and when the
// person must approve again.
func grant(in sdk.Input, tok oauth.Token) sdk.Grant {
	g := tok.Grant()
	g.Header.Set("x-fax-clientid", in.Get(clientID))
	if approved, err := time.Parse(time.RFC3339, tok.Kept["approved"]); err == nil && in.Bool(advanced) {
		g.Reconnect = approved.AddDate(0, 0, 30)
	}
	return g
}

// Test implements [sdk.Tester]. A personal token may lack the scope that the
// account needs and still be good, so it is asked about itself; that question
// is new, and where the service does not know it the account has to do.
func (faxplus) Test(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	personal := in.Get(method) == "pat"
	if personal {
		known, err := tokenInfo(ctx, g)
		if known || err != nil {
			return err
		}
	}
	var account struct {
		Status string `json:"status"`
	}
	err := sdk.Probe(ctx, g, api+"/v3/accounts/self", &account)
	switch {
	case errors.Is(err, sdk.Denied) && personal:
		return errToken
	case err == nil && account.Status != "" && account.Status != "active":
		return sdk.Errorf(sdk.Forbidden, "the credential works, but the Fax.Plus account is not active")
	}
	return err
}

var errToken = sdk.Errorf(sdk.Denied, "Fax.Plus does not take the personal access token: it is wrong, or has expired; generate another")

// tokenInfo asks a personal token about itself, and reports whether the
// service knows the question.
func tokenInfo(ctx context.Context, g sdk.Grant) (known bool, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"/v3/auth/token", nil)
	if err != nil {
		return false, err
	}
	r.Header.Set("Accept", "application/json")
	g.Apply(r)
	resp, body, err := sdk.Fetch(r)
	switch {
	case err != nil:
		return false, err
	case resp.StatusCode == http.StatusNotFound:
		return false, nil
	case resp.StatusCode == http.StatusUnauthorized:
		return true, errToken
	case resp.StatusCode < 300 && !json.Valid(body):
		return true, sdk.Errorf(sdk.Unavailable, "something other than Fax.Plus answers: try again later")
	}
	return true, sdk.Status(resp)
}

// icon is a plain mark in the service's colour, not its logo.
const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M6 11h20v13H6zM10 4h12v5H10z" fill="#0b6ae6"/><path d="M12 17h8v2h-8z" fill="#fff"/></svg>`
