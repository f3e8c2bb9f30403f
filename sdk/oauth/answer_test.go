// SPDX-License-Identifier: Apache-2.0

package oauth_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

// answering returns the address of a service that always answers in one way.
func answering(t *testing.T, status int, contentType, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

const asJSON = "application/json;charset=UTF-8"

func TestAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, contentType, body string
		want                    oauth.Token
		lifetime                time.Duration // about; zero: unknown
	}{
		{"all of it", asJSON, `{"access_token":"at","token_type":"Bearer","refresh_token":"rt","expires_in":3600,"scope":"a b"}`,
			oauth.Token{AccessToken: "at", TokenType: "Bearer", RefreshToken: "rt", Scope: "a b"}, time.Hour},
		{"the least", "application/json", `{"access_token":"at"}`, oauth.Token{AccessToken: "at"}, 0},
		{"nulls", asJSON, `{"access_token":"at","token_type":null,"refresh_token":null,"expires_in":null,"scope":null,"error":null}`, oauth.Token{AccessToken: "at"}, 0},
		{"another JSON", "application/vnd.api+json", `{"access_token":"at"}`, oauth.Token{AccessToken: "at"}, 0},
		{"a form", "application/x-www-form-urlencoded; charset=utf-8", "access_token=a%2Ft&expires_in=3600&scope=a+b", oauth.Token{AccessToken: "a/t", Scope: "a b"}, time.Hour},
		{"a lifetime in a string", asJSON, `{"access_token":"at","expires_in":"3600"}`, oauth.Token{AccessToken: "at"}, time.Hour},
		{"a lifetime with a fraction", asJSON, `{"access_token":"at","expires_in":3600.0}`, oauth.Token{AccessToken: "at"}, time.Hour},
		{"a lifetime of zero", asJSON, `{"access_token":"at","expires_in":0}`, oauth.Token{AccessToken: "at"}, 0},
		{"a lifetime below zero", asJSON, `{"access_token":"at","expires_in":-1}`, oauth.Token{AccessToken: "at"}, 0},
		{"a lifetime that is none", asJSON, `{"access_token":"at","expires_in":"soon"}`, oauth.Token{AccessToken: "at"}, 0},
		{"a lifetime in a list", asJSON, `{"access_token":"at","expires_in":[1]}`, oauth.Token{AccessToken: "at"}, 0},
		{"a lifetime for ever", asJSON, `{"access_token":"at","expires_in":1e300}`, oauth.Token{AccessToken: "at"}, 10 * 365 * 24 * time.Hour},
		{"a list of scopes", asJSON, `{"access_token":"at","scope":["a","b"]}`, oauth.Token{AccessToken: "at", Scope: `["a","b"]`}, 0},
		{"a refresh token that is none", asJSON, `{"access_token":"at","refresh_token":false}`, oauth.Token{AccessToken: "at"}, 0},
		{"a type that fits no header", asJSON, `{"access_token":"at","token_type":"be arer\r\nX: y"}`, oauth.Token{AccessToken: "at"}, 0},
		{"a type that is none", asJSON, `{"access_token":"at","token_type":7}`, oauth.Token{AccessToken: "at"}, 0},
		{"an error beside a token", asJSON, `{"access_token":"at","error":"","ok":true}`, oauth.Token{AccessToken: "at"}, 0},
	}
	for _, test := range tests {
		asked := time.Now()
		got, err := oauth.Client{TokenURL: answering(t, 200, test.contentType, test.body)}.ClientCredentials(t.Context())
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		if got.AccessToken != test.want.AccessToken || got.TokenType != test.want.TokenType || got.RefreshToken != test.want.RefreshToken || got.Scope != test.want.Scope {
			t.Errorf("%s: %q %q %q %q", test.name, got.AccessToken, got.TokenType, got.RefreshToken, got.Scope)
		}
		if over := got.Expiry.Sub(asked.Add(test.lifetime)); (test.lifetime == 0) != got.Expiry.IsZero() || test.lifetime > 0 && (over < 0 || over > time.Minute) {
			t.Errorf("%s: it expires %v, %v too late", test.name, got.Expiry, over)
		}
	}
}

// A token lives from before it was asked for: the service counts from some
// moment after that, and its clock does not matter.
func TestExpiryCountsFromTheRequest(t *testing.T) {
	t.Parallel()
	var arrived time.Time
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		arrived = time.Now()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Date", "Thu, 01 Jan 1970 00:00:00 GMT") // a clock that went wrong
		io.WriteString(w, `{"access_token":"at","expires_in":60}`)
	}))
	t.Cleanup(server.Close)
	asked := time.Now()
	got, err := oauth.Client{TokenURL: server.URL}.ClientCredentials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.Expiry.Before(asked.Add(time.Minute).Round(0)) || got.Expiry.After(arrived.Add(time.Minute).Round(0)) {
		t.Errorf("asked %v, arrived %v, expires %v", asked, arrived, got.Expiry)
	}
	if got.Expiry != got.Expiry.Round(0) {
		t.Error("the expiry has a monotonic clock, which stops while a machine sleeps")
	}
}

func TestLifetimeIfTheAnswerDoesNotSay(t *testing.T) {
	t.Parallel()
	for expiresIn, want := range map[string]time.Duration{"": 30 * time.Minute, `,"expires_in":0`: 30 * time.Minute, `,"expires_in":60`: time.Minute} {
		c := oauth.Client{TokenURL: answering(t, 200, asJSON, `{"access_token":"at"`+expiresIn+`}`), Lifetime: 30 * time.Minute}
		asked := time.Now()
		got, err := c.ClientCredentials(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if over := got.Expiry.Sub(asked.Add(want)); over < 0 || over > 20*time.Second {
			t.Errorf("%q: it expires %v too late", expiresIn, over)
		}
	}
}

func TestAnswersThatAreNoToken(t *testing.T) {
	t.Parallel()
	page := "<html><title>" + canary + "</title>"
	echo := `"error_description":"The password is invalid: ` + canary + `"`
	tests := []struct {
		name              string
		status            int
		contentType, body string
		code              sdk.Code
		word              string // of the ResponseError, and the reason
	}{
		{"a page", 200, "text/html", page, sdk.Unavailable, ""},
		{"JSON that says it is a page", 200, "text/html", `{"access_token":"` + canary + `"}`, sdk.Unavailable, ""},
		{"JSON that does not say so", 200, "", `{"access_token":"` + canary + `"}`, sdk.Unavailable, ""},
		{"plain text", 200, "text/plain", "access_token=" + canary, sdk.Unavailable, ""},
		{"no content", 204, "", "", sdk.Unavailable, ""},
		{"broken JSON", 200, asJSON, `{"access_token":"` + canary, sdk.Unavailable, ""},
		{"a JSON list", 200, asJSON, `["` + canary + `"]`, sdk.Unavailable, ""},
		{"JSON null", 200, asJSON, `null`, sdk.Unavailable, ""},
		{"no token", 200, asJSON, `{"id_token":"` + canary + `"}`, sdk.Unavailable, ""},
		{"an empty token", 200, asJSON, `{"access_token":""}`, sdk.Unavailable, ""},
		{"a token that is none", 200, asJSON, `{"access_token":{"a":"` + canary + `"}}`, sdk.Unavailable, ""},
		{"a token that splits a header", 200, asJSON, `{"access_token":"` + canary + `\r\nX: y"}`, sdk.Unavailable, ""},
		{"a token beyond ASCII", 200, asJSON, `{"access_token":"` + canary + `é"}`, sdk.Unavailable, ""},
		{"too long", 200, asJSON, `{"access_token":"` + canary + strings.Repeat("x", 1<<20) + `"}`, sdk.Unavailable, ""},
		{"a refusal with 200", 200, asJSON, `{"error":"bad_verification_code",` + echo + `}`, sdk.Denied, ""},
		{"a known refusal with 200", 200, asJSON, `{"error":"invalid_grant",` + echo + `}`, sdk.Denied, "invalid_grant"},
		{"a refusal with 200, not OAuth's", 200, asJSON, `{"ok":false,"error":{"code":190,"message":"` + canary + `"}}`, sdk.Denied, ""},

		{"invalid_client", 401, asJSON, `{"error":"invalid_client",` + echo + `}`, sdk.Denied, "invalid_client"},
		{"invalid_grant", 400, asJSON, `{"error":"invalid_grant",` + echo + `}`, sdk.Denied, "invalid_grant"},
		{"unauthorized_client", 400, asJSON, `{"error":"unauthorized_client",` + echo + `}`, sdk.Denied, "unauthorized_client"},
		{"invalid_scope", 400, asJSON, `{"error":"invalid_scope",` + echo + `}`, sdk.Invalid, "invalid_scope"},
		{"invalid_request", 400, asJSON, `{"error":"invalid_request",` + echo + `}`, sdk.Invalid, "invalid_request"},
		{"unsupported_grant_type", 400, asJSON, `{"error":"unsupported_grant_type",` + echo + `}`, sdk.Invalid, "unsupported_grant_type"},
		{"unsupported_grant_type in a form", 400, "application/x-www-form-urlencoded", "error=unsupported_grant_type&hint=" + canary, sdk.Invalid, "unsupported_grant_type"},
		{"temporarily_unavailable", 400, asJSON, `{"error":"temporarily_unavailable"}`, sdk.Unavailable, "temporarily_unavailable"},
		{"authorization_pending", 400, asJSON, `{"error":"authorization_pending"}`, sdk.Unavailable, "authorization_pending"},
		{"slow_down", 400, asJSON, `{"error":"slow_down"}`, sdk.Unavailable, "slow_down"},
		{"a word of its own", 400, asJSON, `{"error":"` + canary + `",` + echo + `}`, sdk.Denied, ""},
		{"no word", 400, asJSON, `{"message":"` + canary + `"}`, sdk.Denied, ""},
		{"no word, 422", 422, asJSON, `{"message":"` + canary + `"}`, sdk.Denied, ""},
		{"no word, 401", 401, asJSON, `{"message":"` + canary + `"}`, sdk.Denied, ""},
		{"no word, 403", 403, asJSON, `{"message":"` + canary + `"}`, sdk.Denied, ""},
		{"nothing, 401", 401, "", "", sdk.Denied, ""},
		{"a page, 400", 400, "text/html", page, sdk.Unavailable, ""},
		{"a page, 403", 403, "text/html", page, sdk.Unavailable, ""},
		{"a page, 404", 404, "text/html", page, sdk.Unavailable, ""},
		{"JSON, 404", 404, asJSON, `{"error":"Not Found","path":"/` + canary + `"}`, sdk.Unavailable, ""},
		{"JSON, 405", 405, asJSON, `{"message":"Method not allowed"}`, sdk.Unavailable, ""},
		{"a redirect", 302, "text/html", page, sdk.Unavailable, ""},
		{"429", 429, asJSON, `{"error":"invalid_client"}`, sdk.Unavailable, "invalid_client"},
		{"408", 408, asJSON, `{"error":"invalid_grant"}`, sdk.Unavailable, "invalid_grant"},
		{"500 and a word of its own", 500, asJSON, `{"error":"unknown_error","message":"The password is invalid: ` + canary + `"}`, sdk.Unavailable, ""},
		{"500 and a known word", 500, asJSON, `{"error":"invalid_grant"}`, sdk.Unavailable, "invalid_grant"},
		{"503, a page", 503, "text/html", page, sdk.Unavailable, ""},
		{"a long refusal", 401, asJSON, `{"error":"invalid_client","x":"` + strings.Repeat(canary, 1<<17) + `"}`, sdk.Denied, ""},
	}
	for _, test := range tests {
		tok, err := oauth.Client{TokenURL: answering(t, test.status, test.contentType, test.body)}.ClientCredentials(t.Context())
		t.Run(test.name, func(t *testing.T) { check(t, err, test.code) })
		var e *sdk.Error
		if !errors.As(err, &e) || tok.AccessToken != "" || tok.State() != nil {
			t.Errorf("%s: %v, %v", test.name, tok, err)
			continue
		}
		if asks := test.status < 300 || test.status >= 400; test.code == sdk.Unavailable && asks && e.RetryAfter != 7*time.Second && test.name != "too long" {
			t.Errorf("%s: retry after %v", test.name, e.RetryAfter)
		}
		if e.Reason != test.word && test.status < 500 && test.status != 429 && test.status != 408 {
			t.Errorf("%s: the reason is %q", test.name, e.Reason)
		}
		var re *oauth.ResponseError
		if found := errors.As(err, &re); !found && test.name != "too long" {
			t.Errorf("%s: there is no ResponseError", test.name)
		} else if found && (re.Status != test.status || re.Code != test.word) {
			t.Errorf("%s: %+v", test.name, re)
		}
	}
}
