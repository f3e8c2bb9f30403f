// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/credhost/credhost/sdk"
)

// A recorder is a guard's network: it notes what is dialled, and is down.
type recorder struct {
	g  *Guard
	mu sync.Mutex
	at []string
}

func newRecorder(config Config) *recorder {
	r := &recorder{g: New(config)}
	r.g.guarded.DialContext = func(_ context.Context, _, addr string) (net.Conn, error) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.at = append(r.at, addr)
		return nil, errors.New("down")
	}
	return r
}

// dialled returns what a GET of a URL dials.
func (r *recorder) dialled(ctx context.Context, rawURL string) (addrs []string, u *url.URL) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return nil, nil
	}
	if resp, err := r.g.RoundTrip(req); err == nil {
		resp.Body.Close()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	addrs, r.at = r.at, nil
	return addrs, req.URL
}

// checked fails the test unless what a URL dials is what was checked: one
// spelling of one host, that the policy allows.
func (r *recorder) checked(t *testing.T, rawURL string) (dialled bool) {
	t.Helper()
	addrs, u := r.dialled(t.Context(), rawURL)
	for _, addr := range addrs {
		dialled = true
		origin := sdk.OriginOf(u)
		host, port, err := net.SplitHostPort(addr)
		if err != nil || origin == "" || addr != hostPort(origin) {
			t.Errorf("%q dials %q, and was checked as %q", rawURL, addr, origin)
			continue
		}
		if err := r.g.Check(origin); err != nil {
			t.Errorf("%q dials %q, which is refused: %v", rawURL, addr, err)
		}
		if host != strings.ToLower(host) || strings.HasSuffix(host, ".") || strings.ContainsFunc(host, func(c rune) bool { return c <= ' ' || c > '~' }) || port == "0" {
			t.Errorf("%q dials %q, which is no canonical spelling", rawURL, addr)
		}
		if a, err := netip.ParseAddr(host); err == nil && (a.String() != host || r.g.addresses.check(a) != nil) {
			t.Errorf("%q dials the address %s", rawURL, a)
		}
		if isLocal(host) || slices.Contains(metadataNames, host) {
			t.Errorf("%q dials %s", rawURL, host)
		}
	}
	return dialled
}

// spellings are ways to write a URL, and what may be dialled for it; "": nothing.
var spellings = []struct{ url, dials string }{
	{"https://api.example.com/x", "api.example.com:443"},
	{"HTTPS://API.Example.COM/x", "api.example.com:443"},
	{"https://api.example.com:443/x", "api.example.com:443"},
	{"https://api.example.com:0443/x", "api.example.com:443"},
	{"https://api.example.com:8443/x", "api.example.com:8443"},
	{"https://8.8.8.8/", "8.8.8.8:443"},
	{"https://[2606:4700:0:0::1]/", "[2606:4700::1]:443"},
	{"https://[2606:4700::0001]:8443/", "[2606:4700::1]:8443"},
	{"https://xn--exmple-cua.com/", "xn--exmple-cua.com:443"},
	{"https://api.example.com:/", "api.example.com:443"}, // net/http drops the colon
	// Userinfo is not the host.
	{"https://api.example.com@127.0.0.1/", ""}, {"https://127.0.0.1@api.example.com/", "api.example.com:443"},
	{"https://api.example.com:443@127.0.0.1/", ""}, {"https://api.example.com%40127.0.0.1/", ""}, {"https://a@b@127.0.0.1/", ""},
	// Other ways to write an address of this machine or of its network.
	{"https://2130706433/", ""}, {"https://017700000001/", ""}, {"https://0x7f000001/", ""}, {"https://0x7F.1/", ""}, {"https://0177.0.0.1/", ""},
	{"https://0177.0x0.0.1/", ""}, {"https://127.1/", ""}, {"https://127.0.1/", ""}, {"https://127.0.0.01/", ""}, {"https://127.0.0.1./", ""},
	{"https://127.0.0.1:443./", ""}, {"https://00000000127.0.0.1/", ""}, {"https://127.0.0.1%00.example.com/", ""}, {"https://127.0.0.1%2eexample.com/", ""},
	{"https://0/", ""}, {"https://0.0.0.0/", ""}, {"https://4294967295/", ""}, {"https://169.254.43518/", ""}, {"https://2852039166/", ""}, {"https://0xa9fea9fe/", ""},
	{"https://[::1]/", ""}, {"https://[0:0:0:0:0:0:0:1]/", ""}, {"https://[::ffff:127.0.0.1]/", ""}, {"https://[::ffff:7f00:1]/", ""}, {"https://[::127.0.0.1]/", ""},
	{"https://[fe80::1%25eth0]/", ""}, {"https://[fe80::1%eth0]/", ""}, {"https://[::1%25lo]/", ""}, {"https://::1/", ""}, {"https://[127.0.0.1]/", ""}, {"https://[::1]./", ""},
	{"https://[v1.127.0.0.1]/", ""}, {"https://[::1/", ""}, {"https://::1]/", ""},
	// Letters and dots that somebody folds.
	{"https://①②⑦.0.0.1/", ""}, {"https://１２７.0.0.1/", ""}, {"https://127。0。0。1/", ""}, {"https://127．0．0．1/", ""}, {"https://127｡0｡0｡1/", ""},
	{"https://ⓛocalhost/", ""}, {"https://\u212Aube.example.com/", ""}, {"https://api.ex\u0430mple.com/", ""}, {"https://exämple.com/", ""},
	{"https://api.example\u00ad.com/", ""}, {"https://api.example.com\u200b/", ""}, {"https://api.exam\u200dple.com/", ""}, {"https://evil.com\u2044.example.com/", ""},
	{"https://%6c%6f%63alhost/", ""}, {"https://%31%32%37.0.0.1/", ""}, {"https://api%2Eexample.com/", ""},
	// Names of this machine, and of others' secrets.
	{"https://localhost/", ""}, {"https://LOCALHOST/", ""}, {"https://localhost./", ""}, {"https://a.localhost/", ""}, {"https://metadata.google.internal/", ""},
	{"https://Metadata.Google.Internal/", ""}, {"https://metadata.google.internal./", ""}, {"https://metadata/", ""},
	// Labels and ports that are none.
	{"https://api.example.com./", ""}, {"https://api..example.com/", ""}, {"https://.example.com/", ""}, {"https://-a.example.com/", ""}, {"https://a-.example.com/", ""},
	{"https:///x", ""}, {"https://?x", ""}, {"https://api.example.com:0/", ""}, {"https://api.example.com:65536/", ""},
	{"https://api.example.com:-1/", ""}, {"https://api.example.com:+443/", ""}, {"https://api.example.com:4 43/", ""}, {"https://api.example.com:443:443/", ""},
	{"https://api.example.com:4294967739/", ""}, {"https://api.example.com:https/", ""}, {"https://" + strings.Repeat("a", 64) + ".com/", ""}, {"https://" + strings.Repeat("a.", 127) + "com/", ""},
	// What browsers forgive.
	{"https:/127.0.0.1/", ""}, {"https:127.0.0.1", ""}, {"https:\\\\127.0.0.1\\", ""}, {"https://api.example.com\\@127.0.0.1/", ""}, {"https://127.0.0.1\\.example.com/", ""},
	{"https://api.example.com#@127.0.0.1/", "api.example.com:443"}, {"https://api.example.com?@127.0.0.1/", "api.example.com:443"}, {"https://api.example.com/@127.0.0.1/", "api.example.com:443"},
	{" https://127.0.0.1/", ""}, {"https://127.0.0.1\t/", ""}, {"ht\ntps://127.0.0.1/", ""}, {"https://127.0.0.1\r\nHost: x/", ""}, {"//127.0.0.1/", ""},
	// Schemes that are none of ours.
	{"ftp://api.example.com/", ""}, {"file:///etc/passwd", ""}, {"gopher://127.0.0.1:70/", ""}, {"ws://api.example.com/", ""}, {"unix:///run/docker.sock", ""},
	{"http+unix://%2Frun%2Fdocker.sock/", ""}, {"jar:https://api.example.com!/", ""}, {"data:,x", ""}, {"http://api.example.com/", ""},
}

// Each spelling of a URL is refused or canonical, as an answer, as an origin and
// as a request's: never another host than the one that was checked.
func TestSpellings(t *testing.T) {
	t.Parallel()
	r := newRecorder(Config{})
	field := sdk.Field{Name: "baseUrl", Title: "URL", Kind: sdk.URL}
	schema := sdk.Schema{Name: "x", Title: "X", Fields: []sdk.Field{field}, Origins: []string{"{baseUrl}"}}
	for _, s := range spellings {
		addrs, _ := r.dialled(t.Context(), s.url)
		if got := strings.Join(addrs, " "); got != s.dials {
			t.Errorf("a request for %q dials %q, want %q", s.url, got, s.dials)
		}
		if s.dials == "" && r.g.Check(s.url) == nil {
			t.Errorf("%q is an origin", s.url)
		}
		full, err := schema.Complete(sdk.Values{"baseUrl": s.url})
		if err != nil {
			continue
		}
		origins, err := schema.Expand(full)
		if err != nil || len(origins.Grant) != 1 || r.g.Check(origins.Grant[0]) != nil {
			continue
		}
		if s.dials == "" || hostPort(origins.Grant[0]) != s.dials {
			t.Errorf("the answer %q is frozen as %q, want %q", s.url, origins.Grant[0], s.dials)
		}
		policy := WithPolicy(t.Context(), Policy{Origins: origins.Grant})
		if addrs, _ := r.dialled(policy, full["baseUrl"]); len(addrs) != 1 || addrs[0] != s.dials {
			t.Errorf("the answer %q dials %v, want %q", s.url, addrs, s.dials)
		}
	}
}

// Whatever a URL is, what is dialled for it is what was checked.
func FuzzDialled(f *testing.F) {
	for _, s := range spellings {
		f.Add(s.url)
	}
	strict, lax := newRecorder(Config{}), newRecorder(Config{AllowHTTP: true})
	f.Fuzz(func(t *testing.T, rawURL string) {
		strict.checked(t, rawURL)
		lax.checked(t, rawURL)
	})
}

// Whatever is answered, a request to what was answered dials what was frozen.
func FuzzFrozen(f *testing.F) {
	for _, s := range spellings {
		f.Add(s.url)
		f.Add(strings.TrimSuffix(strings.TrimPrefix(s.url, "https://"), "/"))
	}
	r := newRecorder(Config{})
	schemas := []sdk.Schema{
		{Name: "x", Title: "X", Fields: []sdk.Field{{Name: "answer", Title: "A", Kind: sdk.URL}}, Origins: []string{"{answer}"}},
		{Name: "x", Title: "X", Fields: []sdk.Field{{Name: "answer", Title: "A"}}, Origins: []string{"https://{answer}.example.com"}},
	}
	f.Fuzz(func(t *testing.T, answer string) {
		for i, schema := range schemas {
			full, err := schema.Complete(sdk.Values{"answer": answer})
			if err != nil {
				continue
			}
			origins, err := schema.Expand(full)
			if err != nil || len(origins.Grant) != 1 || r.g.Check(origins.Grant[0]) != nil {
				continue
			}
			to := full["answer"]
			if i == 1 {
				to = "https://" + to + ".example.com"
			}
			ctx := WithPolicy(t.Context(), Policy{Origins: origins.Grant})
			if addrs, _ := r.dialled(ctx, to); len(addrs) != 1 || addrs[0] != hostPort(origins.Grant[0]) {
				t.Errorf("%q is frozen as %q and dials %v", answer, origins.Grant[0], addrs)
			}
			r.checked(t, to)
		}
	})
}

// An address means the same whichever of its forms it is in, and none of those
// that carry another is more than that.
func FuzzAddress(f *testing.F) {
	for _, text := range registries {
		f.Add(netip.MustParsePrefix(text).Addr().AsSlice())
	}
	a := newAddresses(nil)
	f.Fuzz(func(t *testing.T, b []byte) {
		addr, ok := netip.AddrFromSlice(b)
		if !ok || a.check(addr) != nil {
			return
		}
		if !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.IsLoopback() || addr.IsLinkLocalUnicast() || addr.IsMulticast() || addr.Is4In6() {
			t.Errorf("%s may be reached", addr)
		}
		for _, text := range registries {
			if netip.MustParsePrefix(text).Contains(addr) {
				t.Errorf("%s, of %s, may be reached", addr, text)
			}
		}
		for _, v4 := range embedded(addr) {
			if a.check(v4) != nil {
				t.Errorf("%s carries %s", addr, v4)
			}
		}
	})
}
