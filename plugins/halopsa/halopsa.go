// SPDX-License-Identifier: Apache-2.0

// Command halopsa is the credential plugin for HaloPSA: OAuth 2.0 client
// credentials, for an application that the company hosts or that Halo hosts
// for a tenant.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
	"github.com/credhost/credhost/sdk/serve"
)

func main() { serve.Plugin(halopsa{}) }

var (
	hostingType = sdk.Field{Name: "hostingType", Title: "Hosting type", Kind: sdk.Choice, Default: "onPremise",
		Options: []sdk.Option{
			{Value: "onPremise", Title: "On Premise Solution", Help: "You run the Halo application on your own server."},
			{Value: "hostedHalo", Title: "Hosted Solution Of Halo", Help: "Halo runs the application for you. Your tenant is needed."},
		}}
	authURL = sdk.Field{Name: "authUrl", Title: "Authorisation server URL", Kind: sdk.URL, Example: "https://example.halopsa.com/auth",
		Help: "Shown in HaloPSA in Configuration > Integrations > Halo API, under API Details."}
	resourceURL = sdk.Field{Name: "resourceUrl", Title: "Resource server URL", Kind: sdk.URL, Example: "https://example.halopsa.com/api",
		Help: "Shown in the same place. It is the URL of your Halo web application, followed by /api."}
	tenant = sdk.Field{Name: "tenant", Title: "Tenant", Example: "example", When: hostingType.Is("hostedHalo"),
		Help: "The name of your tenant, shown in the same place."}
	clientID = sdk.Field{Name: "clientId", Title: "Client ID",
		Help: "Register an application in the Halo API settings. Choose the authentication method Client ID and Secret (Services), also called Client Credentials, and the login type Agent, with an API-only agent made for this purpose. On the Permissions tab, tick all. Copy the ID only after you have saved."}
	clientSecret = sdk.Field{Name: "clientSecret", Title: "Client secret", Secret: true,
		Help: "Shown once, when the application is registered. If it is lost, generate a new one."}
	scope = sdk.Field{Name: "scope", Title: "Scope", Default: "all", Example: "read:tickets edit:tickets",
		Help: "One or more, separated by spaces. They reach no further than the permissions that are ticked on the application."}
)

// halopsa is the plugin. It has no settings.
type halopsa struct{}

var _ sdk.Tester = halopsa{}

// Schema implements [sdk.Plugin].
func (halopsa) Schema() sdk.Schema {
	return sdk.Schema{
		Name:          "halopsa",
		Title:         "HaloPSA",
		DocsURL:       "https://halopsa.com/apidoc/authorisation",
		Icon:          icon,
		Fields:        []sdk.Field{hostingType, authURL, resourceURL, tenant, clientID, clientSecret, scope},
		Origins:       []string{"{resourceUrl}"},
		AnswerOrigins: []string{"{authUrl}"},
		Notices: []sdk.Notice{{Before: "clientId",
			Text: "HaloPSA checks the permissions of the application and those of its agent: a call needs both."}},
		Words: words,
	}
}

// Grant implements [sdk.Plugin]. There is nothing to refresh: a client asks
// for another token.
func (halopsa) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	c := oauth.Client{
		ID: in.Get(clientID), Secret: in.Get(clientSecret),
		TokenURL: tokenURL(in),
		Scopes:   strings.Fields(in.Get(scope)), // without one, the API refuses the token
	}
	tok, err := c.ClientCredentials(ctx)
	if err != nil {
		return sdk.Grant{}, explain(in, err)
	}
	g := tok.Grant()
	g.State = nil // a refresh token, if there is one, is worth less than the secret
	if tok.Scope != "" {
		g.Facts = map[string]string{"scope": tok.Scope}
	}
	return g, nil
}

// tokenURL returns the token endpoint. A hosted Halo learns its tenant from
// the query; one on premise has none, whatever was answered before.
func tokenURL(in sdk.Input) string {
	u := strings.TrimSuffix(in.Get(authURL), "/token") + "/token"
	if t := in.Get(tenant); t != "" {
		u += "?" + url.Values{"tenant": {t}}.Encode()
	}
	return u
}

// explain names the answer to correct, where the service's error allows it.
// What HaloPSA says of a wrong tenant is not published, so a request that it
// does not take for no reason that it names is put down to that.
func explain(in sdk.Input, err error) error {
	var said *oauth.ResponseError
	if !errors.As(err, &said) {
		return err
	}
	unnamed := said.Status == http.StatusBadRequest && (said.Code == "" || said.Code == "invalid_request")
	switch {
	case said.Code == "invalid_client":
		return sdk.Errorf(sdk.Denied, "HaloPSA does not take the client ID and secret: check both; a lost secret can be generated anew").Because(err)
	case said.Code == "unauthorized_client", said.Code == "unsupported_grant_type":
		return sdk.Errorf(sdk.Denied, "HaloPSA gives this application no token: its authentication method must be Client ID and Secret (Services), also called Client Credentials").Because(err)
	case said.Code == "invalid_scope":
		return sdk.Errorf(sdk.Invalid, "is not a scope that HaloPSA knows, or is not ticked on the application").In(scope).Because(err)
	case unnamed && in.Get(tenant) != "":
		return sdk.Errorf(sdk.Invalid, "is probably not the tenant's name: HaloPSA does not take the request").In(tenant).Because(err)
	case said.Status == http.StatusNotFound, said.Status < 300 && errors.Is(err, sdk.Unavailable):
		return elsewhere(in, authURL, "/api", errAuth).Because(err)
	}
	return err
}

var (
	errAuth = sdk.Errorf(sdk.Invalid, "is not where HaloPSA answers: copy it from API Details; it usually ends in /auth")
	errAPI  = sdk.Errorf(sdk.Invalid, "is not where HaloPSA answers: copy it from API Details; it usually ends in /api")
)

// elsewhere says that something else answers at an address: it is wrong, or
// the other one, if it ends as that does.
func elsewhere(in sdk.Input, f sdk.Field, otherEnd string, wrong *sdk.Error) *sdk.Error {
	if strings.HasSuffix(in.Get(f), otherEnd) {
		return sdk.Errorf(sdk.Invalid, "looks like the other one: are the two URLs swapped?").In(f)
	}
	return wrong.In(f)
}

// Test implements [sdk.Tester]. A token alone proves nothing: HaloPSA gives
// one without a usable scope, too. So it asks who the agent is.
func (halopsa) Test(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, in.Get(resourceURL)+"/Agent/me", nil)
	if err != nil {
		return sdk.Errorf(sdk.Invalid, "is not a URL").In(resourceURL)
	}
	r.Header.Set("Accept", "application/json")
	g.Apply(r)
	resp, body, err := sdk.Fetch(r)
	switch {
	case err != nil:
		return err
	case resp.StatusCode == http.StatusUnauthorized && g.Facts["scope"] == "":
		return sdk.Errorf(sdk.Forbidden, "HaloPSA gave a token without a scope, which its API does not take: tick permissions on the application")
	case resp.StatusCode == http.StatusUnauthorized:
		return sdk.Errorf(sdk.Denied, "the HaloPSA API does not take the token: check that the agent still has access, and that the resource server URL is right")
	case resp.StatusCode == http.StatusForbidden:
		return sdk.Errorf(sdk.Forbidden, "the client works, but the application or its agent lacks a permission")
	case resp.StatusCode == http.StatusNotFound, resp.StatusCode == http.StatusOK && !json.Valid(body):
		return elsewhere(in, resourceURL, "/auth", errAPI)
	}
	return sdk.Status(resp)
}

// icon is a plain mark in the service's colour, not its logo.
const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="12" fill="none" stroke="#cc2b5e" stroke-width="5"/></svg>`
