// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc/oidctest"
)

// A signing is a provider at which whoever comes is the person that it has, at
// once. Package realoauth has sign-in at one that others wrote; here it is about
// what the configuration file says of people.
type signing struct {
	oidctest.Server
	url    string
	key    *ecdsa.PrivateKey
	person map[string]any // the claims of who comes
	nonce  string
}

func newSigning(t *testing.T) *signing {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &signing{key: key}
	p.PublicKeys = []oidctest.PublicKey{{PublicKey: key.Public(), KeyID: "one", Algorithm: "ES256"}}
	p.Algorithms = []string{"ES256"}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	p.url = srv.URL
	p.SetIssuer(srv.URL)
	return p
}

// ServeHTTP implements [http.Handler].
func (p *signing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/auth":
		q := r.URL.Query()
		p.nonce = q.Get("nonce")
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {"a-code"}, "state": {q.Get("state")}, "iss": {p.url}}.Encode(), http.StatusFound)
	case "/token":
		claims := map[string]any{"iss": p.url, "aud": "credhost", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "nonce": p.nonce}
		for name, v := range p.person {
			claims[name] = v
		}
		text, _ := json.Marshal(claims)
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"access_token": "EXAMPLE-access", "token_type": "Bearer", "expires_in": 60,
			"id_token": oidctest.SignIDToken(p.key, "one", "ES256", string(text))})
	default:
		p.Server.ServeHTTP(w, r)
	}
}

// signIn has a person with claims sign in to a server's page, and returns the
// browser and the status of the last page.
func (p *signing) signIn(t *testing.T, at string, claims map[string]any) (*http.Client, int) {
	t.Helper()
	p.person = claims
	jar, _ := cookiejar.New(nil) // never fails
	b := &http.Client{Jar: jar}
	_, text := p.page(t, b, http.MethodGet, at+"/signin", nil)
	status, text := p.page(t, b, http.MethodPost, at+"/signin/with/corp", url.Values{"_token": {inPage(t, `name="_token" value="([^"]+)"`, text)}})
	if status != http.StatusOK {
		t.Fatalf("the way to the provider is %d:\n%s", status, text)
	}
	status, _ = p.page(t, b, http.MethodGet, inPage(t, `http-equiv="refresh" content="0; url=([^"]+)"`, text), nil)
	return b, status
}

// page sends a request as a browser does.
func (p *signing) page(t *testing.T, b *http.Client, method, address string, form url.Values) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", r.URL.Scheme+"://"+r.URL.Host)
	}
	resp, err := b.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

// inPage returns what a pattern finds in a page.
func inPage(t *testing.T, pattern, text string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("there is no %s in:\n%s", pattern, text)
	}
	return html.UnescapeString(m[1])
}

// Who signs in at a provider that the configuration file names may do what its
// rules say, where they say it; who matches none is not let in.
func TestServeLetsPeopleInByRules(t *testing.T) {
	t.Parallel()
	p, data := newSigning(t), newData(t)
	err := os.WriteFile(filepath.Join(data, "oidc.secret"), []byte("EXAMPLE-oidc-secret\n"), 0o600)
	if err == nil {
		err = os.WriteFile(filepath.Join(data, "credhost.yaml"), []byte(fmt.Sprintf(`listen: 127.0.0.1:0
allow-address: [127.0.0.0/8]
oidc:
  - id: corp
    issuer: %s
    client-id: credhost
    client-secret-file: oidc.secret
    scopes: [email, groups]
    rules:
      - {claim: groups, value: credhost-admins, workspace: default, scopes: [read, write, use, admin]}
      - {claim: email, value: "*@acme.example", workspace: default, scopes: [read, use]}
`, p.url)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := startServing(t, data, nil)
	for _, test := range []struct {
		who            string
		claims         map[string]any
		reads, manages bool
	}{
		{"an admin", map[string]any{"sub": "1", "groups": []string{"staff", "credhost-admins"}}, true, true},
		{"a reader", map[string]any{"sub": "2", "email": "grace@acme.example", "email_verified": true}, true, false},
		{"one whose email is not verified", map[string]any{"sub": "3", "email": "eve@acme.example", "email_verified": false}, false, false},
		{"one without a role", map[string]any{"sub": "4", "email": "mallory@elsewhere.example", "email_verified": true, "groups": []string{"staff"}}, false, false},
	} {
		b, status := p.signIn(t, s.said.URL, test.claims)
		if (status == http.StatusOK) != test.reads {
			t.Errorf("%s: signing in ended with %d", test.who, status)
		}
		b.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		for path, may := range map[string]bool{"/w/default/credentials": test.reads, "/w/default/keys": test.manages} {
			if status, _ := p.page(t, b, http.MethodGet, s.said.URL+path, nil); (status == http.StatusOK) != may {
				t.Errorf("%s: %s is answered with %d", test.who, path, status)
			}
		}
	}
	s.end(syscall.SIGTERM)
	if strings.Contains(s.log.String(), "EXAMPLE-oidc-secret") {
		t.Error("the log holds the provider's secret")
	}
}
