// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/sdk"
)

// limited returns a caller with limits as they are kept.
func limited(t testing.TB, p *place, l access.Limits) access.Caller {
	t.Helper()
	_, token := p.key(access.NewKey{Workspace: "default", Scopes: []access.Scope{access.Use}, Limits: l})
	return p.caller(token)
}

func TestPermits(t *testing.T) {
	t.Parallel()
	p := open(t, nil, nil)
	v1 := []string{"https://api.example/v1/*", "/exact", "https://[2001:db8::1]:8443/*", "http://other.example:80/p/%c3%a9/*"}
	c := limited(t, p, access.Limits{Methods: []string{"get", "POST"}, URLs: v1})
	for _, test := range []struct {
		method, url string
		ok          bool
	}{
		{"GET", "https://api.example/v1/", true},
		{"", "https://api.example/v1/a/b?q=/../", true},
		{"POST", "https://API.example:443/v1/a-b_c~d/e.f", true},
		{"POST", "wss://api.example/v1/live", true},
		{"GET", "https://api.example/v1/%7B%20%7D+,:@", true},
		{"GET", "https://elsewhere.example/exact", true},
		{"GET", "https://[2001:DB8:0::1]:8443/", true},
		{"GET", "http://other.example/p/%C3%A9/x", true},

		{"PUT", "https://api.example/v1/", false},
		{"get", "https://api.example/v1/", false}, // a server may take it for another
		{"GET", "https://api.example/v1", false},
		{"GET", "https://api.example/v10", false},
		{"GET", "https://api.example", false},
		{"GET", "https://api.example/V1/a", false},
		{"GET", "http://api.example/v1/a", false},
		{"GET", "https://api.example:8443/v1/a", false},
		{"GET", "https://api.example./v1/a", false},
		{"GET", "https://api.example.evil/v1/a", false},
		{"GET", "https://evil.example/v1/a", false},
		{"GET", "https://elsewhere.example/exact/", false},
		{"GET", "https://elsewhere.example/exactly", false},
		{"GET", "https://user@api.example/v1/a", false},
		{"GET", "https://api.example@evil.example/v1/a", false},
		{"GET", "ftp://api.example/v1/a", false},
		{"GET", "//api.example/v1/a", false},
		{"GET", "https:/v1/a", false},
	} {
		u, err := url.Parse(test.url)
		if err != nil {
			t.Fatal(err)
		}
		err = c.Permits("c-1", test.method, u)
		if (err == nil) != test.ok || err != nil && !errors.Is(err, sdk.Forbidden) {
			t.Errorf("%s %s: %v; want it permitted: %v", test.method, test.url, err, test.ok)
		}
	}
	for _, broken := range []string{"", "x", "*", "https:", "https://", "https://api.example", "https:/", "://", "/\x00"} { // made by hand
		c := access.Caller{Actor: "key:k-1", Scopes: access.Scopes, Limits: []access.Limits{{URLs: []string{broken}}}}
		if err := c.Permits("c-1", "GET", &url.URL{Scheme: "https", Host: "api.example", Path: "/v1/a"}); !errors.Is(err, sdk.Forbidden) {
			t.Errorf("limited to %q: %v", broken, err)
		}
	}
	if err := c.Permits("c-1", "GET", &url.URL{Scheme: "https", Host: "api.example", Path: "/v1/a", Opaque: "//evil.example/v2"}); err == nil {
		t.Error("an opaque part was let through")
	}
	if err := c.Permits("c-1", "GET", &url.URL{Scheme: "https", Host: "api.example", Path: "/v1/../v2", RawPath: "/v1/a"}); err == nil {
		t.Error("a RawPath that is not the Path's was let through")
	}
}

// Paths that somebody on the way reads otherwise.
var twoWays = []string{
	"/v1/../admin", "/v1/..", "/v1/.", "/v1/./a", "/v1/.../a", "/v1/%2e%2e/admin", "/v1/.%2E/admin", "/v1/%2e", "/v1/a%2f..%2fadmin", "/v1/%2F", "/v1//a", "//v1/a",
	"/v1/a//", `/v1/..\admin`, "/v1/%5c..%5cadmin", "/v1/%5C", "/v1/..;/admin", "/v1/a;b", "/v1/%3b", "/v1/%252e%252e/admin", "/v1/%25", "/v1/%00", "/v1/a%0d%0ab", "/v1/%09", "/v1/%7f",
	"/v1/%61", "/v1/%2d", "/v1/%c0%ae%c0%ae/admin", "/v1/%c0%af", "/v1/%ff", "/v1/%e2%80%a5/admin", "/v1/%ef%bc%8f", "/v1/%ef%bc%8e%ef%bc%8e/", "/v1/%ef%bc%bc", "/v1/%e2%80%8b", "/v1/%c2%85",
	"/v1/%20./a", "/v1/.%20/a", "/v1/..%20/a", "/v1/%2e%20", "/v1/%cd%be",
}

func TestTwoWays(t *testing.T) {
	t.Parallel()
	p := open(t, nil, nil)
	narrow := limited(t, p, access.Limits{URLs: []string{"https://api.example/v1/*", "/*"}})
	free := limited(t, p, access.Limits{})
	for _, path := range twoWays {
		u, err := url.Parse("https://api.example" + path)
		if err != nil {
			t.Fatal(err)
		}
		if err := narrow.Permits("c-1", "GET", u); !errors.Is(err, sdk.Forbidden) {
			t.Errorf("%s: %v", path, err)
		}
		if err := free.Permits("c-1", "GET", u); err != nil {
			t.Errorf("%s: without limits: %v", path, err)
		}
		if _, _, err := p.CreateKey(p.as(operator), access.NewKey{Scopes: []access.Scope{access.Use}, Limits: access.Limits{URLs: []string{path}}}); err == nil {
			t.Errorf("%s: became a limit", path)
		}
	}
}

// A limit whose host has something beside it is none: it would be read as another.
func TestLimitsOfOddHosts(t *testing.T) {
	t.Parallel()
	p := open(t, nil, nil)
	for _, limit := range []string{"https://api.example#x/v1/*", "https://api.example?x/v1/*", "api.example#.evil.example/*", "https://a@api.example/*", "https://%61pi.example/*", "https://*.example/*"} {
		if _, _, err := p.CreateKey(p.as(operator), access.NewKey{Scopes: []access.Scope{access.Use}, Limits: access.Limits{URLs: []string{limit}}}); !errors.Is(err, sdk.Invalid) {
			t.Errorf("%s: %v", limit, err)
		}
	}
}

func TestPermitsRequest(t *testing.T) {
	t.Parallel()
	p := open(t, nil, nil)
	gets := limited(t, p, access.Limits{Methods: []string{"GET", "POST"}})
	there := limited(t, p, access.Limits{URLs: []string{"/v1/*"}})
	for _, test := range []struct {
		url, header     string
		byVerb, byPlace bool // whether each refuses
	}{
		{"https://api.example/v1/a", "Accept", false, false},
		{"https://api.example/v1/a", "X-HTTP-Method-Override", true, false},
		{"https://api.example/v1/a", "X-HTTP-Method", true, false},
		{"https://api.example/v1/a", "X-Method-Override", true, false},
		{"https://api.example/v1/a", "X_HTTP_METHOD_OVERRIDE", true, false},
		{"https://api.example/v1/a?_method=DELETE", "Accept", true, false},
		{"https://api.example/v1/a?%5fmethod=DELETE", "Accept", true, false},
		{"https://api.example/v1/a?b;_method=DELETE", "Accept", true, false},
		{"https://api.example/v1/a?+.METHOD=DELETE", "Accept", true, false},
		{"https://api.example/v1/a", "X.HTTP.Method.Override", true, false},
		{"https://api.example/v1/a", "X.Original~URL", false, true},
		{"https://api.example/v1/a?method=x&q=%20", "Accept", false, false},
		{"https://api.example/v1/a", "X-Original-URL", false, true},
		{"https://api.example/v1/a", "x-rewrite-url", false, true},
	} {
		r, _ := http.NewRequest(http.MethodPost, test.url, nil)
		r.Header.Set(test.header, "x")
		if err := gets.PermitsRequest("c-1", r); (err != nil) != test.byVerb {
			t.Errorf("%s with %s, limited to methods: %v", test.url, test.header, err)
		}
		if err := there.PermitsRequest("c-1", r); (err != nil) != test.byPlace {
			t.Errorf("%s with %s, limited to URLs: %v", test.url, test.header, err)
		}
		r.Header, r.Trailer = http.Header{}, http.Header{http.CanonicalHeaderKey(test.header): nil} // announced
		if err := gets.PermitsRequest("c-1", r); (err != nil) != test.byVerb {
			t.Errorf("%s with %s for a trailer, limited to methods: %v", test.url, test.header, err)
		}
		if err := there.PermitsRequest("c-1", r); (err != nil) != test.byPlace {
			t.Errorf("%s with %s for a trailer, limited to URLs: %v", test.url, test.header, err)
		}
	}
}

func TestSees(t *testing.T) {
	t.Parallel()
	p := open(t, nil, nil)
	_, token := p.key(access.NewKey{Workspace: "default", Scopes: []access.Scope{access.Use, access.Read}, Limits: access.Limits{Credentials: []string{"c-2", "c-1", "c-1"}}})
	c := p.caller(token)
	u, _ := url.Parse("https://api.example/")
	if err := c.Permits("c-1", "GET", u); err != nil || !c.Sees("c-2") || c.Sees("c-3") {
		t.Error(err)
	}
	if err := c.Permits("c-3", "GET", u); !errors.Is(err, host.ErrNotFound) {
		t.Errorf("another credential: %v", err)
	}
	// Each limit of a derived key holds, whatever it says.
	text, _, err := p.Derive(t.Context(), c, nil, access.Limits{Credentials: []string{"c-2", "c-3"}}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if d := p.caller(text); d.Sees("c-1") || !d.Sees("c-2") || d.Sees("c-3") {
		t.Errorf("the derived key sees %+v", d.Limits)
	}
}

func TestLimitsAreCanonical(t *testing.T) {
	t.Parallel()
	p := open(t, nil, nil)
	k, _ := p.key(access.NewKey{Scopes: []access.Scope{access.Use}, Limits: access.Limits{
		Methods: []string{"post", "GET", "Get"}, URLs: []string{"api.x/v1/*", "HTTPS://API.x:443/v1/*", "wss://live.x/", "/a/%c3%a9"}}})
	if got := strings.Join(k.Limits.URLs, " "); got != "/a/%C3%A9 https://api.x/v1/* https://live.x/" || strings.Join(k.Limits.Methods, " ") != "GET POST" {
		t.Errorf("the limits are %+v", k.Limits)
	}
	for field, l := range map[string]access.Limits{
		"limits.methods":     {Methods: []string{"CONNECT"}},
		"limits.credentials": {Credentials: []string{"c-1 c-2"}},
	} {
		_, _, err := p.CreateKey(p.as(operator), access.NewKey{Scopes: []access.Scope{access.Use}, Limits: l})
		refused(t, err, sdk.Invalid, field)
	}
	for _, u := range []string{"", "https://api.x", "https://*.x/", "https://a@api.x/", "tcp://api.x/", "/v1*", "/*/a", "/a?b", "/a#b", "https:///a", "https://api.x./a", "https://127.1/a", "v1", strings.Repeat("/a", 600)} {
		_, _, err := p.CreateKey(p.as(operator), access.NewKey{Scopes: []access.Scope{access.Use}, Limits: access.Limits{URLs: []string{u}}})
		refused(t, err, sdk.Invalid, "limits.urls")
	}
}

// FuzzPermits holds what is permitted to how the strangest servers read it.
func FuzzPermits(f *testing.F) {
	for _, path := range twoWays {
		f.Add("https://api.example" + path)
	}
	for _, u := range []string{"https://api.example/v1/ok", "https://API.example:443/v1/%20", "https://a@api.example/v1/", "https://api.example:443@evil/v1/", "https://api.example/v1/?a=/../", "https://api.example/v1/%C3%A9"} {
		f.Add(u)
	}
	c := access.Caller{Actor: "key:k-1", Workspace: "default", Scopes: []access.Scope{access.Use}, Limits: []access.Limits{{URLs: []string{"https://api.example/v1/*"}}}}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.Parse(raw)
		if err != nil || c.Permits("c-1", "GET", u) != nil {
			return
		}
		r, err := http.NewRequest(http.MethodGet, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL = u
		sent := u.RequestURI() // as net/http writes it
		target, _, _ := strings.Cut(sent, "?")
		for _, reading := range readings(target) {
			if !strings.HasPrefix(path.Clean(reading)+"/", "/v1/") || strings.Contains(reading, "//") {
				t.Errorf("%q is sent as %q, and may be read as %q", raw, sent, reading)
			}
		}
		if o := sdk.OriginOf(u); o != "https://api.example" && o != "wss://api.example" {
			t.Errorf("%q goes to %s", raw, o)
		}
	})
}

// readings are ways to read a path: unescaped once and twice, with backslashes as
// slashes, and without parameters.
func readings(target string) []string {
	all := []string{target}
	for _, p := range all {
		for range 3 {
			once, err := url.PathUnescape(p)
			if err != nil || !utf8.ValidString(once) {
				break
			}
			p = once
			all = append(all, p)
		}
	}
	for _, p := range all {
		slashed := strings.ReplaceAll(p, `\`, "/")
		segments := strings.Split(slashed, "/")
		for i, s := range segments {
			segments[i], _, _ = strings.Cut(s, ";")
		}
		all = append(all, slashed, strings.Join(segments, "/"))
	}
	return all
}
