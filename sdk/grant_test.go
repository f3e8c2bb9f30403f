// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/sdk"
	"github.com/google/go-cmp/cmp"
)

func request(t testing.TB, rawURL string, header http.Header) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, rawURL, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	return r
}

func TestBearerAndBasic(t *testing.T) {
	t.Parallel()
	expiry := time.Unix(1e9, 0)
	g := sdk.Bearer("tok", expiry)
	r := request(t, "https://example.com", nil)
	g.Apply(r)
	if r.Header.Get("Authorization") != "Bearer tok" || !g.Expiry.Equal(expiry) {
		t.Errorf("Bearer carries %v until %v", r.Header, g.Expiry)
	}
	sdk.Basic("ünï", "p:w").Apply(r)
	if user, password, ok := r.BasicAuth(); !ok || user != "ünï" || password != "p:w" {
		t.Errorf("Basic carries %q", r.Header)
	}
}

func TestApplyHeaders(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name             string
		have, set, after http.Header
	}{
		{"none", nil, nil, http.Header{}},
		{"set", nil, http.Header{"X-A": {"1", "2"}}, http.Header{"X-A": {"1", "2"}}},
		{"replace, and leave the others", http.Header{"X-A": {"0", "0"}, "X-B": {"b"}}, http.Header{"X-A": {"1"}}, http.Header{"X-A": {"1"}, "X-B": {"b"}}},
		{"whatever the letters", http.Header{"Authorization": {"caller"}}, http.Header{"authorization": {"grant"}}, http.Header{"Authorization": {"grant"}}},
		{"take away", http.Header{"X-A": {"0"}}, http.Header{"X-A": nil}, http.Header{"X-A": nil}},
		{"cookies, none before", nil, http.Header{"Cookie": {"a=1"}}, http.Header{"Cookie": {"a=1"}}},
		{"cookies, whatever the letters", nil, http.Header{"cookie": {"a=1"}}, http.Header{"Cookie": {"a=1"}}},
		{"cookies are merged by name", http.Header{"Cookie": {"a=0; b=2", "c=3;a=00"}}, http.Header{"Cookie": {"a=1; d=4"}}, http.Header{"Cookie": {"a=1; d=4; b=2; c=3"}}},
		{"cookies with odd pairs", http.Header{"Cookie": {"; x ;y=;a = 0;"}}, http.Header{"Cookie": {"a=1=1", " "}}, http.Header{"Cookie": {"a=1=1; x; y="}}},
		{"names of cookies have letters of their own", http.Header{"Cookie": {"A=0"}}, http.Header{"Cookie": {"a=1"}}, http.Header{"Cookie": {"a=1; A=0"}}},
		{"no cookie to set", http.Header{"Cookie": {"a=0"}}, http.Header{"Cookie": {""}}, http.Header{"Cookie": {"a=0"}}},
		{"no cookie at all", nil, http.Header{"Cookie": nil}, http.Header{}},
	}
	for _, test := range tests {
		r := request(t, "https://example.com", test.have.Clone())
		sdk.Grant{Header: test.set}.Apply(r)
		if diff := cmp.Diff(test.after, r.Header); diff != "" {
			t.Errorf("%s:\n%s", test.name, diff)
		}
	}
}

func TestApplyQuery(t *testing.T) {
	t.Parallel()
	tests := []struct {
		raw  string
		add  url.Values
		want string
	}{
		{"", url.Values{"k": {"v"}}, "k=v"},
		{"a=1", url.Values{"k": {"v"}}, "a=1&k=v"},
		{"b=%7e&a=+%20;&&c&=x&%zz=1&%2", url.Values{"k": {"a&b=c d"}}, "b=%7e&a=+%20;&&c&=x&%zz=1&%2&k=a%26b%3Dc+d"},
		{"k=0&a=1&k&%6b=2&K=3", url.Values{"k": {"v"}}, "a=1&K=3&k=v"},
		{"k=0", url.Values{"k": {"v"}}, "k=v"},
		{"a=1&", url.Values{"k": {"v"}}, "a=1&k=v"},
		{"&a=1", url.Values{"k": {"v"}}, "&a=1&k=v"},
		{"a=1&k=0", url.Values{"k": nil}, "a=1"},
		{"a=1", url.Values{"k": {"1", "2"}, "j": {""}}, "a=1&j=&k=1&k=2"},
		{"a=1&&b", nil, "a=1&&b"},
	}
	for _, test := range tests {
		r := request(t, "https://example.com/p?"+test.raw, nil)
		sdk.Grant{Query: test.add}.Apply(r)
		if r.URL.RawQuery != test.want {
			t.Errorf("%q with %v becomes %q, want %q", test.raw, test.add, r.URL.RawQuery, test.want)
		}
	}
}

func TestApplyPath(t *testing.T) {
	t.Parallel()
	tests := []struct {
		path  string
		parts map[string]string
		want  string // of the request line
	}{
		{"/bot{token}/send", map[string]string{"token": "1:a"}, "/bot1:a/send"},
		{"/bot%7Btoken%7D/send", map[string]string{"token": "a/b c"}, "/bota%2Fb%20c/send"},
		{"/%7btoken%7d/%7Btoken%7d/{token}", map[string]string{"token": "t"}, "/t/t/t"},
		{"/a%2Fb/{token}/%7e", map[string]string{"token": "t"}, "/a%2Fb/t/%7e"},
		{"/{a}/{b}", map[string]string{"a": "{b}", "b": "{a}"}, "/%7Bb%7D/%7Ba%7D"},
		{"/{a%20b/{a}", map[string]string{"a": "?#"}, "/%7Ba%20b/%3F%23"},
		{"/{other}", map[string]string{"token": "t"}, "/%7Bother%7D"},
		{"/a%2fb", map[string]string{"token": "t"}, "/a%2fb"},
		{"/{token}", map[string]string{"token": ""}, "/"},
	}
	for _, test := range tests {
		r := request(t, "https://example.com"+test.path, nil)
		sdk.Grant{Path: test.parts}.Apply(r)
		if got := r.URL.RequestURI(); got != test.want {
			t.Errorf("%s with %v becomes %s, want %s", test.path, test.parts, got, test.want)
		}
	}
}

// What Apply leaves alone must reach the wire as it was, byte for byte.
func TestApplyChangesNothingElse(t *testing.T) {
	t.Parallel()
	lines := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { lines <- r.RequestURI }))
	t.Cleanup(server.Close)
	const odd = "/a%2Fb/%41;p=1/%7e//x?b=%7e&a=+%20;&&c"
	r := request(t, server.URL+odd, nil)
	sdk.Grant{Header: http.Header{"X-A": {"1"}}, Query: url.Values{"k": {"v"}}, Path: map[string]string{"hole": "x"}}.Apply(r)
	resp, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := <-lines; got != odd+"&k=v" {
		t.Errorf("%s arrives as %s", odd, got)
	}
}

func TestApplySharesNoMemory(t *testing.T) {
	t.Parallel()
	g := sdk.Grant{Header: http.Header{"X-A": {"1"}, "Cookie": {"a=1"}}, Query: url.Values{"k": {"v"}}}
	r := request(t, "https://example.com", nil)
	g.Apply(r)
	for name := range r.Header {
		r.Header[name][0] = "changed"
		r.Header[name] = append(r.Header[name], "more")
	}
	r.Header.Set("X-B", "2")
	want := sdk.Grant{Header: http.Header{"X-A": {"1"}, "Cookie": {"a=1"}}, Query: url.Values{"k": {"v"}}}
	if diff := cmp.Diff(want.Header, g.Header); diff != "" || len(g.Query) != 1 {
		t.Errorf("a change of the request changed the grant:\n%s", diff)
	}
}

// Whatever a service calls a token, a request with it is still one request.
func TestApplyCannotSplitARequest(t *testing.T) {
	t.Parallel()
	const evil = "x\r\nX-Evil: 1\r\n\r\nGET /evil HTTP/1.1\r\n"
	grants := map[string]sdk.Grant{
		"header": sdk.Bearer(evil, time.Time{}),
		"cookie": {Header: http.Header{"Cookie": {evil}}},
		"query":  {Query: url.Values{evil: {evil}}},
		"path":   {Path: map[string]string{"hole": evil}},
	}
	for name, g := range grants {
		r := request(t, "http://example.com/{hole}", http.Header{})
		g.Apply(r)
		var wire strings.Builder
		if err := r.Write(&wire); err != nil {
			continue // refused to be sent at all
		}
		got, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire.String())))
		if err != nil || got.Header.Get("X-Evil") != "" || strings.Contains(wire.String(), "\nGET /evil") {
			t.Errorf("%s: %v\n%s", name, err, wire.String())
		}
	}
}
