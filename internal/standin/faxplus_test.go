// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"encoding/base64"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

const faxRedirect = "http://127.0.0.1:8686/connect/callback?of=acme"

var faxBasic = "Basic " + base64.StdEncoding.EncodeToString([]byte(FaxPlusClientID+":"+FaxPlusClientSecret))

// faxLogin sends a person to the sign-in page; edits are name and value.
func faxLogin(f *FaxPlus, edits ...string) *httptest.ResponseRecorder {
	q := url.Values{"response_type": {"code"}, "client_id": {FaxPlusClientID}, "redirect_uri": {faxRedirect}, "scope": {"all"}, "state": {"st&te"}}
	for i := 0; i < len(edits); i += 2 {
		q.Set(edits[i], edits[i+1])
	}
	return send(f, ask{target: "/login?" + q.Encode()})
}

// faxCodeOf is a fresh code.
func faxCodeOf(t *testing.T, f *FaxPlus) string {
	t.Helper()
	back, err := url.Parse(faxLogin(f).Header().Get("Location"))
	if err != nil || back.Query().Get("code") == "" {
		t.Fatalf("no code in the redirect to %q", back)
	}
	return back.Query().Get("code")
}

// faxToken is a token request whose parameters stand in the query.
func faxToken(f *FaxPlus, params url.Values) *httptest.ResponseRecorder {
	return send(f, ask{method: "POST", target: "/token?" + params.Encode(), header: with("Authorization", faxBasic)})
}

func codeParams(code string) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "client_id": {FaxPlusClientID}, "code": {code}, "redirect_uri": {faxRedirect}}
}

func faxRenew(f *FaxPlus, refresh string) *httptest.ResponseRecorder {
	return faxToken(f, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
}

type faxPair struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
}

func faxTokens(t *testing.T, f *FaxPlus) faxPair {
	t.Helper()
	var pair faxPair
	decode(t, faxToken(f, codeParams(faxCodeOf(t, f))).Body.Bytes(), &pair)
	return pair
}

// faxSelf asks for the account with an OAuth token.
func faxSelf(f *FaxPlus, access string) *httptest.ResponseRecorder {
	return send(f, ask{target: "/v3/accounts/self", header: map[string]string{"Authorization": "Bearer " + access, "x-fax-clientid": FaxPlusClientID}})
}

func TestFaxPlusLogin(t *testing.T) {
	const back = "http://127.0.0.1:8686/connect/callback?of=acme&"
	page := want{400, map[string]string{"Content-Type": "text/html; charset=utf-8", "Location": ""}, "<!DOCTYPE html>…"}
	to := func(query string) want { return want{302, map[string]string{"Location": back + query}, ""} }
	tests := map[string]struct {
		b     FaxPlusBehaviour
		edits []string
		want  want
	}{
		"denied":                  {FaxPlusBehaviour{Deny: true}, nil, to("error=access_denied&state=st%26te")},
		"denied, no state":        {FaxPlusBehaviour{Deny: true, NoState: true}, nil, to("error=access_denied")},
		"other response type":     {FaxPlusBehaviour{}, []string{"response_type", "token"}, to("error=unsupported_response_type&state=st%26te")},
		"other scope":             {FaxPlusBehaviour{}, []string{"scope", "fax:all:read"}, to("error=invalid_scope&state=st%26te")},
		"unknown client":          {FaxPlusBehaviour{}, []string{"client_id", "APIK-other"}, page},
		"no redirect URI":         {FaxPlusBehaviour{}, []string{"redirect_uri", ""}, page},
		"relative redirect URI":   {FaxPlusBehaviour{}, []string{"redirect_uri", "/callback"}, page},
		"redirect URI, fragment":  {FaxPlusBehaviour{}, []string{"redirect_uri", faxRedirect + "#x"}, page},
		"page instead of approve": {FaxPlusBehaviour{Ask: true}, nil, want{200, map[string]string{"Content-Type": "text/html; charset=utf-8"}, "<!DOCTYPE html>…"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			check(t, faxLogin(NewFaxPlus(FaxPlusConfig{Behaviour: tt.b}), tt.edits...), tt.want)
		})
	}
	got := faxLogin(NewFaxPlus(FaxPlusConfig{}))
	if l := got.Header().Get("Location"); got.Code != 302 || !strings.HasPrefix(l, back+"code=") || !strings.HasSuffix(l, "&state=st%26te") {
		t.Errorf("approved: %d to %q", got.Code, l)
	}
	registered := NewFaxPlus(FaxPlusConfig{Clients: []FaxPlusClient{{ID: FaxPlusClientID, RedirectURIs: []string{faxRedirect}}}})
	if got := faxLogin(registered); got.Code != 302 {
		t.Errorf("registered redirect URI: %d", got.Code)
	}
	check(t, faxLogin(registered, "redirect_uri", faxRedirect+"x"), page)
}

func TestFaxPlusAsksThePerson(t *testing.T) {
	f := NewFaxPlus(FaxPlusConfig{Behaviour: FaxPlusBehaviour{Ask: true}})
	shown := faxLogin(f, "state", `"><script>`).Body.String()
	if !strings.Contains(shown, `value="&#34;&gt;&lt;script&gt;"`) || !strings.Contains(shown, FaxPlusClientID) {
		t.Errorf("page: %s", shown)
	}
	decide := func(decision string) string {
		params := url.Values{"response_type": {"code"}, "client_id": {FaxPlusClientID}, "redirect_uri": {faxRedirect}, "scope": {"all"}, "decision": {decision}}
		return send(f, ask{target: "/login", header: with(), body: params.Encode()}).Header().Get("Location")
	}
	if l := decide("approve"); !strings.Contains(l, "code=") {
		t.Errorf("approve leads to %q", l)
	}
	if l := decide("deny"); !strings.Contains(l, "error=access_denied") {
		t.Errorf("deny leads to %q", l)
	}
}

func TestFaxPlusExchange(t *testing.T) {
	ok := want{200, map[string]string{"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"}, `{"access_token":"…`}
	grantErr := want{400, map[string]string{"Content-Type": "application/json; charset=utf-8"}, `{"error":"invalid_grant"}`}
	requestErr := want{status: 400, body: `{"error":"invalid_request"}`}
	clientErr := want{401, map[string]string{"WWW-Authenticate": `Basic realm="Fax.Plus"`}, `{"error":"invalid_client"}`}
	basic := with("Authorization", faxBasic)
	set := func(name, value string) func(*ask, url.Values) {
		return func(_ *ask, p url.Values) { p.Set(name, value) }
	}
	header := func(h map[string]string) func(*ask, url.Values) { return func(a *ask, _ url.Values) { a.header = h } }
	tests := map[string]struct {
		change func(*ask, url.Values)
		inBody bool
		want   want
	}{
		"in the query":                   {nil, false, ok},
		"in the body":                    {nil, true, ok},
		"wrong redirect URI":             {set("redirect_uri", faxRedirect+"/"), false, grantErr},
		"no redirect URI":                {set("redirect_uri", ""), false, grantErr},
		"unknown code":                   {set("code", "other"), false, grantErr},
		"no code":                        {set("code", ""), false, requestErr},
		"no grant type":                  {set("grant_type", ""), false, requestErr},
		"other grant type":               {set("grant_type", "password"), false, want{status: 400, body: `{"error":"unsupported_grant_type"}`}},
		"other client in the parameters": {set("client_id", "APIK-other"), false, clientErr},
		"no Basic":                       {header(with()), false, clientErr},
		"wrong secret":                   {header(with("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(FaxPlusClientID+":wrong")))), false, clientErr},
		"JSON content type":              {header(map[string]string{"Content-Type": "application/json", "Authorization": faxBasic}), false, want{status: 400, body: `{"error":"invalid_request","error_description":…`}},
		"no content type":                {header(map[string]string{"Authorization": faxBasic}), false, want{status: 400, body: `{"error":"invalid_request",…`}},
		"GET":                            {func(a *ask, _ url.Values) { a.method = "GET" }, false, want{405, map[string]string{"Allow": "POST"}, `{"error":"invalid_request",…`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := NewFaxPlus(FaxPlusConfig{})
			a, params := ask{method: "POST", header: basic}, codeParams(faxCodeOf(t, f))
			if tt.change != nil {
				tt.change(&a, params)
			}
			a.target = "/token?" + params.Encode()
			if tt.inBody {
				a.target, a.body = "/token", params.Encode()
			}
			check(t, send(f, a), tt.want)
		})
	}
	for name, b := range map[string]FaxPlusBehaviour{"refused": {RefuseClients: true}, "echoed": {RefuseClients: true, EchoSecret: true}} {
		w := clientErr
		if b.EchoSecret {
			w.body = `{"error":"invalid_client","error_description":"refused: ` + FaxPlusClientSecret + `"}`
		}
		t.Run(name, func(t *testing.T) { check(t, faxRenew(NewFaxPlus(FaxPlusConfig{Behaviour: b}), "x"), w) })
	}
}

func TestFaxPlusCodeWorksOnce(t *testing.T) {
	clock := NewClock(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))
	refused := want{status: 400, body: `{"error":"invalid_grant"}`}
	f := NewFaxPlus(FaxPlusConfig{Now: clock.Now})
	code := faxCodeOf(t, f)
	var pair faxPair
	decode(t, faxToken(f, codeParams(code)).Body.Bytes(), &pair)
	check(t, faxToken(f, codeParams(code)), refused)
	if f.Reused() != 1 {
		t.Errorf("%d reuses counted, want 1", f.Reused())
	}
	check(t, faxSelf(f, pair.Access), want{status: 200, body: `{"account_type":…`})
	f.Set(func(b *FaxPlusBehaviour) { b.RevokeOnReuse = true })
	check(t, faxToken(f, codeParams(code)), refused)
	check(t, faxSelf(f, pair.Access), want{status: 401, body: `{"error":"unauthorized",…`})

	late := faxCodeOf(t, f)
	clock.Advance(codeLife)
	check(t, faxToken(f, codeParams(late)), refused)
}

func TestFaxPlusTokenShape(t *testing.T) {
	keys := func(w *httptest.ResponseRecorder) string {
		t.Helper()
		var object map[string]any
		decode(t, w.Body.Bytes(), &object)
		var got []string
		for _, k := range []string{"access_token", "refresh_token", "token_type", "expires_in", "scope"} {
			if v, ok := object[k]; ok && v == "" {
				got = append(got, k+" empty")
			} else if ok {
				got = append(got, k)
			}
		}
		return strings.Join(got, ", ")
	}
	for name, tt := range map[string]struct {
		b               FaxPlusBehaviour
		exchange, renew string
	}{
		"plain":  {FaxPlusBehaviour{}, "access_token, refresh_token, token_type, expires_in, scope", "access_token, token_type, expires_in, scope"},
		"bare":   {FaxPlusBehaviour{Bare: true}, "access_token, refresh_token", "access_token"},
		"rotate": {FaxPlusBehaviour{Bare: true, Rotate: true}, "access_token, refresh_token", "access_token, refresh_token"},
		"empty":  {FaxPlusBehaviour{Bare: true, EmptyRefresh: true}, "access_token, refresh_token", "access_token, refresh_token empty"},
	} {
		f := NewFaxPlus(FaxPlusConfig{Behaviour: tt.b})
		w := faxToken(f, codeParams(faxCodeOf(t, f)))
		if got := keys(w); got != tt.exchange {
			t.Errorf("%s: exchange answers %s", name, got)
		}
		if got := keys(faxRenew(f, field(t, w, "refresh_token"))); got != tt.renew {
			t.Errorf("%s: refresh answers %s", name, got)
		}
	}
}

func TestFaxPlusRefresh(t *testing.T) {
	refused := want{status: 400, body: `{"error":"invalid_grant"}`}
	ok := want{status: 200, body: `{"access_token":"…`}

	f := NewFaxPlus(FaxPlusConfig{})
	pair := faxTokens(t, f)
	check(t, faxRenew(f, pair.Refresh), ok)
	check(t, faxRenew(f, pair.Refresh), ok) // never rotates, never ends
	check(t, faxRenew(f, "other"), refused)
	check(t, faxRenew(f, ""), want{status: 400, body: `{"error":"invalid_request"}`})
	f.Set(func(b *FaxPlusBehaviour) { b.EchoSecret = true })
	check(t, faxRenew(f, "EXAMPLE-other"), want{status: 400, body: `{"error":"invalid_grant","error_description":"refused: EXAMPLE-other"}`})

	f = NewFaxPlus(FaxPlusConfig{Behaviour: FaxPlusBehaviour{Rotate: true}})
	pair = faxTokens(t, f)
	next := field(t, faxRenew(f, pair.Refresh), "refresh_token")
	check(t, faxRenew(f, pair.Refresh), refused)
	newest := field(t, faxRenew(f, next), "refresh_token") // the reuse did no more harm
	f.Set(func(b *FaxPlusBehaviour) { b.RevokeOnReuse = true })
	check(t, faxRenew(f, pair.Refresh), refused)
	check(t, faxRenew(f, newest), refused)
	check(t, faxSelf(f, pair.Access), want{status: 401, body: `{"error":"unauthorized",…`})
	if f.Reused() != 2 {
		t.Errorf("%d reuses counted, want 2", f.Reused())
	}

	f.Revoke()
	pair = faxTokens(t, f)
	f.Revoke()
	check(t, faxRenew(f, pair.Refresh), refused)
}

func TestFaxPlusAdvancedSecurity(t *testing.T) {
	clock := NewClock(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))
	f := NewFaxPlus(FaxPlusConfig{Now: clock.Now, Behaviour: FaxPlusBehaviour{AdvancedSecurity: true, Rotate: true}})
	pair := faxTokens(t, f)
	clock.Advance(refreshLife - time.Second)
	next := field(t, faxRenew(f, pair.Refresh), "refresh_token")
	clock.Advance(time.Second) // since the sign-in, however young the token is
	check(t, faxRenew(f, next), want{status: 400, body: `{"error":"invalid_grant"}`})
	f.Set(func(b *FaxPlusBehaviour) { b.AdvancedSecurity = false })
	check(t, faxRenew(f, next), want{status: 200, body: `{"access_token":"…`})
}
