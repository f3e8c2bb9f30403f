// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// test calls Test.
func (c *checks) test(t tb, ctx context.Context, in sdk.Input, g sdk.Grant) outcome {
	t.Helper()
	return c.do(t, ctx, "Test", in, c.reach(in, true), func(ctx context.Context, p sdk.Plugin) error {
		given := clone(g)
		err := p.(sdk.Tester).Test(ctx, in, given)
		if !same(given, g) {
			return changed("grant")
		}
		return err
	})
}

func (c *checks) checkTest(t tb) {
	g := c.must(t)
	in := c.input(c.values, g.State)
	o := c.test(t, t.Context(), in, g)
	switch {
	case o.err != nil:
		t.Fatalf("Test, of a good grant: %v%s", o.err, hint(o))
	case o.requests == 0:
		t.Errorf("Test asked nobody: a credential works when its service says so")
	}
	if bad, ok := spoilt(g); ok {
		if o := c.test(t, t.Context(), in, bad); !errors.Is(o.err, sdk.Denied) {
			t.Errorf("Test, of a grant that the service does not take: got %s, want Denied", codeOf(o.err))
		}
	}
	if origins, _ := c.schema.Expand(c.values); !overHTTP(origins.Grant) {
		return
	}
	defer c.during(forbidden)()
	if o := c.test(t, t.Context(), in, g); !errors.Is(o.err, sdk.Forbidden) {
		t.Errorf("Test, of a grant that lacks a permission (403): got %s, want Forbidden", codeOf(o.err))
	}
}

// spoilt returns a grant that carries something else, if it carries anything
// that can be spoilt.
func spoilt(g sdk.Grant) (sdk.Grant, bool) {
	bad := clone(g)
	wrong := "wrong-EXAMPLE-wrong"
	for name, values := range bad.Header {
		for i, v := range values {
			kept := v[:strings.LastIndexAny(v, " =")+1] // a scheme, or a cookie's name
			bad.Header[name][i] = kept + wrong
		}
	}
	for name := range bad.Query {
		bad.Query.Set(name, wrong)
	}
	for name := range bad.Path {
		bad.Path[name] = wrong
	}
	return bad, len(g.Header)+len(g.Query)+len(g.Path) > 0
}

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

// suggest calls Suggest.
func (c *checks) suggest(t tb, ctx context.Context, in sdk.Input, g sdk.Grant, f sdk.Field, search string) (options []sdk.Option, o outcome) {
	t.Helper()
	o = c.do(t, ctx, "Suggest", in, c.reach(in, true), func(ctx context.Context, p sdk.Plugin) (err error) {
		options, err = p.(sdk.Suggester).Suggest(ctx, in, g, f, search)
		return err
	})
	return options, o
}

// draft returns the answers without those that the service suggests.
func (c *checks) draft() sdk.Values {
	d := cloneMap(c.values)
	for _, f := range c.schema.Fields {
		if f.Suggest != nil {
			delete(d, f.Name)
		}
	}
	return d
}

func (c *checks) checkSuggest(t tb) {
	in := c.input(c.draft(), nil)
	var g sdk.Grant
	if c.connects {
		g = c.must(t)
		in.State = g.State
	}
	for _, f := range c.schema.Fields {
		if f.Suggest == nil || c.values[f.Name] == "" {
			continue
		}
		options, o := c.suggest(t, t.Context(), in, g, f, "")
		if o.err != nil || len(options) == 0 {
			t.Errorf("Suggest, for %s of a draft: %d options and error %v%s", f.Name, len(options), o.err, hint(o))
			continue
		}
		chosen := slices.ContainsFunc(options, func(o sdk.Option) bool { return o.Value == c.values[f.Name] })
		if !chosen && !f.Many {
			t.Errorf("Suggest, for %s: what the sample answers chose is not among the options", f.Name)
		}
		c.checkOptions(t, f, options)
		first := options[0]
		text := first.Title
		if text == "" {
			text = first.Value
		}
		found, o := c.suggest(t, t.Context(), in, g, f, text)
		if !slices.ContainsFunc(found, func(o sdk.Option) bool { return o.Value == first.Value }) {
			t.Errorf("Suggest, for %s: a search for the title of the first option does not find it (error %v)", f.Name, o.err)
		}
	}
}

// checkOptions checks that each option is an answer.
func (c *checks) checkOptions(t tb, f sdk.Field, options []sdk.Option) {
	t.Helper()
	for i, o := range options {
		values, want := cloneMap(c.values), o.Value
		if f.Many {
			list, _ := json.Marshal([]string{o.Value}) // strings always encode
			want = string(list)
		}
		values[f.Name] = want
		if full, err := c.schema.Complete(values); err != nil || full[f.Name] != want {
			t.Errorf("Suggest, for %s: option %d is not an answer that the field takes as it is: %v", f.Name, i+1, err)
		}
	}
}

// revoke calls Revoke.
func (c *checks) revoke(t tb, ctx context.Context, in sdk.Input, g sdk.Grant) outcome {
	t.Helper()
	return c.do(t, ctx, "Revoke", in, c.reach(in, true), func(ctx context.Context, p sdk.Plugin) error {
		given := clone(g)
		err := p.(sdk.Revoker).Revoke(ctx, in, given)
		if !same(given, g) {
			return changed("grant")
		}
		return err
	})
}

func (c *checks) checkRevoke(t tb) {
	g := c.must(t)
	in := c.input(c.values, g.State)
	if o := c.revoke(t, t.Context(), in, g); o.err != nil {
		t.Fatalf("Revoke, of a good grant: %v%s", o.err, hint(o))
	}
	if c.can.Test && !c.s.Outlives {
		if o := c.test(t, t.Context(), in, g); !errors.Is(o.err, sdk.Denied) {
			t.Errorf("Test, of a revoked grant: got %s, want Denied: revoke the access token, too; if the service cannot, set Suite.Outlives", codeOf(o.err))
		}
	}
	if c.connects {
		if _, o := c.grant(t, t.Context(), in); !errors.Is(o.err, sdk.Denied) {
			t.Errorf("Grant, of a revoked credential: got %s, want Denied", codeOf(o.err))
		}
	}
	if o := c.revoke(t, t.Context(), in, g); o.err != nil && !errors.Is(o.err, sdk.Denied) {
		t.Errorf("Revoke, for the second time: got %s, want success: it is as dead as can be", codeOf(o.err))
	}
}
