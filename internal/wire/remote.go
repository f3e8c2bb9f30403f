// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"errors"
	"strconv"

	"github.com/credhost/credhost/internal/wire/pluginv1"
	"github.com/credhost/credhost/sdk"
)

// A remote is a type that a program at the other end of a connection serves.
type remote struct {
	rpc pluginv1.PluginClient
	t   Type
}

var (
	_ sdk.Plugin    = (*remote)(nil)
	_ sdk.Tester    = (*remote)(nil)
	_ sdk.Connector = (*remote)(nil)
	_ sdk.Signer    = (*remote)(nil)
	_ sdk.Revoker   = (*remote)(nil)
	_ sdk.Suggester = (*remote)(nil)
	_ sdk.Upgrader  = (*remote)(nil)
	_ sdk.Limiter   = (*remote)(nil)
)

func (r *remote) Schema() sdk.Schema { return r.t.Schema }

func (r *remote) Can() sdk.Abilities { return r.t.Can }

// who is the plugin, as errors call it.
func (r *remote) who() string {
	if r.t.Schema.Name == "" {
		return "the plugin"
	}
	return "the plugin of " + strconv.Quote(r.t.Schema.Name)
}

// can returns an error unless the type has an ability.
func (r *remote) can(does bool, what string) error {
	if does {
		return nil
	}
	return sdk.Errorf(sdk.Internal, "%s cannot %s", r.who(), what).Because(errors.ErrUnsupported)
}

func (r *remote) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	a, err := invoke(ctx, r.who(), r.rpc.Grant, &pluginv1.GrantRequest{
		Call: callOf(ctx), Type: r.t.Schema.Name, Input: toInput(in),
	})
	if err != nil {
		return sdk.Grant{}, err
	}
	return r.granted(ctx, a.GetGrant(), a.GetError())
}

func (r *remote) Test(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	if err := r.can(r.t.Can.Test, "test"); err != nil {
		return err
	}
	a, err := invoke(ctx, r.who(), r.rpc.Test, &pluginv1.TestRequest{
		Call: callOf(ctx), Type: r.t.Schema.Name, Input: toInput(in), Grant: toGrant(g),
	})
	if err != nil {
		return err
	}
	return r.done(ctx, a.GetDone(), a.GetError())
}

func (r *remote) Connect(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Approval, error) {
	if err := r.can(r.t.Can.Connect, "connect"); err != nil {
		return sdk.Approval{}, err
	}
	a, err := invoke(ctx, r.who(), r.rpc.Connect, &pluginv1.ConnectRequest{
		Call: callOf(ctx), Type: r.t.Schema.Name, Input: toInput(in), Callback: toCallback(cb),
	})
	if err != nil {
		return sdk.Approval{}, err
	}
	return r.approval(ctx, a.GetApproval(), a.GetError())
}

func (r *remote) Exchange(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Grant, error) {
	if err := r.can(r.t.Can.Connect, "connect"); err != nil {
		return sdk.Grant{}, err
	}
	a, err := invoke(ctx, r.who(), r.rpc.Exchange, &pluginv1.ExchangeRequest{
		Call: callOf(ctx), Type: r.t.Schema.Name, Input: toInput(in), Callback: toCallback(cb),
	})
	if err != nil {
		return sdk.Grant{}, err
	}
	return r.granted(ctx, a.GetGrant(), a.GetError())
}

func (r *remote) Sign(ctx context.Context, in sdk.Input, g sdk.Grant, q sdk.Request) (sdk.Signature, error) {
	if err := r.can(r.t.Can.Sign, "sign"); err != nil {
		return sdk.Signature{}, err
	}
	a, err := invoke(ctx, r.who(), r.rpc.Sign, &pluginv1.SignRequest{
		Call: callOf(ctx), Type: r.t.Schema.Name, Input: toInput(in), Grant: toGrant(g), Request: toRequest(g.Sign, q),
	})
	if err != nil {
		return sdk.Signature{}, err
	}
	return r.signature(ctx, a.GetSignature(), a.GetError())
}

func (r *remote) Revoke(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	if err := r.can(r.t.Can.Revoke, "revoke"); err != nil {
		return err
	}
	a, err := invoke(ctx, r.who(), r.rpc.Revoke, &pluginv1.RevokeRequest{
		Call: callOf(ctx), Type: r.t.Schema.Name, Input: toInput(in), Grant: toGrant(g),
	})
	if err != nil {
		return err
	}
	return r.done(ctx, a.GetDone(), a.GetError())
}

func (r *remote) Suggest(ctx context.Context, in sdk.Input, g sdk.Grant, f sdk.Field, search string) ([]sdk.Option, error) {
	if err := r.can(r.t.Can.Suggest, "suggest"); err != nil {
		return nil, err
	}
	a, err := invoke(ctx, r.who(), r.rpc.Suggest, &pluginv1.SuggestRequest{
		Call: callOf(ctx), Type: r.t.Schema.Name, Input: toInput(in), Grant: toGrant(g), Field: f.Name, Search: search,
	})
	if err != nil {
		return nil, err
	}
	return r.options(ctx, a.GetOptions(), a.GetError())
}

func (r *remote) Upgrade(ctx context.Context, from int, old sdk.Values) (sdk.Values, error) {
	if err := r.can(r.t.Can.Upgrade, "upgrade"); err != nil {
		return nil, err
	}
	a, err := invoke(ctx, r.who(), r.rpc.Upgrade, &pluginv1.UpgradeRequest{
		Call: callOf(ctx), Type: r.t.Schema.Name, From: int64(from), Values: old,
	})
	if err != nil {
		return nil, err
	}
	return r.values(ctx, a.GetValues(), a.GetError())
}
