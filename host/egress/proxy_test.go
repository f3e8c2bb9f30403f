// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/internal/nameserver"
	"github.com/credhost/credhost/sdk"
)

// A tunnels is a proxy that makes tunnels: all of them to one address, whatever
// it is asked for.
type tunnels struct {
	addr string
	to   string // where tunnels lead

	mu    sync.Mutex
	asked []string // what it was asked to connect to
	auth  []string
}

func (p *tunnels) note(asked, auth string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked, p.auth = append(p.asked, asked), append(p.auth, auth)
}

// seen returns what was asked for since the last time.
func (p *tunnels) seen() (asked, auth string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	asked, auth = strings.Join(p.asked, " "), strings.Join(p.auth, " ")
	p.asked, p.auth = nil, nil
	return asked, auth
}

// serveTunnels starts a proxy; handle speaks with one client until there is a
// tunnel, and reports whether there is.
func serveTunnels(t testing.TB, to string, l net.Listener, handle func(p *tunnels, conn net.Conn, br *bufio.Reader) bool) *tunnels {
	t.Helper()
	p := &tunnels{addr: l.Addr().String(), to: to}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			done.Go(func() {
				defer conn.Close()
				br := bufio.NewReader(conn)
				if !handle(p, conn, br) {
					return
				}
				far, err := net.Dial("tcp", p.to)
				if err != nil {
					return
				}
				defer far.Close()
				go func() { io.Copy(far, br); far.(*net.TCPConn).CloseWrite() }()
				io.Copy(conn, far)
			})
		}
	})
	t.Cleanup(func() { l.Close(); done.Wait() })
	return p
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// connects speaks as an HTTP proxy does, which wants the password hush if auth
// is set.
func connects(auth bool, answer string) func(*tunnels, net.Conn, *bufio.Reader) bool {
	return func(p *tunnels, conn net.Conn, br *bufio.Reader) bool {
		r, err := http.ReadRequest(br)
		if err != nil || r.Method != http.MethodConnect {
			io.WriteString(conn, "HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n")
			return false
		}
		p.note(r.RequestURI, r.Header.Get("Proxy-Authorization"))
		if auth && r.Header.Get("Proxy-Authorization") != "Basic b3BlcmF0b3I6aHVzaA==" {
			io.WriteString(conn, "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n")
			return false
		}
		io.WriteString(conn, answer)
		return strings.Contains(answer, " 200 ")
	}
}

const tunnelled = "HTTP/1.1 200 Connection established\r\n\r\n"

// speaksSOCKS speaks as a SOCKS proxy does (RFC 1928, RFC 1929).
func speaksSOCKS(p *tunnels, conn net.Conn, br *bufio.Reader) bool {
	b := make([]byte, 262)
	io.ReadFull(br, b[:2])
	io.ReadFull(br, b[:b[1]])
	conn.Write([]byte{5, 2})
	io.ReadFull(br, b[:2])
	user := make([]byte, b[1]+1)
	io.ReadFull(br, user)
	password := make([]byte, user[len(user)-1])
	io.ReadFull(br, password)
	conn.Write([]byte{1, 0})
	io.ReadFull(br, b[:4])
	var host string
	switch b[3] {
	case 1:
		io.ReadFull(br, b[:4])
		host = netip.AddrFrom4([4]byte(b[:4])).String()
	case 3:
		io.ReadFull(br, b[:1])
		name := make([]byte, b[0])
		io.ReadFull(br, name)
		host = string(name)
	}
	io.ReadFull(br, b[:2])
	p.note(fmt.Sprintf("%s:%d", host, binary.BigEndian.Uint16(b)), string(user[:len(user)-1])+":"+string(password))
	conn.Write([]byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0})
	return true
}

// Through a proxy, too, names are resolved and checked here: it is asked for an
// address. What is sent to a service holds nothing of the proxy's.
func TestProxy(t *testing.T) {
	t.Parallel()
	origin := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "" {
			t.Error("the service sees the proxy's credentials")
		}
		io.WriteString(w, "there")
	})
	service := strings.TrimPrefix(origin, "http://")
	names := nameserver.Resolver(t, func(name string, _ int) []string {
		return map[string][]string{"public.example": {"93.184.215.14"}, "private.example": {"10.0.0.1", "::1"},
			"mixed.example": {"10.0.0.1", "93.184.215.14", "127.0.0.1"}}[name]
	})
	for name, start := range map[string]func(t *testing.T) (*tunnels, string, *x509.CertPool){
		"http": func(t *testing.T) (*tunnels, string, *x509.CertPool) {
			p := serveTunnels(t, service, listen(t), connects(true, tunnelled))
			return p, "http://operator:hush@" + p.addr, nil
		},
		"https": func(t *testing.T) (*tunnels, string, *x509.CertPool) {
			s := httptest.NewTLSServer(nil)
			t.Cleanup(s.Close)
			roots := x509.NewCertPool()
			roots.AddCert(s.Certificate())
			p := serveTunnels(t, service, tls.NewListener(listen(t), s.TLS), connects(true, tunnelled))
			return p, "https://operator:hush@" + p.addr, roots
		},
		"socks5": func(t *testing.T) (*tunnels, string, *x509.CertPool) {
			p := serveTunnels(t, service, listen(t), speaksSOCKS)
			return p, "socks5://operator:hush@" + p.addr, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, url, roots := start(t)
			config := egress.Config{Proxy: url, AllowHTTP: true, Resolver: names, RootCAs: roots}
			if err := config.Check(); err != nil {
				t.Fatal(err)
			}
			g := newGuard(t, config)
			for host, want := range map[string]string{"public.example": "93.184.215.14:80", "mixed.example": "93.184.215.14:80", "93.184.215.14": "93.184.215.14:80"} {
				_, body, err := get(t, t.Context(), g, "http://"+host)
				if asked, auth := p.seen(); err != nil || body != "there" || asked != want || auth != "Basic b3BlcmF0b3I6aHVzaA==" && auth != "operator:hush" {
					t.Errorf("%s: %q, %v, asked for %q as %q, want %q", host, body, err, asked, auth, want)
				}
				g.Close()
			}
			for _, host := range []string{"private.example", "10.0.0.1", "localhost", "metadata.google.internal"} {
				_, _, err := get(t, t.Context(), g, "http://"+host)
				if refused(t, err, sdk.Invalid, "--allow-address"); strings.Contains(err.Error(), "hush") {
					t.Errorf("%q tells the password", err)
				}
				if asked, _ := p.seen(); asked != "" {
					t.Errorf("%s: the proxy was asked for %s", host, asked)
				}
			}
			_, _, err := get(t, t.Context(), g, "http://nowhere.example")
			refused(t, err, sdk.Unavailable, "has no address")

			// The proxy looks after names, if the operator says so; what is no name is
			// checked all the same.
			config.ProxyResolves = true
			g = newGuard(t, config)
			if _, body, err := get(t, t.Context(), g, "http://private.example"); err != nil || body != "there" {
				t.Errorf("got %q, %v", body, err)
			}
			if asked, _ := p.seen(); asked != "private.example:80" {
				t.Errorf("the proxy was asked for %q", asked)
			}
			for _, host := range []string{"127.0.0.1", "10.0.0.1", "[::ffff:10.0.0.1]", "localhost", "a.localhost", "metadata.google.internal"} {
				_, _, err := get(t, t.Context(), g, "http://"+host)
				refused(t, err, sdk.Invalid, "--allow-address")
			}
			if asked, _ := p.seen(); asked != "" {
				t.Errorf("the proxy was asked for %s", asked)
			}
		})
	}
}

// What is to go without the proxy does, and so does what a route leads elsewhere.
func TestWithoutProxy(t *testing.T) {
	t.Parallel()
	origin := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "direct") })
	p := serveTunnels(t, "127.0.0.1:1", listen(t), connects(false, tunnelled))
	here := nameserver.Resolver(t, func(string, int) []string { return []string{"127.0.0.1"} })
	g := newGuard(t, egress.Config{Proxy: "http://" + p.addr, AllowHTTP: true, Allow: loopback, Resolver: here,
		NoProxy: []string{"http://*.inner.example:" + portOf(t, origin)},
		Routes:  map[string]string{"https://routed.example": origin}})
	for _, url := range []string{"http://a.inner.example:" + portOf(t, origin), "https://routed.example"} {
		if _, body, err := get(t, t.Context(), g, url); err != nil || body != "direct" {
			t.Errorf("%s: %q, %v", url, body, err)
		}
	}
	if asked, _ := p.seen(); asked != "" {
		t.Errorf("the proxy was asked for %s", asked)
	}
	get(t, t.Context(), g, "http://inner.example:"+portOf(t, origin))
	if asked, _ := p.seen(); asked == "" {
		t.Error("what is not under the pattern went without the proxy")
	}
}

// A plugin's tcp connection goes through the proxy, and gets what the service
// says first.
func TestProxyOfTCP(t *testing.T) {
	t.Parallel()
	l := listen(t)
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(conn, "hello from the database")
			conn.Close()
		}
	})
	t.Cleanup(func() { l.Close(); done.Wait() })
	p := serveTunnels(t, l.Addr().String(), listen(t), connects(false, tunnelled+"early "))
	w := newWay(t, newGuard(t, egress.Config{Proxy: "http://" + p.addr}))
	w.call(call1, "tcp://93.184.215.14:5432")
	_, br := w.open(call1, "tcp://93.184.215.14:5432")
	if got, err := io.ReadAll(br); string(got) != "early hello from the database" {
		t.Errorf("got %q, %v", got, err)
	}
	if asked, _ := p.seen(); asked != "93.184.215.14:5432" {
		t.Errorf("the proxy was asked for %q", asked)
	}
}

// Whatever is wrong with a proxy is said without its password, and tells nobody
// what is behind it.
func TestBrokenProxies(t *testing.T) {
	t.Parallel()
	gone := listen(t)
	gone.Close()
	for name, test := range map[string]struct {
		start func(t *testing.T) string
		code  sdk.Code
		words string
	}{
		"another password": {func(t *testing.T) string {
			return serveTunnels(t, "127.0.0.1:1", listen(t), connects(true, tunnelled)).addr
		}, sdk.Internal, "does not take its credentials"},
		"not there": {func(*testing.T) string { return gone.Addr().String() }, sdk.Unavailable, "the proxy could not be reached"},
		"refusing": {func(t *testing.T) string {
			return serveTunnels(t, "127.0.0.1:1", listen(t), connects(false, "HTTP/1.1 403 nothing listens there\r\nContent-Length: 0\r\n\r\n")).addr
		}, sdk.Unavailable, "http://93.184.215.14 could not be reached"},
		"failing": {func(t *testing.T) string {
			return serveTunnels(t, "127.0.0.1:1", listen(t), connects(false, "HTTP/1.1 502 connection refused\r\nContent-Length: 0\r\n\r\n")).addr
		}, sdk.Unavailable, "http://93.184.215.14 could not be reached"},
		"no HTTP": {func(t *testing.T) string {
			return serveTunnels(t, "127.0.0.1:1", listen(t), connects(false, "hello\r\n")).addr
		}, sdk.Unavailable, "the proxy could not be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGuard(t, egress.Config{Proxy: "http://operator:secret-word@" + test.start(t), AllowHTTP: true})
			_, _, err := get(t, t.Context(), g, "http://93.184.215.14")
			refused(t, err, test.code, test.words)
			for ; err != nil; err = errors.Unwrap(err) {
				if strings.Contains(err.Error(), "secret-word") || strings.Contains(err.Error(), "b3BlcmF0b3I6c2VjcmV0LXdvcmQ=") {
					t.Errorf("%q tells the password", err)
				}
			}
		})
	}
}

// A proxy that never comes to the point is not listened to for long.
func TestProxyWithoutAnEnd(t *testing.T) {
	t.Parallel()
	wrote := make(chan int64, 1)
	p := serveTunnels(t, "127.0.0.1:1", listen(t), func(_ *tunnels, conn net.Conn, br *bufio.Reader) bool {
		http.ReadRequest(br)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nX: ")
		n, _ := io.Copy(conn, io.LimitReader(zeros{}, 64<<20))
		wrote <- n
		return false
	})
	g := newGuard(t, egress.Config{Proxy: "http://" + p.addr, AllowHTTP: true})
	_, _, err := get(t, t.Context(), g, "http://93.184.215.14")
	refused(t, err, sdk.Unavailable, "the proxy could not be reached")
	if n := <-wrote; n > 16<<20 { // what the kernel holds on its way counts, too
		t.Errorf("%d bytes were taken for the head of an answer", n)
	}
}

// What cannot be is said at once, and nothing is sent then: not without the
// proxy either.
func TestConfigsThatCannotBe(t *testing.T) {
	t.Parallel()
	origin := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("something was sent") })
	for name, config := range map[string]egress.Config{
		"no URL":                {Proxy: "proxy.example"},
		"no port":               {Proxy: "http://proxy.example"},
		"no proxy's scheme":     {Proxy: "ftp://user:secret-word@proxy.example:3128"},
		"a path":                {Proxy: "http://user:secret-word@proxy.example:3128/x"},
		"a broken URL":          {Proxy: "http://user:secret-word@[proxy:3128"},
		"an exception":          {NoProxy: []string{"*.example.com"}},
		"a pattern of TLS":      {TLS: map[string]egress.TLS{"example.com": {}}},
		"TLS without TLS":       {TLS: map[string]egress.TLS{"http://example.com": {}}},
		"a version of the past": {TLS: map[string]egress.TLS{"*": {MinVersion: tls.VersionTLS11}}},
		"a spelling":            {TLS: map[string]egress.TLS{"https://EXAMPLE.com": {}}},
	} {
		err := config.Check()
		refused(t, err, sdk.Internal, "egress.Config.")
		if err != nil && strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%s: %q tells the password", name, err)
		}
		config.Allow = loopback
		if _, _, err := get(t, t.Context(), newGuard(t, config), origin); err == nil {
			t.Errorf("%s: a request was sent", name)
		}
	}
}
