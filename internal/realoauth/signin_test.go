// SPDX-License-Identifier: Apache-2.0

package realoauth_test

import (
	"errors"
	"log/slog"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/sdk"
)

const signedIn = "https://host.example/signin/callback"

// A door is where people sign in at oidc-provider: two hosts on one store.
type door struct {
	*access.Access
	other *access.Access
	host  *host.Host // of Access
	t     *testing.T
	front *front
	clock *clock
	log   *lines
	seen  []string // secrets that nothing may show
}

// openDoor lets in everybody of example.com whose mail address is verified, to
// use, and the group ops to administer.
func openDoor(t *testing.T) *door { return openDoorAt(t, signedIn) }

// openDoorAt has the provider send people back to another address.
func openDoorAt(t *testing.T, back string) *door {
	t.Helper()
	d := &door{t: t, front: oidcProvider.start(t, back), clock: &clock{}, log: &lines{}, seen: []string{secret}}
	d.front.begin(t, back, true)
	keys, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	store := memstore.New()
	d.other, _ = d.open(store, sealer.New(keys))
	d.Access, d.host = d.open(store, sealer.New(keys))
	t.Cleanup(func() {
		for _, c := range d.seen {
			if c != "" && strings.Contains(d.log.String(), c) {
				t.Error("the log holds a secret")
			}
		}
	})
	return d
}

func (d *door) open(store host.Store, seal host.Sealer) (*access.Access, *host.Host) {
	d.t.Helper()
	logger := slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h, err := host.Open(d.t.Context(), host.Config{Plugins: []string{d.t.TempDir()}, Runtime: filepath.Join(d.t.TempDir(), "r"),
		Store: store, Sealer: seal, Now: d.clock.Now, Logger: logger, Dumpable: true})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { h.Close() })
	a, err := access.Open(d.t.Context(), access.Config{Host: h, Client: d.front.Client(), Logger: logger, Providers: []access.Provider{{
		ID: "corp", Issuer: d.front.URL, ClientID: "web:app", ClientSecret: secret, Scopes: []string{"email", "groups"},
		Rules: []access.Rule{
			{Claim: "email", Value: "*@example.com", Workspace: "default", Scopes: []access.Scope{access.Use, access.Read}},
			{Claim: "groups", Value: "ops", Workspace: "default", Scopes: []access.Scope{access.Admin}},
			{Claim: "groups", Value: "nobody", Operator: true, Scopes: access.Scopes},
			{Claim: "email", Value: "grace@example.com", Workspace: "not-created", Scopes: access.Scopes},
		},
	}}})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { a.Close() })
	return a, h
}

// begin begins a visit, and changes where it leads.
func (d *door) begin(change func(q url.Values)) (page, cookie string) {
	d.t.Helper()
	page, cookie, err := d.BeginVisit(d.t.Context(), "corp", signedIn, "/credentials?type=halopsa")
	if err != nil {
		d.t.Fatal(err)
	}
	d.seen = append(d.seen, cookie)
	if change != nil {
		u, _ := url.Parse(page)
		q := u.Query()
		change(q)
		u.RawQuery = q.Encode()
		page = u.String()
	}
	return page, cookie
}

// visit signs somebody in at the provider, and returns what they come back with.
func (d *door) visit(login, page string) url.Values {
	d.t.Helper()
	back, err := newPerson(d.front, login).approve(page, signedIn)
	if err != nil {
		d.t.Fatal(err)
	}
	q := back.Query()
	d.seen = append(d.seen, q.Get("code"))
	return q
}

// denied demands that a visit signs nobody in.
func (d *door) denied(what string, code sdk.Code, q url.Values, cookie string) {
	d.t.Helper()
	session, c, _, err := d.FinishVisit(d.t.Context(), signedIn, q, cookie)
	if !errors.Is(err, code) || session != "" || c.Actor != "" {
		d.t.Errorf("%s: %+v, %v; want %v", what, c, err, code)
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	d := openDoor(t)
	for login, want := range map[string][]access.Scope{
		"ada":   {access.Read, access.Use},
		"grace": {access.Read, access.Use, access.Admin},
	} {
		page, cookie := d.begin(nil)
		q := d.visit(login, page)
		session, c, back, err := d.other.FinishVisit(t.Context(), signedIn, q, cookie) // another host goes on
		if err != nil {
			t.Fatal(err)
		}
		d.seen = append(d.seen, session)
		if c.Actor != host.Actor("user:corp/"+login+"@example.com") || c.Workspace != "default" || !slices.Equal(c.Scopes, want) || c.Operator() {
			t.Errorf("%s is %+v", login, c)
		}
		if back != "/credentials?type=halopsa" {
			t.Errorf("%s is sent to %q", login, back)
		}
		if again, err := d.Session(t.Context(), session); err != nil || again.Actor != c.Actor || !slices.Equal(again.Workspaces(), []string{"default"}) {
			t.Errorf("the session is %+v's, %v", again, err)
		}
		d.denied("the same again", sdk.Denied, q, cookie)
		last := d.front.Last(t)
		if last.Form.Get("code_verifier") == "" {
			t.Error("the code was not protected by PKCE")
		}
	}
}

// TestSignInRefused plays whoever wants to be somebody else.
func TestSignInRefused(t *testing.T) {
	t.Parallel()
	d := openDoor(t)
	page, cookie := d.begin(nil)
	_, others := d.begin(nil)
	q := d.visit("ada", page)
	changed := func(change func(q url.Values)) url.Values {
		c := url.Values{}
		for name, values := range q {
			c[name] = slices.Clone(values)
		}
		change(c)
		return c
	}
	for what, test := range map[string]struct {
		q      url.Values
		cookie string
	}{
		"no cookie":                {q, ""},
		"another browser's cookie": {q, others},
		"a cookie that was cut":    {q, cookie[:len(cookie)-1]},
		"a cookie that was made":   {q, strings.Replace(cookie, ".", ".e", 1)},
		"no state":                 {changed(func(q url.Values) { q.Del("state") }), cookie},
		"another state":            {changed(func(q url.Values) { q.Set("state", strings.Repeat("x", len(q.Get("state")))) }), cookie},
		"two states":               {changed(func(q url.Values) { q.Add("state", q.Get("state")) }), cookie},
		"no iss":                   {changed(func(q url.Values) { q.Del("iss") }), cookie},
		"another's iss":            {changed(func(q url.Values) { q.Set("iss", "https://evil.example") }), cookie},
		"no code":                  {changed(func(q url.Values) { q.Del("code") }), cookie},
		"an error beside the code": {changed(func(q url.Values) { q.Set("error", "access_denied") }), cookie},
	} {
		d.denied(what, sdk.Denied, test.q, test.cookie)
	}
	if n := len(d.front.Passed("")); n != 0 {
		t.Fatalf("%d codes were sent to the provider", n)
	}
	if _, _, _, err := d.FinishVisit(t.Context(), "https://host.example/elsewhere", q, cookie); !errors.Is(err, sdk.Denied) {
		t.Errorf("at another address: %v", err)
	}
	d.denied("another code", sdk.Denied, changed(func(q url.Values) { q.Set("code", strings.Repeat("x", len(q.Get("code")))) }), cookie)
	if _, _, _, err := d.FinishVisit(t.Context(), signedIn, q, cookie); err != nil {
		t.Errorf("after all that: %v", err)
	}

	page, cookie = d.begin(func(q url.Values) { q.Set("nonce", "of another visit") })
	d.denied("the ID token of another visit", sdk.Denied, d.visit("ada", page), cookie)
	page, cookie = d.begin(nil)
	d.denied("a mail address that is not verified", sdk.Forbidden, d.visit("eve", page), cookie)
	page, cookie = d.begin(nil)
	q = d.visit("ada", page)
	d.clock.move(10 * time.Minute)
	d.denied("too late", sdk.Denied, q, cookie)
	for _, why := range []string{"another visit", "another provider", "without a code", "does not take the code"} {
		if !strings.Contains(d.log.String(), why) {
			t.Errorf("the log does not say %q", why)
		}
	}
}

// TestSignInClocks sign in where the clocks differ: an ID token lives for an hour.
func TestSignInClocks(t *testing.T) {
	t.Parallel()
	d := openDoor(t)
	d.clock.move(time.Hour + 30*time.Second)
	page, cookie := d.begin(nil)
	if _, _, _, err := d.FinishVisit(t.Context(), signedIn, d.visit("ada", page), cookie); err != nil {
		t.Errorf("half a minute after its end: %v", err)
	}
	d.clock.move(time.Minute)
	page, cookie = d.begin(nil)
	d.denied("an ID token that has ended", sdk.Denied, d.visit("ada", page), cookie)
	d.clock.move(-2 * time.Hour)
	page, cookie = d.begin(nil)
	d.denied("an ID token from the future", sdk.Denied, d.visit("ada", page), cookie)
	if !strings.Contains(d.log.String(), "it has ended") || !strings.Contains(d.log.String(), "from the future") {
		t.Error("the log does not say why")
	}
}

// TestSignInKeysRotate signs in after the provider has replaced its keys.
func TestSignInKeysRotate(t *testing.T) {
	t.Parallel()
	d := openDoor(t)
	for range 2 {
		page, cookie := d.begin(nil)
		if _, _, _, err := d.FinishVisit(t.Context(), signedIn, d.visit("ada", page), cookie); err != nil {
			t.Fatal(err)
		}
		d.front.begin(t, signedIn, true)
	}
}

// TestSignInWrongSecret says who must act when the host's own secret is wrong.
func TestSignInWrongSecret(t *testing.T) {
	t.Parallel()
	d := openDoor(t)
	page, cookie := d.begin(nil)
	q := d.visit("ada", page)
	d.front.operate(t, "new", map[string]any{"issuer": d.front.URL, "redirect": signedIn, "secret": secret + "2", "jwks": signingKeys, "signIn": true})
	d.denied("another secret", sdk.Denied, q, cookie)
	if !strings.Contains(d.log.String(), "invalid_client") {
		t.Errorf("the log says %s", d.log)
	}
	d.front.Close()
	d.denied("no provider", sdk.Unavailable, q, cookie)
}
