// SPDX-License-Identifier: Apache-2.0

// Command apikey is a whole credential plugin: for Acme, an invented service
// that wants an API key in a header. Start yours from it.
package main

import (
	"context"
	"net/http"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/serve"
)

func main() { serve.Plugin(acme{}) }

// What a person is asked. Fields are variables, so that a spelling mistake
// does not compile. The zero value of the rest makes a required line of text.
var (
	baseURL = sdk.Field{
		Name: "baseUrl", Title: "Acme URL", Kind: sdk.URL,
		Default: "https://api.acme.example",
		Help:    "Change it if you run Acme yourself.",
	}
	key = sdk.Field{
		Name: "apiKey", Title: "API key", Secret: true,
		Help: "Acme > Settings > API keys. It is shown once.",
	}
)

// acme is the plugin. It keeps nothing: the host does.
type acme struct{}

// Schema says what to ask, and where the secrets may go: nowhere else.
func (acme) Schema() sdk.Schema {
	return sdk.Schema{
		Name:    "acme",
		Title:   "Acme",
		DocsURL: "https://acme.example/docs/authentication",
		Fields:  []sdk.Field{baseURL, key},
		Origins: []string{"{baseUrl}"},
	}
}

// Grant says what a request must carry. There is nothing to ask Acme for: the
// key is all there is, and it does not expire.
func (acme) Grant(_ context.Context, in sdk.Input) (sdk.Grant, error) {
	return sdk.Grant{Header: http.Header{"X-Api-Key": {in.Get(key)}}}, nil
}

// Test asks Acme whether it takes the key. Probe tells a wrong key from a
// missing permission, and both from a service that is down.
func (acme) Test(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	return sdk.Probe(ctx, g, in.Get(baseURL)+"/v1/me", nil)
}
