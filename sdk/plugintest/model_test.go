// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

// A model is a plugin that does everything, and does it well: the faults are
// planted in it.
type model struct{}

var (
	_ sdk.Tester    = model{}
	_ sdk.Connector = model{}
	_ sdk.Signer    = model{}
	_ sdk.Revoker   = model{}
	_ sdk.Suggester = model{}
	_ sdk.Upgrader  = model{}
)

const modelLogin = "https://login.model.example"

var (
	mBase   = sdk.Field{Name: "baseUrl", Title: "URL", Kind: sdk.URL, Default: "https://api.model.example"}
	mMethod = sdk.Field{Name: "method", Title: "Method", Kind: sdk.Choice, Default: "key", Options: []sdk.Option{{Value: "key"}, {Value: "oauth"}}}
	mKey    = sdk.Field{Name: "key", Title: "Key", Secret: true, When: mMethod.Is("key"), Help: "Profile > Key."}
	mSite   = sdk.Field{Name: "site", Title: "Site", Kind: sdk.Choice, When: mMethod.Is("key"), Suggest: &sdk.Suggest{Needs: []string{"key"}}}
	mTeam   = sdk.Field{Name: "team", Title: "Team", Optional: true}
	mID     = sdk.Field{Name: "clientId", Title: "Client ID", When: mMethod.Is("oauth")}
	mSecret = sdk.Field{Name: "clientSecret", Title: "Client secret", Secret: true, When: mMethod.Is("oauth"), Help: "Profile > Client."}
)

func (model) Schema() sdk.Schema {
	return sdk.Schema{
		Name: "model", Title: "Model", Version: 1, ConnectWhen: mMethod.Is("oauth"),
		Icon:          `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h8v8z"/></svg>`,
		Fields:        []sdk.Field{mBase, mMethod, mKey, mSite, mTeam, mID, mSecret},
		Origins:       []string{"{baseUrl}"},
		AnswerOrigins: []string{modelLogin},
	}
}

func modelClient(in sdk.Input) oauth.Client {
	return oauth.Client{ID: in.Get(mID), Secret: in.Get(mSecret), AuthURL: modelLogin + "/authorize", TokenURL: modelLogin + "/token"}
}

// Grant makes a session of a key, or of a refresh token.
func (model) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	if in.Get(mMethod) == "oauth" {
		return modelGrant(modelClient(in).Refresh(ctx, in.State))
	}
	return modelGrant(modelClient(in).Request(ctx, url.Values{"grant_type": {"key"}, "key": {in.Get(mKey)}}))
}

func modelGrant(tok oauth.Token, err error) (sdk.Grant, error) {
	if err != nil {
		return sdk.Grant{}, err
	}
	g := tok.Grant()
	g.Sign = sdk.SignURL | sdk.SignSHA256
	g.Facts = map[string]string{"scope": tok.Scope}
	return g, nil
}

func (model) Test(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	var me struct{ Name string }
	return sdk.Probe(ctx, g, in.Get(mBase)+"/me", &me)
}

func (model) Connect(_ context.Context, in sdk.Input, cb sdk.Callback) (sdk.Approval, error) {
	return modelClient(in).Approval(cb), nil
}

func (model) Exchange(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Grant, error) {
	return modelGrant(modelClient(in).Exchange(ctx, cb))
}

func (model) Sign(_ context.Context, _ sdk.Input, g sdk.Grant, r sdk.Request) (sdk.Signature, error) {
	u, err := url.Parse(r.URL)
	if err != nil {
		return sdk.Signature{}, sdk.Errorf(sdk.Internal, "the request has no URL")
	}
	return sdk.Signature{Header: http.Header{"X-Signature": {modelSignature(g.Header.Get("Authorization"), r.Method, u.RequestURI(), r.SHA256)}}}, nil
}

func modelSignature(authorization, method, target string, sum []byte) string {
	h := hmac.New(sha256.New, []byte(authorization))
	h.Write([]byte(method + " " + target + " " + hex.EncodeToString(sum)))
	return hex.EncodeToString(h.Sum(nil))
}

func (model) Revoke(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, in.Get(mBase)+"/revoke", nil)
	if err != nil {
		return err
	}
	g.Apply(r)
	if err := sdk.Send(r, &struct{}{}); !errors.Is(err, sdk.Denied) {
		return err
	}
	return nil // it was dead already
}

func (model) Suggest(ctx context.Context, in sdk.Input, _ sdk.Grant, _ sdk.Field, search string) ([]sdk.Option, error) {
	var found []sdk.Option
	g := sdk.Grant{Header: http.Header{"X-Key": {in.Get(mKey)}}}
	err := sdk.Probe(ctx, g, in.Get(mBase)+"/sites?search="+url.QueryEscape(search), &found)
	return found, err
}

// Upgrade calls what was the token a key.
func (model) Upgrade(_ context.Context, _ int, old sdk.Values) (sdk.Values, error) {
	return sdk.Values{"key": old["token"], "site": "north"}, nil
}

// modelSuite returns the suite of a model, or of one with a fault, with a
// stand-in of its own.
func modelSuite(p func() sdk.Plugin) Suite {
	return Suite{
		New:     p,
		Service: newModelStandin(),
		Answers: map[string]sdk.Values{
			"key":   {"key": modelKey, "site": "north", "team": "blue"},
			"oauth": {"method": "oauth", "clientId": modelID, "clientSecret": modelSecret},
		},
		Old: map[int][]sdk.Values{0: {{"token": modelKey}}},
		Request: func(in sdk.Input) *http.Request {
			r, _ := http.NewRequest(http.MethodPost, in.Get(mBase)+"/things?a=b", strings.NewReader(`{"name":"thing"}`))
			return r
		},
	}
}
