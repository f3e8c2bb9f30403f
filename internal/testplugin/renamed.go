// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"context"
	"net/http"

	"github.com/credhost/credhost/sdk"
)

const (
	renamedOrigin = "https://renamed.example"
	renamedKey    = "EXAMPLE-renamed-key"
)

var (
	account       = sdk.Field{Name: "account", Title: "Account", Help: "The name of the account."}
	renamedAPIKey = sdk.Field{Name: "apiKey", Title: "API key", Secret: true, Help: "Once called the token."}
	region        = sdk.Field{Name: "region", Title: "Region", Kind: sdk.Choice, Default: "eu",
		Options: []sdk.Option{{Value: "eu", Title: "Europe"}, {Value: "us", Title: "United States"}}}

	oldToken = sdk.Field{Name: "token", Title: "Token", Secret: true, Help: "Any page of the service shows it."}
)

// Renamed is the type renamed in its second version: what was called token is
// called apiKey; a region came in, with a default; and an account, which no
// old answer says.
type Renamed struct{}

var (
	_ sdk.Tester   = Renamed{}
	_ sdk.Upgrader = Renamed{}
)

// Schema implements [sdk.Plugin].
func (Renamed) Schema() sdk.Schema {
	return sdk.Schema{Name: "renamed", Title: "Renamed", Version: 2,
		Fields: []sdk.Field{account, renamedAPIKey, region}, Origins: []string{renamedOrigin}}
}

// Grant implements [sdk.Plugin].
func (Renamed) Grant(_ context.Context, in sdk.Input) (sdk.Grant, error) {
	return sdk.Grant{Header: http.Header{"X-Api-Key": {in.Get(renamedAPIKey)}}, Account: in.Get(account)}, nil
}

// Test implements [sdk.Tester].
func (Renamed) Test(ctx context.Context, _ sdk.Input, g sdk.Grant) error {
	return sdk.Probe(ctx, g, renamedOrigin+"/me", nil)
}

// Upgrade implements [sdk.Upgrader].
func (Renamed) Upgrade(_ context.Context, from int, old sdk.Values) (sdk.Values, error) {
	return sdk.Values{"apiKey": old["token"], "account": old["owner"]}, nil // a person who left the owner empty is asked
}

// RenamedOld is the type renamed in its first version.
type RenamedOld struct{}

var _ sdk.Tester = RenamedOld{}

var owner = sdk.Field{Name: "owner", Title: "Owner", Optional: true}

// Schema implements [sdk.Plugin].
func (RenamedOld) Schema() sdk.Schema {
	return sdk.Schema{Name: "renamed", Title: "Renamed", Version: 1,
		Fields: []sdk.Field{owner, oldToken}, Origins: []string{renamedOrigin}}
}

// Grant implements [sdk.Plugin].
func (RenamedOld) Grant(_ context.Context, in sdk.Input) (sdk.Grant, error) {
	return sdk.Grant{Header: http.Header{"X-Api-Key": {in.Get(oldToken)}}}, nil
}

// Test implements [sdk.Tester].
func (RenamedOld) Test(ctx context.Context, _ sdk.Input, g sdk.Grant) error {
	return sdk.Probe(ctx, g, renamedOrigin+"/me", nil)
}

// RenamedAnswers returns good answers to the first version.
func RenamedAnswers() sdk.Values { return sdk.Values{"owner": "example", "token": renamedKey} }

// RenamedStandin stands in for the service of renamed.
type RenamedStandin struct{}

// ServeHTTP implements [http.Handler].
func (RenamedStandin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if key := r.Header.Get("X-Api-Key"); key != renamedKey {
		refuse(w, http.StatusUnauthorized, "wrong key: "+key)
		return
	}
	reply(w, map[string]string{"name": "renamed"})
}
