// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"encoding/base64"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// cloudPair is the pair of tokens that a password grant gives.
func cloudPair(t *testing.T, h *HelloCloud) (access, refresh string) {
	t.Helper()
	w := send(h, cloudForm(passwordGrant))
	return field(t, w, "access_token"), field(t, w, "refresh_token")
}

func denied5(hint string) string {
	return `{"error":"access_denied","message":"The resource owner or authorization server denied the request.","hint":"` + hint + `"}`
}

func denied8(hint string) string {
	return `{"error":"access_denied","error_description":"The resource owner or authorization server denied the request.","hint":"` + hint +
		`","message":"The resource owner or authorization server denied the request."}`
}

func TestHelloCloudRefresh(t *testing.T) {
	asJSON := map[string]string{"Content-Type": "application/json"}
	tests := map[string]struct {
		version string
		body    func(hint string) string
		status  int
	}{
		"5.1.6": {last5, refused5, 400},
		"8.4":   {last8, refused8, 401},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			clock := NewClock(time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC))
			h := NewHelloCloud(HelloCloudConfig{Now: clock.Now, Behaviour: HelloCloudBehaviour{Version: tt.version},
				Clients: []HelloCloudClient{
					{ID: HelloCloudPasswordClient, Secret: HelloCloudClientSecret, Grant: "password"},
					{ID: "other", Secret: HelloCloudClientSecret, Grant: "password"}}})
			refuses := func(grant map[string]string, hint string) {
				t.Helper()
				check(t, send(h, cloudAsk(grant)), want{tt.status, asJSON, tt.body(hint)})
			}
			access, refresh := cloudPair(t, h)
			refuses(refreshGrant("garbage"), "Cannot decrypt the refresh token")
			refuses(edit(refreshGrant(refresh), "client_id", "other"), "Token is not linked to client")
			if h.Reused() != 0 {
				t.Error("a token was counted as reused before it was spent")
			}
			w := send(h, cloudAsk(refreshGrant(refresh)))
			check(t, w, want{200, map[string]string{"Content-Type": "application/json; charset=UTF-8"}, issued})
			next := field(t, w, "refresh_token")
			refuses(refreshGrant(refresh), "Token has been revoked")
			if h.Reused() != 1 {
				t.Errorf("%d reuses counted, want 1", h.Reused())
			}
			if got := send(h, ask{target: "/Api/V8/current-user", header: bearerOf(access)}).Code; got != 401 {
				t.Errorf("the old access token: %d", got)
			}
			clock.Advance(31*24*time.Hour + time.Second) // January 31 and a month is March 3
			refuses(refreshGrant(next), "Token has expired")
		})
	}
}

func TestHelloCloudRefreshByRelease(t *testing.T) {
	tests := map[string]want{
		"7.10.9":  {400, nil, unsupported5},
		"7.10.20": {400, nil, unsupported5},
		"7.11.8":  {400, nil, unsupported5},
		"7.10.21": {500, nil, noUser5}, // spent, and nothing for it
		"7.10.25": {500, nil, noUser5},
		"7.11.9":  {500, nil, noUser5},
		"7.10.26": {200, nil, issued},
		"7.11.14": {200, nil, issued},
		"7.12.0":  {200, nil, issued},
		"7.13.2":  {200, nil, issued},
		"7.13.3":  {401, nil, client8},
		"7.14.4":  {401, nil, client8},
		"7.14.5":  {200, nil, issued},
	}
	for version, w := range tests {
		t.Run(version, func(t *testing.T) {
			h := newCloud(version)
			access, refresh := cloudPair(t, h)
			check(t, send(h, cloudAsk(refreshGrant(refresh))), w)
			gone := send(h, ask{target: "/Api/V8/module/Accounts", header: bearerOf(access)}).Code == 401
			if lost := w.status == 500 || w.status == 200; gone != lost {
				t.Errorf("access token gone: %t, want %t", gone, lost)
			}
		})
	}
}

func TestHelloCloudBearer(t *testing.T) {
	b64 := base64.RawURLEncoding.EncodeToString
	for version, denied := range map[string]func(string) string{last5: denied5, last8: denied8} {
		h := newCloud(version)
		good, _ := cloudPair(t, h)
		parts := strings.Split(good, ".")
		expired, _ := cloudPair(t, h)
		h.Expire()
		revoked, _ := cloudPair(t, h)
		h.Revoke()
		good, _ = cloudPair(t, h)
		is8 := version == last8
		pick := func(on5, on8 string) string {
			if is8 {
				return denied(on8)
			}
			return denied(on5)
		}
		tests := map[string]struct {
			loss   HeaderLoss
			header string // "-": none
			want   string
		}{
			"no header":       {0, "-", denied(`Missing \"Authorization\" header`)},
			"header dropped":  {HeaderDropped, "Bearer " + good, denied(`Missing \"Authorization\" header`)},
			"header emptied":  {HeaderEmptied, "Bearer " + good, denied("The JWT string must have two dots")},
			"not a JWT":       {0, "Bearer EXAMPLE", denied("The JWT string must have two dots")},
			"bad base64":      {0, "Bearer !." + parts[1] + "." + parts[2], pick("Error while decoding to JSON", "Error while decoding from Base64Url, invalid base64 characters detected")},
			"odd base64":      {0, "Bearer a." + parts[1] + "." + parts[2], pick("Error while decoding to JSON", "Error while decoding from Base64Url, invalid base64 characters detected")},
			"bad JSON":        {0, "Bearer " + b64([]byte("{")) + "." + parts[1] + "." + parts[2], pick("Error while decoding to JSON", "Error while decoding from JSON")},
			"lower case":      {0, "bearer " + good, pick("Error while decoding to JSON", "Error while decoding from Base64Url, invalid base64 characters detected")},
			"bad signature":   {0, "Bearer " + parts[0] + "." + parts[1] + "." + b64(make([]byte, 256)), denied("Access token could not be verified")},
			"other algorithm": {0, "Bearer " + b64([]byte(`{"alg":"HS256"}`)) + "." + parts[1] + "." + parts[2], denied("Access token could not be verified")},
			"expired":         {0, "Bearer " + expired, pick("Access token is invalid", "Access token could not be verified")},
			"revoked":         {0, "Bearer " + revoked, denied("Access token has been revoked")},
			"never issued": {0, "Bearer " + signJWT(`{"alg":"RS256"}`, `{"jti":"x","exp":99999999999}`),
				denied("Access token has been revoked")},
		}
		for name, tt := range tests {
			t.Run(version+" "+name, func(t *testing.T) {
				h.Set(func(b *HelloCloudBehaviour) { b.Authorization = tt.loss })
				a := ask{target: "/Api/V8/current-user"}
				if tt.header != "-" {
					a.header = map[string]string{"Authorization": tt.header}
				}
				check(t, send(h, a), want{401, map[string]string{"Content-Type": "application/json", "WWW-Authenticate": ""}, tt.want})
			})
		}
		h.Set(func(b *HelloCloudBehaviour) { b.Authorization = HeaderKept })
		if got := send(h, ask{target: "/Api/V8/current-user", header: map[string]string{"Authorization": " Bearer  " + good}}); got.Code != 200 {
			t.Errorf("%s: spaces around Bearer: %d %s", version, got.Code, got.Body)
		}
	}
	unsigned := "Bearer " + b64([]byte(`{"alg":"none"}`)) + "." + b64([]byte(`{}`)) + "."
	check(t, send(newCloud(last5), ask{target: "/Api/V8/current-user", header: map[string]string{"Authorization": unsigned}}),
		want{500, nil, unknown5("This token is not signed")})
	check(t, send(newCloud(last8), ask{target: "/Api/V8/current-user", header: map[string]string{"Authorization": unsigned}}),
		want{401, nil, denied8("Access token could not be verified")})
}

func TestHelloCloudTokensEndWithTheClock(t *testing.T) {
	for version, live := range map[string]time.Duration{last5: time.Hour, last8: time.Hour - time.Second} {
		clock := NewClock(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))
		h := NewHelloCloud(HelloCloudConfig{Now: clock.Now, Behaviour: HelloCloudBehaviour{Version: version}})
		access, _ := cloudPair(t, h)
		status := func() int { return send(h, ask{target: "/Api/V8/current-user", header: bearerOf(access)}).Code }
		clock.Advance(live)
		if got := status(); got != 200 {
			t.Errorf("%s: after %v: %d", version, live, got)
		}
		clock.Advance(time.Second)
		if got := status(); got != 401 {
			t.Errorf("%s: after %v: %d", version, live+time.Second, got)
		}
	}
}

const currentUser = `{
    "data": {
        "type": "User",
        "id": "1",
        "attributes": {
            "id": "1",
            "user_name": "example",
            "full_name": "Example User",
            "status": "Active",
            "email1": "example@example.com"
        },
        "relationships": {
            "Calls": {
                "links": {
                    "related": "V8/current-user/relationships/calls"
                }
            },
            "Contacts": {
                "links": {
                    "related": "V8/current-user/relationships/contacts"
                }
            }
        }
    }
}`

const noActorBody = `{
    "errors": {
        "status": 400,
        "title": null,
        "detail": "Module id is empty when trying to get Users"
    }
}`

func TestHelloCloudAPI(t *testing.T) {
	api := map[string]string{"Content-Type": "application/vnd.api+json", "Accept": "application/vnd.api+json", "Access-Control-Allow-Origin": "*"}
	notFound := want{404, map[string]string{"Content-Type": "application/json"}, `{"message":"Not found"}`}
	machine, person, form := cloudAsk(clientGrant), cloudAsk(passwordGrant), cloudForm(passwordGrant)
	const modules = "{\n    \"data\": {\n        \"type\": \"modules\",\n        \"attributes\": {\n            \"Accounts\": {\n                \"label\": \"Accounts\",\n                \"access\": […"
	tests := map[string]struct {
		version string
		grant   ask
		path    string
		want    want
	}{
		"current user":                           {last5, person, "current-user", want{200, api, currentUser}},
		"current user of a machine":              {last5, machine, "current-user", want{200, api, currentUser}},
		"current user, 8.4":                      {last8, person, "current-user", want{200, api, currentUser}},
		"current user of a machine, 7.10.10":     {"7.10.10", machine, "current-user", want{200, api, currentUser}},
		"current user of a person, 7.10.10":      {"7.10.10", person, "current-user", want{400, api, noActorBody}},
		"current user of a person, 7.10.15":      {"7.10.15", form, "current-user", want{400, api, noActorBody}},
		"current user, form, 7.10.16":            {"7.10.16", form, "current-user", want{200, api, currentUser}},
		"current user, JSON, 7.10.16":            {"7.10.16", person, "current-user", want{400, api, noActorBody}},
		"current user before 7.10.10":            {"7.10.9", form, "current-user", want{404, nil, `{"message":"Not found"}`}},
		"modules":                                {last5, machine, "meta/modules", want{200, api, modules}},
		"modules before 7.10.17":                 {"7.10.16", machine, "meta/modules", notFound},
		"modules on 7.11.5":                      {"7.11.5", machine, "meta/modules", want{200, api, modules}},
		"accounts":                               {last5, machine, "module/Accounts", want{200, api, "{\n    \"data\": [\n        {\n            \"type\": \"Account\",…"}},
		"accounts of a person, 7.10.10":          {"7.10.10", person, "module/Accounts", want{200, api, "{\n    \"data\": [\n        {…"}},
		"accounts of a person in JSON, 7.10.16":  {"7.10.16", person, "module/Accounts", want{400, api, noActorBody}},
		"unknown module":                         {last5, machine, "module/Nothing", want{400, api, strings.Replace(noActorBody, noActor, "Module Nothing does not exist", 1)}},
		"unknown route":                          {last5, machine, "nothing", notFound},
		"trailing slash":                         {last5, machine, "current-user/", notFound},
		"current user, machine client, password": {last5, cloudAsk(edit(passwordGrant, "client_id", HelloCloudClientID)), "current-user", want{200, api, currentUser}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := newCloud(tt.version)
			header := maps.Clone(jsonAPIType)
			header["Authorization"] = "Bearer " + field(t, send(h, tt.grant), "access_token")
			check(t, send(h, ask{target: "/Api/V8/" + tt.path, header: header}), tt.want)
		})
	}
}

func TestHelloCloudLogout(t *testing.T) {
	h := newCloud(last5)
	access, refresh := cloudPair(t, h)
	logout := ask{method: "POST", target: "/Api/V8/logout", header: bearerOf(access)}
	check(t, send(h, logout), want{200, map[string]string{"Content-Type": "application/vnd.api+json"},
		"{\n    \"meta\": {\n        \"message\": \"You have been successfully logged out\"\n    },\n    \"data\": []\n}"})
	check(t, send(h, logout), want{401, nil, denied5("Access token has been revoked")})
	check(t, send(h, cloudAsk(refreshGrant(refresh))), want{400, nil, refused5("Token has been revoked")})
	if h.Reused() != 0 {
		t.Error("a refresh token that logging out ended was counted as reused")
	}
}

func TestHelloCloudPaths(t *testing.T) {
	page := want{404, map[string]string{"Content-Type": "text/html; charset=utf-8"}, "<!DOCTYPE html>…"}
	slim := func(kind, body string) want { return want{404, map[string]string{"Content-Type": kind}, body} }
	tests := map[string]struct {
		b      HelloCloudBehaviour
		target string
		accept string
		want   want
	}{
		"wrong method":             {HelloCloudBehaviour{}, "/Api/access_token", "application/json", want{405, map[string]string{"Allow": "POST", "Content-Type": "application/json"}, `{"message":"Method not allowed. Must be one of: POST"}`}},
		"wrong method, page":       {HelloCloudBehaviour{}, "/Api/access_token", "", want{405, map[string]string{"Allow": "POST", "Content-Type": "text/html"}, "<!DOCTYPE html>…"}},
		"trailing slash":           {HelloCloudBehaviour{}, "/Api/access_token/", "application/json", page},
		"small a":                  {HelloCloudBehaviour{}, "/api/access_token", "application/json", page},
		"deprecated API, new":      {HelloCloudBehaviour{}, "/api/oauth/access_token", "application/json", page},
		"deprecated API, old":      {HelloCloudBehaviour{Version: old7}, "/api/oauth/access_token", "application/json", want{405, nil, `{"message":"Method not allowed. Must be one of: POST"}`}},
		"no rewriting":             {HelloCloudBehaviour{NoRewrite: true}, "/Api/access_token", "application/json", page},
		"no rewriting, long":       {HelloCloudBehaviour{NoRewrite: true}, "/Api/index.php/access_token", "application/json", want{405, nil, `{"message":"Method not allowed. Must be one of: POST"}`}},
		"no rewriting, long route": {HelloCloudBehaviour{NoRewrite: true}, "/Api/index.php/V8/current-user", "", want{401, nil, denied5(`Missing \"Authorization\" header`)}},
		"unknown, page":            {HelloCloudBehaviour{}, "/Api/V8/x", "", slim("text/html", "<!DOCTYPE html>…")},
		"unknown, vnd.api+json":    {HelloCloudBehaviour{}, "/Api/V8/x", "application/vnd.api+json", slim("application/json", `{"message":"Not found"}`)},
		"unknown, json":            {HelloCloudBehaviour{}, "/Api/V8/x", "application/json", slim("application/json", `{"message":"Not found"}`)},
		"unknown, json after html": {HelloCloudBehaviour{}, "/Api/V8/x", "text/html,application/json", slim("text/html", "<!DOCTYPE html>…")},
		"unknown, xml":             {HelloCloudBehaviour{}, "/Api/V8/x", "text/xml", slim("text/xml", "<root><message>Not found</message></root>")},
		"elsewhere":                {HelloCloudBehaviour{}, "/index.php", "", page},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := NewHelloCloud(HelloCloudConfig{Behaviour: tt.b})
			header := map[string]string{}
			if tt.accept != "" {
				header["Accept"] = tt.accept
			}
			check(t, send(h, ask{target: tt.target, header: header}), tt.want)
		})
	}
	check(t, send(newCloud(last5), ask{method: "OPTIONS", target: "/Api/access_token"}),
		want{200, map[string]string{"Allow": "POST", "Content-Type": "text/plain"}, "Allowed methods: POST"})
}

func TestHelloCloudInASubPath(t *testing.T) {
	h := NewHelloCloud(HelloCloudConfig{Prefix: "/legacy/"})
	check(t, send(h, at("/legacy/Api/access_token", cloudAsk(clientGrant))), want{200, nil, issued})
	check(t, send(h, cloudAsk(clientGrant)), want{404, nil, "<!DOCTYPE html>…"})
	if h.TokenRequests() != 2 {
		t.Errorf("%d token requests counted", h.TokenRequests())
	}
}

func TestHelloCloudFaultIsAPage(t *testing.T) {
	h := newCloud(last5)
	h.Fail(Token, Fault{Status: 503})
	check(t, send(h, cloudAsk(clientGrant)), want{503, map[string]string{"Content-Type": "text/html; charset=utf-8"}, "<!DOCTYPE html>…"})
}

func TestReleases(t *testing.T) {
	got := map[string]release{}
	for _, v := range []string{"7.10.1", "7.11.0", "7.11.4", "7.12.14", "7.13.3", ""} {
		got[v] = releaseOf(v)
	}
	modern := release{clientCredentials: true, refresh: true, currentUser: true, metaModules: true, owner: ownerByClient}
	league8 := modern
	league8.league8, league8.matchGrant, league8.matchRefresh = true, true, true
	wanted := map[string]release{
		"7.10.1":  {old: true},
		"7.11.0":  {clientCredentials: true, currentUser: true},
		"7.11.4":  {clientCredentials: true, currentUser: true, owner: ownerPosted},
		"7.12.14": modern,
		"7.13.3":  league8,
		"":        modern,
	}
	if d := cmp.Diff(wanted, got, cmp.AllowUnexported(release{})); d != "" {
		t.Errorf("releases (-want +got):\n%s", d)
	}
}
