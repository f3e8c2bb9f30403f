// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"bufio"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/credhost/credhost/sdk"
)

// Whatever the first line is, what is made of it says the same again.
func FuzzParseOpening(f *testing.F) {
	for _, line := range []string{"call https://api.example.com\n", "call tcp://db.example.com:5432\n", "call https://[::1]:8443\n",
		"call https://api.example.com\r\n", "a b c\n", " \n", "", "call https://user@api.example.com\n", "c\x00 http://a.b\n"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		id, origin, err := parseOpening(line)
		if err != nil {
			if text := refusal(err); strings.ContainsAny(text, "\r\n\x00") {
				t.Errorf("%q is not one line", text)
			}
			return
		}
		if line != id+" "+origin+"\n" || len(line) > maxOpening || strings.ContainsAny(id, " \r\n") {
			t.Errorf("%q became %q and %q", line, id, origin)
		}
		if sdk.Origin(origin) != origin {
			t.Errorf("%q is not an origin", origin)
		}
	})
}

// An origin that passes leads to where it says, and to no special address.
func FuzzCheck(f *testing.F) {
	for _, origin := range []string{"https://api.example.com", "https://*.example.com", "http://127.0.0.1", "tcp://[::ffff:10.0.0.1]:1",
		"https://0x7f.1", "https://a@b", "https://8.8.8.8:8443", "https://[64:ff9b::7f00:1]", "https://localhost", "https://127.1", "wss://a.b"} {
		f.Add(origin)
	}
	g := New(Config{AllowHTTP: true})
	f.Fuzz(func(t *testing.T, origin string) {
		if g.Check(origin) != nil {
			return
		}
		plain := strings.Replace(origin, "://*.", "://", 1)
		u, err := url.Parse(plain)
		if err != nil || u.User != nil || u.Path+u.RawQuery+u.Fragment != "" || u.Scheme+"://"+u.Host != plain {
			t.Fatalf("%q is not an origin", origin)
		}
		host := u.Hostname()
		if isLocal(host) {
			t.Errorf("%q is this machine", origin)
		}
		if addr, err := netip.ParseAddr(host); err == nil && (!addr.IsGlobalUnicast() || addr.IsPrivate() || addr.Is4In6() || addr.Zone() != "") {
			t.Errorf("%q is special", origin)
		}
		if host != strings.ToLower(host) || strings.HasSuffix(host, ".") || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("%q has more than one spelling", origin)
		}
	})
}

// A head that passes means to net/http what it means to anybody else.
func FuzzHead(f *testing.F) {
	for _, head := range []string{"GET / HTTP/1.1\r\nHost: a.b\r\n\r\n", "POST /x HTTP/1.1\r\nHost: a.b\r\nContent-Length: 3\r\n\r\nabc",
		"POST / HTTP/1.1\r\nhost: a.b\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "GET http://a.b/?q HTTP/1.1\r\nHost: c\r\n\r\n",
		"GET / HTTP/1.1\nHost: a.b\n\n", "GET / HTTP/1.1\r\nHost: a.b\r\n X: y\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: a.b\r\n\r\n"} {
		f.Add(head)
	}
	s := &session{origin: "https://a.b", guard: New(Config{})}
	f.Fuzz(func(t *testing.T, text string) {
		br := bufio.NewReaderSize(strings.NewReader(text), maxHead)
		head, err := peekHead(br)
		if err != nil || checkHead(head) != nil {
			return
		}
		r, err := http.ReadRequest(br)
		if err != nil || s.address(r) != nil {
			return
		}
		if sdk.OriginOf(r.URL) != s.origin || r.Host != "a.b" || r.RequestURI != "" {
			t.Errorf("%q goes to %s with Host %s", text, r.URL, r.Host)
		}
		if got := br.Buffered(); got != min(len(text)-len(head), maxHead-len(head)) {
			t.Errorf("%q: %d bytes are left, want %d", text, got, len(text)-len(head))
		}
		target := strings.SplitN(text, " ", 3)[1]
		if got := r.URL.RequestURI(); !strings.HasSuffix(target, strings.TrimPrefix(got, "/")) {
			t.Errorf("%q became %q", target, got)
		}
	})
}
