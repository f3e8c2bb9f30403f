// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/internal/nameserver"
)

// Each switch switches its own defence off, and no other: what is refused with
// all defences goes through without that one.
func TestDefencesCanBeSwitchedOff(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 300<<10)
	origin := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/large":
			w.Header().Set("X", large)
		}
		io.WriteString(w, "there")
	})
	port := portOf(t, origin)
	addr, _ := serveTLS(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "there") }, nil)
	to := func(addrs ...string) egress.Config {
		return egress.Config{Allow: loopback, AllowHTTP: true, Resolver: nameserver.Resolver(t, func(string, int) []string { return addrs })}
	}
	for _, test := range []struct {
		off    defence.Defence
		config egress.Config
		url    string
		change func(*http.Request)
	}{
		{off: defence.Addresses, url: origin},
		{off: defence.EachAttempt, config: egress.Config{AllowHTTP: true, Resolver: to("127.0.0.1").Resolver}, url: "http://rebind.example:" + port},
		{off: defence.Encrypted, config: egress.Config{Allow: loopback, Resolver: to("127.0.0.1").Resolver}, url: "http://plain.example:" + port},
		{off: defence.HostHeader, config: to(), url: origin, change: func(r *http.Request) { r.Host = "other.example" }},
		{off: defence.Destinations, config: to(), url: origin, change: func(r *http.Request) {
			*r = *r.WithContext(egress.WithPolicy(r.Context(), egress.Policy{Origins: []string{"https://api.example"}}))
		}},
		{off: defence.Unredirected, config: to(), url: origin + "/redirect"},
		{off: defence.HeadSize, config: to(), url: origin + "/large"},
		{off: defence.Verified, config: egress.Config{Routes: map[string]string{"https://example.com": addr}}, url: "https://example.com"},
	} {
		try := func(off ...defence.Defence) string {
			g := egress.NewWithContext(defence.Without(t.Context(), off...), test.config)
			defer g.Close()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, test.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if test.change != nil {
				test.change(r)
			}
			resp, err := g.RoundTrip(r)
			if err != nil {
				return err.Error()
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			return string(body)
		}
		if got := try(); got == "there" {
			t.Errorf("%s: the attack succeeds with all defences", test.off)
		}
		if got := try(test.off); got != "there" {
			t.Errorf("%s: without it, the attack still ends with %q", test.off, got)
		}
	}
}

// What opens a cloud's metadata by accident opens it without the defence alone.
func TestMetadataDefence(t *testing.T) {
	t.Parallel()
	config := egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("169.254.0.0/16")}}
	if egress.New(config).Check("https://169.254.169.254") == nil {
		t.Error("it is open with all defences")
	}
	if err := egress.NewWithContext(defence.Without(t.Context(), defence.Metadata), config).Check("https://169.254.169.254"); err != nil {
		t.Errorf("without the defence: %v", err)
	}
}
