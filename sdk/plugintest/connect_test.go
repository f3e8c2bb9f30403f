// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/credhost/credhost/sdk"
)

// approved returns a Connect that changes the query of a good approval's URL.
func approved(change func(in sdk.Input, cb sdk.Callback, q url.Values)) func(context.Context, sdk.Input, sdk.Callback) (sdk.Approval, error) {
	return func(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Approval, error) {
		a, err := model{}.Connect(ctx, in, cb)
		u, _ := url.Parse(a.URL)
		q := u.Query()
		change(in, cb, q)
		u.RawQuery = q.Encode()
		a.URL = u.String()
		return a, err
	}
}

// exchanged returns an Exchange that changes its error.
func exchanged(change func(cb sdk.Callback, err error) error) func(context.Context, sdk.Input, sdk.Callback) (sdk.Grant, error) {
	return func(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Grant, error) {
		g, err := model{}.Exchange(ctx, in, cb)
		if err != nil {
			err = change(cb, err)
		}
		return g, err
	}
}

var connectFaults = []planted{
	{name: "approval without the state", in: "InProcess/oauth/Connect", says: "values of state",
		plugin: altered{connect: approved(func(_ sdk.Input, _ sdk.Callback, q url.Values) { q.Del("state") })}},
	{name: "approval with two states", in: "InProcess/oauth/Connect", says: "values of state",
		plugin: altered{connect: approved(func(_ sdk.Input, _ sdk.Callback, q url.Values) { q.Add("state", "another") })}},
	{name: "approval that leads back elsewhere", in: "InProcess/oauth/Connect", says: "did not send the person back",
		plugin: altered{connect: approved(func(_ sdk.Input, _ sdk.Callback, q url.Values) { q.Set("redirect_uri", "https://evil.example") })}},
	{name: "approval that puts tokens into addresses", in: "InProcess/oauth/Connect", says: "values of response_type",
		plugin: altered{connect: approved(func(_ sdk.Input, _ sdk.Callback, q url.Values) { q.Set("response_type", "token") })}},
	{name: "approval with the verifier", in: "InProcess/oauth/Connect", says: "PKCE verifier",
		plugin: altered{connect: approved(func(_ sdk.Input, cb sdk.Callback, q url.Values) { q.Set("v", cb.Verifier) })}},
	{name: "approval with another challenge", in: "InProcess/oauth/Connect", says: "values of code_challenge",
		plugin: altered{connect: approved(func(_ sdk.Input, _ sdk.Callback, q url.Values) { q.Set("code_challenge", "another") })}},
	{name: "approval with a secret", in: "InProcess/oauth/Connect", says: "the secret clientSecret in it",
		plugin: altered{connect: approved(func(in sdk.Input, _ sdk.Callback, q url.Values) { q.Set("client_secret", in.Get(mSecret)) })}},
	{name: "approval at a foreign page", in: "InProcess/oauth/Connect", says: "not among the origins",
		plugin: altered{connect: func(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Approval, error) {
			a, err := model{}.Connect(ctx, in, cb)
			a.URL = strings.Replace(a.URL, "login.model", "login.model.evil", 1)
			return a, err
		}}},
	{name: "approval without TLS", in: "InProcess/oauth/Connect", says: "not an https URL",
		plugin: altered{connect: func(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Approval, error) {
			a, err := model{}.Connect(ctx, in, cb)
			a.URL = strings.Replace(a.URL, "https:", "http:", 1)
			return a, err
		}}},
	{name: "calls a refusal a bug", in: "InProcess/oauth/Callback", says: "access_denied",
		plugin: altered{exchange: exchanged(func(cb sdk.Callback, err error) error {
			if cb.Query.Has("error") {
				return sdk.Errorf(sdk.Internal, "there is no code")
			}
			return err
		})}},
	{name: "quotes the callback", in: "InProcess/oauth/Callback", says: "words of the service",
		plugin: altered{exchange: exchanged(func(cb sdk.Callback, err error) error {
			return sdk.Errorf(sdk.Denied, "the service said %s", cb.Query.Get("error_description"))
		})}},
	{name: "takes a callback without a code", in: "InProcess/oauth/Callback", says: "nothing but the state",
		plugin: altered{exchange: func(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Grant, error) {
			if !cb.Query.Has("code") && !cb.Query.Has("error") {
				return sdk.Bearer("nothing", time.Time{}), nil
			}
			return model{}.Exchange(ctx, in, cb)
		}}},
	{name: "calls a wrong code unavailable", in: "InProcess/oauth/Callback", says: "of a wrong code",
		plugin: altered{exchange: exchanged(func(_ sdk.Callback, err error) error { return recoded(err, sdk.Denied, sdk.Unavailable) })}},
}
