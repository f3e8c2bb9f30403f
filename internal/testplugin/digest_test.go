// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/credhost/credhost/sdk"
)

// The examples of RFC 7616, section 3.9.1.
func TestDigestAnswersAsPublished(t *testing.T) {
	for algorithm, want := range map[string]string{
		"MD5":     "8ca523f5e9506fed4657c9700eebdbec",
		"SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		header := http.Header{"Www-Authenticate": {`Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=` + algorithm +
			`, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`}}
		c, _, ok := parseChallenges(header)
		if !ok {
			t.Fatalf("%s: the challenge is not understood", algorithm)
		}
		answer := c.answer("Mufasa", "Circle of Life", "GET", "/dir/index.html", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", 1)
		got := parseParameters(answer[len("Digest "):])
		wanted := map[string]string{"username": "Mufasa", "realm": "http-auth@example.org", "uri": "/dir/index.html", "algorithm": algorithm,
			"nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "nc": "00000001", "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
			"qop": "auth", "response": want, "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"}
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", algorithm, diff)
		}
	}
}

func TestParseChallenges(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  challenge
		stale bool
		ok    bool
	}{
		"none":            {nil, challenge{}, false, false},
		"Basic alone":     {[]string{`Basic realm="x"`}, challenge{}, false, false},
		"SHA-256 first":   {[]string{`Digest realm="r", nonce="1", qop="auth", algorithm=SHA-256`, `Digest realm="r", nonce="2", qop="auth", algorithm=MD5`}, challenge{"r", "1", "", "SHA-256"}, false, true},
		"SHA-256 last":    {[]string{`Digest realm="r", nonce="2", qop="auth", algorithm=MD5`, `Digest realm="r", nonce="1", qop="auth", algorithm=SHA-256`}, challenge{"r", "1", "", "SHA-256"}, false, true},
		"no algorithm":    {[]string{`digest realm="r", nonce="1", qop="auth"`}, challenge{"r", "1", "", "MD5"}, false, true},
		"stale":           {[]string{`Digest realm="a \"b\"", nonce="1", qop=auth, stale=TRUE`}, challenge{`a "b"`, "1", "", "MD5"}, true, true},
		"auth-int alone":  {[]string{`Digest realm="r", nonce="1", qop="auth-int"`}, challenge{}, false, false},
		"unknown":         {[]string{`Digest realm="r", nonce="1", qop="auth", algorithm=SHA-512-256`}, challenge{}, false, false},
		"no nonce":        {[]string{`Digest realm="r", qop="auth"`}, challenge{}, false, false},
		"not a challenge": {[]string{`Digest`}, challenge{}, false, false},
	} {
		got, stale, ok := parseChallenges(http.Header{"Www-Authenticate": c.lines})
		if got != c.want || stale != c.stale || ok != c.ok {
			t.Errorf("%s: got %+v, stale %v, %v", name, got, stale, ok)
		}
	}
}

// The stand-in takes each count once, and tells an answer that is wrong from
// one that is late.
func TestDigestStandin(t *testing.T) {
	s := NewDigestStandin()
	ask := func(authorization string) (int, challenge, bool) {
		r := httptest.NewRequest(http.MethodGet, digestOrigin+"/me?x=y", nil)
		r.RequestURI = "/me?x=y"
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		c, stale, _ := parseChallenges(w.Header())
		return w.Code, c, stale
	}
	_, c, _ := ask("")
	answer := func(password string, n uint64) string {
		return c.answer(digestUser, password, http.MethodGet, "/me?x=y", "cnonce", n)
	}
	for _, step := range []struct {
		what          string
		authorization string
		status        int
		stale         bool
	}{
		{"first", answer(digestPassword, 1), 200, false},
		{"again", answer(digestPassword, 1), 401, true},
		{"third before second", answer(digestPassword, 3), 200, false},
		{"second", answer(digestPassword, 2), 200, false},
		{"none", answer(digestPassword, 0), 401, false},
		{"wrong", answer("EXAMPLE-wrong", 4), 401, false},
		{"another path", c.answer(digestUser, digestPassword, http.MethodGet, "/you", "cnonce", 5), 401, false},
	} {
		if status, _, stale := ask(step.authorization); status != step.status || stale != step.stale {
			t.Errorf("%s: status %d and stale %v", step.what, status, stale)
		}
	}
	s.Expire()
	if status, _, stale := ask(answer(digestPassword, 6)); status != 401 || !stale {
		t.Errorf("expired: status %d and stale %v", status, stale)
	}
}

// A challenge that comes although one was answered means that the password is
// wrong, unless the nonce was stale.
func TestDigestRefused(t *testing.T) {
	p := Digest{}
	in := sdk.NewInput(p.Schema(), Answers("digest"))
	refusal := func(stale string) *sdk.Refusal {
		return &sdk.Refusal{Status: 401, Header: http.Header{"Www-Authenticate": {`Digest realm="r", nonce="1", qop="auth", stale=` + stale}}}
	}
	in.Refused = refusal("false")
	g, err := p.Grant(t.Context(), in)
	if err != nil || g.State == nil {
		t.Fatalf("the first challenge: %v", err)
	}
	in.State = g.State
	if _, err := p.Grant(t.Context(), in); !errors.Is(err, sdk.Denied) {
		t.Errorf("the second: %v, want Denied", err)
	}
	in.Refused = refusal("true")
	if _, err := p.Grant(t.Context(), in); err != nil {
		t.Errorf("a stale one: %v", err)
	}
	in.Refused = &sdk.Refusal{Status: 401, Header: http.Header{"Www-Authenticate": {`Bearer`}}}
	if _, err := p.Grant(t.Context(), in); !errors.Is(err, sdk.Unavailable) {
		t.Errorf("another kind: %v, want Unavailable", err)
	}
}
