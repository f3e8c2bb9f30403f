// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/internal/nameserver"
	"github.com/credhost/credhost/sdk"
)

// special are hosts that must never be reached unless an operator says so.
var special = []string{
	"127.0.0.1", "127.255.255.254", "localhost", "a.localhost", "0.0.0.0", "0.1.2.3",
	"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255",
	"169.254.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1",
	"224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
	"169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192",
	"[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::7f00:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:10.0.0.1]",
	"[::ffff:169.254.169.254]", "[::ffff:8.8.8.8]", "[64:ff9b::7f00:1]", "[64:ff9b::808:808]", "[64:ff9b:1::1]",
	"[2002:7f00:1::1]", "[2001::1]", "[2001:0:53aa:64c::1]", "[2001:db8::1]", "[3fff::1]", "[5f00::1]",
	"[fc00::1]", "[fd00:ec2::254]", "[fd20:ce::254]", "[fe80::1]", "[fec0::1]", "[ff02::1]", "[100::1]",
}

// Every refusal has the same words, whatever is at the address.
func TestSpecialAddresses(t *testing.T) {
	t.Parallel()
	g := newGuard(t, egress.Config{AllowHTTP: true})
	for _, host := range special {
		for _, origin := range []string{"https://" + host, "https://" + host + ":8443", "http://" + host, "tcp://" + host + ":5432"} {
			origin = sdk.Origin(origin)
			err := g.Check(origin)
			if err == nil {
				t.Errorf("%s may be reached", origin)
				continue
			}
			refused(t, err, sdk.Invalid, "--allow-address")
			if got, want := strings.ReplaceAll(err.Error(), origin, "X"), strings.ReplaceAll(g.Check("https://10.1.2.3").Error(), "https://10.1.2.3", "X"); got != want {
				t.Errorf("the refusal of %s reads %q, others %q", origin, got, want)
			}
			if strings.HasPrefix(origin, "tcp") {
				continue
			}
			_, _, err = get(t, t.Context(), g, origin)
			refused(t, err, sdk.Invalid, "--allow-address")
		}
	}
}

// What is not spelt as sdk.Origin spells it is no origin, and so goes nowhere.
func TestHostileSpellings(t *testing.T) {
	t.Parallel()
	g := newGuard(t, egress.Config{AllowHTTP: true, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	for _, origin := range []string{
		"", "https://", "https:", "//127.0.0.1", "127.0.0.1", "https:127.0.0.1",
		"https://2130706433", "https://0x7f000001", "https://0x7f.1", "https://0177.0.0.1", "https://127.1", "https://127.0.1",
		"https://127.0.0.01", "https://127.0.0.1.", "https://localhost.", "https://api.example.com.",
		"https://api.example.com/", "https://api.example.com/path", "https://api.example.com?q", "https://api.example.com#f",
		"https://user@127.0.0.1", "https://user:password@api.example.com", "https://api.example.com@127.0.0.1",
		"https://127.0.0.1:443", "https://127.0.0.1:0", "https://127.0.0.1:65536", "https://127.0.0.1:-1", "https://127.0.0.1:",
		"https://127.0.0.1:08443", "https://[::1%25lo]", "https://[::1%lo]", "https://[fe80::1%eth0]", "https://::1",
		"https://①②⑦.0.0.1", "https://127。0。0。1", "https://exämple.com", "https://a b.com", "https://a\r\nb.com", "https://a\x00.com",
		"HTTPS://api.example.com", "https://API.example.com", "https://api_.example.com:443", "https://-.example.com",
		"https://*.127.0.0.1", "https://*.[::1]", "https://a.*.example.com", "https://**.example.com", "https://*example.com",
		"ftp://api.example.com", "file:///etc/passwd", "gopher://127.0.0.1:70", "wss://api.example.com", "tcp://db.example.com",
		"unix:///run/x.sock", "javascript:alert(1)",
	} {
		if err := g.Check(origin); err == nil {
			t.Errorf("%q passes for an origin", origin)
		} else {
			refused(t, err, sdk.Invalid)
		}
	}
}

func TestOriginsThatMayBeReached(t *testing.T) {
	t.Parallel()
	g := newGuard(t, egress.Config{})
	for _, origin := range []string{
		"https://api.example.com", "https://api.example.com:8443", "https://*.example.com", "https://8.8.8.8",
		"https://[2606:4700::1]", "tcp://db.example.com:5432", "https://xn--exmple-cua.com",
	} {
		if err := g.Check(origin); err != nil {
			t.Errorf("%s: %v", origin, err)
		}
	}
}

func TestAllow(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		allow  string
		origin string
		want   bool
	}{
		{"10.0.0.0/8", "https://10.1.2.3", true},
		{"10.0.0.0/8", "https://192.168.1.1", false},
		{"10.0.0.0/8", "https://[::ffff:10.1.2.3]", false}, // to be written as it is meant
		{"127.0.0.0/8", "https://localhost", true},
		{"::1/128", "https://localhost", true},
		{"10.0.0.0/8", "https://localhost", false},
		{"fc00::/7", "https://[fd12::1]", true},
		{"169.254.0.0/16", "https://169.254.1.1", true},
		{"169.254.0.0/16", "https://169.254.169.254", false}, // not by accident
		{"169.254.169.254/32", "https://169.254.169.254", true},
		{"100.64.0.0/10", "https://100.100.100.200", false},
		{"fc00::/7", "https://[fd00:ec2::254]", false},
		{"::/0", "https://[fd12::1]", true},
		{"::/0", "https://[::ffff:10.1.2.3]", false},
		{"::/0", "https://10.1.2.3", false},
		{"64:ff9b::/96", "https://[64:ff9b::808:808]", true},
		{"64:ff9b::/96", "https://[64:ff9b::7f00:1]", false}, // what it carries counts, too
		{"64:ff9b::/96", "https://[64:ff9b::a9fe:a9fe]", false},
	} {
		g := newGuard(t, egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix(test.allow)}})
		if err := g.Check(test.origin); (err == nil) != test.want {
			t.Errorf("%s with %s allowed: got %v, want allowed=%v", test.origin, test.allow, err, test.want)
		}
	}
}

func TestPlainHTTP(t *testing.T) {
	t.Parallel()
	strict := newGuard(t, egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}})
	for _, origin := range []string{"http://api.example.com", "http://*.example.com", "http://10.0.0.1", "http://8.8.8.8"} {
		refused(t, strict.Check(origin), sdk.Invalid, origin, "--allow-http")
	}
	for _, origin := range []string{"http://127.0.0.1:8080", "http://localhost:8080", "https://10.0.0.1"} {
		if err := strict.Check(origin); err != nil {
			t.Errorf("%s: %v", origin, err)
		}
	}
	lax := newGuard(t, egress.Config{AllowHTTP: true})
	if err := lax.Check("http://api.example.com"); err != nil {
		t.Error(err)
	}
	routed := newGuard(t, egress.Config{Routes: map[string]string{"http://api.example.com": "http://127.0.0.1:1"}})
	if err := routed.Check("http://api.example.com"); err != nil {
		t.Error(err)
	}
}

// A name that answers otherwise the second time is refused when it is
// connected to, in the words that a literal address gets.
func TestRebinding(t *testing.T) {
	t.Parallel()
	origin := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "good") })
	g := newGuard(t, egress.Config{Allow: loopback, AllowHTTP: true, Resolver: nameserver.Resolver(t, func(_ string, n int) []string {
		if n == 1 {
			return []string{"127.0.0.1"} // here in the part of a public address
		}
		return []string{"127.0.0.2", "::1"}
	})})
	url := "http://rebind.example:" + portOf(t, origin)
	if err := g.Check(url); err != nil {
		t.Fatal(err)
	}
	if _, body, err := get(t, t.Context(), g, url); err != nil || body != "good" {
		t.Fatalf("got %q, %v, want good", body, err)
	}
	g.Close() // or the connection that is kept would serve
	_, _, err := get(t, t.Context(), g, url)
	refused(t, err, sdk.Invalid, url, "--allow-address")
	if want := strings.ReplaceAll(g.Check("https://10.1.2.3").Error(), "https://10.1.2.3", url); err.Error() != want {
		t.Errorf("got %q, want what is said of any other address: %q", err, want)
	}
	if strings.Contains(err.Error(), "127.0.0.2") {
		t.Errorf("%q tells what the name resolved to", err)
	}
	if cause := errors.Unwrap(err); cause == nil || !strings.Contains(cause.Error(), "127.0.0.2") && !strings.Contains(cause.Error(), "::1") {
		t.Errorf("the cause is %v, which does not tell an operator what to allow", cause)
	}
}

// Of several addresses, those that are refused are passed over.
func TestEveryAttemptIsChecked(t *testing.T) {
	t.Parallel()
	origin := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "good") })
	g := newGuard(t, egress.Config{Allow: loopback, AllowHTTP: true, Resolver: nameserver.Resolver(t, func(string, int) []string {
		return []string{"::1", "127.0.0.2", "127.0.0.1"}
	})})
	if _, body, err := get(t, t.Context(), g, "http://many.example:"+portOf(t, origin)); err != nil || body != "good" {
		t.Errorf("got %q, %v, want good", body, err)
	}
}

// Whatever a resolver says, localhost is this machine.
func TestLocalhostIsHere(t *testing.T) {
	t.Parallel()
	g := newGuard(t, egress.Config{
		Allow:    []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")},
		Resolver: nameserver.Resolver(t, func(string, int) []string { return []string{"10.0.0.1"} }),
	})
	_, _, err := get(t, t.Context(), g, "http://evil.localhost:1")
	refused(t, err, sdk.Invalid, "--allow-address")
}
