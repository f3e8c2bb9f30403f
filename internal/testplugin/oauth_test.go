// SPDX-License-Identifier: Apache-2.0

package testplugin_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
	"github.com/credhost/credhost/sdk/plugintest"
)

// A client is taken in the way in which it is registered, and in no other.
func TestClientsAuthenticateInOneWay(t *testing.T) {
	all := testplugin.NewStandins()
	ctx, p := plugintest.Context(t, all), testplugin.Clients{}
	for _, registered := range testplugin.ClientsMethods() {
		for _, used := range testplugin.ClientsMethods() {
			values := testplugin.ClientsAnswers(used)
			values["clientId"] = testplugin.ClientsAnswers(registered)["clientId"]
			full, err := p.Schema().Complete(values)
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.Grant(ctx, sdk.NewInput(p.Schema(), full))
			// There is no host here that would present a certificate.
			good := registered == used && used != oauth.AuthTLS && used != oauth.AuthSelfSignedTLS
			if good != (err == nil) || err != nil && !errors.Is(err, sdk.Denied) {
				t.Errorf("a client of %s authenticates by %s: %v", registered, used, err)
			}
		}
	}
}

// A token that was obtained with a certificate is good with that alone.
func TestClientsTokensAreBound(t *testing.T) {
	s := testplugin.NewClientsStandin()
	parsed := func(v sdk.Values) *tls.ConnectionState {
		pair, err := testplugin.Clients{}.Schema().KeyPair(v)
		if err != nil || pair == nil {
			t.Fatal(err)
		}
		return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{pair.Leaf}}
	}
	good, foreign := parsed(testplugin.ClientsAnswers(oauth.AuthTLS)), parsed(testplugin.ClientsForeign())
	send := func(path, body, token string, state *tls.ConnectionState) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Authorization", token)
		r.TLS = state
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		return w
	}
	body := "grant_type=client_credentials&client_id=" + testplugin.ClientsAnswers(oauth.AuthTLS)["clientId"]
	if w := send("/token", body, "", foreign); w.Code != http.StatusUnauthorized {
		t.Errorf("another's certificate obtains a token: %d", w.Code)
	}
	w := send("/token", body, "", good)
	_, token, _ := strings.Cut(w.Body.String(), `"access_token":"`)
	token, _, _ = strings.Cut(token, `"`)
	for want, state := range map[int]*tls.ConnectionState{http.StatusOK: good, http.StatusUnauthorized: foreign} {
		if w := send("/me", "", "Bearer "+token, state); w.Code != want {
			t.Errorf("got %d, want %d", w.Code, want)
		}
	}
	if w := send("/me", "", "Bearer "+token, nil); w.Code != http.StatusUnauthorized {
		t.Errorf("without a certificate: %d", w.Code)
	}
}

// A key file that is none is the person's to correct.
func TestAccountFiles(t *testing.T) {
	ctx, p := plugintest.Context(t, testplugin.NewStandins()), testplugin.Account{}
	for _, file := range []string{`{}`, `[]`, `{"client_email":"robot@account.example"}`, `{"client_email":"robot@account.example","private_key":"x"}`} {
		full, err := p.Schema().Complete(sdk.Values{"keyFile": file})
		if err != nil {
			t.Fatal(err)
		}
		var e *sdk.Error
		if _, err := p.Grant(ctx, sdk.NewInput(p.Schema(), full)); !errors.As(err, &e) || e.Code != sdk.Invalid || e.Field != "keyFile" {
			t.Errorf("%s: got %v", file, err)
		}
	}
}

// What a service gives in the place of what was asked for is no grant.
func TestExchangedForAnotherKind(t *testing.T) {
	all := testplugin.NewStandins()
	ctx, p := plugintest.Context(t, all), testplugin.Exchanged{}
	for kind, want := range map[string]error{oauth.TypeAccessToken: nil, oauth.TypeIDToken: sdk.Unavailable, "": sdk.Unavailable} {
		all.Exchanged.Issue(kind)
		if _, err := p.Grant(ctx, input(t, p)); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", kind, err, want)
		}
	}
}

// A service that says it has revoked, and has not, is found out.
func TestPushedProvesRevocation(t *testing.T) {
	all := testplugin.NewStandins()
	ctx, p := plugintest.Context(t, all), testplugin.Pushed{}
	in := input(t, p)
	cb := sdk.Callback{RedirectURL: "https://host.example/back", State: "state", Verifier: strings.Repeat("v", 43)}
	a, err := p.Connect(ctx, in, cb)
	if err != nil || strings.Contains(a.URL, "state") || strings.Contains(a.URL, "challenge") {
		t.Fatalf("the person is sent to %q, %v", a.URL, err)
	}
	visit := func() *http.Response {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, _, err := sdk.Fetch(r)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	back, err := visit().Location()
	if err != nil {
		t.Fatal(err)
	}
	if again := visit(); again.StatusCode != http.StatusBadRequest {
		t.Errorf("what was pushed works twice: %s", again.Status)
	}
	cb.Query = back.Query()
	g, err := p.Exchange(ctx, in, cb)
	if err != nil {
		t.Fatal(err)
	}
	in.State = g.State
	all.Pushed.IgnoreRevocation()
	if err := p.Revoke(ctx, in, g); !errors.Is(err, sdk.Unavailable) || !strings.Contains(err.Error(), "still works") {
		t.Errorf("what was not revoked: %v", err)
	}
	if err := p.Test(ctx, in, g); err != nil {
		t.Errorf("and still works: %v", err)
	}
}
