// SPDX-License-Identifier: Apache-2.0

// Command hellocloud is the credential plugin for HelloCloud, a SuiteCRM with
// a JSON:API: a password or client credentials, by version.
package main

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
	"github.com/credhost/credhost/sdk/serve"
)

func main() { serve.Plugin(hellocloud{}) }

var (
	baseURL = sdk.Field{Name: "baseUrl", Title: "Instance URL", Kind: sdk.URL, Example: "https://crm.example.com",
		Help: "The address of your HelloCloud. If it is in a folder, such as /legacy, include the folder."}
	version = sdk.Field{Name: "version", Title: "HelloCloud version", Kind: sdk.Choice, Default: "7.10.2+",
		Help:    "Decides which grant types there are.",
		Options: []sdk.Option{{Value: "7.10.0"}, {Value: "7.10.2+"}}}
	grantType = sdk.Field{Name: "grantType", Title: "Grant type", Kind: sdk.Choice, Default: "client_credentials",
		Defaults: []sdk.Default{{Value: "password", When: version.Is("7.10.0")}},
		Options: []sdk.Option{
			{Value: "client_credentials", Title: "Client credentials", When: version.Is("7.10.2+"),
				Help: "For a machine or a service. In Admin > OAuth2 Clients and Tokens, choose New Client Credentials Client; it needs an Associated User."},
			{Value: "password", Title: "Password",
				Help: "For a user. In Admin > OAuth2 Clients and Tokens, choose New Password Client."},
		}}
	clientID = sdk.Field{Name: "clientId", Title: "Client ID", Example: "3f7fda97-d8e2-b9ad-eb89-5a2fe9b07650",
		Help: "The ID that HelloCloud makes for the client, visible once it is saved; not its name."}
	clientSecret = sdk.Field{Name: "clientSecret", Title: "Client secret", Secret: true,
		Help: "What was entered in Change secret. HelloCloud keeps a hash of it, so it cannot be read again after saving."}
	username = sdk.Field{Name: "username", Title: "Username", When: grantType.Is("password"),
		Help: "The name with which the user signs in to HelloCloud."}
	password = sdk.Field{Name: "password", Title: "Password", Secret: true, When: grantType.Is("password"),
		Help: "That user's password."}
)

// hellocloud is the plugin. It has no settings.
type hellocloud struct{}

var (
	_ sdk.Tester  = hellocloud{}
	_ sdk.Revoker = hellocloud{}
)

// Schema implements [sdk.Plugin].
func (hellocloud) Schema() sdk.Schema {
	return sdk.Schema{
		Name:    "hellocloud",
		Title:   "HelloCloud",
		DocsURL: "https://help.hellocloud.com.br/books/hellocloud---guia-de-desenolvimento/page/json-api",
		Icon:    icon,
		Fields:  []sdk.Field{baseURL, version, grantType, clientID, clientSecret, username, password},
		Origins: []string{"{baseUrl}"},
		// A refresh token that was spent is refused, and nothing is revoked for
		// it: then the password does it.
		ReuseSeconds: sdk.MaxReuse,
		Words:        words,
	}
}

// root returns the instance's address, without what people paste after it.
func root(in sdk.Input) string {
	u := in.Get(baseURL)
	for _, end := range []string{"/access_token", "/V8", "/Api"} {
		u = strings.TrimSuffix(u, end)
	}
	return u
}

// client describes how the service speaks OAuth 2.0: JSON, and never a scope,
// which it refuses.
func client(in sdk.Input) oauth.Client {
	return oauth.Client{
		ID: in.Get(clientID), Secret: in.Get(clientSecret),
		TokenURL: root(in) + "/Api/access_token", // capital A, no slash at the end
		Encoding: oauth.JSON,
		Header:   http.Header{"Content-Type": {mediaType}, "Accept": {mediaType}},
	}
}

// Grant implements [sdk.Plugin].
func (hellocloud) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	tok, err := token(ctx, in)
	if err != nil {
		return sdk.Grant{}, explain(in, err)
	}
	g := tok.Grant()
	if in.Get(grantType) != "password" {
		g.State = nil
	}
	return g, nil
}

func token(ctx context.Context, in sdk.Input) (oauth.Token, error) {
	c := client(in)
	if in.Get(grantType) == "client_credentials" {
		return c.ClientCredentials(ctx)
	}
	if in.State != nil {
		tok, err := c.Refresh(ctx, in.State)
		if err == nil || !refreshFails(err) {
			return tok, err
		}
	}
	tok, err := c.Password(ctx, in.Get(username), in.Get(password))
	if noUser(err) { // 7.10.21 to 7.10.25 look for the user in a form only
		c.Encoding, c.Header = oauth.Form, nil
		return c.Password(ctx, in.Get(username), in.Get(password))
	}
	return tok, err
}

// refreshFails reports whether a refresh failed in one of the ways in which it
// does although the password is good: releases before 7.10.21 do not know the
// grant, some after it lose the user, 7.13.3 to 7.14.4 refuse the client, and a
// token that has ended or was used is an invalid request.
func refreshFails(err error) bool {
	var said *oauth.ResponseError
	if !errors.As(err, &said) {
		return errors.Is(err, sdk.Denied) // nothing to refresh with
	}
	switch said.Code {
	case "unsupported_grant_type", "invalid_client", "invalid_request", "invalid_grant":
		return true
	}
	return noUser(err)
}

// noUser reports whether a token belongs to nobody. A wrong username is
// another matter.
func noUser(err error) bool {
	var said *oauth.ResponseError
	return errors.As(err, &said) && said.Says("No user found") && !said.Says("No user found with this username")
}

// explain names what is wrong. HelloCloud reports most of it as an error of
// its own (500), and repeats the password while doing so.
func explain(in sdk.Input, err error) error {
	var said *oauth.ResponseError
	if !errors.As(err, &said) {
		return err
	}
	switch {
	case said.Code == "invalid_client" || said.Says("OAuth2Clients"):
		return sdk.Errorf(sdk.Denied, "HelloCloud does not take the client ID and secret: check both; the ID is not the name, and the client must be one for this grant type").Because(err)
	case said.Says("No user found with this username"), said.Says("The password is invalid"), said.Says("The user credentials were incorrect"):
		return sdk.Errorf(sdk.Denied, "HelloCloud does not take the username and password: check both").Because(err)
	case noUser(err):
		return sdk.Errorf(sdk.Denied, "the client has no associated user, or is one for another grant type: check it in OAuth2 Clients and Tokens").Because(err)
	case said.Code == "unsupported_grant_type":
		return sdk.Errorf(sdk.Invalid, "is not one that this HelloCloud offers: choose another").In(grantType).Because(err)
	case said.Status == http.StatusNotFound, said.Status == http.StatusMethodNotAllowed, said.Status < 300:
		return noAPI().Because(err)
	}
	return err
}

func noAPI() *sdk.Error {
	return sdk.Errorf(sdk.Invalid, "is not where HelloCloud answers: check the address and its folder, and that the web server rewrites /Api").In(baseURL)
}

// icon is a plain mark in the service's colour, not its logo.
const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path d="M9 24a6 6 0 0 1 0-12 8 8 0 0 1 15 2 5 5 0 0 1-1 10z" fill="#1f9d8b"/></svg>`
