// SPDX-License-Identifier: Apache-2.0

// Command credhost-plugin-torture serves a type whose form has every kind of
// field and of condition. It does nothing else: its grants are empty.
package main

import (
	"context"

	"github.com/credhost/credhost/internal/formtest"
	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/serve"
)

func main() { serve.Plugin(torture{}) }

type torture struct{}

func (torture) Schema() sdk.Schema { return formtest.Torture() }

func (torture) Grant(context.Context, sdk.Input) (sdk.Grant, error) { return sdk.Grant{}, nil }

func (torture) Test(context.Context, sdk.Input, sdk.Grant) error { return nil }

func (torture) Connect(context.Context, sdk.Input, sdk.Callback) (sdk.Approval, error) {
	return sdk.Approval{}, nothing
}

func (torture) Exchange(context.Context, sdk.Input, sdk.Callback) (sdk.Grant, error) {
	return sdk.Grant{}, nothing
}

func (torture) Suggest(context.Context, sdk.Input, sdk.Grant, sdk.Field, string) ([]sdk.Option, error) {
	return nil, nothing
}

var nothing = sdk.Errorf(sdk.Unavailable, "there is no service behind this")
