// SPDX-License-Identifier: Apache-2.0

// Command kinds is a plugin for the tests of the program: a type that asks for
// every kind of answer, and has no test.
package main

import (
	"context"
	"net/http"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/serve"
)

func main() { serve.Plugin(kinds{}) }

type kinds struct{}

var mode = sdk.Field{Name: "mode", Title: "Mode", Kind: sdk.Choice, Default: "short",
	Options: []sdk.Option{{Value: "short", Title: "Short"}, {Value: "long", Title: "Long", Help: "Asks for more."}}}

func (kinds) Schema() sdk.Schema {
	long := mode.Is("long")
	return sdk.Schema{Name: "kinds", Title: "Kinds", Origins: []string{"https://kinds.example"},
		Fields: []sdk.Field{
			mode,
			{Name: "key", Title: "Key", Secret: true, Bounds: sdk.AtLeast(4)},
			{Name: "pem", Title: "PEM", Kind: sdk.LongText, Secret: true, When: long},
			{Name: "note", Title: "Note", Kind: sdk.LongText, When: long},
			{Name: "on", Title: "On", Kind: sdk.Bool, When: long},
			{Name: "count", Title: "Count", Kind: sdk.Number, When: long, Bounds: sdk.Between(1, 9)},
			{Name: "at", Title: "At", Kind: sdk.DateTime, Optional: true, When: long},
			{Name: "tags", Title: "Tags", Many: true, When: long},
			{Name: "headers", Title: "Headers", Kind: sdk.Pairs, When: long},
			{Name: "extra", Title: "Extra", Kind: sdk.JSON, Optional: true, When: long},
			{Name: "site", Title: "Site", Optional: true, Help: "A line of help.", Example: "north", When: long},
		},
		Notices: []sdk.Notice{
			{Before: "pem", Text: "A notice stands here.", When: long},
			{Text: "A notice stands at the end."},
		}}
}

func (kinds) Grant(_ context.Context, in sdk.Input) (sdk.Grant, error) {
	key, _ := in.Lookup("key")
	return sdk.Grant{Header: http.Header{"X-Key": {key}}}, nil
}
