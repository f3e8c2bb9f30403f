// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"time"

	"github.com/credhost/credhost/sdk"
)

var stateFaults = []planted{
	{name: "needs no approval", in: "InProcess/oauth/Grant", says: "connect first",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			if in.Get(mMethod) == "oauth" && in.State == nil {
				return sdk.Bearer("nothing", time.Time{}), nil
			}
			return model{}.Grant(ctx, in)
		}}},
	{name: "changes the state that it was given", in: "InProcess/oauth/Renewal", says: "changed the Input.State",
		plugin: altered{grant: granted(func(in sdk.Input, _ *sdk.Grant) { clear(in.State) })}},
	{name: "keeps the old refresh token", in: "InProcess/oauth/Renewal", says: "the service had replaced",
		plugin: altered{grant: granted(func(in sdk.Input, g *sdk.Grant) { g.State = in.State })}},
	{name: "sends a refresh token twice", in: "InProcess/oauth/Renewal", says: "the same refresh_token twice",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			g, err := model{}.Grant(ctx, in)
			model{}.Grant(ctx, in)
			return g, err
		}}},
	{name: "says that a spent token is good, and it is not", in: "InProcess/oauth/Reuse", says: "with the same State for the second time",
		plugin: altered{schema: func(s sdk.Schema) sdk.Schema { s.ReuseSeconds = 60; return s }}},
	{name: "says that a spent token is good, and has none", in: "InProcess", says: "ReuseSeconds is set, but no grant has a State",
		plugin: altered{schema: func(s sdk.Schema) sdk.Schema {
			s.ReuseSeconds = 60
			for _, name := range []string{"clientId", "clientSecret"} {
				s = field(name, func(f *sdk.Field) { f.Optional = true })(s)
			}
			return s
		}},
		suite: func(s *Suite) { delete(s.Answers, "oauth") }},
	{name: "shows an assertion twice", in: "InProcess/key/Renewal", says: "the same client_assertion twice",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			return modelGrant(modelClient(in).Request(ctx, url.Values{"grant_type": {"key"}, "key": {in.Get(mKey)}, "client_assertion": {"a.b.c"}}))
		}}},
	{name: "sends a code twice", in: "InProcess/oauth/Connect", says: "the same code twice",
		plugin: altered{exchange: func(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Grant, error) {
			g, err := model{}.Exchange(ctx, in, cb)
			if err == nil {
				model{}.Exchange(ctx, in, cb)
			}
			return g, err
		}}},
	{name: "calls the end of a refresh token a bug", in: "InProcess/oauth/Renewal", says: "invalid_grant",
		plugin: altered{grant: reworded(sdk.Denied, sdk.Internal)}},
	{name: "panics over a state of nobody's", in: "InProcess/oauth/Renewal", says: "it panicked",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			if len(in.State) > 0 && in.State[0] != '{' {
				panic("a state of nobody's")
			}
			return model{}.Grant(ctx, in)
		}}},
	{name: "remembers the grant", in: "InProcess/key/Memory", says: "answered from memory",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			if g, ok := remembered.Load(in.Get(mKey)); ok && in.Get(mMethod) == "key" {
				return g.(sdk.Grant), nil
			}
			g, err := model{}.Grant(ctx, in)
			if err == nil {
				remembered.Store(in.Get(mKey), g)
			}
			return g, err
		}}, suite: func(*Suite) { remembered.Clear() }},
}

var remembered sync.Map

// reworded returns a Grant that says one code for another.
func reworded(from, to sdk.Code) func(context.Context, sdk.Input) (sdk.Grant, error) {
	return func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
		g, err := model{}.Grant(ctx, in)
		return g, recoded(err, from, to)
	}
}

func recoded(err error, from, to sdk.Code) error {
	var e *sdk.Error
	if errors.As(err, &e) && e.Code == from {
		return sdk.Errorf(to, "something went wrong")
	}
	return err
}
