// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
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
	for name, behaviour := range map[string]standin.FaxPlusBehaviour{
		"keeping":  {},
		"rotating": {Rotate: true, RevokeOnReuse: true, EchoSecret: true, Bare: true},
		"empty":    {EmptyRefresh: true, NoState: true, NoTokenInfo: true},
	} {
		t.Run(name, func(t *testing.T) {
			fax := standin.NewFaxPlus(standin.FaxPlusConfig{Behaviour: behaviour})
			plugin := sdk.Plugin(faxplus{})
			if behaviour.Rotate {
				plugin = rotated{}
			}
			plugintest.Run(t, plugintest.Suite{
				New:     func() sdk.Plugin { return plugin },
				Service: fax,
				Answers: map[string]sdk.Values{"pat": personal(), "oauth2": browser()},
				Request: func(sdk.Input) *http.Request {
					r, _ := http.NewRequest(http.MethodGet, api+"/v3/accounts/self/outbox", nil)
					return r
				},
			})
			if fax.Reused() > 0 {
				t.Errorf("a code or a refresh token was used %d times too often", fax.Reused())
			}
		})
	}
}

// rotated is the plugin for a service that came to rotate, against what its
// vendor's samples rely on: all but the promise that it does not.
type rotated struct{ faxplus }

func (r rotated) Schema() sdk.Schema {
	s := r.faxplus.Schema()
	s.ReuseSeconds = 0
	return s
}

func personal(changes ...string) sdk.Values {
	return with(sdk.Values{"personalAccessToken": standin.FaxPlusToken}, changes)
}

func browser(changes ...string) sdk.Values {
	return with(sdk.Values{"authMethod": "oauth2", "clientId": standin.FaxPlusClientID, "clientSecret": standin.FaxPlusClientSecret}, changes)
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
	s := faxplus{}.Schema()
	full, err := s.Complete(answers)
	if err != nil {
		t.Fatal(err)
	}
	return sdk.NewInput(s, full)
}

// faults returns the fields that the schema refuses, and why.
func faults(answers sdk.Values) map[string]string {
	_, err := faxplus{}.Schema().Complete(answers)
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
		"nothing":                  {nil, map[string]string{"personalAccessToken": "required"}},
		"token with spaces":        {personal("personalAccessToken", "alohi_pat_1 "), map[string]string{"personalAccessToken": "pattern"}},
		"token of another look":    {personal("personalAccessToken", "1234567890"), map[string]string{}},
		"token that ends one day":  {personal("patExpiresAt", "2027-01-31T00:00:00Z"), map[string]string{}},
		"token that ends some day": {personal("patExpiresAt", "next year"), map[string]string{"patExpiresAt": "kind"}},
		"oauth2 alone":             {sdk.Values{"authMethod": "oauth2"}, map[string]string{"clientId": "required", "clientSecret": "required"}},
		"client of another look":   {browser("clientId", "1234"), map[string]string{"clientId": "pattern"}},
		"client with a colon":      {browser("clientId", "APIK-1:2"), map[string]string{"clientId": "pattern"}},
		"both":                     {browser("personalAccessToken", standin.FaxPlusToken), map[string]string{}},
		"another method":           {sdk.Values{"authMethod": "basic"}, map[string]string{"authMethod": "option"}},
	} {
		if diff := cmp.Diff(c.want, faults(c.answers)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Only the answers to the chosen method are kept.
func TestDefaults(t *testing.T) {
	for name, c := range map[string]struct{ answers, want sdk.Values }{
		"pat":    {personal("clientId", "APIK-1", "clientSecret", "left over"), personal("authMethod", "pat")},
		"oauth2": {browser("personalAccessToken", "alohi_pat_left_over", "clientId", " "+standin.FaxPlusClientID+" "), browser("advancedSecurityControls", "false")},
	} {
		if diff := cmp.Diff(map[string]string(c.want), map[string]string(complete(t, c.answers).Values())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestWords(t *testing.T) { plugintest.Words(t, faxplus{}.Schema()) }

func TestHelp(t *testing.T) {
	said := ""
	for _, f := range (faxplus{}).Schema().Fields {
		if f.Help == "" {
			t.Errorf("%s has no help", f.Name)
		}
		said += f.Help + "\n"
	}
	for _, n := range (faxplus{}).Schema().Notices {
		said += n.Text + "\n"
	}
	for _, fact := range []string{
		"Enterprise plan", "owner or administrator", "Generate Token", "expiration date", "scopes", "will not be able to see it again",
		"Activate", "starts with APIK-", "redirect URIs", "every 30 days",
	} {
		if !strings.Contains(said, fact) {
			t.Errorf("nothing says %q", fact)
		}
	}
}

// callback is what a host brings along.
func callback() sdk.Callback {
	return sdk.Callback{RedirectURL: "https://host.example/connect?from=fax plus", State: "state-EXAMPLE", Verifier: strings.Repeat("v", 43)}
}

// visit approves at the service, and returns the callback that comes back.
func visit(t *testing.T, fax *standin.FaxPlus, in sdk.Input) sdk.Callback {
	t.Helper()
	cb := callback()
	a, err := faxplus{}.Connect(t.Context(), in, cb)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	fax.ServeHTTP(w, httptest.NewRequest(http.MethodGet, a.URL, nil))
	back, err := url.Parse(w.Header().Get("Location"))
	if err != nil || !strings.HasPrefix(back.String(), "https://host.example/connect?") {
		t.Fatalf("the service sent the person to %q", w.Header().Get("Location"))
	}
	cb.Query = back.Query()
	return cb
}

func TestConnect(t *testing.T) {
	a, err := faxplus{}.Connect(t.Context(), complete(t, browser()), callback())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(a.URL)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{"response_type": {"code"}, "client_id": {standin.FaxPlusClientID}, "scope": {"all"},
		"redirect_uri": {callback().RedirectURL}, "state": {callback().State}}
	if diff := cmp.Diff(want, u.Query()); diff != "" { // no PKCE: nobody says that the service knows it
		t.Errorf("the query (-want +got):\n%s", diff)
	}
	u.RawQuery = ""
	if u.String() != "https://accounts.fax.plus/login" {
		t.Errorf("the page is %s", u)
	}
}

// The parameters are in the query, the body is empty, and the client
// authenticates with its ID and secret as they are.
func TestTokenRequests(t *testing.T) {
	const odd = "EXAMPLE/+odd=secret&%41 ~"
	fax := standin.NewFaxPlus(standin.FaxPlusConfig{Clients: []standin.FaxPlusClient{{ID: standin.FaxPlusClientID, Secret: odd}}})
	ctx, in := plugintest.Context(t, fax), complete(t, browser("clientSecret", odd))
	cb := visit(t, fax, in)
	g, err := faxplus{}.Exchange(ctx, in, cb)
	if err != nil {
		t.Fatal(err)
	}
	check := func(want url.Values) {
		t.Helper()
		r := fax.Last()
		if r.Method != http.MethodPost || r.Host != "accounts.fax.plus" || r.Path != "/token" || r.Body != "" {
			t.Errorf("got %s %s%s with the body %q", r.Method, r.Host, r.Path, r.Body)
		}
		if diff := cmp.Diff(want, r.Query()); diff != "" {
			t.Errorf("the query (-want +got):\n%s", diff)
		}
		id, secret, _ := (&http.Request{Header: r.Header}).BasicAuth()
		if id != standin.FaxPlusClientID || secret != odd || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
			t.Errorf("the client shows %q and another secret, in %q", id, r.Header.Get("Content-Type"))
		}
	}
	check(url.Values{"grant_type": {"authorization_code"}, "client_id": {standin.FaxPlusClientID}, "code": cb.Query["code"], "redirect_uri": {cb.RedirectURL}})

	in.State = g.State
	if _, err := (faxplus{}).Grant(ctx, in); err != nil {
		t.Fatal(err)
	}
	if fax.Last().Query().Get("refresh_token") == "" {
		t.Error("no refresh token was sent")
	}
	check(url.Values{"grant_type": {"refresh_token"}, "refresh_token": fax.Last().Query()["refresh_token"]})
}

// A grant carries the client's ID if, and only if, it is one of OAuth.
func TestHeaders(t *testing.T) {
	fax := standin.NewFaxPlus(standin.FaxPlusConfig{})
	ctx := plugintest.Context(t, fax)
	g, err := faxplus{}.Grant(ctx, complete(t, personal()))
	if want := (http.Header{"Authorization": {"Bearer " + standin.FaxPlusToken}}); err != nil || cmp.Diff(want, g.Header) != "" {
		t.Errorf("a personal token: %v\n%s", err, cmp.Diff(want, g.Header))
	}
	if fax.TokenRequests()+fax.APIRequests() > 0 {
		t.Errorf("a personal token needs no request")
	}
	in := complete(t, browser())
	g, err = faxplus{}.Exchange(ctx, in, visit(t, fax, in))
	if err != nil || g.Header.Get("x-fax-clientid") != standin.FaxPlusClientID || !strings.HasPrefix(g.Header.Get("Authorization"), "Bearer ") {
		t.Errorf("OAuth: %v, with %d headers", err, len(g.Header))
	}
	if err := (faxplus{}).Test(ctx, in, g); err != nil {
		t.Error(err)
	}
	g.Header.Del("x-fax-clientid")
	if err := (faxplus{}).Test(ctx, in, g); !errors.Is(err, sdk.Denied) {
		t.Errorf("OAuth without the header: %v", err)
	}
}

// A token lives an hour if nobody says otherwise, and the person must approve
// again after 30 days if the account says so, however often it was renewed.
func TestTimes(t *testing.T) {
	fax := standin.NewFaxPlus(standin.FaxPlusConfig{Behaviour: standin.FaxPlusBehaviour{Bare: true, Rotate: true}})
	ctx := plugintest.Context(t, fax)
	about := func(what string, got time.Time, in time.Duration) {
		t.Helper()
		if d := time.Until(got) - in; d < -time.Minute || d > time.Minute {
			t.Errorf("%s is in %v, want %v", what, time.Until(got), in)
		}
	}
	for _, advanced := range []string{"true", "false"} {
		in := complete(t, browser("advancedSecurityControls", advanced))
		g, err := faxplus{}.Exchange(ctx, in, visit(t, fax, in))
		for range 2 {
			if err != nil {
				t.Fatal(err)
			}
			about("the expiry", g.Expiry, time.Hour)
			if advanced == "true" {
				about("the next approval", g.Reconnect, 30*24*time.Hour)
			} else if !g.Reconnect.IsZero() {
				t.Errorf("the next approval is at %v", g.Reconnect)
			}
			in.State = g.State
			g, err = faxplus{}.Grant(ctx, in)
		}
	}
	g, err := faxplus{}.Grant(ctx, complete(t, personal("patExpiresAt", "2027-01-31T12:00:00+01:00")))
	if want := time.Date(2027, 1, 31, 11, 0, 0, 0, time.UTC); err != nil || !g.Reconnect.Equal(want) || !g.Expiry.IsZero() {
		t.Errorf("a personal token: %v; to be made anew at %v, want %v", err, g.Reconnect, want)
	}
}

// Refresh tokens rotate, stay, or come back empty; after 30 days of Advanced
// Security Controls they end, and the person learns what to do.
func TestRefresh(t *testing.T) {
	for name, behaviour := range map[string]standin.FaxPlusBehaviour{
		"stays": {}, "rotates": {Rotate: true, RevokeOnReuse: true}, "comes back empty": {EmptyRefresh: true},
	} {
		t.Run(name, func(t *testing.T) {
			clock := standin.NewClock(time.Now())
			behaviour.AdvancedSecurity = true
			fax := standin.NewFaxPlus(standin.FaxPlusConfig{Now: clock.Now, Behaviour: behaviour})
			ctx, in := plugintest.Context(t, fax), complete(t, browser())
			g, err := faxplus{}.Exchange(ctx, in, visit(t, fax, in))
			for day := range 30 {
				if err != nil {
					t.Fatalf("on day %d: %v", day, err)
				}
				if err := (faxplus{}).Test(ctx, in, g); err != nil {
					t.Fatalf("on day %d: %v", day, err)
				}
				in.State = g.State
				clock.Advance(24 * time.Hour)
				g, err = faxplus{}.Grant(ctx, in)
			}
			var e *sdk.Error
			if !errors.As(err, &e) || e.Code != sdk.Denied || !strings.Contains(e.Message, "connect again") || !strings.Contains(e.Message, "30 days") {
				t.Errorf("on day 30: %#v", err)
			}
			if fax.Reused() > 0 {
				t.Error("a refresh token was used twice")
			}
		})
	}
}

// An outcome tells a wrong secret from a missing permission and from a service
// that is down, and what must be connected from what must be entered again.
func TestOutcomes(t *testing.T) {
	behave := func(change func(*standin.FaxPlusBehaviour)) func(*standin.FaxPlus) {
		return func(f *standin.FaxPlus) { f.Set(change) }
	}
	fail := func(part standin.Part, fault standin.Fault) func(*standin.FaxPlus) {
		return func(f *standin.FaxPlus) { f.Fail(part, fault) }
	}
	oldAPI := func(b *standin.FaxPlusBehaviour) { b.NoTokenInfo = true }
	echo := func(b *standin.FaxPlusBehaviour) { b.EchoSecret = true }
	for name, c := range map[string]struct {
		answers sdk.Values
		change  func(*standin.FaxPlus) // after the approval, if there is one
		code    error
		says    string
	}{
		"personal":                          {personal(), nil, nil, ""},
		"personal, old API":                 {personal(), behave(oldAPI), nil, ""},
		"narrow":                            {personal("personalAccessToken", standin.FaxPlusNarrowToken), nil, nil, ""}, // it says itself that it is good
		"narrow, old API":                   {personal("personalAccessToken", standin.FaxPlusNarrowToken), behave(oldAPI), sdk.Forbidden, "permission"},
		"wrong token":                       {personal("personalAccessToken", "alohi_pat_EXAMPLE_wrong"), nil, sdk.Denied, "generate another"},
		"wrong token, old API":              {personal("personalAccessToken", "alohi_pat_EXAMPLE_wrong"), behave(oldAPI), sdk.Denied, "generate another"},
		"expired token":                     {personal("personalAccessToken", standin.FaxPlusExpiredToken), nil, sdk.Denied, "has expired"},
		"suspended, old API":                {personal(), behave(func(b *standin.FaxPlusBehaviour) { oldAPI(b); b.Status = "suspended" }), sdk.Forbidden, "not active"},
		"personal, page":                    {personal(), fail(standin.API, standin.Fault{HTML: true}), sdk.Unavailable, "something other"},
		"personal, throttled":               {personal(), fail(standin.API, standin.Fault{Status: 429}), sdk.Unavailable, "slow down"},
		"personal, broken":                  {personal(), fail(standin.API, standin.Fault{Status: 500}), sdk.Unavailable, "500"},
		"approved":                          {browser(), nil, nil, ""},
		"approved, suspended":               {browser(), behave(func(b *standin.FaxPlusBehaviour) { b.Status = "suspended" }), sdk.Forbidden, "not active"},
		"wrong client secret":               {browser("clientSecret", "EXAMPLE-wrong"), nil, sdk.Denied, "client ID and secret: enter them again"},
		"wrong client secret, echoed":       {browser("clientSecret", "EXAMPLE-wrong"), behave(echo), sdk.Denied, "client ID and secret: enter them again"},
		"client that was withdrawn":         {browser(), behave(func(b *standin.FaxPlusBehaviour) { b.RefuseClients = true }), sdk.Denied, "client ID and secret: enter them again"},
		"approval that was withdrawn":       {browser(), func(f *standin.FaxPlus) { f.Revoke() }, sdk.Denied, "connect again"},
		"approval withdrawn, echoed":        {browser(), func(f *standin.FaxPlus) { f.Set(echo); f.Revoke() }, sdk.Denied, "connect again"},
		"approved, throttled":               {browser(), fail(standin.Token, standin.Fault{Status: 429}), sdk.Unavailable, "slow down"},
		"approved, broken":                  {browser(), fail(standin.Token, standin.Fault{Status: 502}), sdk.Unavailable, "502"},
		"approved, page":                    {browser(), fail(standin.Token, standin.Fault{HTML: true}), sdk.Unavailable, "JSON"},
		"approved, lost answer":             {browser(), fail(standin.Token, standin.Fault{Lose: true}), sdk.Unavailable, "could not be reached"},
		"approved, page in the API's place": {browser(), fail(standin.API, standin.Fault{HTML: true}), sdk.Unavailable, "address"},
	} {
		t.Run(name, func(t *testing.T) {
			fax := standin.NewFaxPlus(standin.FaxPlusConfig{})
			ctx, in := plugintest.Context(t, fax), complete(t, c.answers)
			in.State = approvedState(t, ctx, fax, in)
			if c.change != nil {
				c.change(fax)
			}
			g, err := faxplus{}.Grant(ctx, in)
			if err == nil {
				err = faxplus{}.Test(ctx, in, g)
			}
			var e *sdk.Error
			if errors.As(err, &e); !errors.Is(err, c.code) || e != nil && !strings.Contains(e.Message, c.says) {
				t.Fatalf("got %#v, want %v that says %q", err, c.code, c.says)
			}
			for _, secret := range append(fax.Secrets(), "EXAMPLE-wrong", "alohi_pat_EXAMPLE_wrong") {
				if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), secret) {
					t.Errorf("the error quotes a secret")
				}
			}
		})
	}
}

// approvedState returns the state of a credential that somebody approved with
// the right client, nil if it needs no approval.
func approvedState(t *testing.T, ctx context.Context, fax *standin.FaxPlus, in sdk.Input) []byte {
	t.Helper()
	if !(faxplus{}).Schema().NeedsConnect(in.Values()) {
		return nil
	}
	right := complete(t, browser())
	g, err := faxplus{}.Exchange(ctx, right, visit(t, fax, right))
	if err != nil {
		t.Fatal(err)
	}
	return g.State
}

// A callback that is no approval says what to do.
func TestExchangeRefused(t *testing.T) {
	for name, c := range map[string]struct {
		behaviour standin.FaxPlusBehaviour
		change    func(fax *standin.FaxPlus, cb *sdk.Callback)
		says      string
	}{
		"denied":         {standin.FaxPlusBehaviour{Deny: true}, nil, "connect again"},
		"used code":      {standin.FaxPlusBehaviour{}, nil, "redirect URL"},
		"unknown code":   {standin.FaxPlusBehaviour{EchoSecret: true}, func(_ *standin.FaxPlus, cb *sdk.Callback) { cb.Query.Set("code", "EXAMPLE-code") }, "redirect URL"},
		"other redirect": {standin.FaxPlusBehaviour{}, func(_ *standin.FaxPlus, cb *sdk.Callback) { cb.RedirectURL += "/" }, "redirect URL"},
		"other client":   {standin.FaxPlusBehaviour{RefuseClients: true}, nil, "client ID and secret"},
	} {
		t.Run(name, func(t *testing.T) {
			fax := standin.NewFaxPlus(standin.FaxPlusConfig{Behaviour: c.behaviour})
			ctx, in := plugintest.Context(t, fax), complete(t, browser())
			cb := visit(t, fax, in)
			if c.change != nil {
				c.change(fax, &cb)
			}
			if name == "used code" {
				if _, err := (faxplus{}).Exchange(ctx, in, cb); err != nil {
					t.Fatal(err)
				}
			}
			_, err := faxplus{}.Exchange(ctx, in, cb)
			var e *sdk.Error
			if !errors.As(err, &e) || e.Code != sdk.Denied || !strings.Contains(e.Message, c.says) || strings.Contains(e.Message, "EXAMPLE") {
				t.Errorf("got %#v, want Denied that says %q", err, c.says)
			}
		})
	}
}
