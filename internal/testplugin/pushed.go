// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"context"
	"time"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

const (
	pushedOrigin     = "https://pushed.example"
	pushedClientID   = "EXAMPLE-pushed-client"
	pushedGoodSecret = "EXAMPLE-pushed-client-secret"
	pushedGrace      = 30 * time.Second
	pushedIdle       = 30 * 24 * time.Hour
)

var (
	pushedResources = []string{pushedOrigin + "/mail", pushedOrigin + "/files"}

	pushedClient = sdk.Field{Name: "clientId", Title: "Client ID"}
	pushedSecret = sdk.Field{Name: "clientSecret", Title: "Client secret", Secret: true, Help: "Shown once."}
)

// Pushed is the type pushed: a person approves a request that the plugin has
// pushed (RFC 9126). Refresh tokens rotate, are forgiven for a while, and die
// when they are not used; what is revoked is proved to be dead (RFC 7009, RFC
// 7662).
type Pushed struct{}

var (
	_ sdk.Tester    = Pushed{}
	_ sdk.Connector = Pushed{}
	_ sdk.Revoker   = Pushed{}
)

// Schema implements [sdk.Plugin].
func (Pushed) Schema() sdk.Schema {
	return sdk.Schema{Name: "pushed", Title: "Pushed", Fields: []sdk.Field{pushedClient, pushedSecret}, Origins: []string{pushedOrigin},
		ReuseSeconds: int(pushedGrace / time.Second)}
}

func (Pushed) client(in sdk.Input) oauth.Client {
	return oauth.Client{
		ID: in.Get(pushedClient), Secret: in.Get(pushedSecret), Auth: oauth.AuthBasic,
		AuthURL: pushedOrigin + "/authorize", PushURL: pushedOrigin + "/par", TokenURL: pushedOrigin + "/token",
		RevokeURL: pushedOrigin + "/revoke", IntrospectURL: pushedOrigin + "/introspect",
		Scopes: []string{"read", "offline"}, Resources: pushedResources,
	}
}

// Connect implements [sdk.Connector].
func (p Pushed) Connect(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Approval, error) {
	return p.client(in).Push(ctx, cb)
}

// Exchange implements [sdk.Connector].
func (p Pushed) Exchange(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Grant, error) {
	return pushedGrant(p.client(in).Exchange(ctx, cb))
}

// Grant implements [sdk.Plugin].
func (p Pushed) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	return pushedGrant(p.client(in).Refresh(ctx, in.State))
}

func pushedGrant(tok oauth.Token, err error) (sdk.Grant, error) {
	if err != nil {
		return sdk.Grant{}, err
	}
	g := tok.Grant()
	g.Idle = pushedIdle
	return g, nil
}

// Test implements [sdk.Tester].
func (Pushed) Test(ctx context.Context, _ sdk.Input, g sdk.Grant) error {
	return sdk.Probe(ctx, g, pushedOrigin+"/me", nil)
}

// Revoke implements [sdk.Revoker].
func (p Pushed) Revoke(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	return p.client(in).RevokeGrant(ctx, in, g)
}
