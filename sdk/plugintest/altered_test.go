// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"

	"github.com/credhost/credhost/sdk"
)

// An altered plugin is a model with methods replaced. Those that are nil are
// the model's.
type altered struct {
	model
	can      sdk.Abilities // what it lacks
	schema   func(s sdk.Schema) sdk.Schema
	grant    func(ctx context.Context, in sdk.Input) (sdk.Grant, error)
	test     func(ctx context.Context, in sdk.Input, g sdk.Grant) error
	connect  func(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Approval, error)
	exchange func(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Grant, error)
	sign     func(ctx context.Context, in sdk.Input, g sdk.Grant, r sdk.Request) (sdk.Signature, error)
	revoke   func(ctx context.Context, in sdk.Input, g sdk.Grant) error
	suggest  func(ctx context.Context, in sdk.Input, g sdk.Grant, f sdk.Field, search string) ([]sdk.Option, error)
	upgrade  func(ctx context.Context, from int, old sdk.Values) (sdk.Values, error)
}

func (a altered) Can() sdk.Abilities {
	can := sdk.Can(a.model)
	return sdk.Abilities{
		Test: can.Test && !a.can.Test, Connect: can.Connect && !a.can.Connect, Sign: can.Sign && !a.can.Sign,
		Revoke: can.Revoke && !a.can.Revoke, Suggest: can.Suggest && !a.can.Suggest, Upgrade: can.Upgrade && !a.can.Upgrade,
	}
}

func (a altered) Schema() sdk.Schema {
	if a.schema != nil {
		return a.schema(a.model.Schema())
	}
	return a.model.Schema()
}

func (a altered) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	if a.grant != nil {
		return a.grant(ctx, in)
	}
	return a.model.Grant(ctx, in)
}

func (a altered) Test(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	if a.test != nil {
		return a.test(ctx, in, g)
	}
	return a.model.Test(ctx, in, g)
}

func (a altered) Connect(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Approval, error) {
	if a.connect != nil {
		return a.connect(ctx, in, cb)
	}
	return a.model.Connect(ctx, in, cb)
}

func (a altered) Exchange(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Grant, error) {
	if a.exchange != nil {
		return a.exchange(ctx, in, cb)
	}
	return a.model.Exchange(ctx, in, cb)
}

func (a altered) Sign(ctx context.Context, in sdk.Input, g sdk.Grant, r sdk.Request) (sdk.Signature, error) {
	if a.sign != nil {
		return a.sign(ctx, in, g, r)
	}
	return a.model.Sign(ctx, in, g, r)
}

func (a altered) Revoke(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	if a.revoke != nil {
		return a.revoke(ctx, in, g)
	}
	return a.model.Revoke(ctx, in, g)
}

func (a altered) Suggest(ctx context.Context, in sdk.Input, g sdk.Grant, f sdk.Field, search string) ([]sdk.Option, error) {
	if a.suggest != nil {
		return a.suggest(ctx, in, g, f, search)
	}
	return a.model.Suggest(ctx, in, g, f, search)
}

func (a altered) Upgrade(ctx context.Context, from int, old sdk.Values) (sdk.Values, error) {
	if a.upgrade != nil {
		return a.upgrade(ctx, from, old)
	}
	return a.model.Upgrade(ctx, from, old)
}
