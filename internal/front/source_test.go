// SPDX-License-Identifier: Apache-2.0

package front

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"testing"
)

// from returns a request whose connection comes from an address.
func from(t testing.TB, remote string, headers ...string) *http.Request {
	t.Helper()
	ctx := context.WithValue(t.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8686}))
	if remote == "@" {
		ctx = context.WithValue(t.Context(), http.LocalAddrContextKey, net.Addr(&net.UnixAddr{Name: "/s", Net: "unix"}))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.RemoteAddr = remote
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// Nobody takes another's address, whatever they write.
func TestSource(t *testing.T) {
	near := Trust{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	standard := near
	standard.Forwarded = true
	for _, c := range []struct {
		name    string
		trust   Trust
		remote  string
		headers []string
		want    string
	}{
		{"alone", Trust{}, "192.0.2.1:4000", nil, "192.0.2.1"},
		{"nobody is trusted", Trust{}, "10.0.0.1:4000", []string{"X-Forwarded-For", "192.0.2.9"}, "10.0.0.1"},
		{"a stranger is not", near, "192.0.2.1:4000", []string{"X-Forwarded-For", "192.0.2.9"}, "192.0.2.1"},
		{"a proxy is", near, "10.0.0.1:4000", []string{"X-Forwarded-For", "192.0.2.9"}, "192.0.2.9"},
		{"what a caller wrote before it is not", near, "10.0.0.1:4000", []string{"X-Forwarded-For", "198.51.100.7, 192.0.2.9"}, "192.0.2.9"},
		{"nor in a line of its own", near, "10.0.0.1:4000", []string{"X-Forwarded-For", "198.51.100.7", "X-Forwarded-For", "192.0.2.9"}, "192.0.2.9"},
		{"two proxies", near, "10.0.0.1:4000", []string{"X-Forwarded-For", "198.51.100.7, 192.0.2.9, 10.2.3.4"}, "192.0.2.9"},
		{"proxies alone", near, "10.0.0.1:4000", []string{"X-Forwarded-For", "10.9.9.9, 10.2.3.4"}, "10.9.9.9"},
		{"what cannot be read ends belief", near, "10.0.0.1:4000", []string{"X-Forwarded-For", "192.0.2.9, unknown"}, "10.0.0.1"},
		{"and nothing is nobody", near, "10.0.0.1:4000", []string{"X-Forwarded-For", ""}, "10.0.0.1"},
		{"with a port", near, "10.0.0.1:4000", []string{"X-Forwarded-For", "192.0.2.9:1234"}, "192.0.2.9"},
		{"IPv6", near, "[fd00::1]:4000", []string{"X-Forwarded-For", "2001:db8::7"}, "2001:db8::7"},
		{"IPv6 in brackets", near, "[fd00::1]:4000", []string{"X-Forwarded-For", "[2001:db8::7]:99"}, "2001:db8::7"},
		{"IPv4 as IPv6", near, "[::ffff:10.0.0.1]:4000", []string{"X-Forwarded-For", "::ffff:192.0.2.9"}, "192.0.2.9"},
		{"the other header is the caller's", near, "10.0.0.1:4000", []string{"Forwarded", "for=198.51.100.7"}, "10.0.0.1"},
		{"RFC 7239", standard, "10.0.0.1:4000", []string{"Forwarded", `for=198.51.100.7, for=192.0.2.9;proto=https`, "X-Forwarded-For", "198.51.100.8"}, "192.0.2.9"},
		{"RFC 7239 with quotes", standard, "10.0.0.1:4000", []string{"Forwarded", `proto=https; For="[2001:db8::7]:4711"`}, "2001:db8::7"},
		{"RFC 7239, hidden", standard, "10.0.0.1:4000", []string{"Forwarded", `for=198.51.100.7, for=_hidden`}, "10.0.0.1"},
		{"a socket", Trust{}, "@", []string{"X-Forwarded-For", "192.0.2.9"}, "invalid IP"},
		{"a socket of a proxy", Trust{Sockets: true}, "@", []string{"X-Forwarded-For", "192.0.2.9"}, "192.0.2.9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.trust.source(from(t, c.remote, c.headers...)).String(); got != c.want {
				t.Errorf("it comes from %s, not %s", got, c.want)
			}
		})
	}
}

// Whatever a caller writes, what comes through a proxy is never a caller's own
// invention: the last hop decides.
func FuzzSource(f *testing.F) {
	for _, s := range []string{"", "1.2.3.4", "a, b", "[::1]:8, 10.0.0.1", `for="[::1]`, ",,,", "10.0.0.1,10.0.0.2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, written string) {
		for _, forwarded := range []bool{false, true} {
			trust := Trust{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Forwarded: forwarded}
			name, last := "X-Forwarded-For", "192.0.2.9"
			if forwarded {
				name, last = "Forwarded", "for=192.0.2.9"
			}
			if got := trust.source(from(t, "10.0.0.1:1", name, written, name, last)); got != netip.MustParseAddr("192.0.2.9") {
				t.Errorf("after %q it comes from %s", written, got)
			}
			if got := trust.source(from(t, "192.0.2.1:1", name, written)); got != netip.MustParseAddr("192.0.2.1") {
				t.Errorf("a stranger who wrote %q comes from %s", written, got)
			}
		}
	})
}

// A server answers to its own names alone.
func TestNames(t *testing.T) {
	n := NewNames("credhost.example:8443", "other.example")
	for host, want := range map[string]bool{
		"credhost.example": true, "credhost.example:8443": true, "CREDHOST.example.": true, "other.example:1": true,
		"127.0.0.1:8686": true, "localhost:8686": true, "127.0.0.1": true,
		"evil.example": false, "127.0.0.2": false, "[::1]:8686": false, "192.0.2.1": false, "": false,
		"localhost.evil.example": false, "127.0.0.1.evil.example": false, "credhost.example.evil": false,
	} {
		r := from(t, "127.0.0.1:4000")
		r.Host = host
		if got := n.allow(r); got != want {
			t.Errorf("%q: %t", host, got)
		}
	}
	r := from(t, "@")
	for host, want := range map[string]bool{"localhost": true, "credhost.example": true, "127.0.0.1": false, "evil.example": false} {
		if r.Host = host; n.allow(r) != want {
			t.Errorf("through a socket, %q: %t", host, !want)
		}
	}
}

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.1:8686": "127.0.0.1:8686", ":8686": ":8686", "[::1]:0": "[::1]:0", "unix:/run/c.sock": "unix:/run/c.sock", "systemd:credhost": "systemd:credhost",
		"8686": "", "127.0.0.1": "", "a:b": "", "a:70000": "", "a:+1": "", "a:08": "", "unix:c.sock": "", "unix:/a/../b": "", "systemd:": "", "": "",
	} {
		got, err := ParseAddress(text)
		if (err == nil) != (want != "") || err == nil && got.String() != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	f.Add("127.0.0.1:8686")
	f.Add("unix:/run/credhost.sock")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := ParseAddress(text)
		if err != nil {
			return
		}
		if again, err := ParseAddress(a.String()); err != nil || again != a {
			t.Errorf("%q became %q, and that %q: %v", text, a, again, err)
		}
	})
}
