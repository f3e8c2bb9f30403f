// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/credhost/credhost/internal/standin"
	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/plugintest"
)

func TestPlugin(t *testing.T) {
	hostedHalo := standin.NewHalo(standin.HaloConfig{})
	ownHalo := standin.NewHalo(standin.HaloConfig{Behaviour: standin.HaloBehaviour{OnPremise: true, EchoSecret: true}})
	plugintest.Run(t, plugintest.Suite{
		New: func() sdk.Plugin { return halopsa{} },
		Service: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Host == "halo.example.com" {
				ownHalo.ServeHTTP(w, r)
				return
			}
			hostedHalo.ServeHTTP(w, r)
		}),
		Answers: map[string]sdk.Values{"hosted": hosted(), "onPremise": onPremise()},
		Request: func(in sdk.Input) *http.Request {
			r, _ := http.NewRequest(http.MethodGet, in.Get(resourceURL)+"/tickets?count=1", nil)
			return r
		},
	})
}

func hosted(changes ...string) sdk.Values {
	return with(sdk.Values{
		"hostingType":  "hostedHalo",
		"authUrl":      "https://example.halopsa.com/auth",
		"resourceUrl":  "https://example.halopsa.com/api",
		"tenant":       standin.HaloTenant,
		"clientId":     standin.HaloClientID,
		"clientSecret": standin.HaloClientSecret,
	}, changes)
}

func onPremise(changes ...string) sdk.Values {
	return with(sdk.Values{
		"authUrl":      "https://halo.example.com/auth",
		"resourceUrl":  "https://halo.example.com/api",
		"clientId":     standin.HaloClientID,
		"clientSecret": standin.HaloClientSecret,
	}, changes)
}

// with changes answers: names and values in turn.
func with(answers sdk.Values, changes []string) sdk.Values {
	answers = maps.Clone(answers)
	for i := 0; i < len(changes); i += 2 {
		answers[changes[i]] = changes[i+1]
	}
	return answers
}

// complete returns answers as the plugin gets them.
func complete(t *testing.T, answers sdk.Values) sdk.Input {
	t.Helper()
	s := halopsa{}.Schema()
	full, err := s.Complete(answers)
	if err != nil {
		t.Fatal(err)
	}
	return sdk.NewInput(s, full)
}

// faults returns the fields that the schema refuses, and why.
func faults(answers sdk.Values) map[string]string {
	_, err := halopsa{}.Schema().Complete(answers)
	all := map[string]string{}
	var es sdk.Errors
	if errors.As(err, &es) {
		for _, e := range es {
			all[e.Field] = e.Reason
		}
	}
	return all
}

func TestAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		answers sdk.Values
		want    map[string]string
	}{
		"nothing":                           {nil, map[string]string{"authUrl": "required", "resourceUrl": "required", "clientId": "required", "clientSecret": "required"}},
		"hosted without a tenant":           {hosted("tenant", " "), map[string]string{"tenant": "required"}},
		"on premise with a leftover tenant": {onPremise("tenant", "left over"), map[string]string{}},
		"unknown hosting type":              {hosted("hostingType", "cloud"), map[string]string{"hostingType": "option"}},
		"no URL":                            {hosted("authUrl", "example.halopsa.com/auth"), map[string]string{"authUrl": "kind"}},
		"URL with a user":                   {hosted("resourceUrl", "https://me@example.halopsa.com/api"), map[string]string{"resourceUrl": "kind"}},
		"URL with a query":                  {hosted("authUrl", "https://example.halopsa.com/auth?tenant=x"), map[string]string{"authUrl": "kind"}},
		"scope of its own":                  {hosted("scope", "all:teams read:something-new"), map[string]string{}},
	} {
		if diff := cmp.Diff(c.want, faults(c.answers)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestDefaults(t *testing.T) {
	got := complete(t, onPremise("tenant", "left over", "authUrl", " https://Halo.example.com/auth// ")).Values()
	want := onPremise("hostingType", "onPremise", "scope", "all")
	if diff := cmp.Diff(map[string]string(want), map[string]string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestWords(t *testing.T) { plugintest.Words(t, halopsa{}.Schema()) }

// Every field but one whose choices explain themselves says where to find it.
func TestHelp(t *testing.T) {
	said := ""
	for _, f := range (halopsa{}).Schema().Fields {
		if f.Help == "" && len(f.Options) == 0 {
			t.Errorf("%s has no help", f.Name)
		}
		said += f.Help + "\n"
		for _, o := range f.Options {
			said += o.Title + ": " + o.Help + "\n"
		}
	}
	for _, n := range (halopsa{}).Schema().Notices {
		said += n.Text + "\n"
	}
	for _, fact := range []string{
		"On Premise Solution: You run the Halo application on your own server", "Hosted Solution Of Halo: Halo runs",
		"Configuration > Integrations > Halo API", "API Details", "Client Credentials", "tick all", "Shown once", "permissions of the application and those of its agent",
	} {
		if !strings.Contains(said, fact) {
			t.Errorf("nothing says %q", fact)
		}
	}
}

// The two origins get what is theirs: the secret goes to the authorisation
// server alone, the token to the resource server alone.
func TestOrigins(t *testing.T) {
	s := halopsa{}.Schema()
	got, err := s.Expand(complete(t, hosted("authUrl", "https://login.example.com:8443/auth")).Values())
	if err != nil {
		t.Fatal(err)
	}
	want := sdk.Origins{Answers: []string{"https://login.example.com:8443"}, Grant: []string{"https://example.halopsa.com"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTokenRequest(t *testing.T) {
	for name, c := range map[string]struct {
		answers sdk.Values
		path    string
		query   string
		scope   string
	}{
		"hosted":                          {hosted(), "/auth/token", "tenant=example", "all"},
		"on premise":                      {onPremise(), "/auth/token", "", "all"},
		"on premise with leftover tenant": {onPremise("tenant", "example"), "/auth/token", "", "all"},
		"slash at the end":                {onPremise("authUrl", "https://halo.example.com/auth/"), "/auth/token", "", "all"},
		"pasted with the endpoint":        {onPremise("authUrl", "https://halo.example.com/auth/token/"), "/auth/token", "", "all"},
		"in a folder":                     {onPremise("authUrl", "https://example.com/psa/auth"), "/psa/auth/token", "", "all"},
		"tenant of odd letters":           {hosted("tenant", "A&B Ltd"), "/auth/token", "tenant=A%26B+Ltd", "all"},
		"scopes":                          {hosted("scope", " read:tickets   edit:tickets "), "/auth/token", "tenant=example", "read:tickets edit:tickets"},
	} {
		t.Run(name, func(t *testing.T) {
			halo := standin.NewHalo(standin.HaloConfig{})
			halopsa{}.Grant(plugintest.Context(t, halo), complete(t, c.answers)) // the stand-in need not take it
			r := halo.Last()
			if r.Method != http.MethodPost || r.Path != c.path || r.RawQuery != c.query {
				t.Errorf("got %s %s?%s, want POST %s?%s", r.Method, r.Path, r.RawQuery, c.path, c.query)
			}
			want := url.Values{"grant_type": {"client_credentials"}, "client_id": {standin.HaloClientID},
				"client_secret": {standin.HaloClientSecret}, "scope": {c.scope}}
			if diff := cmp.Diff(want, r.Form()); diff != "" {
				t.Errorf("the form (-want +got):\n%s", diff)
			}
			if r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.Header.Get("Authorization") != "" || r.Header.Get("Accept") != "application/json" {
				t.Errorf("headers: %v", r.Header)
			}
		})
	}
}

func TestGrant(t *testing.T) {
	halo := standin.NewHalo(standin.HaloConfig{Behaviour: standin.HaloBehaviour{ExpiresIn: 90 * time.Second}})
	before := time.Now()
	g, err := halopsa{}.Grant(plugintest.Context(t, halo), complete(t, hosted("scope", "read:tickets")))
	if err != nil {
		t.Fatal(err)
	}
	if life := g.Expiry.Sub(before); life < 85*time.Second || life > 95*time.Second {
		t.Errorf("the token lives for %v, want what expires_in says", life)
	}
	if g.State != nil || g.Facts["scope"] != "read:tickets" || !strings.HasPrefix(g.Header.Get("Authorization"), "Bearer ") {
		t.Errorf("got state %q, facts %v and headers %v", g.State, g.Facts, len(g.Header))
	}
}

// try obtains a grant and tests it.
func try(ctx context.Context, in sdk.Input) error {
	g, err := halopsa{}.Grant(ctx, in)
	if err != nil {
		return err
	}
	return halopsa{}.Test(ctx, in, g)
}

// An outcome tells a wrong secret from a wrong answer, a missing permission
// and a service that is down.
func TestOutcomes(t *testing.T) {
	behave := func(change func(*standin.HaloBehaviour)) func(*standin.Halo) {
		return func(h *standin.Halo) { h.Set(change) }
	}
	fail := func(part standin.Part, f standin.Fault) func(*standin.Halo) {
		return func(h *standin.Halo) { h.Fail(part, f) }
	}
	page := standin.Fault{HTML: true}
	scopeless := standin.Fault{Body: `{"access_token":"EXAMPLE","token_type":"Bearer","expires_in":3600}`}
	for name, c := range map[string]struct {
		answers sdk.Values
		change  func(*standin.Halo)
		code    error
		field   string
		says    string
	}{
		"good":                            {hosted(), nil, nil, "", ""},
		"agent in a list":                 {hosted(), behave(func(b *standin.HaloBehaviour) { b.WrapAgent = true }), nil, "", ""},
		"token that is a JWT":             {hosted(), behave(func(b *standin.HaloBehaviour) { b.JWT = true }), nil, "", ""},
		"wrong secret":                    {hosted("clientSecret", "EXAMPLE-wrong"), nil, sdk.Denied, "", "client ID and secret"},
		"wrong secret, 400":               {hosted("clientSecret", "EXAMPLE-wrong"), behave(func(b *standin.HaloBehaviour) { b.ClientStatus = 400 }), sdk.Denied, "", "client ID and secret"},
		"wrong secret, echoed":            {hosted("clientSecret", "EXAMPLE-wrong"), behave(func(b *standin.HaloBehaviour) { b.EchoSecret = true }), sdk.Denied, "", "client ID and secret"},
		"wrong ID":                        {hosted("clientId", "EXAMPLE-nobody"), nil, sdk.Denied, "", "client ID and secret"},
		"wrong authentication method":     {hosted(), fail(standin.Token, standin.Fault{Status: 400, Body: `{"error":"unauthorized_client"}`}), sdk.Denied, "", "Client ID and Secret (Services)"},
		"wrong tenant":                    {hosted("tenant", "nobody"), nil, sdk.Invalid, "tenant", "tenant"},
		"wrong tenant, in other words":    {hosted(), fail(standin.Token, standin.Fault{Status: 400, Body: `{"error":"no such thing"}`}), sdk.Invalid, "tenant", "tenant"},
		"on premise, for no reason":       {onPremise(), fail(standin.Token, standin.Fault{Status: 400, Body: `{"error":"no such thing"}`}), sdk.Denied, "", "check what was entered"},
		"unknown scope":                   {hosted("scope", "read:actions"), nil, sdk.Invalid, "scope", "knows"},
		"token without a scope":           {hosted(), fail(standin.Token, scopeless), sdk.Forbidden, "", "without a scope"},
		"missing permission":              {hosted(), behave(func(b *standin.HaloBehaviour) { b.Forbidden = true }), sdk.Forbidden, "", "lacks a permission"},
		"agent without access":            {hosted(), behave(func(b *standin.HaloBehaviour) { b.RefuseTokens = true }), sdk.Denied, "", "agent"},
		"wrong authorisation server":      {hosted("authUrl", "https://example.halopsa.com/login"), nil, sdk.Invalid, "authUrl", "/auth"},
		"wrong authorisation server, 404": {hosted("authUrl", "https://example.halopsa.com/auth/x"), nil, sdk.Invalid, "authUrl", "/auth"},
		"wrong resource server":           {hosted("resourceUrl", "https://example.halopsa.com"), nil, sdk.Invalid, "resourceUrl", "/api"},
		"wrong resource server, 404":      {hosted("resourceUrl", "https://example.halopsa.com/api/v2"), nil, sdk.Invalid, "resourceUrl", "/api"},
		"swapped URLs":                    {hosted("authUrl", "https://example.halopsa.com/api", "resourceUrl", "https://example.halopsa.com/auth"), nil, sdk.Invalid, "authUrl", "swapped"},
		"page for a token":                {hosted(), fail(standin.Token, page), sdk.Invalid, "authUrl", "API Details"},
		"page for an agent":               {hosted(), fail(standin.API, page), sdk.Invalid, "resourceUrl", "API Details"},
		"redirect to a login page":        {hosted(), fail(standin.Token, standin.Fault{Status: 302, Location: "https://example.halopsa.com/login"}), sdk.Unavailable, "", "redirect"},
		"broken server":                   {hosted(), fail(standin.Token, standin.Fault{Status: 500}), sdk.Unavailable, "", "500"},
		"broken server, API":              {hosted(), fail(standin.API, standin.Fault{Status: 503}), sdk.Unavailable, "", "503"},
	} {
		t.Run(name, func(t *testing.T) {
			halo := standin.NewHalo(standin.HaloConfig{})
			if c.change != nil {
				c.change(halo)
			}
			err := try(plugintest.Context(t, halo), complete(t, c.answers))
			var e *sdk.Error
			if errors.As(err, &e); !errors.Is(err, c.code) || e != nil && (e.Field != c.field || !strings.Contains(e.Message, c.says)) {
				t.Fatalf("got %#v, want %v in %q that says %q", err, c.code, c.field, c.says)
			}
			for _, secret := range append(halo.Secrets(), "EXAMPLE-wrong") {
				if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), secret) {
					t.Errorf("the error quotes a secret")
				}
			}
		})
	}
}

// Halo is throttled for the token and for the API alike, and may say for how
// long.
func TestThrottled(t *testing.T) {
	for _, part := range []standin.Part{standin.Token, standin.API} {
		for retry, want := range map[string]time.Duration{"": 0, "5": 5 * time.Second} {
			halo := standin.NewHalo(standin.HaloConfig{})
			halo.Fail(part, standin.Fault{Status: http.StatusTooManyRequests, RetryAfter: retry})
			err := try(plugintest.Context(t, halo), complete(t, hosted()))
			var e *sdk.Error
			if !errors.As(err, &e) || e.Code != sdk.Unavailable || e.RetryAfter != want {
				t.Errorf("%s, Retry-After %q: got %#v", part, retry, err)
			}
		}
	}
}

// A token that has ended is replaced by asking again: there is nothing to
// refresh, and no refresh token to lose.
func TestRenewal(t *testing.T) {
	halo := standin.NewHalo(standin.HaloConfig{})
	ctx, in := plugintest.Context(t, halo), complete(t, hosted())
	g, err := halopsa{}.Grant(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	halo.Expire()
	if err := (halopsa{}).Test(ctx, in, g); !errors.Is(err, sdk.Denied) {
		t.Errorf("the token that has ended: %v", err)
	}
	if err := try(ctx, in); err != nil {
		t.Errorf("another: %v", err)
	}
	if n := halo.TokenRequests(); n != 2 {
		t.Errorf("%d token requests, want 2", n)
	}
}
