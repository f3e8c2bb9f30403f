// SPDX-License-Identifier: Apache-2.0

// Command halopsa is the credential plugin for HaloPSA: OAuth 2.0 client
// credentials, for an application that the company hosts or that Halo hosts
// for a tenant.
package main

import (
	"context"
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
		Help: "Register an application in the Halo API settings: authentication method Client ID and Secret (Services), also called Client Credentials; login type Agent, with an agent made for this purpose; permission all. Copy the ID after saving."}
	clientSecret = sdk.Field{Name: "clientSecret", Title: "Client secret", Secret: true,
		Help: "Shown once, when the application is registered. If it is lost, generate a new one."}
	scope = sdk.Field{Name: "scope", Title: "Scope", Default: "all", Example: "read:tickets edit:tickets",
		Help: "Separated by spaces. What is allowed in the end is what the application and its agent may both do."}
)

// halopsa is the plugin. It has no settings.
type halopsa struct{}

var _ sdk.Tester = halopsa{}

// Schema implements [sdk.Plugin].
func (halopsa) Schema() sdk.Schema {
	return sdk.Schema{
		Name:          "halopsa",
		Title:         "HaloPSA",
		DocsURL:       "https://haloservicedesk.com/apidoc/authentication",
		Icon:          icon,
		Fields:        []sdk.Field{hostingType, authURL, resourceURL, tenant, clientID, clientSecret, scope},
		Origins:       []string{"{resourceUrl}"},
		AnswerOrigins: []string{"{authUrl}"},
		Notices: []sdk.Notice{{Before: "clientId",
			Text: "HaloPSA checks the permissions of the application and those of its agent: a call needs both."}},
	}
}

// Grant implements [sdk.Plugin]. There is nothing to refresh: a client asks
// for another token.
func (p halopsa) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
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
	g.Facts = map[string]string{"scope": tok.Scope}
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
func explain(in sdk.Input, err error) error {
	var said *oauth.ResponseError
	if !errors.As(err, &said) {
		return err
	}
	switch {
	case said.Code == "invalid_client":
		return sdk.Errorf(sdk.Denied, "HaloPSA does not take the client ID and secret: check both; a lost secret can be generated anew").Because(err)
	case said.Code == "invalid_scope":
		return sdk.Errorf(sdk.Invalid, "HaloPSA does not know this scope").In(scope).Because(err)
	case said.Code == "invalid_request" && in.Get(tenant) != "":
		return sdk.Errorf(sdk.Invalid, "HaloPSA does not take the request: check the tenant").In(tenant).Because(err)
	case said.Status == http.StatusNotFound || said.Status < 300:
		return sdk.Errorf(sdk.Invalid, "there is no token endpoint here: %s", addressHint(in)).In(authURL).Because(err)
	}
	return err
}

func addressHint(in sdk.Input) string {
	if strings.HasSuffix(in.Get(authURL), "/api") {
		return "this looks like the resource server; are the two URLs swapped?"
	}
	return "copy the URL from API Details; it usually ends in /auth"
}

// Test implements [sdk.Tester]. A token alone proves nothing: HaloPSA gives
// one without a usable scope, too. So it asks who the agent is.
func (halopsa) Test(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	var agent map[string]any // {"name":…} or {"agents":[…]}
	err := sdk.Probe(ctx, g, in.Get(resourceURL)+"/Agent/me", &agent)
	switch {
	case errors.Is(err, sdk.Denied) && g.Facts["scope"] == "":
		return sdk.Errorf(sdk.Forbidden, "HaloPSA gave a token without a scope, which its API does not take: tick permissions on the application")
	case errors.Is(err, sdk.Denied):
		return sdk.Errorf(sdk.Denied, "the HaloPSA API does not take the token: check that the agent still has access")
	case errors.Is(err, sdk.Forbidden):
		return sdk.Errorf(sdk.Forbidden, "the client works, but the application or its agent lacks a permission")
	}
	return err
}

// icon is a plain mark in the service's colour, not its logo.
const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="12" fill="none" stroke="#cc2b5e" stroke-width="5"/></svg>`
