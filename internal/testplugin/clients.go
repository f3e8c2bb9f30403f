// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"context"
	"errors"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

// ClientsOrigin is where the type clients has its service.
const ClientsOrigin = "https://clients.example"

const (
	clientsIssuer     = ClientsOrigin + "/issuer" // which is not the token endpoint
	clientsGoodSecret = "EXAMPLE-clients-secret-of-32-bytes"
)

// ClientsMethods are the ways in which a client of the type clients can
// authenticate.
func ClientsMethods() []oauth.Auth {
	return []oauth.Auth{oauth.AuthPost, oauth.AuthBasic, oauth.AuthSecretJWT, oauth.AuthKeyJWT, oauth.AuthTLS, oauth.AuthSelfSignedTLS}
}

var (
	clientsMethod = sdk.Field{Name: "authMethod", Title: "Client authentication", Kind: sdk.Choice, Default: string(oauth.AuthPost),
		Options: clientsOptions(), Help: "As the client is registered."}
	clientsID     = sdk.Field{Name: "clientId", Title: "Client ID"}
	clientsSecret = sdk.Field{Name: "clientSecret", Title: "Client secret", Secret: true, Help: "Shown once.",
		When: sdk.Or(clientsMethod.Is(string(oauth.AuthPost)), clientsMethod.Is(string(oauth.AuthBasic)), clientsMethod.Is(string(oauth.AuthSecretJWT)))}
	clientsKey = sdk.Field{Name: "privateKey", Title: "Private key", Kind: sdk.LongText, Secret: true, Help: "In PEM, or as a JWK.",
		When: clientsMethod.Is(string(oauth.AuthKeyJWT))}
	clientsTLS    = sdk.Or(clientsMethod.Is(string(oauth.AuthTLS)), clientsMethod.Is(string(oauth.AuthSelfSignedTLS)))
	clientsChain  = sdk.Field{Name: "certificate", Title: "Certificate", Kind: sdk.LongText, When: clientsTLS}
	clientsTLSKey = sdk.Field{Name: "certificateKey", Title: "Its private key", Kind: sdk.LongText, Secret: true, Help: "In PEM.", When: clientsTLS}
)

func clientsOptions() (all []sdk.Option) {
	for _, method := range ClientsMethods() {
		all = append(all, sdk.Option{Value: string(method)})
	}
	return all
}

// Clients is the type clients: a client that signs in for itself, in each of
// the ways in which one can (RFC 6749, section 2.3; RFC 7523, section 2.2; RFC
// 8705). What it gets with a certificate is good with that certificate alone.
type Clients struct{}

var _ sdk.Tester = Clients{}

// Schema implements [sdk.Plugin].
func (Clients) Schema() sdk.Schema {
	return sdk.Schema{Name: "clients", Title: "Clients", Origins: []string{ClientsOrigin},
		Fields:            []sdk.Field{clientsMethod, clientsID, clientsSecret, clientsKey, clientsChain, clientsTLSKey},
		ClientCertificate: &sdk.ClientCertificate{Certificate: "certificate", Key: "certificateKey"}}
}

// Grant implements [sdk.Plugin].
func (Clients) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	c := oauth.Client{
		ID: in.Get(clientsID), Secret: in.Get(clientsSecret),
		Auth:     oauth.Auth(in.Get(clientsMethod)),
		Audience: clientsIssuer, // of the assertion, for those who show one
		TokenURL: ClientsOrigin + "/token",
	}
	if c.Auth == oauth.AuthKeyJWT {
		key, err := oauth.ParseKey(in.Get(clientsKey), clientsKey)
		if err != nil {
			return sdk.Grant{}, err
		}
		c.Key = key
	}
	tok, err := c.ClientCredentials(ctx)
	if err != nil {
		return sdk.Grant{}, err
	}
	return tok.Grant(), nil
}

// Test implements [sdk.Tester]. It knows nothing of certificates: the host
// shows them.
func (Clients) Test(ctx context.Context, _ sdk.Input, g sdk.Grant) error {
	err := sdk.Probe(ctx, g, ClientsOrigin+"/me", nil)
	if errors.Is(err, sdk.Forbidden) {
		return sdk.Errorf(sdk.Forbidden, "the client works, but may not be asked about itself").Because(err)
	}
	return err
}
