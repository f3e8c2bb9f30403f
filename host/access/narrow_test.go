// SPDX-License-Identifier: Apache-2.0

package access_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/credhost/credhost/host/access"
)

// Of every two URLs, a key may be made for the one by who is limited to the other
// exactly if nothing opens that was closed.
func TestNarrowerIsNarrower(t *testing.T) {
	t.Parallel()
	p := open(t, nil, nil)
	patterns := []string{"/*", "/", "/v1", "/v1/*", "/v1/", "/v1/a", "/v1/a/*", "/v10/*", "https://x/*", "https://x/", "https://x/v1/*", "https://x/v1/a", "https://x:8443/*", "http://x/*", "https://y/v1/*", "/v1/%C3%A9/*"}
	var sent []*url.URL
	for _, origin := range []string{"https://x", "https://x:8443", "http://x", "https://y", "https://z"} {
		for _, path := range []string{"/", "/v1", "/v1/", "/v1/a", "/v1/a/b", "/v1/ab", "/v10/a", "/v1/%c3%a9/b", "/w"} {
			u, err := url.Parse(origin + path)
			if err != nil {
				t.Fatal(err)
			}
			sent = append(sent, u)
		}
	}
	made := 0
	for _, outer := range patterns {
		maker := access.Caller{Actor: "user:op", Scopes: access.Scopes, Limits: []access.Limits{{URLs: []string{outer}}}}
		for _, inner := range patterns {
			_, _, err := p.CreateKey(p.as(maker), access.NewKey{Scopes: []access.Scope{access.Use}, Limits: access.Limits{URLs: []string{inner}}})
			narrow := access.Caller{Actor: "key:k-1", Scopes: access.Scopes, Limits: []access.Limits{{URLs: []string{inner}}}}
			opens := ""
			for _, u := range sent {
				if narrow.Permits("c-1", "GET", u) == nil && maker.Permits("c-1", "GET", u) != nil {
					opens = u.String()
				}
			}
			if (err == nil) != (opens == "") {
				t.Errorf("a key for %s, of one for %s: %v; it opens %q", inner, outer, err, opens)
			}
			if err == nil {
				made++
			}
		}
	}
	if made < len(patterns) || made == len(patterns)*len(patterns) {
		t.Errorf("%d keys were made", made)
	}
}

// FuzzLimitURL shows that what is kept of a URL is kept as it is, and lets through
// what it says.
func FuzzLimitURL(f *testing.F) {
	for _, s := range append(twoWays, "https://api.example/v1/*", "api.example/*", "WSS://A.example:443/x", "/%c3%a9/*", "https://[::1]:8443/", "*", "https:///", "a//b/*") {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		kept, err := access.CanonicalURL(text)
		if err != nil {
			return
		}
		if again, err := access.CanonicalURL(kept); err != nil || again != kept {
			t.Errorf("%q is kept as %q, and that as %q, %v", text, kept, again, err)
		}
		at := strings.TrimSuffix(kept, "*")
		if at[0] == '/' {
			at = "https://any.example" + at
		}
		u, err := url.Parse(at)
		if err != nil {
			t.Fatalf("%q is kept as %q: %v", text, kept, err)
		}
		c := access.Caller{Actor: "key:k-1", Scopes: access.Scopes, Limits: []access.Limits{{URLs: []string{kept}}}}
		if err := c.Permits("c-1", "GET", u); err != nil {
			t.Errorf("%q is kept as %q, which refuses %q: %v", text, kept, at, err)
		}
	})
}
