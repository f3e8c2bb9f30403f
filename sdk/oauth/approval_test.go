// SPDX-License-Identifier: Apache-2.0

package oauth_test

import (
	"net/url"
	"testing"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
	"github.com/google/go-cmp/cmp"
)

func TestApproval(t *testing.T) {
	t.Parallel()
	// The verifier and its challenge are those of RFC 7636, appendix B.
	cb := sdk.Callback{RedirectURL: "https://host/cb/acme?a=b", State: "st&te", Verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}
	c := oauth.Client{ID: "id 1", Secret: canary, AuthURL: "https://example.com/login?tenant=x", TokenURL: "https://example.com/token",
		Scopes: []string{"a", "b:c"}, AuthParams: url.Values{"access_type": {"offline"}}, TokenParams: url.Values{"audience": {canary}}}
	got, err := url.Parse(c.Approval(cb).URL)
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{"tenant": {"x"}, "response_type": {"code"}, "client_id": {"id 1"}, "redirect_uri": {cb.RedirectURL}, "scope": {"a b:c"}, "state": {"st&te"},
		"access_type": {"offline"}, "code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"}}
	if diff := cmp.Diff(want, got.Query()); diff != "" || got.Host != "example.com" || got.Path != "/login" {
		t.Errorf("%v\n%s", got, diff)
	}

	c = oauth.Client{ID: "id", AuthURL: "https://example.com/login", NoPKCE: true}
	if got := c.Approval(cb).URL; got != "https://example.com/login?client_id=id&redirect_uri=https%3A%2F%2Fhost%2Fcb%2Facme%3Fa%3Db&response_type=code&state=st%26te" {
		t.Errorf("without PKCE and scopes: %s", got)
	}
}
