// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"strings"
	"testing"
	"time"
)

func TestFaxPlusAPI(t *testing.T) {
	asJSON := map[string]string{"Content-Type": "application/json"}
	unauthorized := func(why string) want {
		return want{401, asJSON, `{"error":"unauthorized","description":"` + why + `"}`}
	}
	const self = `{"account_type":"corporate_admin","creation_date":"2017-05-06 05:22:21","email":"sample@example.com","lastname":"Smith",` +
		`"name":"Example","status":"active","uid":"7724157c0974440293e45877c57f0703"}`
	notFound := want{404, asJSON, `{"error":"not_found","description":"no such endpoint"}`}
	const oauth, stale = "oauth", "stale" // stands for a token that is made
	tests := map[string]struct {
		b                   FaxPlusBehaviour
		token, client, path string
		body                string
		want                want
	}{
		"OAuth":                   {FaxPlusBehaviour{}, oauth, FaxPlusClientID, "accounts/self", "", want{status: 200, body: self}},
		"OAuth without client id": {FaxPlusBehaviour{}, oauth, "", "accounts/self", "", unauthorized("the header x-fax-clientid is missing")},
		"OAuth, other client id":  {FaxPlusBehaviour{}, oauth, "APIK-other", "accounts/self", "", unauthorized("the header x-fax-clientid names another client")},
		"OAuth, expired":          {FaxPlusBehaviour{}, stale, FaxPlusClientID, "accounts/self", "", unauthorized("the access token is unknown or has expired")},
		"OAuth, by uid":           {FaxPlusBehaviour{}, oauth, FaxPlusClientID, "accounts/7724157c0974440293e45877c57f0703", "", want{status: 200, body: self}},
		"no token":                {FaxPlusBehaviour{}, "", "", "accounts/self", "", unauthorized("the access token is unknown or has expired")},
		"PAT":                     {FaxPlusBehaviour{}, FaxPlusToken, "", "accounts/self", "", want{status: 200, body: self}},
		"PAT, expired":            {FaxPlusBehaviour{}, FaxPlusExpiredToken, "", "accounts/self", "", unauthorized("the personal access token has expired")},
		"PAT without the scope":   {FaxPlusBehaviour{}, FaxPlusNarrowToken, "", "accounts/self", "", want{403, asJSON, `{"error":"forbidden","description":"the token lacks a scope: fax:all:read or fax:member:read or fax:user:read"}`}},
		"account suspended":       {FaxPlusBehaviour{Status: "suspended"}, FaxPlusToken, "", "accounts/self", "", want{status: 200, body: strings.Replace(self, "active", "suspended", 1)}},
		"token info, narrow PAT":  {FaxPlusBehaviour{}, FaxPlusNarrowToken, "", "auth/token", "", want{status: 200, body: `{"token_type":"pat","scopes":["fax:fax:read"],"id":"pat-example","name":"Example, faxes only","preview":"alohi_pat_EXAM…","created_date":1779364800000,"expiration_date":1826798400000,"last_used":1795262400000}`}},
		"token info, OAuth":       {FaxPlusBehaviour{}, oauth, FaxPlusClientID, "auth/token", "", want{status: 200, body: `{"token_type":"oauth","scopes":["all"]}`}},
		"token info not there":    {FaxPlusBehaviour{NoTokenInfo: true}, FaxPlusToken, "", "auth/token", "", notFound},
		"unknown endpoint":        {FaxPlusBehaviour{}, FaxPlusToken, "", "nothing", "", notFound},
		"outbox":                  {FaxPlusBehaviour{}, FaxPlusNarrowToken, "", "accounts/self/outbox", "", want{status: 200, body: `{"records":[]}`}},
		"fax sent":                {FaxPlusBehaviour{}, oauth, FaxPlusClientID, "accounts/self/outbox", `{"to":["+10000000000"]}`, want{status: 200, body: `{"ids":{"+10000000000":"…`}},
		"fax without the scope":   {FaxPlusBehaviour{}, FaxPlusNarrowToken, "", "accounts/self/outbox", `{"to":["+10000000000"]}`, want{403, asJSON, `{"error":"forbidden",…`}},
		"fax to nobody":           {FaxPlusBehaviour{}, FaxPlusToken, "", "accounts/self/outbox", `{}`, want{400, asJSON, `{"error":"invalid_payload",…`}},
		"fax to everybody":        {FaxPlusBehaviour{}, FaxPlusToken, "", "accounts/self/outbox", `{"to":["1"` + strings.Repeat(`,"1"`, 20) + `]}`, want{400, asJSON, `{"error":"too_many_destinations",…`}},
		"fax of everything":       {FaxPlusBehaviour{}, FaxPlusToken, "", "accounts/self/outbox", `{"to":["1"],"files":["1"` + strings.Repeat(`,"1"`, 20) + `]}`, want{400, asJSON, `{"error":"too_many_files",…`}},
	}
	clock := NewClock(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := NewFaxPlus(FaxPlusConfig{Behaviour: tt.b, Now: clock.Now})
			switch tt.token {
			case oauth:
				tt.token = faxTokens(t, f).Access
			case stale:
				tt.token = faxTokens(t, f).Access
				f.Expire()
			}
			header := map[string]string{}
			if tt.token != "" {
				header["Authorization"] = "Bearer " + tt.token
			}
			if tt.client != "" {
				header["x-fax-clientid"] = tt.client
			}
			check(t, send(f, ask{target: "/v3/" + tt.path, header: header, body: tt.body}), tt.want)
		})
	}
}

func TestFaxPlusTokensEndWithTheClock(t *testing.T) {
	clock := NewClock(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))
	f := NewFaxPlus(FaxPlusConfig{Now: clock.Now, Behaviour: FaxPlusBehaviour{ExpiresIn: time.Minute}})
	access := faxTokens(t, f).Access
	clock.Advance(time.Minute - time.Second)
	check(t, faxSelf(f, access), want{status: 200, body: `{"account_type":…`})
	clock.Advance(time.Second)
	check(t, faxSelf(f, access), want{status: 401, body: `{"error":"unauthorized",…`})
	clock.Advance(2 * 365 * 24 * time.Hour)
	check(t, send(f, ask{target: "/v3/accounts/self", header: bearerOf(FaxPlusToken)}), want{status: 401, body: `{"error":"unauthorized",…`})
}

func TestFaxPlusHosts(t *testing.T) {
	f := NewFaxPlus(FaxPlusConfig{})
	status := func(host, method, path string) int {
		return send(f, ask{method: method, target: path, header: map[string]string{"Host": host}}).Code
	}
	for _, tt := range []struct {
		host               string
		login, token, auth int
	}{
		{"accounts.fax.plus", 400, 400, 404},
		{"Accounts.Fax.Plus:443", 400, 400, 404},
		{"restapi.fax.plus", 404, 404, 401},
		{"127.0.0.1:8080", 400, 400, 401},
	} {
		if l, k, a := status(tt.host, "GET", "/login"), status(tt.host, "POST", "/token"), status(tt.host, "GET", "/v3/auth/token"); l != tt.login || k != tt.token || a != tt.auth {
			t.Errorf("%s: login %d, token %d, API %d; want %d, %d, %d", tt.host, l, k, a, tt.login, tt.token, tt.auth)
		}
	}
}

func TestFaxPlusThrottles(t *testing.T) {
	f := NewFaxPlus(FaxPlusConfig{})
	f.Fail(API, Fault{Status: 429, RetryAfter: "3", Times: 1})
	check(t, faxSelf(f, "x"), want{429, map[string]string{"Retry-After": "3"}, `{"error":"too_many_requests","description":"Too Many Requests"}`})
}
