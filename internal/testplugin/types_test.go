// SPDX-License-Identifier: Apache-2.0

package testplugin_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/plugintest"
)

func input(t *testing.T, p sdk.Plugin) sdk.Input {
	t.Helper()
	full, err := p.Schema().Complete(testplugin.Answers(p.Schema().Name))
	if err != nil {
		t.Fatal(err)
	}
	return sdk.NewInput(p.Schema(), full)
}

// Where the answers lead there is a route, so that a host finds the stand-in.
func TestRoutes(t *testing.T) {
	routes := testplugin.NewStandins().Routes("http://127.0.0.1:1")
	for _, p := range testplugin.Plugins() {
		origins, err := p.Schema().Expand(input(t, p).Values())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range append(origins.Answers, origins.Grant...) {
			if strings.HasPrefix(o, "https://") && !strings.Contains(o, "*") && routes[o] == "" {
				t.Errorf("%s: there is no route for %s", p.Schema().Name, o)
			}
		}
	}
}

// A refused request says what time it is at the service.
func TestSigV4CorrectsItsClock(t *testing.T) {
	all := testplugin.NewStandins()
	all.SigV4.Now = func() time.Time { return time.Now().Add(20 * time.Minute) }
	ctx, p := plugintest.Context(t, all), testplugin.SigV4{}
	in := input(t, p)
	if err := p.Test(ctx, in, sdk.Grant{}); !errors.Is(err, sdk.Denied) {
		t.Fatalf("with a wrong clock: %v", err)
	}
	in.Refused = &sdk.Refusal{Status: 403, Header: http.Header{"Date": {all.SigV4.Now().UTC().Format(http.TimeFormat)}}}
	g, err := p.Grant(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Test(ctx, in, g); err != nil {
		t.Errorf("with the service's time: %v", err)
	}
}

func TestSigV4SessionToken(t *testing.T) {
	all := testplugin.NewStandins()
	all.SigV4.Session = "EXAMPLE-session"
	ctx, p := plugintest.Context(t, all), testplugin.SigV4{}
	if err := p.Test(ctx, input(t, p), sdk.Grant{}); !errors.Is(err, sdk.Denied) {
		t.Errorf("without the session token: %v", err)
	}
	values := input(t, p).Values()
	values["sessionToken"] = "EXAMPLE-session"
	if err := p.Test(ctx, sdk.NewInput(p.Schema(), values), sdk.Grant{}); err != nil {
		t.Errorf("with it: %v", err)
	}
}

// connect approves homed as a person does.
func connect(t *testing.T, ctx context.Context, all *testplugin.Standins, in sdk.Input) (sdk.Callback, sdk.Approval) {
	t.Helper()
	cb := sdk.Callback{RedirectURL: "https://host.example/back", State: "state", Verifier: strings.Repeat("v", 43)}
	a, err := testplugin.Homed{}.Connect(ctx, in, cb)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, _, err := sdk.Fetch(r)
	if err != nil {
		t.Fatal(err)
	}
	back, err := url.Parse(resp.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	cb.Query = back.Query()
	return cb, a
}

// The grant goes where the token says, within the suffix, and nowhere else.
func TestHomedMoves(t *testing.T) {
	all := testplugin.NewStandins()
	ctx, p := plugintest.Context(t, all), testplugin.Homed{}
	in := input(t, p)
	cb, _ := connect(t, ctx, all, in)
	all.Homed.Move("https://us2.homed.example", "other@homed.example")
	g, err := p.Exchange(ctx, in, cb)
	if err != nil || len(g.Origins) != 1 || g.Origins[0] != "https://us2.homed.example" || g.Account != "other@homed.example" {
		t.Fatalf("got %v for %q and %v", g.Origins, g.Account, err)
	}
	in.State = g.State
	all.Homed.Move("https://homed.example.evil.example", "x")
	if _, err := p.Grant(ctx, in); !errors.Is(err, sdk.Unavailable) {
		t.Errorf("a foreign instance: %v", err)
	}
}

// A refresh token that is shown again ends everything that came of its
// approval, and is counted.
func TestHomedNoticesReuse(t *testing.T) {
	all := testplugin.NewStandins()
	ctx, p := plugintest.Context(t, all), testplugin.Homed{}
	in := input(t, p)
	cb, _ := connect(t, ctx, all, in)
	first, err := p.Exchange(ctx, in, cb)
	if err != nil {
		t.Fatal(err)
	}
	in.State = first.State
	second, err := p.Grant(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Test(ctx, in, second); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Grant(ctx, in); !errors.Is(err, sdk.Denied) || all.Homed.Reused() != 1 {
		t.Errorf("the spent token: %v, counted %d times", err, all.Homed.Reused())
	}
	if err := p.Test(ctx, in, second); !errors.Is(err, sdk.Denied) {
		t.Errorf("what came of the approval: %v, want Denied", err)
	}
	if n := all.Homed.TokenRequests(); n != 3 {
		t.Errorf("%d token requests, want 3", n)
	}
}

func TestHomedDenies(t *testing.T) {
	all := testplugin.NewStandins()
	ctx, p := plugintest.Context(t, all), testplugin.Homed{}
	all.Homed.Deny(true)
	cb, _ := connect(t, ctx, all, input(t, p))
	if _, err := p.Exchange(ctx, input(t, p), cb); !errors.Is(err, sdk.Denied) || cb.Query.Get("error") != "access_denied" {
		t.Errorf("got %v of %v", err, cb.Query)
	}
}

// A device flow is not over while nobody has approved, asks to slow down for
// good, and ends when the person denies.
func TestDevice(t *testing.T) {
	all := testplugin.NewStandins()
	ctx, p := plugintest.Context(t, all), testplugin.Device{}
	in := input(t, p)
	a, err := p.Connect(ctx, in, sdk.Callback{})
	if err != nil || a.UserCode == "" || a.Interval != time.Second || time.Until(a.Expiry) < 9*time.Minute {
		t.Fatalf("got an approval of %v every %v, and %v", time.Until(a.Expiry), a.Interval, err)
	}
	cb := sdk.Callback{Kept: a.State}
	poll := func() (e *sdk.Error) {
		_, err := p.Exchange(ctx, in, cb)
		errors.As(err, &e)
		return e
	}
	if e := poll(); e == nil || e.Code != sdk.Unavailable || e.RetryAfter != 0 {
		t.Errorf("nobody has approved: %#v", e)
	}
	all.Device.SlowDown()
	if e := poll(); e == nil || e.Code != sdk.Unavailable || e.Reason != "slow_down" {
		t.Errorf("too fast: %#v", e)
	}
	activate := func(extra string) {
		if err := sdk.Probe(ctx, sdk.Grant{}, a.URL+"?user_code="+a.UserCode+extra, nil); err != nil {
			t.Fatal(err)
		}
	}
	activate("&deny=1")
	if e := poll(); e == nil || e.Code != sdk.Denied {
		t.Errorf("denied: %#v", e)
	}
	activate("")
	if e := poll(); e != nil {
		t.Errorf("approved: %v", e)
	}
	if e := poll(); e == nil || e.Code != sdk.Denied {
		t.Errorf("approved, and used: %#v", e)
	}
}

// Who left the owner empty in the old version is asked for the account.
func TestRenamedAsksWhatItCannotKnow(t *testing.T) {
	p := testplugin.Renamed{}
	old := testplugin.RenamedAnswers()
	delete(old, "owner")
	values, err := p.Upgrade(t.Context(), 1, old)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Schema().Complete(values)
	var es sdk.Errors
	if !errors.As(err, &es) || len(es) != 1 || es[0].Field != "account" || es[0].Reason != sdk.ReasonRequired {
		t.Errorf("got %v, want the account to be required", err)
	}
}

func TestManyHaveOnlyATest(t *testing.T) {
	if got := sdk.Can(testplugin.Many(1)); got != (sdk.Abilities{Test: true}) {
		t.Errorf("got %+v", got)
	}
}

func TestSitesTellPermissionsApart(t *testing.T) {
	ctx, p := plugintest.Context(t, testplugin.NewStandins()), testplugin.Sites{}
	values := input(t, p).Values()
	for site, want := range map[string]error{"north": nil, "south": sdk.Forbidden, "west": sdk.Unavailable} {
		values["site"] = site
		in := sdk.NewInput(p.Schema(), values)
		g, err := p.Grant(ctx, in)
		if err == nil {
			err = p.Test(ctx, in, g)
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", site, err, want)
		}
	}
}
