// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ask is a request of a test.
type ask struct {
	method, target string            // method: GET, or POST if there is a body
	header         map[string]string // Content-Type too
	body           string
}

// send lets a stand-in answer a request.
func send(h http.Handler, a ask) *httptest.ResponseRecorder {
	method := a.method
	if method == "" && a.body == "" {
		method = http.MethodGet
	} else if method == "" {
		method = http.MethodPost
	}
	r := httptest.NewRequest(method, a.target, strings.NewReader(a.body))
	for name, v := range a.header {
		r.Header.Set(name, v)
		if name == "Host" {
			r.Host = v
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// want is what a stand-in must answer. A header named with an empty value must
// be absent.
type want struct {
	status int
	header map[string]string
	body   string // exactly, unless it ends in "…"
}

func check(t *testing.T, got *httptest.ResponseRecorder, w want) {
	t.Helper()
	if got.Code != w.status {
		t.Errorf("status %d, want %d; body: %s", got.Code, w.status, got.Body)
	}
	for name, v := range w.header {
		if g := got.Header().Values(name); v == "" && len(g) != 0 || v != "" && got.Header().Get(name) != v {
			t.Errorf("header %s: got %q, want %q", name, g, v)
		}
	}
	body := got.Body.String()
	if start, open := strings.CutSuffix(w.body, "…"); open {
		if !strings.HasPrefix(body, start) {
			t.Errorf("body:\n%s\nmust start with:\n%s", body, start)
		}
	} else if d := cmp.Diff(w.body, body); d != "" {
		t.Errorf("body (-want +got):\n%s", d)
	}
}

var form = map[string]string{"Content-Type": "application/x-www-form-urlencoded"}

// with is form with one header more.
func with(pairs ...string) map[string]string {
	h := map[string]string{"Content-Type": formType}
	for i := 0; i < len(pairs); i += 2 {
		h[pairs[i]] = pairs[i+1]
	}
	return h
}

func bearerOf(token string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + token}
}

func TestRecordsWhatArrives(t *testing.T) {
	clock := NewClock(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC))
	h := NewHalo(HaloConfig{Now: clock.Now})
	send(h, ask{target: "/auth/token?tenant=a%20b", header: form, body: "grant_type=x&client_id=1"})
	clock.Advance(time.Minute)
	send(h, ask{target: "/api/authinfo", header: map[string]string{"X-Test": "yes"}})

	got := h.Requests()
	wantFirst := Request{
		At: clock.Now().Add(-time.Minute), Part: Token, Method: "POST", Host: "example.com", Path: "/auth/token",
		RawQuery: "tenant=a%20b", Header: http.Header{"Content-Type": {formType}},
		Body: "grant_type=x&client_id=1", Status: 400,
	}
	if len(got) != 2 {
		t.Fatalf("%d requests recorded, want 2", len(got))
	}
	if d := cmp.Diff(wantFirst, got[0]); d != "" {
		t.Errorf("first request (-want +got):\n%s", d)
	}
	if got[0].Query().Get("tenant") != "a b" || got[0].Form().Get("client_id") != "1" {
		t.Errorf("parameters: query %v, form %v", got[0].Query(), got[0].Form())
	}
	if last := h.Last(); last.Path != "/api/authinfo" || last.Status != 200 || !last.At.Equal(clock.Now()) {
		t.Errorf("last request: %+v", last)
	}
	if h.TokenRequests() != 1 || h.APIRequests() != 1 {
		t.Errorf("%d token and %d API requests counted, want 1 and 1", h.TokenRequests(), h.APIRequests())
	}
	got[0].Header.Set("Content-Type", "changed")
	if h.Requests()[0].Header.Get("Content-Type") != formType {
		t.Error("a caller can change what was recorded")
	}
}

func TestRecordIsBounded(t *testing.T) {
	h := NewHalo(HaloConfig{})
	for i := range keepRequests + 3 {
		send(h, ask{target: fmt.Sprintf("/api/%d", i)})
	}
	got := h.Requests()
	if len(got) != keepRequests || got[0].Path != "/api/3" {
		t.Errorf("%d requests kept, the first %+v", len(got), got[0])
	}
	for _, r := range got {
		if r.Status != 404 {
			t.Errorf("%s: recorded status %d", r.Path, r.Status)
		}
	}
	if h.APIRequests() != keepRequests+3 {
		t.Errorf("%d requests counted", h.APIRequests())
	}
	send(h, ask{target: "/api/x", body: strings.Repeat("x", keepBody+1)})
	if n := len(h.Last().Body); n != keepBody {
		t.Errorf("%d bytes of the body kept", n)
	}
	check(t, send(h, ask{target: "/api/x", body: strings.Repeat("x", maxBody+1)}),
		want{status: 413, body: "Request Entity Too Large\n"})
}

func TestFaults(t *testing.T) {
	const path = "/api/authinfo"
	tests := map[string]struct {
		fault Fault
		want  want
	}{
		"429 with Retry-After":    {Fault{Status: 429, RetryAfter: "7"}, want{429, map[string]string{"Retry-After": "7"}, ""}},
		"429 without Retry-After": {Fault{Status: 429}, want{429, map[string]string{"Retry-After": ""}, ""}},
		"503":                     {Fault{Status: 503}, want{503, map[string]string{"Content-Type": ""}, ""}},
		"HTML page":               {Fault{HTML: true}, want{200, map[string]string{"Content-Type": "text/html; charset=utf-8"}, "<!DOCTYPE html>…"}},
		"HTML 502":                {Fault{HTML: true, Status: 502}, want{502, nil, "<!DOCTYPE html>…"}},
		"redirect":                {Fault{Status: 307, Location: "https://elsewhere.example/"}, want{307, map[string]string{"Location": "https://elsewhere.example/"}, ""}},
		"body":                    {Fault{Body: `{"a":1}`}, want{200, map[string]string{"Content-Type": "application/json"}, `{"a":1}`}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			h := NewHalo(HaloConfig{})
			tt.fault.Times = 1
			h.Fail(API, tt.fault)
			check(t, send(h, ask{target: path}), tt.want)
			if got := h.Last().Status; got != tt.want.status {
				t.Errorf("recorded status %d", got)
			}
			check(t, send(h, ask{target: path}), want{status: 200, body: `{"auth_url":…`})
		})
	}
}

func TestFaultStaysUntilCleared(t *testing.T) {
	h := NewFaxPlus(FaxPlusConfig{})
	h.Fail(API, Fault{Status: 503})
	for range 3 {
		check(t, send(h, ask{target: "/v3/accounts/self"}),
			want{503, map[string]string{"Content-Type": "application/json"}, `{"error":"service_unavailable","description":"Service Unavailable"}`})
	}
	h.Fail(API, Fault{})
	check(t, send(h, ask{target: "/v3/nowhere"}), want{status: 404, body: `{"error":"not_found",…`})
}

// A lost answer is the worst moment for a client: the work is done and nobody
// knows.
func TestLostAnswerSpendsTheRefreshToken(t *testing.T) {
	f := NewFaxPlus(FaxPlusConfig{Behaviour: FaxPlusBehaviour{Rotate: true}})
	srv := httptest.NewServer(f)
	defer srv.Close()
	first := faxTokens(t, f)
	f.Fail(Token, Fault{Lose: true, Times: 1})
	r, _ := http.NewRequest("POST", srv.URL+"/token?grant_type=refresh_token&refresh_token="+first.Refresh, nil)
	r.Header.Set("Content-Type", formType)
	r.SetBasicAuth(FaxPlusClientID, FaxPlusClientSecret)
	if resp, err := srv.Client().Do(r); err == nil {
		t.Fatalf("an answer arrived: %s", resp.Status)
	}
	if got := f.Last(); got.Status != 0 || got.Part != Token {
		t.Errorf("recorded: %+v", got)
	}
	check(t, faxRenew(f, first.Refresh), want{status: 400, body: `{"error":"invalid_grant"}`})
	if f.Reused() != 1 {
		t.Errorf("%d reuses counted, want 1", f.Reused())
	}
}

func TestHoldComesAfterTheRecord(t *testing.T) {
	h := NewHalo(HaloConfig{})
	arrived, release := make(chan struct{}), make(chan struct{})
	h.Fail(API, Fault{Hold: func(context.Context) { close(arrived); <-release }, Times: 1})
	done := make(chan *httptest.ResponseRecorder)
	go func() { done <- send(h, ask{target: "/api/authinfo"}) }()
	<-arrived
	if got := h.Last(); got.Path != "/api/authinfo" || got.Status != 0 {
		t.Errorf("while it is held: %+v", got)
	}
	close(release)
	check(t, <-done, want{status: 200, body: `{"auth_url":…`})
}

func TestMaskedHidesEverySecret(t *testing.T) {
	const secret, wrong = `EXAMPLE/s3cret "é" &+=`, "EXAMPLE-mistyped"
	h := NewHelloCloud(HelloCloudConfig{
		Clients: []HelloCloudClient{{ID: "c", Secret: secret, Grant: "password"}},
		Users:   []HelloCloudUser{{"1", "u", "EXAMPLE-pass/word"}},
	})
	values := url.Values{"grant_type": {"password"}, "client_id": {"c"}, "client_secret": {secret}, "username": {"u"}}
	values.Set("password", "EXAMPLE-pass/word")
	w := send(h, ask{target: "/Api/access_token", header: form, body: values.Encode()})
	access := field(t, w, "access_token")
	values.Set("password", wrong)
	echo := send(h, ask{target: "/Api/access_token", header: form, body: values.Encode()})
	send(h, ask{target: "/Api/access_token", header: map[string]string{"Content-Type": "application/vnd.api+json"},
		body: `{"client_secret":"EXAMPLE\/s3cret \"\u00e9\" &+=","password":"EXAMPLE-in-JSON"}`})
	byGo, _ := json.Marshal(map[string]string{"client_secret": secret})
	send(h, ask{target: "/Api/access_token", header: jsonAPIType, body: string(byGo)})
	send(h, ask{target: "/Api/V8/current-user?note=" + url.QueryEscape(secret), header: bearerOf(access)})
	r := httptest.NewRequest("GET", "/Api/V8/x", nil)
	r.SetBasicAuth("c", "EXAMPLE-basic")
	h.ServeHTTP(httptest.NewRecorder(), r)

	var shown strings.Builder
	for _, r := range h.Masked() {
		shown.WriteString(r.String() + "\n")
	}
	canaries := append(h.Secrets(), wrong, "EXAMPLE-basic", "EXAMPLE-in-JSON", r.Header.Get("Authorization")[6:],
		url.QueryEscape(secret), `s3cret`, "pass%2Fword")
	for _, c := range canaries {
		if strings.Contains(shown.String(), c) {
			t.Errorf("%q is shown in:\n%s", c, &shown)
		}
	}
	for _, kind := range []string{"[client secret]", "[password]", "[access token]", "username=u", "[client id and secret]"} {
		if !strings.Contains(shown.String(), kind) {
			t.Errorf("%q is not shown in:\n%s", kind, &shown)
		}
	}
	if !strings.Contains(h.Requests()[0].String(), "pass%2Fword") {
		t.Error("Requests must keep what arrived")
	}
	if got := h.Mask("a " + access + " b"); got != "a [access token] b" {
		t.Errorf("Mask: %q", got)
	}
	if !strings.Contains(echo.Body.String(), wrong) {
		t.Error("the wrong password is not echoed, so this test proves less than it should")
	}
}

// Every method may be called while requests are served; run with -race.
func TestConcurrentUse(t *testing.T) {
	h, c, f := NewHalo(HaloConfig{}), NewHelloCloud(HelloCloudConfig{}), NewFaxPlus(FaxPlusConfig{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			h.Set(func(b *HaloBehaviour) { b.OnPremise = i%2 == 0 })
			c.Set(func(b *HelloCloudBehaviour) { b.Version = "7.14.6" })
			f.Set(func(b *FaxPlusBehaviour) { b.Rotate = true })
			send(h, haloAsk("all"))
			send(c, cloudAsk(clientGrant))
			faxRenew(f, faxTokens(t, f).Refresh)
			for _, s := range []Service{h, c, f} {
				s.Fail(API, Fault{Status: 500, Times: 1})
				send(s, ask{target: "/v3/accounts/self", header: bearerOf("x")})
				s.Expire()
				s.Masked()
				s.Secrets()
				s.Last()
			}
			c.Revoke()
			f.Revoke()
		})
	}
	wg.Wait()
	if h.TokenRequests() != 8 || c.TokenRequests() != 8 || f.TokenRequests() != 16 {
		t.Errorf("token requests: %d, %d, %d", h.TokenRequests(), c.TokenRequests(), f.TokenRequests())
	}
}

func TestClock(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := NewClock(start)
	c.Advance(time.Hour)
	if got := c.Now(); !got.Equal(start.Add(time.Hour)) {
		t.Errorf("the clock stands at %v", got)
	}
}

// field is a text member of a JSON answer.
func field(t *testing.T, w *httptest.ResponseRecorder, name string) string {
	t.Helper()
	var object map[string]any
	decode(t, w.Body.Bytes(), &object)
	s, ok := object[name].(string)
	if !ok {
		t.Fatalf("no %s in: %s", name, w.Body)
	}
	return s
}
