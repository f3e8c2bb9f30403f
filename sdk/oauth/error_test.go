// SPDX-License-Identifier: Apache-2.0

package oauth_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

// Services have three dialects for what they say beside the code.
func TestSays(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"error":"unknown_error","message":"No user found with this username: ` + canary + `"}`,
		`{"error":"x","error_description":"No user found with this username: ` + canary + `"}`,
		`{"error":"x","error_description":7,"hint":"No user found with this username: ` + canary + `"}`,
		`{"error":"No user found with this username"}`,
	} {
		_, err := oauth.Client{TokenURL: answering(t, 500, asJSON, body)}.ClientCredentials(t.Context())
		check(t, err, sdk.Unavailable)
		var re *oauth.ResponseError
		if !errors.As(err, &re) {
			t.Fatal("there is no ResponseError")
		}
		if !re.Says("No user found") || re.Says("The password is invalid") {
			t.Errorf("%s: it does not say what it says", body)
		}
		if string(re.Body()) != body {
			t.Errorf("the body is %s", re.Body())
		}
	}
	if new(oauth.ResponseError).Says("x") {
		t.Error("nothing says something")
	}
}

func TestResponseErrorText(t *testing.T) {
	t.Parallel()
	for text, e := range map[string]*oauth.ResponseError{
		"the service answered 500":                {Status: 500},
		"the service answered 401 invalid_client": {Status: 401, Code: "invalid_client"},
	} {
		if got := fmt.Sprintf("%s|%v|%#v|%d", e, *e, e, e); got != strings.Join([]string{text, text, text, text}, "|") {
			t.Errorf("it prints as %s", got)
		}
	}
}

// What was refused as a refresh token is mended by connecting again, whatever
// word the service has for it.
func TestRefreshThatIsRefused(t *testing.T) {
	t.Parallel()
	state := oauth.Token{RefreshToken: canary}.State()
	for _, word := range []string{"invalid_grant", "invalid_request", "unsupported_grant_type", "invalid_scope", "invalid_client", "x"} {
		c := oauth.Client{TokenURL: answering(t, 400, asJSON, `{"error":"`+word+`","message":"`+canary+`"}`)}
		_, err := c.Refresh(t.Context(), state)
		check(t, err, sdk.Denied)
		var re *oauth.ResponseError
		if !errors.As(err, &re) || re.Status != 400 {
			t.Errorf("%s: the cause is lost: %#v", word, err)
		}
	}
	for _, status := range []int{500, 503, 429, 404} {
		_, err := oauth.Client{TokenURL: answering(t, status, asJSON, `{"error":"x"}`)}.Refresh(t.Context(), state)
		check(t, err, sdk.Unavailable)
	}
}

func TestExchangeOfWhatIsNoCode(t *testing.T) {
	t.Parallel()
	c := oauth.Client{TokenURL: "http://127.0.0.1:0/never-asked"}
	for query, code := range map[string]sdk.Code{
		"": sdk.Denied, "code=": sdk.Denied, "state=x": sdk.Denied,
		"error=access_denied&error_description=" + canary: sdk.Denied,
		"error=" + canary:                              sdk.Denied,
		"error=" + canary + "&code=x":                  sdk.Denied,
		"error=invalid_scope&error_uri=" + canary:      sdk.Invalid,
		"error=server_error":                           sdk.Unavailable,
		"error=temporarily_unavailable&code=" + canary: sdk.Unavailable,
		"error=login_required":                         sdk.Denied,
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Exchange(t.Context(), sdk.Callback{Query: values})
		check(t, err, code)
	}
}

// Nothing of this package may ever show what it holds.
func TestSecretsNeverPrint(t *testing.T) {
	t.Parallel()
	tok, err := oauth.Client{TokenURL: answering(t, 200, asJSON, `{"access_token":"`+canary+`","refresh_token":"`+canary+`","expires_in":60,"x":"`+canary+`"}`)}.ClientCredentials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tok.Kept = map[string]string{"k": canary}
	client := oauth.Client{ID: "id", Secret: canary, TokenParams: url.Values{"assertion": {canary}}, Header: map[string][]string{"Authorization": {canary}}}
	_, refusal := oauth.Client{TokenURL: answering(t, 400, asJSON, `{"error":"`+canary+`"}`)}.ClientCredentials(t.Context())
	var re *oauth.ResponseError
	if !errors.As(refusal, &re) {
		t.Fatal("there is no ResponseError")
	}
	type holder struct {
		V any
		T oauth.Token
		C *oauth.Client
		E oauth.ResponseError
	}
	for _, v := range []any{tok, &tok, client, &client, re, *re, refusal, tok.Grant("https://x")} {
		for _, held := range []any{v, []any{v}, map[string]any{"k": v}, holder{v, tok, &client, *re}, &holder{v, tok, &client, *re}} {
			var b bytes.Buffer
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%c", "%z"} {
				fmt.Fprintf(&b, verb, held)
			}
			json.NewEncoder(&b).Encode(held)
			xml.NewEncoder(&b).Encode(held)
			slog.New(slog.NewTextHandler(&b, nil)).Info("x", "v", held)
			slog.New(slog.NewJSONHandler(&b, nil)).Info("x", slog.Group("g", "v", held))
			for _, form := range []string{canary, fmt.Sprintf("%x", canary), strings.Trim(fmt.Sprint([]byte(canary)), "[]"), "YzRuNHJ5"} {
				if strings.Contains(b.String(), form) {
					t.Errorf("a %T, as a %T, leaks: %s", v, held, b.String())
				}
			}
		}
	}
	if got := fmt.Sprint(client, oauth.Token{}); got != "client[id] token[]" {
		t.Errorf("they print as %s", got)
	}
}
