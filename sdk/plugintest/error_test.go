// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"bytes"
	"context"
	"errors"
	"log"
	"net/http"
	"sync/atomic"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

// failing returns a Grant that changes its error.
func failing(change func(in sdk.Input, err *sdk.Error) error) func(context.Context, sdk.Input) (sdk.Grant, error) {
	return func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
		g, err := model{}.Grant(ctx, in)
		var e *sdk.Error
		if errors.As(err, &e) {
			err = change(in, e)
		}
		return g, err
	}
}

var errorFaults = []planted{
	{name: "wrong secret that is called unavailable", in: "InProcess/key/Wrong/key", says: "got Unavailable",
		plugin: altered{grant: reworded(sdk.Denied, sdk.Unavailable)}},
	{name: "wrong secret that is called a bug", in: "InProcess/key/Wrong/key", says: "got Internal",
		plugin: altered{grant: reworded(sdk.Denied, sdk.Internal)}},
	{name: "wrong secret that works", in: "InProcess/key/Wrong/key", says: "got success",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			values := in.Values()
			if in.Get(mMethod) == "key" {
				values["key"] = modelKey
			}
			good := sdk.NewInput(model{}.Schema(), values)
			good.State = in.State
			return model{}.Grant(ctx, good)
		}}},
	{name: "wrong client secret that is called a bug", in: "InProcess/oauth/Wrong/clientSecret", says: "got Internal",
		plugin: altered{exchange: exchanged(func(_ sdk.Callback, err error) error { return recoded(err, sdk.Denied, sdk.Internal) })}},
	{name: "secret of which every other is right", in: "InProcess/key/Wrong/key", says: "Suite.Wrong",
		plugin: altered{schema: field("key", func(f *sdk.Field) { f.Pattern = "^" + modelKey + "$" })}},
	{name: "optional answer that is needed", in: "InProcess/key/Without/key", says: "it is not optional",
		plugin: altered{schema: field("key", func(f *sdk.Field) { f.Optional = true })},
		suite:  func(s *Suite) { delete(s.Answers, "oauth") }},
	{name: "optional answer without which it fails", in: "InProcess/key/Without/team", says: "got Internal",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			if in.Get(mTeam) == "" && in.Get(mMethod) == "key" {
				return sdk.Grant{}, sdk.Errorf(sdk.Internal, "no team")
			}
			return model{}.Grant(ctx, in)
		}}},
	{name: "service that is down called a wrong secret", in: "InProcess/key/Faults/Grant/Unreachable", says: "got Denied",
		plugin: altered{grant: reworded(sdk.Unavailable, sdk.Denied)}},
	{name: "service that fails called a bug", in: "InProcess/key/Faults/Grant/ServerError", says: "got Internal",
		plugin: altered{grant: reworded(sdk.Unavailable, sdk.Internal)}},
	{name: "service that asks to wait and is not heard", in: "InProcess/key/Faults/Grant/TooManyRequests", says: "RetryAfter is 0s",
		plugin: altered{grant: reworded(sdk.Unavailable, sdk.Unavailable)}},
	{name: "maintenance that says when it ends and is not heard", in: "InProcess/key/Faults/Test/Maintenance", says: "RetryAfter is 0s",
		plugin: altered{test: tested(func(err error) error { return recoded(err, sdk.Unavailable, sdk.Unavailable) })}},
	{name: "page called a bug", in: "InProcess/key/Faults/Grant/Page", says: "got Internal",
		plugin: altered{grant: reworded(sdk.Unavailable, sdk.Internal)}},
	{name: "page called a fault of another field", in: "InProcess/key/Faults/Grant/Page", says: "got Invalid in team",
		plugin: altered{grant: failing(func(_ sdk.Input, e *sdk.Error) error {
			if e.Code == sdk.Unavailable {
				return sdk.Errorf(sdk.Invalid, "is wrong").In(mTeam)
			}
			return e
		})}},
	{name: "test that follows redirects", in: "InProcess/key/Faults/Test/Redirect", says: "which the schema does not declare",
		plugin: altered{test: func(ctx context.Context, in sdk.Input, g sdk.Grant) error {
			r, _ := http.NewRequestWithContext(ctx, "GET", in.Get(mBase)+"/me", nil)
			g.Apply(r)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				return sdk.Errorf(sdk.Unavailable, "the service could not be reached")
			}
			resp.Body.Close()
			return model{}.Test(ctx, in, g)
		}}},
	{name: "nonsense taken for an answer", in: "InProcess/key/Faults/Suggest/Nonsense", says: "got success",
		plugin: altered{suggest: func(ctx context.Context, in sdk.Input, g sdk.Grant, f sdk.Field, search string) ([]sdk.Option, error) {
			o, err := model{}.Suggest(ctx, in, g, f, search)
			return o, notIf(err, sdk.Unavailable)
		}}},
	{name: "failure that breaks the plugin for good", in: "InProcess/key/Faults/Grant/Unreachable", says: "once the service is well again",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			if brokenFor.Add(-1) >= 0 {
				return sdk.Grant{}, sdk.Errorf(sdk.Unavailable, "broken")
			}
			g, err := model{}.Grant(ctx, in)
			if errors.Is(err, sdk.Unavailable) && ctx.Err() == nil {
				brokenFor.Store(1)
			}
			return g, err
		}}},
	{name: "error that quotes the service", in: "InProcess/key/Echo/Grant", says: "words of the service",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			g, err := model{}.Grant(ctx, in)
			var response *oauth.ResponseError
			if errors.As(err, &response) {
				return g, sdk.Errorf(sdk.Denied, "the service said %s", bytes.ReplaceAll(response.Body(), []byte("\n"), nil))
			}
			return g, err
		}}},
	{name: "error that quotes a secret", in: "InProcess/key/Echo/Grant/401", says: "the secret key in it",
		plugin: altered{grant: failing(func(in sdk.Input, e *sdk.Error) error { return sdk.Errorf(e.Code, "wrong key %q", in.Get(mKey)) })}},
	{name: "error that quotes the URL", in: "InProcess/key/Faults/Suggest/Unreachable", says: "the secret key in it",
		plugin: altered{suggest: func(ctx context.Context, in sdk.Input, g sdk.Grant, f sdk.Field, search string) ([]sdk.Option, error) {
			r, _ := http.NewRequestWithContext(ctx, "GET", in.Get(mBase)+"/sites?key="+in.Get(mKey), nil)
			if resp, err := http.DefaultClient.Do(r); err != nil {
				return nil, sdk.Errorf(sdk.Unavailable, "%v", err)
			} else {
				resp.Body.Close()
			}
			return model{}.Suggest(ctx, in, g, f, search)
		}}},
	{name: "answer that is logged", in: "InProcess/key/Echo/Grant/401", says: "it prints",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			g, err := model{}.Grant(ctx, in)
			var response *oauth.ResponseError
			if errors.As(err, &response) {
				log.Printf("%s", response.Body())
			}
			return g, err
		}}},
	{name: "internal error with a secret for the host's log", in: "OverTheWire/key/Echo/Grant/400", says: "what goes to the host's log",
		plugin: altered{grant: failing(func(in sdk.Input, e *sdk.Error) error { return sdk.Errorf(sdk.Internal, "wrong key %s", in.Get(mKey)) })}},
	{name: "test that takes an error for success", in: "InProcess/key/Echo/Test/403", says: "got success",
		plugin: altered{test: tested(func(err error) error { return notIf(err, sdk.Forbidden) })}},
	{name: "error that is none of ours", in: "InProcess/key/Faults/Grant/Unreachable", says: "is no *sdk.Error",
		plugin: altered{grant: failing(func(sdk.Input, *sdk.Error) error { return errors.New("no") })}},
	{name: "error that is about no field", in: "InProcess/key/Wrong/key", says: "which is not a field",
		plugin: altered{grant: failing(func(_ sdk.Input, e *sdk.Error) error { return e.In(sdk.Field{Name: "kez"}) })}},
	{name: "error with a full stop", in: "InProcess/key/Wrong/key", says: "without a full stop",
		plugin: altered{grant: failing(func(_ sdk.Input, e *sdk.Error) error { return sdk.Errorf(e.Code, "No.") })}},
}

var brokenFor atomic.Int64
