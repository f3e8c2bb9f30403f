// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

// What an operator allows may change: the next request finds what holds then,
// and no connection of before.
func TestAllow(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	g := New(Config{})
	defer g.Close()
	// By name: an address in a URL is looked at before a connection is.
	url := strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
	get := func() error {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := g.RoundTrip(r)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	if get() == nil {
		t.Error("a private address was reached that nobody allows")
	}
	g.Allow([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")})
	if err := get(); err != nil {
		t.Errorf("an address that is allowed now: %v", err)
	}
	g.Allow(nil)
	if get() == nil {
		t.Error("a private address was reached that nobody allows any more, over a connection of before")
	}
}
