// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk"
)

// A callerRequest is what a caller says, whatever that is.
type callerRequest struct {
	method, url   string
	names, values [2]string
	body          string
	length        int64
	odd           uint8
	number        int
}

// The bits of callerRequest.odd.
const (
	oddEncoding = 1 << iota
	oddTrailer
	oddOpaque
	oddBare // the caller authenticates and sends
	oddCookie
	oddClose
)

// request makes the request; nil if net/http has none like it.
func (c callerRequest) request(t testing.TB) *http.Request {
	u, err := url.Parse("https://placed.example" + c.url)
	if c.odd&oddOpaque != 0 {
		u, err = &url.URL{Scheme: "https", Host: "placed.example", Opaque: c.url}, nil
	}
	if err != nil {
		u = &url.URL{Scheme: "https", Host: "placed.example", Path: c.url, RawQuery: c.url}
	}
	r := (&http.Request{Method: c.method, URL: u, Header: http.Header{}, Close: c.odd&oddClose != 0}).WithContext(t.Context())
	for i, name := range c.names {
		r.Header[name] = append(r.Header[name], c.values[i])
	}
	r.Header["X-Number"] = []string{fmt.Sprint(c.number)}
	if c.body != "" {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(c.body)), c.length
	}
	if c.odd&oddEncoding != 0 {
		r.TransferEncoding = []string{c.values[1]}
	}
	if c.odd&oddTrailer != 0 {
		r.Trailer = http.Header{c.names[0]: {c.values[0]}}
	}
	return r
}

func addSeeds(f *testing.F) {
	for _, t := range trials {
		r, _ := http.NewRequest(http.MethodGet, "https://placed.example/me", nil)
		t.make(r)
		for name, values := range r.Header {
			f.Add(r.Method, "/me?a=b", name, values[0], "x-api-key", "evil", "", int64(0), uint8(0))
		}
		f.Add(r.Method, r.URL.Opaque+r.URL.Path+"?"+r.URL.RawQuery, "A", "b", "B", "c", smuggled, r.ContentLength, uint8(0))
	}
	f.Add("POST", "/", "X-Api-Key", "evil", "A", "identity", smuggled, int64(-1), uint8(oddEncoding))
	f.Add("POST", "/", "X-Api-Key", "evil", "A", "chunked", smuggled, int64(3), uint8(oddEncoding|oddTrailer))
	f.Add("GET", "//evil.example/", "cookie", "session=evil", "Cookie", "a=b", "", int64(0), uint8(oddOpaque|oddCookie))
	f.Add("PUT", "/a%2Fb", "Content-Length", "3", "content_length", "0", "abcdef", int64(3), uint8(oddBare))
	f.Add("DELETE", "*", "Te", "trailers", "Te", "gzip", "", int64(5), uint8(oddCookie|oddBare|oddClose))
}

// FuzzRequest holds the policy of headers.go to its word: whatever a caller
// says, what arrives is one request for the checked host with the key in it
// once, or nothing, or the beginning of one.
func FuzzRequest(f *testing.F) {
	addSeeds(f)
	s := newRawService(f)
	h := open(f, func(cfg *host.Config) { cfg.Egress.Routes = map[string]string{"https://placed.example": s.base()} })
	ids := [2]string{h.create("placed", nil), h.create("placed", sdk.Values{"place": "cookie"})}
	number := 0
	f.Fuzz(func(t *testing.T, method, url, name1, value1, name2, value2, body string, length int64, odd uint8) {
		number++
		c := callerRequest{method: method, url: url, names: [2]string{name1, name2}, values: [2]string{value1, value2},
			body: body, length: length, odd: odd, number: number}
		cookie := odd&oddCookie != 0
		id := ids[odd&oddCookie/oddCookie]
		r := c.request(t)
		var resp *http.Response
		var err error
		if odd&oddBare == 0 {
			resp, err = h.Client(id).Transport.RoundTrip(r)
		} else if err = h.Authenticate(t.Context(), id, r); err == nil {
			resp, err = bare(s, r)
		}
		want := 0
		if err == nil {
			resp.Body.Close()
			want = 1
		}
		came := s.settle(want)
		if len(came) > 1 || len(came) < want {
			t.Fatalf("%d requests came instead of one (%v):\n%q", len(came), err, came)
		}
		for _, raw := range came {
			if bad := wellFormed(raw, cookie); bad != nil && !(err != nil && errors.Is(bad, errCutOff)) {
				t.Errorf("%v (%v):\n%q", bad, err, raw)
			}
		}
	})
}

// FuzzRequestHTTP2 is FuzzRequest with a service that speaks HTTP/2.
func FuzzRequestHTTP2(f *testing.F) {
	addSeeds(f)
	var mu sync.Mutex
	var came []*http.Request
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		mu.Lock()
		defer mu.Unlock()
		came = append(came, r)
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	f.Cleanup(s.Close)
	h := open(f, func(cfg *host.Config) {
		cfg.Egress.Routes = map[string]string{"https://placed.example": s.URL}
		cfg.Egress.RootCAs = x509.NewCertPool()
		cfg.Egress.RootCAs.AddCert(s.Certificate())
	})
	ids := [2]string{h.create("placed", nil), h.create("placed", sdk.Values{"place": "cookie"})}
	number := 0
	f.Fuzz(func(t *testing.T, method, url, name1, value1, name2, value2, body string, length int64, odd uint8) {
		number += 2 // one more if there is a cookie: what a caller gave up may come late
		c := callerRequest{method: method, url: url, names: [2]string{name1, name2}, values: [2]string{value1, value2},
			body: body, length: length, odd: odd &^ oddBare, number: number + int(odd&oddCookie/oddCookie)}
		resp, err := h.Client(ids[odd&oddCookie/oddCookie]).Transport.RoundTrip(c.request(t))
		if err == nil {
			resp.Body.Close()
		}
		mu.Lock()
		all := came
		came = nil
		mu.Unlock()
		own := 0
		for _, r := range all {
			n, _ := strconv.Atoi(r.Header.Get("X-Number"))
			if n == c.number {
				own++
			}
			if bad := oneKey(r, n%2 == 1); bad != nil || n < 2 {
				t.Errorf("%v: %s %s %q", bad, r.Method, r.RequestURI, r.Header)
			}
		}
		if own > 1 || own == 0 && err == nil && resp.StatusCode == http.StatusOK {
			t.Errorf("%d requests came instead of one (%v)", own, err)
		}
	})
}

// oneKey says what is wrong with a request that came over HTTP/2.
func oneKey(r *http.Request, cookie bool) error {
	if r.ProtoMajor != 2 || r.Host != "placed.example" || !strings.HasPrefix(r.RequestURI, "/") && r.RequestURI != "*" {
		return fmt.Errorf("it is for %s%s, over %s", r.Host, r.RequestURI, r.Proto)
	}
	keys, cookies := []string(nil), []string(nil)
	for name, values := range r.Header {
		switch {
		case sdk.SameHeader(name, "X-Api-Key"):
			keys = append(keys, values...)
		case sdk.SameHeader(name, "Cookie"):
			cookies = append(cookies, values...)
		case sdk.SameHeader(name, "Connection"), sdk.SameHeader(name, "Transfer-Encoding"), sdk.SameHeader(name, "Upgrade"), sdk.SameHeader(name, "Expect"):
			return fmt.Errorf("%s came", name)
		}
	}
	if !cookie && (len(keys) != 1 || keys[0] != testplugin.Answers("placed")["apiKey"]) {
		return fmt.Errorf("the key is %q", keys)
	}
	if all := "; " + strings.Join(cookies, "; "); cookie && strings.Count(all, "; session=") != 1 {
		return fmt.Errorf("the cookies are %q", cookies)
	}
	return nil
}
