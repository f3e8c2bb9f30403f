// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func decode(t *testing.T, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%v in: %s", err, data)
	}
}

// haloAsk is a right token request of a hosted Halo; edits are name and value
// in turn, an empty value taking the parameter away.
func haloAsk(scope string, edits ...string) ask {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {HaloClientID},
		"client_secret": {HaloClientSecret}, "scope": {scope}}
	if scope == "" {
		form.Del("scope")
	}
	for i := 0; i < len(edits); i += 2 {
		form.Set(edits[i], edits[i+1])
		if edits[i+1] == "" {
			form.Del(edits[i])
		}
	}
	return ask{target: "/auth/token?tenant=" + HaloTenant, header: with(), body: form.Encode()}
}

// at sends the same somewhere else.
func at(target string, a ask) ask { a.target = target; return a }

func TestHaloToken(t *testing.T) {
	right := haloAsk("all")
	inJSON := right
	inJSON.header = map[string]string{"Content-Type": "application/json"}
	inJSON.body = `{"grant_type":"client_credentials","client_id":"` + HaloClientID + `"}`
	get := right
	get.method = "GET"
	ok := want{200, map[string]string{"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"},
		`{"scope":"all","token_type":"Bearer","access_token":"…`}
	tests := map[string]struct {
		b    HaloBehaviour
		ask  ask
		want want
	}{
		"hosted":                 {HaloBehaviour{}, right, ok},
		"tenant in the form":     {HaloBehaviour{}, at("/auth/token", haloAsk("all", "tenant", HaloTenant)), ok},
		"any case of the path":   {HaloBehaviour{}, at("/Auth/Token?tenant="+HaloTenant, right), ok},
		"tenant missing":         {HaloBehaviour{}, at("/auth/token", right), want{status: 400, body: `{"error":"invalid_request","error_description":"The tenant is missing or unknown."}`}},
		"tenant wrong":           {HaloBehaviour{}, at("/auth/token?tenant=other", right), want{status: 400, body: `{"error":"invalid_request",…`}},
		"on premise":             {HaloBehaviour{OnPremise: true}, at("/auth/token", right), ok},
		"on premise with tenant": {HaloBehaviour{OnPremise: true}, at("/auth/token?tenant=left-over", right), ok},
		"wrong client id":        {HaloBehaviour{}, haloAsk("all", "client_id", "other"), want{status: 401, body: `{"error":"invalid_client"}`}},
		"no client id":           {HaloBehaviour{}, haloAsk("all", "client_id", ""), want{status: 401, body: `{"error":"invalid_client"}`}},
		"wrong secret":           {HaloBehaviour{}, haloAsk("all", "client_secret", "other"), want{status: 401, body: `{"error":"invalid_client"}`}},
		"wrong secret, 400":      {HaloBehaviour{ClientStatus: 400}, haloAsk("all", "client_secret", "other"), want{status: 400, body: `{"error":"invalid_client"}`}},
		"new secret generated":   {HaloBehaviour{RefuseClients: true}, right, want{status: 401, body: `{"error":"invalid_client"}`}},
		"secret echoed": {HaloBehaviour{EchoSecret: true}, haloAsk("all", "client_secret", "EXAMPLE-typo"),
			want{status: 401, body: `{"error":"invalid_client","error_description":"The client secret 'EXAMPLE-typo' is not valid."}`}},
		"unknown scope":       {HaloBehaviour{}, haloAsk("read:tickets read:actions"), want{status: 400, body: `{"error":"invalid_scope"}`}},
		"no scope":            {HaloBehaviour{}, haloAsk(""), want{status: 200, body: `{"token_type":"Bearer","access_token":"…`}},
		"several scopes":      {HaloBehaviour{}, haloAsk("read:tickets edit:customers"), want{status: 200, body: `{"scope":"read:tickets edit:customers",…`}},
		"no grant type":       {HaloBehaviour{}, haloAsk("all", "grant_type", ""), want{status: 400, body: `{"error":"invalid_request",…`}},
		"unknown grant type":  {HaloBehaviour{}, haloAsk("all", "grant_type", "magic"), want{status: 400, body: `{"error":"unsupported_grant_type"}`}},
		"JSON body":           {HaloBehaviour{}, inJSON, want{status: 400, body: `{"error":"invalid_request",…`}},
		"GET":                 {HaloBehaviour{}, get, want{405, map[string]string{"Allow": "POST"}, `{"error":"invalid_request",…`}},
		"token twice in path": {HaloBehaviour{}, at("/auth/token/token", right), want{404, map[string]string{"Content-Type": "text/html; charset=utf-8"}, "<!DOCTYPE html>…"}},
		"URLs swapped":        {HaloBehaviour{}, at("/api/token", right), want{status: 404, body: "<!DOCTYPE html>…"}},
		"web application":     {HaloBehaviour{}, at("/token", right), want{200, map[string]string{"Content-Type": "text/html; charset=utf-8"}, "<!DOCTYPE html>…"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			check(t, send(NewHalo(HaloConfig{Behaviour: tt.b}), tt.ask), tt.want)
		})
	}
}

func TestHaloTokenShape(t *testing.T) {
	for _, b := range []HaloBehaviour{{}, {JWT: true, ExpiresIn: 90 * time.Second}} {
		h := NewHalo(HaloConfig{Behaviour: b})
		var got struct {
			Access  string `json:"access_token"`
			ID      string `json:"id_token"`
			Expires int    `json:"expires_in"`
			Refresh any    `json:"refresh_token"`
		}
		decode(t, send(h, haloAsk("all")).Body.Bytes(), &got)
		if b.JWT && (strings.Count(got.Access, ".") != 2 || got.Expires != 90) || !b.JWT && (len(got.Access) != 43 || got.Expires != 3600) {
			t.Errorf("%+v: access token %q for %d s", b, got.Access, got.Expires)
		}
		if strings.Count(got.ID, ".") != 2 || got.Refresh != nil {
			t.Errorf("%+v: id token %q, refresh token %v", b, got.ID, got.Refresh)
		}
	}
}

func TestHaloPermissionsOfTheApplication(t *testing.T) {
	h := NewHalo(HaloConfig{Clients: []HaloClient{{ID: HaloClientID, Secret: HaloClientSecret, Scopes: []string{"edit:tickets"}}}})
	check(t, send(h, haloAsk("all")), want{status: 400, body: `{"error":"invalid_scope"}`})
	w := send(h, haloAsk("read:tickets"))
	check(t, w, want{status: 200, body: `{"scope":"read:tickets",…`})
	token := bearerOf(field(t, w, "access_token"))
	check(t, send(h, ask{target: "/api/Tickets", header: token}), want{status: 200, body: `{"record_count":2,"tickets":[{"id":1001,…`})
	check(t, send(h, ask{target: "/api/Tickets", header: token, body: `[{"summary":"x"}]`}),
		want{status: 403, body: `{"Message":"You don't have permissions to use tickets."}`})
}

func TestHaloAPI(t *testing.T) {
	const agent = `{"id":1,"name":"Example Agent","email":"agent@example.com"}`
	none := map[string]string{"Content-Type": ""}
	tests := map[string]struct {
		b     HaloBehaviour
		scope string
		ask   ask
		want  want
	}{
		"agent":              {HaloBehaviour{}, "all", ask{target: "/api/Agent/me"}, want{status: 200, body: agent}},
		"agent, lower case":  {HaloBehaviour{}, "all", ask{target: "/api/agent/me"}, want{status: 200, body: agent}},
		"agent wrapped":      {HaloBehaviour{WrapAgent: true}, "all", ask{target: "/api/Agent/me"}, want{status: 200, body: `{"agents":[` + agent + `]}`}},
		"agent, small scope": {HaloBehaviour{}, "read:kb", ask{target: "/api/Agent/me"}, want{status: 200, body: agent}},
		"token of no scope":  {HaloBehaviour{}, "", ask{target: "/api/Agent/me"}, want{401, none, ""}},
		"fresh but refused":  {HaloBehaviour{RefuseTokens: true}, "all", ask{target: "/api/Agent/me"}, want{401, none, ""}},
		"forbidden":          {HaloBehaviour{Forbidden: true}, "all", ask{target: "/api/Agent/me"}, want{status: 403, body: `{"Message":"You don't have permissions to use agent/me."}`}},
		"tickets":            {HaloBehaviour{}, "all", ask{target: "/api/Tickets?count=1"}, want{status: 200, body: `{"record_count":2,"tickets":[{"id":1001,"summary":"Printer on fire"}]}`}},
		"tickets, bad query": {HaloBehaviour{}, "all", ask{target: "/api/Tickets?count=x"}, want{status: 400, body: `{"count":"The value 'x' is not valid."}`}},
		"ticket made":        {HaloBehaviour{}, "all", ask{target: "/api/Tickets", body: `[{"summary":"x"}]`}, want{status: 201, body: `{"id":1003,"summary":"x"}`}},
		"ticket refused":     {HaloBehaviour{}, "all", ask{target: "/api/Tickets", body: `[{}]`}, want{status: 400, body: `{"[0].summary":"The summary field is required."}`}},
		"tickets, no scope":  {HaloBehaviour{}, "read:kb", ask{target: "/api/Tickets"}, want{status: 403, body: `{"Message":…`}},
		"unknown path":       {HaloBehaviour{}, "all", ask{target: "/api/Nothing"}, want{status: 404, body: "<!DOCTYPE html>…"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := NewHalo(HaloConfig{Behaviour: tt.b})
			tt.ask.header = bearerOf(field(t, send(h, haloAsk(tt.scope)), "access_token"))
			check(t, send(h, tt.ask), tt.want)
		})
	}
	h := NewHalo(HaloConfig{})
	check(t, send(h, ask{target: "/api/Agent/me"}), want{401, none, ""})
	check(t, send(h, ask{target: "/api/Agent/me", header: bearerOf("EXAMPLE-forged")}), want{401, none, ""})
}

func TestHaloTokensEnd(t *testing.T) {
	clock := NewClock(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))
	h := NewHalo(HaloConfig{Now: clock.Now})
	status := func(token string) int { return send(h, ask{target: "/api/Agent/me", header: bearerOf(token)}).Code }
	token := field(t, send(h, haloAsk("all")), "access_token")
	clock.Advance(time.Hour - time.Second)
	if got := status(token); got != 200 {
		t.Errorf("just before its hour is over: %d", got)
	}
	clock.Advance(time.Second)
	if got := status(token); got != 401 {
		t.Errorf("after its hour: %d", got)
	}
	token = field(t, send(h, haloAsk("all")), "access_token")
	h.Expire()
	if got := status(token); got != 401 {
		t.Errorf("after Expire: %d", got)
	}
	if got := status(field(t, send(h, haloAsk("all")), "access_token")); got != 200 {
		t.Errorf("a token issued after Expire: %d", got)
	}
}

func TestHaloAuthInfo(t *testing.T) {
	h := NewHalo(HaloConfig{})
	check(t, send(h, ask{target: "/api/authinfo"}), want{status: 200, body: `{"auth_url":"http://example.com/auth","tenant_id":"example"}`})
	check(t, send(h, ask{target: "https://example.com/api/AuthInfo"}), want{status: 200, body: `{"auth_url":"https://example.com/auth","tenant_id":"example"}`})
	h.Set(func(b *HaloBehaviour) { b.OnPremise = true })
	check(t, send(h, ask{target: "/api/authinfo"}), want{status: 200, body: `{"auth_url":"http://example.com/auth"}`})
}

func TestHaloThrottles(t *testing.T) {
	h := NewHalo(HaloConfig{})
	h.Fail(Token, Fault{Status: http.StatusTooManyRequests, RetryAfter: "5", Times: 1})
	check(t, send(h, haloAsk("all")), want{429, map[string]string{"Retry-After": "5", "Content-Type": ""}, ""})
	check(t, send(h, haloAsk("all")), want{status: 200, body: `{"scope":"all",…`})
}

func TestHaloAllows(t *testing.T) {
	got := map[string]bool{}
	for _, need := range []string{"read:tickets", "edit:tickets", "read:kb", "admin"} {
		got[need] = haloAllows([]string{"edit:tickets"}, need)
	}
	wanted := map[string]bool{"read:tickets": true, "edit:tickets": true, "read:kb": false, "admin": false}
	if d := cmp.Diff(wanted, got); d != "" {
		t.Errorf("what edit:tickets covers (-want +got):\n%s", d)
	}
}
