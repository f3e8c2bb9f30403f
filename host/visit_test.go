// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/sdk"
)

// People are sent on to where the operator has said, also when they refuse; and
// nowhere, as long as it is not certain that the visit is theirs.
func TestReturn(t *testing.T) {
	t.Parallel()
	h := open(t, func(cfg *host.Config) {
		cfg.Returns = map[string]string{"settings": "https://host.example/settings?tab=1"}
	})
	id := h.create("homed", nil)
	begin := func() host.Flow {
		t.Helper()
		flow, err := h.Begin(t.Context(), host.Visit{Credential: id, Actor: "anna", Return: "settings"})
		if err != nil {
			t.Fatal(err)
		}
		return flow
	}
	if done, err := h.finish(begin(), "anna"); err != nil || done.Return != "https://host.example/settings?tab=1" {
		t.Errorf("Finish = %+v, %v", done, err)
	}
	if done, err := h.finish(begin(), "eve"); err == nil || done.Return != "" {
		t.Errorf("another actor's Finish = %+v, %v", done, err)
	}
	h.services.Homed.Deny(true)
	if done, err := h.finish(begin(), "anna"); !errors.Is(err, sdk.Denied) || done.Return == "" {
		t.Errorf("Finish, of a refusal = %+v, %v", done, err)
	}
	for _, name := range []string{"elsewhere", "https://host.example/settings?tab=1", "https://evil.example/"} {
		_, err := h.Begin(t.Context(), host.Visit{Credential: id, Actor: "anna", Return: name})
		refused(t, err, sdk.Invalid, "")
	}
	_, err := h.Begin(t.Context(), host.Visit{Credential: id})
	refused(t, err, sdk.Internal, "")
}

// Codes and people go only where nobody on the way can read along.
func TestAddressesOfAHost(t *testing.T) {
	t.Parallel()
	keys, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	for address, good := range map[string]bool{
		"https://host.example/callback": true, "http://127.0.0.1:8687/callback": true, "http://[::1]/": true, "http://localhost:1/": true,
		"http://host.example/callback": false, "host.example": false, "https://me@host.example/": false, "https://host.example/#f": false,
		"ftp://host.example/": false, "https://host.example/?a=b": false, "http://127.0.0.1.evil.example/": false, "//host.example/": false,
	} {
		cfg := host.Config{Store: memstore.New(), Sealer: sealer.New(keys), CallbackURL: address}
		h, err := host.Open(t.Context(), cfg)
		if (err == nil) != good {
			t.Errorf("CallbackURL %q: %v", address, err)
		}
		if err == nil {
			h.Close()
		}
		cfg.CallbackURL, cfg.Returns = "", map[string]string{"here": address}
		h, err = host.Open(t.Context(), cfg)
		if good := good || strings.Contains(address, "?"); (err == nil) != good {
			t.Errorf("Returns %q: %v", address, err)
		}
		if err == nil {
			h.Close()
		}
	}
}

// What a provider says when it says no is told apart, by the words of the
// standard alone.
func TestWhatTheProviderSays(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("homed", nil)
	for word, want := range map[string]sdk.Code{
		"access_denied": sdk.Denied, "invalid_scope": sdk.Invalid, "unauthorized_client": sdk.Invalid, "invalid_request": sdk.Invalid,
		"server_error": sdk.Unavailable, "temporarily_unavailable": sdk.Unavailable, "call +1 234 now": sdk.Denied,
	} {
		back := h.visit(h.begin(id))
		q := back.URL.Query()
		q.Del("code")
		q.Set("error", word)
		q.Set("error_description", "call +1 234 now")
		back.URL.RawQuery = q.Encode()
		_, err := h.Finish(back.Clone(t.Context()), "anna")
		var e *sdk.Error
		if !errors.As(err, &e) || e.Code != want || strings.Contains(e.Error()+e.Reason, "234") || (e.Reason == word) == strings.Contains(word, " ") {
			t.Errorf("%s: %#v", word, e)
		}
		_, err = h.Finish(back, "anna")
		if !errors.As(err, &e) || e.Reason != host.ReasonVisit {
			t.Errorf("%s, again: %v", word, err)
		}
	}
}

// The oldest of an actor's own visits makes room, and nobody else's.
func TestOpenVisitsAreLimited(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("homed", nil)
	annas := h.begin(id)
	var eves []host.Flow
	for range 7 {
		h.clock.Advance(time.Second)
		flow, err := h.Connect(t.Context(), id, "eve")
		if err != nil {
			t.Fatal(err)
		}
		eves = append(eves, flow)
	}
	if n := h.flows(); n != 6 {
		t.Errorf("%d visits are open, want 6", n)
	}
	if _, err := h.finish(eves[0], "eve"); !errors.Is(err, sdk.Denied) {
		t.Errorf("the oldest: %v", err)
	}
	if _, err := h.finish(eves[6], "eve"); err != nil {
		t.Errorf("the newest: %v", err)
	}
	if _, err := h.finish(annas, "anna"); err != nil {
		t.Errorf("another actor's: %v", err)
	}
	for i := range 16 {
		if _, err := h.Connect(t.Context(), id, host.Actor(strings.Repeat("x", i+1))); err != nil {
			t.Fatal(err)
		}
	}
	_, err := h.Connect(t.Context(), id, "one too many")
	refused(t, err, sdk.Unavailable, "")
	h.clock.Advance(11 * time.Minute)
	if h.begin(id); h.flows() != 1 {
		t.Errorf("%d visits are open after ten minutes, want 1", h.flows())
	}
}

// Whatever comes back is refused without a panic, and ends nothing.
func FuzzFinish(f *testing.F) {
	h := open(f, nil)
	id := h.create("homed", nil)
	flow := h.begin(id)
	u, err := url.Parse(flow.URL)
	if err != nil {
		f.Fatal(err)
	}
	state := u.Query().Get("state")
	for _, seed := range []string{"", "state=" + state, "state=" + state + "&state=" + state, "state=" + state + ";code=1", "%zz", "code=1&error=2&state=" + state,
		"state=" + state + "&iss=https://evil.example&code=1", "iss=%00&state=" + state} {
		f.Add("GET", "/callback/acme/homed", seed, "")
		f.Add("HEAD", "/callback/acme/homed", seed, "prefetch")
		f.Add("GET", "/callback/other/homed", seed, "")
	}
	f.Fuzz(func(t *testing.T, method, path, query, purpose string) {
		r := httptest.NewRequest(http.MethodGet, "https://host.example/", nil)
		r.Method, r.URL.Path, r.URL.RawQuery = method, path, query
		r.Header.Set("Sec-Purpose", purpose)
		if _, err := h.Finish(r, "anna"); err == nil { // there is no cookie
			t.Errorf("%s %s?%s was taken", method, path, query)
		}
		open, err := h.cfg.Store.List(t.Context(), host.Query{Workspace: "acme", Kind: host.KindFlow})
		if err != nil || len(open) != 1 {
			t.Fatalf("%s %s?%s ended the visit", method, path, query)
		}
	})
}
