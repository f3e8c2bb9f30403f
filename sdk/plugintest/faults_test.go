// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

// A planted fault is one that the suite must find: in the test of that name,
// or below it, with a message that contains says.
type planted struct {
	name     string
	in, says string
	plugin   altered
	suite    func(s *Suite) // changes the suite; may be nil
}

// The suite catches every fault, in the test that is about it.
func TestPlantedFaults(t *testing.T) {
	var all []planted
	for _, some := range [][]planted{schemaFaults, grantFaults, stateFaults, connectFaults, useFaults, errorFaults, upgradeFaults, specialFaults} {
		all = append(all, some...)
	}
	for _, f := range all {
		t.Run(f.name, func(t *testing.T) {
			s := modelSuite(func() sdk.Plugin { return f.plugin })
			s.Patience = 300 * time.Millisecond
			if f.suite != nil {
				f.suite(&s)
			}
			failed := record(t, s, f.in)
			for _, name := range slices.Sorted(maps.Keys(failed)) {
				if strings.Contains(strings.Join(failed[name], "\n"), f.says) {
					t.Logf("caught by %s", name)
					return
				}
			}
			t.Errorf("%s does not say %q; what failed:", f.in, f.says)
			for _, name := range slices.Sorted(maps.Keys(failed)) {
				t.Logf("%s: %s", name, strings.Join(failed[name], "\n\t"))
			}
		})
	}
}

// field returns a change of one field of the schema.
func field(name string, change func(f *sdk.Field)) func(sdk.Schema) sdk.Schema {
	return func(s sdk.Schema) sdk.Schema {
		for i := range s.Fields {
			if s.Fields[i].Name == name {
				change(&s.Fields[i])
			}
		}
		return s
	}
}

var schemaFaults = []planted{
	{name: "invalid schema", in: "Schema", says: "needs a title",
		plugin: altered{schema: field("key", func(f *sdk.Field) { f.Title = "" })}},
	{name: "schema that is too large", in: "Schema", says: "larger than 1 MiB",
		plugin: altered{schema: func(s sdk.Schema) sdk.Schema {
			s.Words = map[string]map[string]string{"de": {}}
			for i := range 300 {
				s.Words["de"][fmt.Sprint(i)] = strings.Repeat("x", sdk.MaxText)
			}
			return s
		}}},
	{name: "schema that changes", in: "Schema/Stable", says: "another value",
		plugin: altered{schema: func(s sdk.Schema) sdk.Schema { s.Title = rand.Text(); return s }}},
	{name: "condition for a Connect that is not there", in: "Schema/Abilities", says: "no Connect",
		plugin: altered{can: sdk.Abilities{Connect: true}}},
	{name: "suggestions without Suggest", in: "Schema/Abilities", says: "no Suggest",
		plugin: altered{can: sdk.Abilities{Suggest: true}}},
	{name: "Suggest without suggestions", in: "Schema/Abilities", says: "set Field.Suggest",
		plugin: altered{schema: field("site", func(f *sdk.Field) { f.Suggest, f.Kind = nil, sdk.Text })}},
	{name: "Upgrade of the first version", in: "Schema/Abilities", says: "raise Schema.Version",
		plugin: altered{schema: func(s sdk.Schema) sdk.Schema { s.Version = 0; return s }}},
	{name: "old answers without Upgrade", in: "Schema/Abilities", says: "implement sdk.Upgrader",
		plugin: altered{can: sdk.Abilities{Upgrade: true}}},
	{name: "Upgrade without old answers", in: "Schema/Abilities", says: "Suite.Old",
		suite: func(s *Suite) { s.Old = nil }},
	{name: "old answers of a future version", in: "Schema/Abilities", says: "not older",
		suite: func(s *Suite) { s.Old[7] = nil }},
	{name: "secret that nobody can find", in: "Schema/Texts", says: "where to find key",
		plugin: altered{schema: field("key", func(f *sdk.Field) { f.Help = "" })}},
	{name: "title that is a name", in: "Schema/Texts", says: "title of baseUrl",
		plugin: altered{schema: field("baseUrl", func(f *sdk.Field) { f.Title = f.Name })}},
	{name: "documentation at no address", in: "Schema/Texts", says: "DocsURL",
		plugin: altered{schema: func(s sdk.Schema) sdk.Schema { s.DocsURL = "https:///docs"; return s }}},
	{name: "icon that is no picture", in: "Schema/Icon", says: "not an svg",
		plugin: altered{schema: icon(`<html xmlns="http://www.w3.org/1999/xhtml"/>`)}},
	{name: "icon that is broken", in: "Schema/Icon", says: "not XML",
		plugin: altered{schema: icon(`<svg`)}},
	{name: "icon that cannot be scaled", in: "Schema/Icon", says: "viewBox",
		plugin: altered{schema: icon(`<svg xmlns="http://www.w3.org/2000/svg"/>`)}},
	{name: "icon with a script", in: "Schema/Icon", says: "script",
		plugin: altered{schema: icon(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><script/></svg>`)}},
	{name: "icon with a handler", in: "Schema/Icon", says: "onload",
		plugin: altered{schema: icon(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1" onload="x()"/>`)}},
	{name: "icon with entities", in: "Schema/Icon", says: "document type",
		plugin: altered{schema: icon(`<!DOCTYPE svg><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>`)}},
	{name: "answers that are not complete", in: "Schema/Answers/key", says: "not complete",
		suite: func(s *Suite) { delete(s.Answers["key"], "key") }},
	{name: "field that no answers answer", in: "Schema/Answers", says: "answers clientSecret",
		suite: func(s *Suite) { delete(s.Answers, "oauth") }},
	{name: "secret that is too short", in: "Schema/Answers/key", says: "too short",
		suite: func(s *Suite) { s.Answers["key"]["key"] = "short" }},
	{name: "origin that the answers do not make", in: "Schema/Answers", says: "make no origins",
		plugin: altered{schema: func(s sdk.Schema) sdk.Schema {
			s.Origins = append(s.Origins, "https://{team}.model.example")
			return s
		}},
		suite: func(s *Suite) { s.Answers["key"]["team"] = "not a label" }},
}

func icon(svg string) func(sdk.Schema) sdk.Schema {
	return func(s sdk.Schema) sdk.Schema { s.Icon = svg; return s }
}

// granted returns a Grant that changes a good grant.
func granted(change func(in sdk.Input, g *sdk.Grant)) func(context.Context, sdk.Input) (sdk.Grant, error) {
	return func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
		g, err := model{}.Grant(ctx, in)
		if err == nil {
			change(in, &g)
		}
		return g, err
	}
}

var grantFaults = []planted{
	{name: "grant that has ended", in: "InProcess/key/Grant", says: "ended at",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Expiry = time.Now().Add(-time.Hour) })}},
	{name: "grant that carries nothing", in: "InProcess/key/Grant", says: "carries nothing",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { *g = sdk.Grant{} })}},
	{name: "grant with an empty header", in: "InProcess/key/Grant", says: "is empty",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Header.Set("X-Team", "") })}},
	{name: "grant for a foreign origin", in: "InProcess/key/Grant", says: "not among the origins",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Origins = []string{"https://other.example"} })}},
	{name: "grant that shows a secret", in: "InProcess/key/Grant", says: "the secret key in it",
		plugin: altered{grant: granted(func(in sdk.Input, g *sdk.Grant) { g.Facts = map[string]string{"key": in.Get(mKey)} })}},
	{name: "grant that shows a token", in: "InProcess/key/Grant", says: "a token of the service",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Account = g.Header.Get("Authorization") })}},
	{name: "grant that must be connected again", in: "InProcess/oauth/Renewal", says: "connected again",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Reconnect = time.Now().Add(-time.Hour) })}},
	{name: "grant that sets the host", in: "OverTheWire/key/Grant", says: "not for plugins to set",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Header.Set("Host", "other.example") })}},
	{name: "grant with a header that HTTP does not allow", in: "OverTheWire/key/Grant", says: "does not allow",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Header["X-Team"] = []string{"a\nb"} })}},
	{name: "grant to be signed by nobody", in: "InProcess/key/Grant", says: "no Sign",
		plugin: altered{can: sdk.Abilities{Sign: true}}},
	{name: "prints a secret", in: "InProcess/key/Grant", says: "it prints the secret key",
		plugin: altered{grant: granted(func(in sdk.Input, _ *sdk.Grant) { fmt.Println(in.Get(mKey)) })}},
	{name: "prints anything", in: "InProcess/key/Grant", says: "a plugin prints nothing",
		plugin: altered{grant: granted(func(sdk.Input, *sdk.Grant) { fmt.Fprintln(os.Stderr, "here") })}},
	{name: "logs", in: "InProcess/key/Grant", says: "it prints the secret key",
		plugin: altered{grant: granted(func(in sdk.Input, _ *sdk.Grant) { log.Print(in.Get(mKey)) })}},
	{name: "reaches a foreign origin", in: "InProcess/key/Grant", says: "which the schema does not declare",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			sdk.Probe(ctx, sdk.Grant{}, "https://telemetry.example", nil)
			return model{}.Grant(ctx, in)
		}}},
	{name: "brings the answers to where only the grant may go", in: "InProcess/key/Grant", says: "which the schema does not declare",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			sdk.Probe(ctx, sdk.Grant{}, in.Get(mBase), nil)
			return model{}.Grant(ctx, in)
		}}},
	{name: "forgets the ctx", in: "InProcess/key/Grant", says: "without the ctx",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			http.Get(modelLogin)
			return model{}.Grant(ctx, in)
		}}},
	{name: "brings a transport of its own", in: "InProcess/key/Grant", says: "reach it with http.DefaultTransport",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			r, _ := http.NewRequestWithContext(ctx, "GET", "http://127.0.0.1:1/", nil)
			if _, err := new(http.Transport).RoundTrip(r); err != nil {
				return sdk.Grant{}, sdk.Errorf(sdk.Unavailable, "the service could not be reached")
			}
			return model{}.Grant(ctx, in)
		}}},
	{name: "connects after it has returned", in: "InProcess/key", says: "after it had returned",
		plugin: altered{test: func(ctx context.Context, in sdk.Input, g sdk.Grant) error {
			go func() {
				time.Sleep(10 * time.Millisecond)
				sdk.Dial(context.WithoutCancel(ctx), modelLogin)
			}()
			return model{}.Test(ctx, in, g)
		}}},
	{name: "leaves a connection open", in: "InProcess/key/Test", says: "left a connection open",
		plugin: altered{test: func(ctx context.Context, in sdk.Input, g sdk.Grant) error {
			sdk.Dial(ctx, modelLogin)
			return model{}.Test(ctx, in, g)
		}}},
	{name: "leaves a goroutine", in: "InProcess/key/Leaks", says: "goroutines go on",
		plugin: altered{test: func(ctx context.Context, in sdk.Input, g sdk.Grant) error {
			go func() { select {} }()
			return model{}.Test(ctx, in, g)
		}}},
	{name: "fails when called concurrently", in: "InProcess/key/Concurrent", says: "concurrently",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			if !busy.TryLock() {
				return sdk.Grant{}, sdk.Errorf(sdk.Internal, "busy")
			}
			defer busy.Unlock()
			return model{}.Grant(ctx, in)
		}}},
	{name: "panics", in: "InProcess/key/Grant", says: "it panicked",
		plugin: altered{grant: func(context.Context, sdk.Input) (sdk.Grant, error) { panic("no") }}},
	{name: "panics over the wire", in: "OverTheWire/key/Grant", says: "it panicked",
		plugin: altered{grant: func(context.Context, sdk.Input) (sdk.Grant, error) { panic("no") }}},
	{name: "ignores that its ctx has ended", in: "InProcess/key/Cancelled", says: "did not return within",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			g, err := model{}.Grant(ctx, in)
			if ctx.Err() != nil {
				time.Sleep(time.Second)
			}
			return g, err
		}}},
	{name: "calls it a bug that its ctx has ended", in: "InProcess/key/Cancelled", says: "want Unavailable, or the error of ctx",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			g, err := model{}.Grant(ctx, in)
			if ctx.Err() != nil {
				return g, sdk.Errorf(sdk.Internal, "the service did not answer")
			}
			return g, err
		}}},
}

var busy sync.Mutex

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
		}}},
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

var upgradeFaults = []planted{
	{name: "upgrade that loses an answer", in: "InProcess/Upgrade/Version0/1", says: "are not complete",
		plugin: altered{upgrade: func(context.Context, int, sdk.Values) (sdk.Values, error) { return sdk.Values{"site": "north"}, nil }}},
	{name: "upgrade that spoils an answer", in: "InProcess/Upgrade/Version0/1", says: "do not work",
		plugin: altered{upgrade: func(_ context.Context, _ int, old sdk.Values) (sdk.Values, error) {
			return sdk.Values{"site": "north", "key": strings.ToLower(old["token"])}, nil
		}}},
	{name: "upgrade that fails", in: "InProcess/Upgrade/Version0/1", says: "Upgrade from version 0",
		plugin: altered{upgrade: func(context.Context, int, sdk.Values) (sdk.Values, error) {
			return nil, sdk.Errorf(sdk.Invalid, "enter everything again")
		}}},
	{name: "upgrade that changes the old answers", in: "InProcess/Upgrade/Version0/1", says: "changed the answers",
		plugin: altered{upgrade: func(ctx context.Context, from int, old sdk.Values) (sdk.Values, error) {
			values, err := model{}.Upgrade(ctx, from, old)
			delete(old, "token")
			return values, err
		}}},
	{name: "upgrade that asks the service", in: "InProcess/Upgrade/Version0/1", says: "which the schema does not declare for this call",
		plugin: altered{upgrade: func(ctx context.Context, from int, old sdk.Values) (sdk.Values, error) {
			sdk.Probe(ctx, sdk.Grant{}, modelLogin, nil)
			return model{}.Upgrade(ctx, from, old)
		}}},
	{name: "upgrade that panics without an answer", in: "InProcess/Upgrade/Version0/Empty", says: "it panicked",
		plugin: altered{upgrade: func(ctx context.Context, from int, old sdk.Values) (sdk.Values, error) {
			_ = old["token"][0]
			return model{}.Upgrade(ctx, from, old)
		}}},
}
