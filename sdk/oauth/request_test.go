// SPDX-License-Identifier: Apache-2.0

package oauth_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// sent is a request as it arrived.
type sent struct {
	Method, URI, ContentType, Accept, Authorization string
	Body                                            string
	Extra                                           string // of the header X-Extra
}

// endpoint answers every request with the same token, and records them.
func endpoint(t *testing.T) (string, func() sent) {
	t.Helper()
	requests := make(chan sent, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h := r.Header
		requests <- sent{r.Method, r.RequestURI, h.Get("Content-Type"), h.Get("Accept"), h.Get("Authorization"), string(body), h.Get("X-Extra")}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"access_token":"at","token_type":"bearer","expires_in":3600}`)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() sent {
		t.Helper()
		if len(requests) != 1 {
			t.Fatalf("%d requests were sent", len(requests))
		}
		return <-requests
	}
}

// What a token endpoint sees, for every way that the three kinds of service
// that are out there want it.
func TestRequests(t *testing.T) {
	t.Parallel()
	base, last := endpoint(t)
	c := oauth.Client{ID: "my id", Secret: "s&c:rét", TokenURL: base + "/token", Scopes: []string{"a:b", "c"}}
	basic := c
	basic.Auth = oauth.AuthBasic
	jsonic := c
	jsonic.Encoding, jsonic.Header = oauth.JSON, http.Header{"content-type": {"application/vnd.api+json"}, "Accept": {"application/vnd.api+json"}, "X-Extra": {"e"}}
	jsonic.Scopes = nil
	query := basic
	query.Encoding, query.TokenParams = oauth.Query, url.Values{"client_id": {"my id"}}
	tenant := c
	tenant.TokenURL += "?tenant=a%20b"
	tenantQuery := query
	tenantQuery.TokenURL += "?tenant=a%20b"
	public := oauth.Client{ID: "app", TokenURL: c.TokenURL}
	state := oauth.Token{RefreshToken: "rt/1"}.State()
	callback := sdk.Callback{RedirectURL: "https://host/cb?x=1", Verifier: "v", Query: url.Values{"code": {"c/1"}}}
	const form, auth = "application/x-www-form-urlencoded", "Basic bXkraWQ6cyUyNmMlM0FyJUMzJUE5dA==" // my+id:s%26c%3Ar%C3%A9t
	const creds = "client_id=my+id&client_secret=s%26c%3Ar%C3%A9t&"
	noPKCE := c
	noPKCE.NoPKCE = true
	tests := []struct {
		name string
		call func(ctx context.Context) (oauth.Token, error)
		want sent
	}{
		{"client credentials", c.ClientCredentials,
			sent{"POST", "/token", form, "application/json", "", creds + "grant_type=client_credentials&scope=a%3Ab+c", ""}},
		{"client credentials, basic", basic.ClientCredentials,
			sent{"POST", "/token", form, "application/json", auth, "grant_type=client_credentials&scope=a%3Ab+c", ""}},
		{"a tenant in the query", tenant.ClientCredentials,
			sent{"POST", "/token?tenant=a%20b", form, "application/json", "", creds + "grant_type=client_credentials&scope=a%3Ab+c", ""}},
		{"password in JSON", func(ctx context.Context) (oauth.Token, error) { return jsonic.Password(ctx, "u", `p<&>"`) },
			sent{"POST", "/token", "application/vnd.api+json", "application/vnd.api+json", "",
				`{"client_id":"my id","client_secret":"s&c:rét","grant_type":"password","password":"p<&>\"","username":"u"}`, "e"}},
		{"exchange", func(ctx context.Context) (oauth.Token, error) { return c.Exchange(ctx, callback) },
			sent{"POST", "/token", form, "application/json", "",
				"client_id=my+id&client_secret=s%26c%3Ar%C3%A9t&code=c%2F1&code_verifier=v&grant_type=authorization_code&redirect_uri=https%3A%2F%2Fhost%2Fcb%3Fx%3D1", ""}},
		{"exchange without PKCE", func(ctx context.Context) (oauth.Token, error) { return noPKCE.Exchange(ctx, callback) },
			sent{"POST", "/token", form, "application/json", "",
				"client_id=my+id&client_secret=s%26c%3Ar%C3%A9t&code=c%2F1&grant_type=authorization_code&redirect_uri=https%3A%2F%2Fhost%2Fcb%3Fx%3D1", ""}},
		{"refresh in the query", func(ctx context.Context) (oauth.Token, error) { return query.Refresh(ctx, state) },
			sent{"POST", "/token?client_id=my+id&grant_type=refresh_token&refresh_token=rt%2F1", form, "application/json", auth, "", ""}},
		{"refresh in the query, after another", func(ctx context.Context) (oauth.Token, error) { return tenantQuery.Refresh(ctx, state) },
			sent{"POST", "/token?tenant=a%20b&client_id=my+id&grant_type=refresh_token&refresh_token=rt%2F1", form, "application/json", auth, "", ""}},
		{"refresh of a public client", func(ctx context.Context) (oauth.Token, error) { return public.Refresh(ctx, state) },
			sent{"POST", "/token", form, "application/json", "", "client_id=app&grant_type=refresh_token&refresh_token=rt%2F1", ""}},
		{"any other grant", func(ctx context.Context) (oauth.Token, error) {
			return public.Request(ctx, url.Values{"grant_type": {"urn:x"}, "resource": {"a", "b"}})
		}, sent{"POST", "/token", form, "application/json", "", "client_id=app&grant_type=urn%3Ax&resource=a&resource=b", ""}},
	}
	for _, test := range tests {
		tok, err := test.call(t.Context())
		if err != nil || tok.AccessToken != "at" {
			t.Errorf("%s: %v, %v", test.name, tok, err)
		}
		if diff := cmp.Diff(test.want, last()); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
	}
}

func TestRequestInJSONWithSeveralValues(t *testing.T) {
	t.Parallel()
	base, last := endpoint(t)
	c := oauth.Client{TokenURL: base, Encoding: oauth.JSON}
	if _, err := c.Request(t.Context(), url.Values{"grant_type": {"x"}, "resource": {"a", "b"}}); err != nil {
		t.Fatal(err)
	}
	got := last()
	if got.Body != `{"grant_type":"x","resource":["a","b"]}` || got.ContentType != "application/json" {
		t.Errorf("it sent %+v", got)
	}
}

func TestRequestLeavesItsArgumentsAlone(t *testing.T) {
	t.Parallel()
	base, last := endpoint(t)
	params := url.Values{"grant_type": {"x"}}
	c := oauth.Client{ID: "id", Secret: "s", TokenURL: base, TokenParams: url.Values{"audience": {"a"}}}
	if _, err := c.Request(t.Context(), params); err != nil {
		t.Fatal(err)
	}
	if len(params) != 1 || !strings.Contains(last().Body, "audience=a") {
		t.Errorf("the parameters are now %v", params)
	}
}

// x/oauth2 is what services are tried with: in the standard ways we must be
// indistinguishable from it, but for the Accept that it does not send.
func TestRequestsAreThoseOfXOAuth2(t *testing.T) {
	t.Parallel()
	base, last := endpoint(t)
	for _, basic := range []bool{false, true} {
		for _, secret := range []string{"plain", "s&c:rét +/=%", ""} {
			style := map[bool]oauth2.AuthStyle{false: oauth2.AuthStyleInParams, true: oauth2.AuthStyleInHeader}[basic]
			ours := oauth.Client{ID: "id/1", Secret: secret, TokenURL: base + "/t?x=1", Scopes: []string{"a", "b c"}, Auth: map[bool]oauth.Auth{true: oauth.AuthBasic}[basic]}
			theirs := oauth2.Config{ClientID: "id/1", ClientSecret: secret, Scopes: ours.Scopes, RedirectURL: "https://h/cb",
				Endpoint: oauth2.Endpoint{TokenURL: ours.TokenURL, AuthStyle: style}}
			creds := clientcredentials.Config{ClientID: "id/1", ClientSecret: secret, Scopes: ours.Scopes, TokenURL: ours.TokenURL, AuthStyle: style}
			cb := sdk.Callback{RedirectURL: "https://h/cb", Verifier: "v", Query: url.Values{"code": {"c"}}}
			pairs := map[string][2]func(ctx context.Context) error{
				"client credentials": {
					func(ctx context.Context) error { _, err := ours.ClientCredentials(ctx); return err },
					func(ctx context.Context) error { _, err := creds.Token(ctx); return err }},
				"password": {
					func(ctx context.Context) error { _, err := ours.Password(ctx, "u", "p w"); return err },
					func(ctx context.Context) error {
						_, err := theirs.PasswordCredentialsToken(ctx, "u", "p w")
						return err
					}},
				"exchange": {
					func(ctx context.Context) error { _, err := ours.Exchange(ctx, cb); return err },
					func(ctx context.Context) error {
						_, err := theirs.Exchange(ctx, "c", oauth2.VerifierOption("v"))
						return err
					}},
				"refresh": {
					func(ctx context.Context) error {
						_, err := ours.Refresh(ctx, oauth.Token{RefreshToken: "r t"}.State())
						return err
					},
					func(ctx context.Context) error {
						_, err := theirs.TokenSource(ctx, &oauth2.Token{RefreshToken: "r t"}).Token()
						return err
					}},
			}
			for name, pair := range pairs {
				if err := pair[0](t.Context()); err != nil {
					t.Fatal(err)
				}
				got := last()
				if err := pair[1](t.Context()); err != nil {
					t.Fatal(err)
				}
				want := last()
				want.Accept = "application/json"
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s, basic %t, secret %q:\n%s", name, basic, secret, diff)
				}
			}
		}
	}
}

func TestAddressThatIsNone(t *testing.T) {
	t.Parallel()
	_, err := oauth.Client{TokenURL: "http://[::1" + canary}.ClientCredentials(t.Context())
	check(t, err, sdk.Internal)
	var b bytes.Buffer
	json.NewEncoder(&b).Encode(err)
	if strings.Contains(b.String(), canary) {
		t.Error(b.String())
	}
}
