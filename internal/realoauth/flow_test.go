// SPDX-License-Identifier: Apache-2.0

package realoauth_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// against runs a test against each provider.
func against(t *testing.T, test func(t *testing.T, p provider)) {
	t.Parallel()
	for _, p := range []provider{oidcProvider, fosite} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			test(t, p)
		})
	}
}

// TestConnect goes through the code flow, and uses what came of it.
func TestConnect(t *testing.T) {
	against(t, func(t *testing.T, p provider) {
		h := open(t, p, nil, nil)
		if _, err := h.Me(h.Workspace); !errors.Is(err, sdk.Denied) {
			t.Errorf("before it is connected: %v", err)
		}
		done := h.Connected("ada")
		if done.ID != h.id || done.Account != "ada@example.com (ada)" || done.Was != "" {
			t.Errorf("Finish = %+v", done)
		}
		h.Works("ada")
		if v, err := h.Test(t.Context(), h.id); err != nil || v.Outcome != host.Works {
			t.Errorf("Test = %+v, %v", v, err)
		}
		c, err := h.Show(t.Context(), h.id)
		if err != nil || c.Status != host.StatusReady || c.Account != done.Account {
			t.Errorf("Show = %+v, %v", c, err)
		}
		last := h.front.Last(t)
		if !h.front.Active(t, last.Answer.Access) || !h.front.Active(t, last.Answer.Refresh) {
			t.Error("the provider does not know what it gave")
		}
		if last.Form.Get("code_verifier") == "" || len(h.front.Passed("")) != 1 || (h.front.Pushed() == 1) != p.pushes {
			t.Errorf("%d token requests and %d pushed ones", len(h.front.Passed("")), h.front.Pushed())
		}
	})
}

// TestWhoSendsThePersonBack shows that a code goes nowhere unless this provider
// says that it sent it, and that it goes there once.
func TestWhoSendsThePersonBack(t *testing.T) {
	against(t, func(t *testing.T, p provider) {
		h := open(t, p, nil, nil)
		for name, change := range map[string]func(q url.Values){
			"another's iss": func(q url.Values) { q.Set("iss", "https://evil.example") },
			"a longer iss":  func(q url.Values) { q.Set("iss", q.Get("iss")+"/") },
			"no iss":        func(q url.Values) { q.Del("iss") },
			"two iss":       func(q url.Values) { q.Add("iss", q.Get("iss")) },
		} {
			back := h.visit(h.Begin(), "ada")
			q := back.URL.Query()
			if q.Get("iss") != h.front.URL {
				t.Fatalf("the provider says that it is %q", q.Get("iss"))
			}
			change(q)
			back.URL.RawQuery = q.Encode()
			if _, err := h.Finish(back, "anna"); !errors.Is(err, sdk.Denied) {
				t.Errorf("%s: %v, want %v", name, err, sdk.Denied)
			}
		}
		if n := len(h.front.Passed("")); n != 0 {
			t.Fatalf("%d codes were sent to the provider", n)
		}
		back := h.visit(h.Begin(), "ada")
		if _, err := h.Finish(back.Clone(t.Context()), "anna"); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Finish(back, "anna"); !errors.Is(err, sdk.Denied) || len(h.front.Passed("")) != 1 {
			t.Errorf("a second time: %v, after %d token requests", err, len(h.front.Passed("")))
		}
		h.Works("ada")
	})
}

// TestStolenCode shows what the provider does with a code that is shown twice,
// and that credhost notices: the test can fail.
func TestStolenCode(t *testing.T) {
	against(t, func(t *testing.T, p provider) {
		h := open(t, p, nil, nil)
		h.Connected("ada")
		first := h.front.Last(t)
		if status, said := h.front.Post(t, "token_endpoint", first.Form); status != http.StatusBadRequest || said["error"] != "invalid_grant" {
			t.Fatalf("a code that is shown twice: %d %v", status, said["error"])
		}
		if h.front.Active(t, first.Answer.Access) || h.front.Active(t, first.Answer.Refresh) {
			t.Fatal("the provider keeps what came of the code")
		}
		h.Advance(2 * time.Minute) // a grant that is a minute old is renewed when it is refused
		if who, err := h.Me(h.Workspace); err == nil {
			t.Errorf("the provider takes a request for %q's", who)
		}
		h.Refused(host.StatusAgain)
	})
}

// TestPKCE shows that the providers enforce PKCE: what credhost sends matters.
func TestPKCE(t *testing.T) {
	against(t, func(t *testing.T, p provider) {
		h := open(t, p, nil, nil)
		request := url.Values{"client_id": {"web:app"}, "response_type": {"code"}, "redirect_uri": {h.RedirectURL("oidc")},
			"scope": {"openid offline_access"}, "prompt": {"consent"}, "state": {strings.Repeat("s", 43)}}
		bare := h.front.Endpoint(t, "authorization_endpoint") + "?" + request.Encode()
		back, err := newPerson(h.front, "ada").approve(bare, callback)
		if err != nil {
			t.Fatal(err)
		}
		if q := back.Query(); q.Get("error") != "invalid_request" || q.Has("code") {
			t.Errorf("a request that is not protected brings the error %q and a code: %v", q.Get("error"), q.Has("code"))
		}
		if p.pushes {
			if status, said := h.front.Post(t, "pushed_authorization_request_endpoint", request); status != http.StatusBadRequest || said["error"] != "invalid_request" {
				t.Errorf("without a challenge: %d %v", status, said["error"])
			}
		}
		code := h.visit(h.Begin(), "ada").URL.Query().Get("code")
		form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {h.RedirectURL("oidc")}}
		for _, verifier := range []string{"", strings.Repeat("v", 43)} {
			form.Set("code_verifier", verifier)
			if status, said := h.front.Post(t, "token_endpoint", form); status != http.StatusBadRequest || said["access_token"] != nil {
				t.Errorf("with the verifier %q: %d %v", verifier, status, said["error"])
			}
		}
	})
}

// TestConnectAgain reconnects in place: after the person has withdrawn the
// approval, and as somebody else.
func TestConnectAgain(t *testing.T) {
	against(t, func(t *testing.T, p provider) {
		h := open(t, p, nil, nil)
		h.Connected("ada")
		h.front.Operate(t, "withdraw")
		h.Advance(time.Hour)
		h.Refused(host.StatusAgain)
		if done := h.Connected("ada"); done.ID != h.id || done.Was != "" {
			t.Errorf("Finish = %+v", done)
		}
		h.Works("ada")
		if done := h.Connected("grace"); done.ID != h.id || done.Was != "ada@example.com (ada)" || done.Account != "grace@example.com (grace)" {
			t.Errorf("Finish = %+v; want it to say that the account is another", done)
		}
		h.Works("grace")
	})
}

// TestRevoke shows that what was revoked is dead at the provider.
func TestRevoke(t *testing.T) {
	against(t, func(t *testing.T, p provider) {
		h := open(t, p, nil, nil)
		h.Connected("ada")
		h.Advance(time.Hour)
		h.Works("ada")
		last := h.front.Last(t)
		if !h.front.Active(t, last.Answer.Access) || !h.front.Active(t, last.Answer.Refresh) {
			t.Fatal("there is nothing to revoke")
		}
		revoke(t, h)
		if h.front.Active(t, last.Answer.Access) || h.front.Active(t, last.Answer.Refresh) {
			t.Error("something still works after Revoke")
		}
		before := len(h.front.Passed(""))
		h.Refused(host.StatusConnect)
		if n := len(h.front.Passed("")) - before; n != 0 {
			t.Errorf("%d token requests after Revoke", n)
		}
		h.Connected("ada")
		h.Works("ada")
	})
}

// TestClientItself obtains tokens without a person, with the client's secret
// in the header and among the parameters.
func TestClientItself(t *testing.T) {
	t.Parallel()
	for method, providers := range map[string][]provider{
		"client_secret_basic": {fosite},
		"client_secret_post":  {fosite, oidcProvider},
	} {
		for _, p := range providers {
			t.Run(p.name+" "+method, func(t *testing.T) {
				t.Parallel()
				h := open(t, p, nil, sdk.Values{"clientId": "service", "who": "client", "scopes": "read", "authMethod": method})
				for n := range 3 {
					r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.front.URL, nil)
					if err == nil {
						err = h.Authenticate(t.Context(), h.id, r)
					}
					last := h.front.Last(t)
					if err != nil || r.Header.Get("Authorization") != "Bearer "+last.Answer.Access || last.Answer.Refresh != "" || (last.Form.Get("client_secret") != "") != (method == "client_secret_post") {
						t.Fatalf("a request does not carry the newest token: %v", err)
					}
					if all := h.front.Passed("client_credentials"); len(all) != n+1 {
						t.Fatalf("%d token requests, want %d", len(all), n+1)
					}
					// fosite introspects only for clients that authenticate in a header.
					want := host.Works
					if p.name == fosite.name && method == "client_secret_post" {
						want = host.Down
					}
					if v, err := h.Test(t.Context(), h.id); err != nil || v.Outcome != want {
						t.Fatalf("Test = %+v, %v; want %s", v, err, want)
					}
					h.Advance(time.Hour)
				}
				bad := sdk.Values{"issuer": h.front.URL, "clientId": "service", "clientSecret": "EXAMPLE-wrong", "who": "client", "authMethod": method}
				id, err := h.Create(t.Context(), "oidc", bad)
				if err != nil {
					t.Fatal(err)
				}
				if v, err := h.Test(t.Context(), id); err != nil || v.Outcome != host.Wrong || v.Code != "denied" {
					t.Errorf("with a wrong secret: %+v, %v", v, err)
				}
			})
		}
	}
}

// TestSigningClient goes through the code flow, renews and revokes with a
// client that signs (private_key_jwt); a provider takes each assertion once.
func TestSigningClient(t *testing.T) {
	t.Parallel()
	answers := sdk.Values{"clientId": "signing", "clientSecret": "", "authMethod": "private_key_jwt", "clientKey": signingKey}
	h := open(t, oidcProvider, nil, answers)
	h.Connected("ada")
	for range 2 {
		h.Advance(time.Hour)
		h.Works("ada")
	}
	h.spentOnce(2)
	shown := map[string]bool{}
	for _, p := range h.front.Passed("") {
		assertion := p.Form.Get("client_assertion")
		if assertion == "" || shown[assertion] || p.Form.Has("client_secret") {
			t.Error("an assertion is missing, or was shown twice")
		}
		shown[assertion] = true
	}
	revoke(t, h)
	h.Refused(host.StatusConnect)
	other, _ := newKey()
	if err := h.Update(t.Context(), h.id, host.Patch{Values: sdk.Values{"clientKey": other}}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Connect(t.Context(), h.id, "anna"); !errors.Is(err, sdk.Denied) {
		t.Errorf("with a key that the provider does not know: %v", err)
	}
}

// TestPasswordIsOff shows that neither provider takes people's passwords.
func TestPasswordIsOff(t *testing.T) {
	against(t, func(t *testing.T, p provider) {
		f := p.start(t, callback)
		status, said := f.Post(t, "token_endpoint", url.Values{"grant_type": {"password"}, "username": {"ada"}, "password": {"EXAMPLE"}})
		if word, _ := said["error"].(string); status < 400 || !slices.Contains([]string{"unsupported_grant_type", "invalid_request", "unauthorized_client"}, word) {
			t.Errorf("a password: %d %v", status, said["error"])
		}
	})
}
