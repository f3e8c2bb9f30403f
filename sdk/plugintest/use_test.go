// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// tested returns a Test that changes its error.
func tested(change func(err error) error) func(context.Context, sdk.Input, sdk.Grant) error {
	return func(ctx context.Context, in sdk.Input, g sdk.Grant) error { return change(model{}.Test(ctx, in, g)) }
}

var useFaults = []planted{
	{name: "test that asks nobody", in: "InProcess/key/Test", says: "asked nobody",
		plugin: altered{test: func(context.Context, sdk.Input, sdk.Grant) error { return nil }}},
	{name: "test that fails for a good grant", in: "InProcess/key/Test", says: "of a good grant",
		plugin: altered{test: tested(func(error) error { return sdk.Errorf(sdk.Denied, "no") })}},
	{name: "test that takes a bad grant", in: "InProcess/key/Test", says: "that the service does not take: got success",
		plugin: altered{test: tested(func(err error) error { return notIf(err, sdk.Denied) })}},
	{name: "test that calls a bad grant unavailable", in: "InProcess/key/Test", says: "that the service does not take: got Unavailable",
		plugin: altered{test: tested(func(err error) error { return recoded(err, sdk.Denied, sdk.Unavailable) })}},
	{name: "test that calls a lack of permission a wrong secret", in: "InProcess/key/Test", says: "lacks a permission",
		plugin: altered{test: tested(func(err error) error { return recoded(err, sdk.Forbidden, sdk.Denied) })}},
	{name: "test that changes the grant", in: "InProcess/key/Test", says: "changed the grant",
		plugin: altered{test: func(ctx context.Context, in sdk.Input, g sdk.Grant) error {
			g.Header.Set("Accept", "*/*")
			return model{}.Test(ctx, in, g)
		}}},
	{name: "test that takes a page for success", in: "InProcess/key/Faults/Test/Page", says: "got success",
		plugin: altered{test: func(ctx context.Context, in sdk.Input, g sdk.Grant) error {
			r, _ := http.NewRequestWithContext(ctx, "GET", in.Get(mBase)+"/me", nil)
			g.Apply(r)
			resp, _, err := sdk.Fetch(r)
			if err != nil {
				return err
			}
			return sdk.Status(resp)
		}}},
	{name: "signature that nobody can check", in: "InProcess/key/Sign", says: "two signatures of one request",
		plugin: altered{sign: func(context.Context, sdk.Input, sdk.Grant, sdk.Request) (sdk.Signature, error) {
			return sdk.Signature{Header: http.Header{"X-Signature": {rand.Text()}}}, nil
		}}},
	{name: "signature of nothing", in: "InProcess/key/Sign", says: "different paths",
		plugin: altered{sign: func(context.Context, sdk.Input, sdk.Grant, sdk.Request) (sdk.Signature, error) {
			return sdk.Signature{Header: http.Header{"X-Signature": {"signed"}}}, nil
		}}},
	{name: "signature of a part that was not asked for", in: "InProcess/key/Request", says: "the service answered 401",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Sign = sdk.SignURL })}},
	{name: "signature that needs a part that was not asked for", in: "InProcess/key/Sign", says: "it panicked",
		plugin: altered{
			grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Sign = sdk.SignURL }),
			sign: func(ctx context.Context, in sdk.Input, g sdk.Grant, r sdk.Request) (sdk.Signature, error) {
				_ = r.SHA256[31]
				return model{}.Sign(ctx, in, g, r)
			}}},
	{name: "signature that HTTP does not allow", in: "OverTheWire/key/Sign", says: "does not allow",
		plugin: altered{sign: func(context.Context, sdk.Input, sdk.Grant, sdk.Request) (sdk.Signature, error) {
			return sdk.Signature{Header: http.Header{"X-Signature": {"a\nb"}}}, nil
		}}},
	{name: "grant that does not work", in: "InProcess/oauth/Request", says: "Suite.Request with the grant",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Sign = 0 }), exchange: func(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Grant, error) {
			g, err := model{}.Exchange(ctx, in, cb)
			g.Sign = 0
			return g, err
		}}},
	{name: "stand-in that takes everything", in: "InProcess/key/Request", says: "let it refuse",
		suite: func(s *Suite) {
			good := s.Service
			s.Service = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/things" {
					good.ServeHTTP(w, r)
				}
			})
		}},
	{name: "suggestion that the field does not take", in: "InProcess/key/Suggest", says: "option 3 is not an answer",
		plugin: altered{suggest: suggested(func(o []sdk.Option) []sdk.Option { return append(o, sdk.Option{Value: " west "}) })}},
	{name: "suggestion without a choice", in: "InProcess/key/Suggest", says: "0 options",
		plugin: altered{suggest: suggested(func([]sdk.Option) []sdk.Option { return nil })}},
	{name: "suggestions that lack what was chosen", in: "InProcess/key/Suggest", says: "what the sample answers chose",
		plugin: altered{suggest: suggested(func(o []sdk.Option) []sdk.Option { return o[1:] })}},
	{name: "suggestions that cannot be searched", in: "InProcess/key/Suggest", says: "does not find it",
		plugin: altered{suggest: func(ctx context.Context, in sdk.Input, g sdk.Grant, f sdk.Field, search string) ([]sdk.Option, error) {
			if search != "" {
				return nil, nil
			}
			return model{}.Suggest(ctx, in, g, f, search)
		}}},
	{name: "revocation that does nothing", in: "InProcess/key/Revoke", says: "of a revoked grant: got success",
		plugin: altered{revoke: func(context.Context, sdk.Input, sdk.Grant) error { return nil }}},
	{name: "revocation that leaves the refresh token", in: "InProcess/oauth/Revoke", says: "Grant, of a revoked credential",
		suite: func(s *Suite) { s.Service = forgetful{s.Service.(*modelStandin)} }},
	{name: "revocation that cannot be repeated", in: "InProcess/key/Revoke", says: "for the second time",
		plugin: altered{revoke: func(ctx context.Context, in sdk.Input, g sdk.Grant) error {
			if errors.Is(model{}.Test(ctx, in, g), sdk.Denied) {
				return sdk.Errorf(sdk.Internal, "there is nothing to revoke")
			}
			return model{}.Revoke(ctx, in, g)
		}}},
}

// forgetful is a stand-in that takes the refresh token of a revoked session.
type forgetful struct{ *modelStandin }

func (f forgetful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.modelStandin.ServeHTTP(w, r)
	if r.URL.Path == "/revoke" {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.access, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		clear(f.ended)
	}
}

func suggested(change func(o []sdk.Option) []sdk.Option) func(context.Context, sdk.Input, sdk.Grant, sdk.Field, string) ([]sdk.Option, error) {
	return func(ctx context.Context, in sdk.Input, g sdk.Grant, f sdk.Field, search string) ([]sdk.Option, error) {
		o, err := model{}.Suggest(ctx, in, g, f, search)
		if err == nil && len(o) > 1 {
			o = change(o)
		}
		return o, err
	}
}

func notIf(err error, code sdk.Code) error {
	if errors.Is(err, code) {
		return nil
	}
	return err
}
