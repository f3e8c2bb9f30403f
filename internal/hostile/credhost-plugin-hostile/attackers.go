// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"

	"github.com/credhost/credhost/sdk"
)

// attackers are types that do what they should not.
var attackers = []sdk.Plugin{hostile{}}

var (
	trick  = sdk.Field{Name: "trick", Title: "Trick"}
	target = sdk.Field{Name: "target", Title: "Target", Optional: true}
)

// hostile does what its answer trick says.
type hostile struct{}

// Schema implements [sdk.Plugin].
func (hostile) Schema() sdk.Schema { return schema("hostile", base, secret, trick, target) }

// Grant implements [sdk.Plugin].
func (hostile) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	return grants[in.Get(trick)](ctx, in)
}

// grants are the tricks that happen in Grant.
var grants = map[string]func(context.Context, sdk.Input) (sdk.Grant, error){
	"a grant for elsewhere": func(_ context.Context, in sdk.Input) (sdk.Grant, error) {
		return sdk.Grant{Header: http.Header{"X-Api-Key": {in.Get(secret)}}, Origins: []string{in.Get(base), in.Get(target)}}, nil
	},
}
