// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// sign calls Sign with the parts that the grant names.
func (c *checks) sign(t tb, in sdk.Input, g sdk.Grant, r sdk.Request) (s sdk.Signature, o outcome) {
	t.Helper()
	o = c.do(t, t.Context(), "Sign", in, nil, func(ctx context.Context, p sdk.Plugin) (err error) {
		s, err = p.(sdk.Signer).Sign(ctx, in, g, only(g.Sign, r))
		return err
	})
	return s, o
}

// only returns the parts of a request that are named.
func only(parts sdk.Part, r sdk.Request) (named sdk.Request) {
	if parts&sdk.SignURL != 0 {
		named.Method, named.URL = r.Method, r.URL
	}
	if parts&sdk.SignHeader != 0 {
		named.Header = r.Header.Clone()
	}
	if parts&sdk.SignSHA256 != 0 {
		named.SHA256 = slices.Clone(r.SHA256)
	}
	if parts&sdk.SignBody != 0 {
		named.Body = slices.Clone(r.Body)
	}
	if parts&sdk.SignCount != 0 {
		named.N = r.N
	}
	return named
}

// checkSign signs requests, some of them twice.
func (c *checks) checkSign(t tb) {
	g := c.must(t)
	if g.Sign == 0 {
		return
	}
	in := c.input(c.values, g.State)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if _, o := c.sign(t, in, g, c.sample(method, "/sample?x=1")); o.err != nil {
			t.Errorf("Sign, of a %s with the parts that Grant.Sign names: %v", method, o.err)
		}
	}
	if c.s.Random || t.Failed() {
		return
	}
	p := c.s.New().(sdk.Signer)
	var once, again, other sdk.Signature
	t.frozen(func() {
		ctx := context.Background()
		once, _ = p.Sign(ctx, in, clone(g), only(g.Sign, c.sample(http.MethodGet, "/sample?x=1")))
		again, _ = c.s.New().(sdk.Signer).Sign(ctx, in, clone(g), only(g.Sign, c.sample(http.MethodGet, "/sample?x=1")))
		other, _ = p.Sign(ctx, in, clone(g), only(g.Sign, c.sample(http.MethodGet, "/other?x=1")))
	})
	if !reflect.DeepEqual(once, again) {
		t.Errorf("Sign gives two signatures of one request at one moment: if it uses random numbers, set Suite.Random")
	}
	if g.Sign&sdk.SignURL != 0 && reflect.DeepEqual(once, other) && len(once.Header)+len(once.Query) > 0 {
		t.Errorf("Sign gives two requests to different paths the same signature, though Grant.Sign names SignURL")
	}
}

// sample returns a request with all its parts, to where the grant may go.
func (c *checks) sample(method, path string) sdk.Request {
	origin := "https://api.example"
	if origins, _ := c.schema.Expand(c.values); len(origins.Grant) > 0 {
		origin = strings.Replace(origins.Grant[0], "*", "sample", 1)
	}
	_, host, _ := strings.Cut(origin, "://")
	r := sdk.Request{Method: method, URL: origin + path, N: 1, Header: http.Header{"Host": {host}, "Accept": {"*/*"}}}
	if method == http.MethodPost {
		r.Body = []byte(`{"sample":true}`)
		r.Header.Set("Content-Type", "application/json")
	}
	sum := sha256.Sum256(r.Body)
	r.SHA256 = sum[:]
	return r
}

// checkRequest sends a request with the grant, and one without.
func (c *checks) checkRequest(t tb) {
	g := c.must(t)
	in := c.input(c.values, g.State)
	resp := c.send(t, in, g)
	if refused(g, resp.StatusCode) && g.Sign != 0 { // a challenge: a host asks again, once
		in.Refused = &sdk.Refusal{Status: resp.StatusCode, Header: resp.Header}
		next, o := c.grant(t, t.Context(), in)
		if o.err != nil {
			t.Fatalf("Grant, after a challenge: %v", o.err)
		}
		in.Refused, in.State = nil, next.State
		resp = c.send(t, in, next)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		t.Errorf("Suite.Request with the grant: the service answered %d", resp.StatusCode)
	}
	if resp := c.send(t, in, sdk.Grant{}); resp.StatusCode < 300 {
		t.Errorf("Suite.Request without a grant: the stand-in answered %d: let it refuse", resp.StatusCode)
	}
}

func refused(g sdk.Grant, status int) bool {
	if g.Refused == nil {
		return status == http.StatusUnauthorized
	}
	return slices.Contains(g.Refused, status)
}

// send sends the suite's request with a grant, as a host does.
func (c *checks) send(t tb, in sdk.Input, g sdk.Grant) *http.Response {
	t.Helper()
	r := c.s.Request(in)
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
	}
	g.Apply(r)
	if g.Sign != 0 {
		sum := sha256.Sum256(body)
		parts := sdk.Request{Method: r.Method, URL: r.URL.String(), Header: r.Header.Clone(), SHA256: sum[:], Body: body, N: 1}
		parts.Header.Set("Host", r.URL.Host)
		s, o := c.sign(t, in, g, parts)
		if o.err != nil {
			t.Fatalf("Sign: %v", o.err)
		}
		for name, values := range s.Header {
			r.Header[http.CanonicalHeaderKey(name)] = values
		}
		if s.Query != "" && r.URL.RawQuery != "" {
			s.Query = "&" + s.Query
		}
		r.URL.RawQuery += s.Query
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	var resp *http.Response
	err := c.browse(func(browser *http.Client) (err error) {
		resp, err = browser.Transport.RoundTrip(r)
		return err
	})
	if err != nil {
		t.Fatalf("Suite.Request: %v", err)
	}
	resp.Body.Close()
	return resp
}
