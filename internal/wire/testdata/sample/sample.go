// SPDX-License-Identifier: Apache-2.0

// Package sample is a plugin for tests. What it is asked and what it answers
// is made of a number, the seed, so that both ends of a connection can tell
// whether what they got is what the other sent: see [Check].
package sample

import (
	"context"
	"fmt"
	"reflect"
	"strconv"

	"github.com/credhost/credhost/sdk"
)

// The fields of the schema.
var (
	Seed   = sdk.Field{Name: "seed", Title: "Seed", Kind: sdk.Number}
	Note   = sdk.Field{Name: "note", Title: "Note", Kind: sdk.LongText, Optional: true}
	Secret = sdk.Field{Name: "secret", Title: "Secret", Secret: true, Optional: true}
	Site   = sdk.Field{Name: "site", Title: "Site", Kind: sdk.Choice, Optional: true, Suggest: &sdk.Suggest{Needs: []string{"seed"}}}
)

// A Plugin is a type that can do everything.
type Plugin struct{ Name string }

var (
	_ sdk.Plugin    = Plugin{}
	_ sdk.Tester    = Plugin{}
	_ sdk.Connector = Plugin{}
	_ sdk.Signer    = Plugin{}
	_ sdk.Revoker   = Plugin{}
	_ sdk.Suggester = Plugin{}
	_ sdk.Upgrader  = Plugin{}
)

// Schema describes the type.
func (p Plugin) Schema() sdk.Schema {
	return sdk.Schema{
		Name:    p.Name,
		Title:   "Sample <&> “sample”",
		Version: 3,
		Fields:  []sdk.Field{Seed, Note, Secret, Site},
		Origins: []string{"https://*.example.com"},
		Notices: []sdk.Notice{{Text: "For tests only.", When: Seed.Is("1")}},
	}
}

// seedOf returns the number that an input is made of, after comparing it.
func (p Plugin) seedOf(in sdk.Input) (uint64, error) {
	seed, err := strconv.ParseUint(in.Get(Seed), 10, 64)
	if err != nil {
		return 0, err
	}
	want := New(seed, "input").Input(p.Schema(), seed)
	return seed, same("input", dismantle(in), dismantle(want))
}

// dismantle returns what is in an input in a form that can be compared.
func dismantle(in sdk.Input) any {
	return struct {
		Values  sdk.Values
		State   []byte
		Refused *sdk.Refusal
	}{in.Values(), in.State, in.Refused}
}

// same returns an error if what arrived is not what was sent.
func same(what string, got, want any) error {
	if !reflect.DeepEqual(got, want) {
		return sdk.Errorf(sdk.Internal, "the %s is not the one that was sent", what)
	}
	return nil
}

// fate returns the error that a call with a seed ends in: every third does.
func (p Plugin) fate(seed uint64) error {
	if seed%3 != 2 {
		return nil
	}
	return New(seed, "error").Error(p.Schema()).Because(fmt.Errorf("a cause that must not cross"))
}

// Grant returns the grant of the input's seed.
func (p Plugin) Grant(_ context.Context, in sdk.Input) (sdk.Grant, error) {
	seed, err := p.seedOf(in)
	if err != nil {
		return sdk.Grant{}, err
	}
	return New(seed, "grant").Grant(), p.fate(seed)
}

// Test fails as the input's seed says.
func (p Plugin) Test(_ context.Context, in sdk.Input, g sdk.Grant) error {
	seed, err := p.seedOf(in)
	if err == nil {
		err = same("grant", g, New(seed, "grant").Grant())
	}
	if err != nil {
		return err
	}
	return p.fate(seed)
}

// Connect returns the approval of the input's seed.
func (p Plugin) Connect(_ context.Context, in sdk.Input, cb sdk.Callback) (sdk.Approval, error) {
	seed, err := p.seedOf(in)
	if err == nil {
		err = same("callback", cb, New(seed, "callback").Callback())
	}
	if err != nil {
		return sdk.Approval{}, err
	}
	return New(seed, "approval").Approval(), p.fate(seed)
}

// Exchange returns the grant of the input's seed.
func (p Plugin) Exchange(_ context.Context, in sdk.Input, cb sdk.Callback) (sdk.Grant, error) {
	seed, err := p.seedOf(in)
	if err == nil {
		err = same("callback", cb, New(seed, "callback").Callback())
	}
	if err != nil {
		return sdk.Grant{}, err
	}
	return New(seed, "grant").Grant(), p.fate(seed)
}

// Sign returns the signature of the input's seed, if it got the parts of the
// request that the grant names and no others.
func (p Plugin) Sign(_ context.Context, in sdk.Input, g sdk.Grant, r sdk.Request) (sdk.Signature, error) {
	seed, err := p.seedOf(in)
	if err == nil {
		err = same("grant", g, New(seed, "grant").Grant())
	}
	if err == nil {
		err = same("request", r, Named(g.Sign, New(seed, "request").Request()))
	}
	if err != nil {
		return sdk.Signature{}, err
	}
	return New(seed, "signature").Signature(), p.fate(seed)
}

// Revoke fails as the input's seed says.
func (p Plugin) Revoke(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	return p.Test(ctx, in, g)
}

// Suggest returns the options of the input's seed.
func (p Plugin) Suggest(_ context.Context, in sdk.Input, g sdk.Grant, f sdk.Field, search string) ([]sdk.Option, error) {
	seed, err := p.seedOf(in)
	if err == nil {
		err = same("grant", g, New(seed, "grant").Grant())
	}
	if err == nil {
		err = same("field", f, Site)
	}
	if err == nil {
		err = same("search", search, New(seed, "search").text(40))
	}
	if err != nil {
		return nil, err
	}
	return New(seed, "options").Options(), p.fate(seed)
}

// Upgrade returns the values of the seed among the old ones.
func (p Plugin) Upgrade(_ context.Context, from int, old sdk.Values) (sdk.Values, error) {
	seed, err := strconv.ParseUint(old["seed"], 10, 64)
	if err == nil {
		err = same("values", old, New(seed, "old").Values(seed))
	}
	if err == nil {
		err = same("version", from, int(seed%3))
	}
	if err != nil {
		return nil, err
	}
	return New(seed, "values").Values(seed), p.fate(seed)
}
