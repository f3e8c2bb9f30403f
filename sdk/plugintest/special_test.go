// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk"
)

// suiteOf is the suite of another plugin than model.
func suiteOf(p sdk.Plugin, typ string, more ...func(s *Suite)) func(s *Suite) {
	return func(s *Suite) {
		*s = Suite{New: func() sdk.Plugin { return p }, Service: testplugin.NewStandins(), Patience: s.Patience,
			Answers: map[string]sdk.Values{"good": testplugin.Answers(typ)}}
		for _, change := range more {
			change(s)
		}
	}
}

// A device is the type device with a fault in its Exchange.
type device struct {
	testplugin.Device
	exchange func(cb sdk.Callback, g sdk.Grant, err error) (sdk.Grant, error)
}

func (d device) Exchange(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Grant, error) {
	g, err := d.Device.Exchange(ctx, in, cb)
	return d.exchange(cb, g, err)
}

// A database is the type database with a fault in its Test.
type database struct {
	testplugin.Database
	test func(err error) error
}

func (d database) Test(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	return d.test(d.Database.Test(ctx, in, g))
}

// A digest is the type digest that does not take challenges.
type digest struct{ testplugin.Digest }

func (d digest) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	if in.Refused != nil {
		return sdk.Grant{}, sdk.Errorf(sdk.Denied, "no")
	}
	return d.Digest.Grant(ctx, in)
}

// A placed is the type placed whose grant carries something else.
type placed struct{ testplugin.Placed }

func (placed) Test(ctx context.Context, in sdk.Input, _ sdk.Grant) error {
	g, _ := testplugin.Placed{}.Grant(ctx, in)
	return testplugin.Placed{}.Test(ctx, in, g)
}

// A listed plugin has secrets that are lists and pairs, and prints one.
type listed struct{ testplugin.Placed }

func (listed) Schema() sdk.Schema {
	s := testplugin.Placed{}.Schema()
	s.Fields = append(s.Fields, sdk.Field{Name: "pairs", Title: "Pairs", Kind: sdk.Pairs, Secret: true, Help: "Many.", Optional: true})
	return s
}

func (listed) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	values := in.Values()
	g, err := testplugin.Placed{}.Grant(ctx, in)
	if strings.Contains(values["pairs"], "EXAMPLE-inner") {
		g.Account = "EXAMPLE-inner-secret"
	}
	return g, err
}

var specialFaults = []planted{
	{name: "device flow that does not wait", in: "InProcess/good/Connect", says: "which means \"not yet\"",
		suite: suiteOf(device{exchange: func(_ sdk.Callback, g sdk.Grant, err error) (sdk.Grant, error) {
			return g, recoded(err, sdk.Unavailable, sdk.Denied)
		}}, "device")},
	{name: "device code that is called unavailable", in: "InProcess/good/Callback", says: "of a wrong device code",
		suite: suiteOf(device{exchange: func(_ sdk.Callback, g sdk.Grant, err error) (sdk.Grant, error) {
			return g, recoded(err, sdk.Denied, sdk.Unavailable)
		}}, "device")},
	{name: "database that is down called a wrong password", in: "InProcess/good/Faults/Test/HangsUp", says: "got Denied",
		suite: suiteOf(database{test: func(err error) error { return recoded(err, sdk.Unavailable, sdk.Denied) }}, "database", overTCP)},
	{name: "wrong password of a database called unavailable", in: "InProcess/good/Wrong/password", says: "got Unavailable",
		suite: suiteOf(database{test: func(err error) error { return recoded(err, sdk.Denied, sdk.Unavailable) }}, "database", overTCP)},
	{name: "challenge that is not taken", in: "InProcess/good/Request", says: "after a challenge",
		suite: suiteOf(digest{}, "digest", func(s *Suite) {
			s.Random = true
			s.Request = func(sdk.Input) *http.Request { return httptest.NewRequest("GET", "https://digest.example/me", nil) }
		})},
	{name: "test of the answers in the place of the grant", in: "InProcess/good/Test", says: "that the service does not take: got success",
		suite: suiteOf(placed{}, "placed")},
	{name: "the same, of a query", in: "InProcess/good/Test", says: "that the service does not take: got success",
		suite: suiteOf(placed{}, "placed", func(s *Suite) { s.Answers["good"]["place"] = "query" })},
	{name: "the same, of a path", in: "InProcess/good/Test", says: "that the service does not take: got success",
		suite: suiteOf(placed{}, "placed", func(s *Suite) { s.Answers["good"]["place"] = "path" })},
	{name: "secret in the middle of an answer that is shown", in: "InProcess/good/Grant", says: "the secret pairs in it",
		suite: suiteOf(listed{}, "placed", func(s *Suite) { s.Answers["good"]["pairs"] = `{"name":"EXAMPLE-inner-secret"}` })},

	{name: "renewed grant that does not work", in: "InProcess/key/Renewal", says: "of a good grant",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Header.Set("Authorization", "Bearer wrong") })}},
	{name: "renewal that fails", in: "InProcess/oauth/Renewal", says: "to renew for the first time",
		plugin: altered{grant: func(context.Context, sdk.Input) (sdk.Grant, error) {
			return sdk.Grant{}, sdk.Errorf(sdk.Denied, "connect first")
		}}},
	{name: "grant that fails the second time", in: "InProcess/oauth/Memory", says: "Grant, again",
		plugin: altered{grant: granted(func(in sdk.Input, g *sdk.Grant) { g.State = in.State })}},
	{name: "exchange that fails", in: "InProcess/oauth/Connect", says: "Exchange: no",
		plugin: altered{exchange: func(context.Context, sdk.Input, sdk.Callback) (sdk.Grant, error) {
			return sdk.Grant{}, sdk.Errorf(sdk.Denied, "no")
		}}},
	{name: "connect that fails", in: "InProcess/oauth/Connect", says: "Connect: no",
		plugin: altered{connect: func(context.Context, sdk.Input, sdk.Callback) (sdk.Approval, error) {
			return sdk.Approval{}, sdk.Errorf(sdk.Denied, "no")
		}}},
	{name: "connect that fails, and its callback", in: "InProcess/oauth/Callback", says: "Connect: no",
		plugin: altered{connect: func(context.Context, sdk.Input, sdk.Callback) (sdk.Approval, error) {
			return sdk.Approval{}, sdk.Errorf(sdk.Denied, "no")
		}}},
	{name: "signing that fails", in: "InProcess/key/Request", says: "Sign: no",
		plugin: altered{sign: func(context.Context, sdk.Input, sdk.Grant, sdk.Request) (sdk.Signature, error) {
			return sdk.Signature{}, sdk.Errorf(sdk.Internal, "no")
		}}},
	{name: "signing that reaches the network", in: "InProcess/key/Sign", says: "it may reach nothing",
		plugin: altered{sign: func(ctx context.Context, in sdk.Input, g sdk.Grant, r sdk.Request) (sdk.Signature, error) {
			sdk.Probe(ctx, sdk.Grant{}, modelLogin, nil)
			return model{}.Sign(ctx, in, g, r)
		}}},
	{name: "revocation that fails", in: "InProcess/key/Revoke", says: "of a good grant: no",
		plugin: altered{revoke: func(context.Context, sdk.Input, sdk.Grant) error { return sdk.Errorf(sdk.Internal, "no") }}},
	{name: "revocation that changes the grant", in: "InProcess/key/Revoke", says: "changed the grant",
		plugin: altered{revoke: func(ctx context.Context, in sdk.Input, g sdk.Grant) error {
			defer g.Header.Del("Authorization")
			return model{}.Revoke(ctx, in, g)
		}}},

	{name: "suite without answers", in: "Schema", says: "at least one set of Answers", suite: func(s *Suite) { s.Answers = nil }},
	{name: "suite without a plugin", in: "Schema", says: "set New", suite: func(s *Suite) { s.New = nil }},
	{name: "suite without a stand-in", in: "InProcess/key/Grant", says: "there is no grant for the good answers",
		suite: func(s *Suite) { s.Service = nil }},
	{name: "person who cannot approve", in: "InProcess/oauth/Connect", says: "no button",
		suite: func(s *Suite) {
			s.Approve = func(*http.Client, sdk.Approval) (*http.Response, error) { return nil, errors.New("no button") }
		}},
	{name: "person who gets no answer", in: "InProcess/oauth/Connect", says: "returned no response",
		suite: func(s *Suite) {
			s.Approve = func(*http.Client, sdk.Approval) (*http.Response, error) { return nil, nil }
		}},
	{name: "person who cannot approve, and a fault", in: "InProcess/oauth/Faults", says: "the person cannot approve",
		suite: func(s *Suite) {
			s.Approve = func(*http.Client, sdk.Approval) (*http.Response, error) { return nil, nil }
		}},
	{name: "service that mixes up states", in: "InProcess/oauth/Connect", says: "another state",
		suite: func(s *Suite) {
			s.Approve = func(browser *http.Client, a sdk.Approval) (*http.Response, error) {
				u, _ := url.Parse(a.URL)
				q := u.Query()
				q.Set("state", "another")
				u.RawQuery = q.Encode()
				return browser.Get(u.String())
			}
		}},
}

func overTCP(s *Suite) { s.TCP = testplugin.ServeDatabase }

// What a suite may say for itself is heard.
func TestSuiteOptions(t *testing.T) {
	s := modelSuite(func() sdk.Plugin {
		return altered{revoke: func(context.Context, sdk.Input, sdk.Grant) error { return nil }}
	})
	s.Outlives = true
	delete(s.Answers, "oauth")
	s.Wrong = sdk.Values{"key": "EXAMPLE-quite-another-key"}
	if failed := record(t, s, "InProcess/key"); len(failed) > 0 {
		t.Errorf("a grant that outlives its revocation: %v", failed)
	}
	asked := false
	s = modelSuite(func() sdk.Plugin { return model{} })
	s.Forbidden = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { asked = true; w.WriteHeader(http.StatusForbidden) })
	if failed := record(t, s, "InProcess/key/Test"); len(failed) > 0 || !asked {
		t.Errorf("Forbidden was asked: %v; failed: %v", asked, failed)
	}
}

// The default transport is as it was when the suite is over: other tests of
// the same program use it, too.
func TestRunRestoresTheTransport(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	record(t, modelSuite(func() sdk.Plugin { return model{} }), "InProcess/key/Grant")
	resp, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}
