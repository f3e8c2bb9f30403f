// SPDX-License-Identifier: Apache-2.0

package oauth_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

// parse verifies a JWT with an implementation that others wrote, and returns
// its header and its claims.
func parse(t *testing.T, text string, key any, algs ...string) (map[string]any, jwt.MapClaims) {
	t.Helper()
	claims := jwt.MapClaims{}
	parsed, err := jwt.ParseWithClaims(text, claims, func(*jwt.Token) (any, error) { return key, nil },
		jwt.WithValidMethods(algs), jwt.WithExpirationRequired(), jwt.WithIssuedAt())
	if err != nil {
		t.Fatalf("it is not taken: %v", err)
	}
	return parsed.Header, claims
}

func parseKey(t testing.TB, text string) oauth.Key {
	t.Helper()
	k, err := oauth.ParseKey(text, keyField)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Every algorithm makes JWTs that others take, of every kind of key, and never
// the same one twice.
func TestSign(t *testing.T) {
	t.Parallel()
	r := ring()
	for alg, key := range map[string]oauth.Key{"RS256": parseKey(t, pkcs8(t, r.rsa)), "PS256": parseKey(t, asJWK(t, r.rsa, "alg", "PS256")),
		"ES256": parseKey(t, asJWK(t, r.ec)), "EdDSA": parseKey(t, pkcs8(t, r.ed25519))} {
		key.Header = map[string]string{"x5t": "thumb", "alg": "none"}
		seen, times := map[any]bool{}, 20
		if alg == "ES256" {
			times = 2000 // of its numbers one in 256 is short
		}
		for range times {
			text, err := key.Sign(oauth.Assertion{Issuer: "i", Subject: "s", Audience: "https://issuer.example",
				Claims: map[string]any{"scope": "a b", "iss": "forged", "jti": "forged", "n": 1}})
			if err != nil {
				t.Fatal(err)
			}
			header, claims := parse(t, text, key.Public(), alg)
			if header["alg"] != alg || header["typ"] != "JWT" || header["x5t"] != "thumb" || header["kid"] != map[bool]any{true: "k1"}[key.ID != ""] {
				t.Errorf("%s: the header is %v", alg, header)
			}
			if claims["iss"] != "i" || claims["sub"] != "s" || claims["aud"] != "https://issuer.example" || claims["scope"] != "a b" || claims["n"] != 1.0 {
				t.Errorf("%s: the claims are %v", alg, claims)
			}
			issued, ends := claims["iat"].(float64), claims["exp"].(float64)
			if now := float64(time.Now().Unix()); ends-issued != 120 || issued > now || issued < now-60 {
				t.Errorf("%s: it is good from %v to %v", alg, issued, ends)
			}
			if id := claims["jti"].(string); len(id) < 22 || seen[id] || id == "forged" {
				t.Errorf("%s: jti %q", alg, id)
			}
			seen[claims["jti"]] = true
		}
	}
	text, err := parseKey(t, asJWK(t, r.ec)).Sign(oauth.Assertion{Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	_, claims := parse(t, text, r.ec.Public(), "ES256")
	if got := slices.Sorted(maps.Keys(claims)); !slices.Equal(got, []string{"exp", "iat", "jti"}) || claims["exp"].(float64)-claims["iat"].(float64) != 3600 {
		t.Errorf("an assertion of nothing has %v", claims)
	}
}

func TestKeysThatCannotSign(t *testing.T) {
	t.Parallel()
	k := parseKey(t, asJWK(t, ring().ec))
	wrong := k
	wrong.Algorithm = "RS256"
	for _, k := range []oauth.Key{{}, {Algorithm: "RS256"}, wrong} {
		_, err := k.Sign(oauth.Assertion{Issuer: canary})
		check(t, err, sdk.Internal)
	}
	_, err := k.Sign(oauth.Assertion{Claims: map[string]any{"f": func() {}, "s": canary}})
	check(t, err, sdk.Internal)
}

// What each way to authenticate sends, to every endpoint, and what not.
func TestClientAuthentication(t *testing.T) {
	t.Parallel()
	const secret = "a-secret-that-is-long-enough-to-sign-with"
	key := parseKey(t, asJWK(t, ring().ec))
	for auth, want := range map[oauth.Auth]url.Values{
		"":                      {"client_id": {"id"}, "client_secret": {secret}},
		oauth.AuthPost:          {"client_id": {"id"}, "client_secret": {secret}},
		oauth.AuthBasic:         {},
		oauth.AuthSecretJWT:     {"client_id": {"id"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}},
		oauth.AuthKeyJWT:        {"client_id": {"id"}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}},
		oauth.AuthNone:          {"client_id": {"id"}},
		oauth.AuthTLS:           {"client_id": {"id"}},
		oauth.AuthSelfSignedTLS: {"client_id": {"id"}},
	} {
		s := newRecorder(t)
		c := s.client()
		c.ID, c.Secret, c.Auth, c.Key, c.Audience = "id", secret, auth, key, "https://issuer.example"
		for name, call := range endpoints(c) {
			if err := call(t.Context()); err != nil {
				t.Errorf("%s, %s: %v", auth, name, err)
				continue
			}
			got, user := s.last(t)
			assertion := got.Get("client_assertion")
			for _, own := range []string{"grant_type", "scope", "token", "device_code", "refresh_token", "code", "code_verifier", "redirect_uri", "client_assertion",
				"response_type", "state", "code_challenge", "code_challenge_method", "username", "password", "assertion", "subject_token", "subject_token_type"} {
				got.Del(own)
			}
			expect := want
			if auth == oauth.AuthBasic && (name == "push" || name == "device") {
				expect = url.Values{"client_id": {"id"}} // a parameter of the request for approval
			}
			if diff := cmp.Diff(expect, got); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", auth, name, diff)
			}
			if (user != "") != (auth == oauth.AuthBasic) || user != "" && user != "id:"+secret {
				t.Errorf("%s, %s: the header says %q", auth, name, user)
			}
			var verify any
			switch auth {
			case oauth.AuthSecretJWT:
				verify = []byte(secret)
			case oauth.AuthKeyJWT:
				verify = key.Public()
			default:
				if assertion != "" {
					t.Errorf("%s, %s: there is an assertion", auth, name)
				}
				continue
			}
			_, claims := parse(t, assertion, verify, "HS256", "ES256")
			if claims["iss"] != "id" || claims["sub"] != "id" || claims["aud"] != "https://issuer.example" {
				t.Errorf("%s, %s: it says %v", auth, name, claims)
			}
		}
	}
}

// Nothing is sent by a client that cannot say who it is.
func TestClientsThatCannotAuthenticate(t *testing.T) {
	t.Parallel()
	s := newRecorder(t)
	key := parseKey(t, asJWK(t, ring().ec))
	good := s.client()
	good.ID, good.Audience, good.Key, good.Secret = "id", "https://issuer.example", key, strings.Repeat("x", 32)
	for name, c := range map[string]struct {
		code   error
		change func(c *oauth.Client)
	}{
		"in no way that there is":    {sdk.Internal, func(c *oauth.Client) { c.Auth = "client_secret_psot" }},
		"with a key that it has not": {sdk.Internal, func(c *oauth.Client) { c.Auth, c.Key = oauth.AuthKeyJWT, oauth.Key{} }},
		"for nobody":                 {sdk.Internal, func(c *oauth.Client) { c.Auth, c.Audience = oauth.AuthKeyJWT, "" }},
		"without an ID":              {sdk.Internal, func(c *oauth.Client) { c.Auth, c.ID = oauth.AuthSecretJWT, "" }},
		"with a short secret":        {sdk.Invalid, func(c *oauth.Client) { c.Auth, c.Secret = oauth.AuthSecretJWT, strings.Repeat("x", 31) }},
	} {
		client := good
		c.change(&client)
		for _, call := range endpoints(client) {
			if err := call(t.Context()); !errors.Is(err, c.code) {
				t.Errorf("%s: got %v, want %v", name, err, c.code)
			}
		}
	}
	empty := good
	empty.TokenURL, empty.PushURL, empty.DeviceURL, empty.RevokeURL, empty.IntrospectURL = "", "", "", "", ""
	for name, call := range endpoints(empty) {
		if err := call(t.Context()); !errors.Is(err, sdk.Internal) {
			t.Errorf("%s without an address: %v", name, err)
		}
	}
	if len(s.requests) > 0 {
		t.Errorf("%d requests were sent", len(s.requests))
	}
}

// A recorder is a service that takes everything, and keeps it.
type recorder struct {
	url      string
	requests chan received
}

type received struct {
	path, user string
	form       url.Values
}

// goodAnswer is one to every kind of request.
const goodAnswer = `{"access_token":"at","token_type":"Bearer","issued_token_type":"` + oauth.TypeAccessToken + `","active":false,
	"request_uri":"urn:x","device_code":"dc","user_code":"UC","verification_uri":"https://service.example/device","expires_in":60}`

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	s := &recorder{requests: make(chan received, 10)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		user, password, ok := r.BasicAuth()
		if ok {
			user += ":" + password
		}
		s.requests <- received{r.URL.Path, user, r.PostForm}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, goodAnswer)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *recorder) client() oauth.Client {
	return oauth.Client{TokenURL: s.url + "/token", AuthURL: "https://service.example/authorize", PushURL: s.url + "/par",
		DeviceURL: s.url + "/device", RevokeURL: s.url + "/revoke", IntrospectURL: s.url + "/introspect"}
}

// last returns the one request since the last time, and its user and password.
func (s *recorder) last(t *testing.T) (url.Values, string) {
	t.Helper()
	if len(s.requests) != 1 {
		t.Fatalf("%d requests were sent", len(s.requests))
	}
	r := <-s.requests
	return r.form, r.user
}

// endpoints are all calls that send a request, each to its endpoint.
func endpoints(c oauth.Client) map[string]func(context.Context) error {
	all := calls(c)
	cb := sdk.Callback{RedirectURL: "https://host.example/cb", State: "st", Verifier: "v"}
	all["push"] = func(ctx context.Context) error { _, err := c.Push(ctx, cb); return err }
	all["device"] = func(ctx context.Context) error { _, err := c.Device(ctx); return err }
	all["poll"] = func(ctx context.Context) error {
		_, err := c.ExchangeDevice(ctx, sdk.Callback{Kept: []byte("dc")})
		return err
	}
	all["revoke"] = func(ctx context.Context) error { return c.Revoke(ctx, "tok", "") }
	all["introspect"] = func(ctx context.Context) error { _, err := c.Active(ctx, "tok", ""); return err }
	all["token exchange"] = func(ctx context.Context) error {
		_, err := c.ExchangeToken(ctx, oauth.TokenExchange{Subject: oauth.SecurityToken{Token: "s", Type: oauth.TypeJWT}})
		return err
	}
	return all
}
