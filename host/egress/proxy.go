// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"

	socks "golang.org/x/net/proxy"

	"github.com/credhost/credhost/sdk"
)

// A proxy is the one that an operator has chosen. What is sent to a service
// goes through a tunnel (RFC 9110, section 9.3.6; RFC 1928), http, too: so the
// proxy's credentials are never part of a request to a service.
type proxy struct {
	url   *url.URL
	at    string // host:port
	names bool   // it resolves names, and answers for where they lead
	g     *Guard
}

// parseProxy returns the proxy at a URL, or nil if there is none. The error
// does not quote the URL, which may hold a password.
func parseProxy(text string) (*proxy, error) {
	if text == "" {
		return nil, nil
	}
	u, err := url.Parse(text)
	wrong := errors.New("the proxy must be a URL such as http://proxy.example:3128, with http, https or socks5, a host and a port, and nothing after them (egress.Config.Proxy)")
	if err != nil || u.Opaque != "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || u.Port() == "" || sdk.OriginOf(u) == "" {
		return nil, wrong
	}
	if !slices.Contains([]string{"http", "https", "socks5"}, u.Scheme) {
		return nil, wrong
	}
	return &proxy{url: u, at: u.Host}, nil
}

// dial connects to addr through the proxy. Without the operator's word that the
// proxy looks after names, they are resolved here: each address is checked, and
// the proxy is asked for that address.
func (p *proxy) dial(ctx context.Context, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, p.g.config.DialTimeout)
	defer cancel()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	if err := p.g.addresses.checkHost(host); err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(host); p.names || err == nil {
		return p.connect(ctx, addr)
	}
	addrs, err := p.g.config.resolver().LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var refused, failed error
	for _, a := range addrs {
		to := net.JoinHostPort(a.Unmap().String(), port)
		if err := p.g.addresses.connect(host, to); err != nil {
			refused = fmt.Errorf("%s: %w", a, err)
			continue
		}
		var conn net.Conn
		if conn, failed = p.connect(ctx, to); failed == nil {
			return conn, nil
		}
	}
	if failed != nil { // which says more than that others are refused
		return nil, failed
	}
	return nil, refused
}

// connect asks the proxy to connect to addr, which is checked.
func (p *proxy) connect(ctx context.Context, addr string) (net.Conn, error) {
	if p.url.Scheme == "socks5" {
		return p.socks(ctx, addr)
	}
	conn, err := p.reach(ctx, "tcp", p.at)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(past) })
	tunnel, err := p.tunnel(conn, addr)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return tunnel, nil
}

// maxProxyHead is the most that a proxy may say before the tunnel begins.
const maxProxyHead = 64 << 10

// tunnel asks for a tunnel to addr over conn.
func (p *proxy) tunnel(conn net.Conn, addr string) (net.Conn, error) {
	ask := "CONNECT " + addr + " HTTP/1.1\r\nHost: " + addr + "\r\n"
	if u := p.url.User; u != nil {
		password, _ := u.Password()
		ask += "Proxy-Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password)) + "\r\n"
	}
	if _, err := io.WriteString(conn, ask+"\r\n"); err != nil {
		return nil, p.unreachable(err)
	}
	limited := &io.LimitedReader{R: conn, N: maxProxyHead}
	br := bufio.NewReader(limited)
	resp, err := http.ReadResponse(br, &http.Request{Method: http.MethodConnect})
	switch {
	case err != nil:
		return nil, p.unreachable(err)
	case resp.StatusCode == http.StatusProxyAuthRequired:
		return nil, sdk.Errorf(sdk.Internal, "the proxy does not take its credentials: the operator has to correct them: --proxy (egress.Config.Proxy)")
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return nil, fmt.Errorf("the proxy answers CONNECT with status %d", resp.StatusCode)
	}
	if br.Buffered() == 0 {
		return conn, nil
	}
	early, err := br.Peek(br.Buffered())
	return &begun{Conn: conn, early: early}, err
}

// A begun connection has brought something already.
type begun struct {
	net.Conn
	early []byte
}

// Read reads what has come already, and then the rest.
func (b *begun) Read(p []byte) (int, error) {
	if len(b.early) == 0 {
		return b.Conn.Read(p)
	}
	n := copy(p, b.early)
	b.early = b.early[n:]
	return n, nil
}

// CloseWrite ends one direction, if that can be.
func (b *begun) CloseWrite() error { return closeWrite(b.Conn) }

// reach connects to the proxy itself, wherever the operator says that it is.
func (p *proxy) reach(ctx context.Context, network, addr string) (net.Conn, error) {
	d := p.g.dialer()
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, p.unreachable(err)
	}
	if p.url.Scheme != "https" {
		return conn, nil
	}
	own, err := p.g.tlsFor(sdk.OriginOf(p.url), TLS{})
	if err != nil {
		conn.Close()
		return nil, err
	}
	holder := p.g.configure(&http.Transport{TLSClientConfig: &tls.Config{ServerName: p.url.Hostname()}}, own)
	secure := tls.Client(conn, holder.TLSClientConfig)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, p.unreachable(err)
	}
	return secure, nil
}

// socks asks a SOCKS proxy.
func (p *proxy) socks(ctx context.Context, addr string) (net.Conn, error) {
	var auth *socks.Auth
	if u := p.url.User; u != nil {
		password, _ := u.Password()
		auth = &socks.Auth{User: u.Username(), Password: password}
	}
	d, err := socks.SOCKS5("tcp", p.at, auth, reacher{p})
	if err != nil {
		return nil, p.unreachable(err)
	}
	return d.(socks.ContextDialer).DialContext(ctx, "tcp", addr)
}

// reacher is how the SOCKS client reaches the proxy.
type reacher struct{ p *proxy }

// Dial implements [socks.Dialer]; it is never called, since there is a context.
func (r reacher) Dial(network, addr string) (net.Conn, error) {
	return r.DialContext(context.Background(), network, addr)
}

// DialContext implements [socks.ContextDialer].
func (r reacher) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	return r.p.reach(ctx, network, addr)
}

func (p *proxy) unreachable(err error) error {
	return sdk.Errorf(sdk.Unavailable, "the proxy could not be reached: the operator should look at it: --proxy (egress.Config.Proxy)").Because(err)
}

// spared reports whether addr is connected to without the proxy.
func (g *Guard) spared(addr string) bool {
	for _, scheme := range []string{"https://", "http://", "tcp://"} {
		if sdk.MatchOrigin(g.config.NoProxy, sdk.Origin(scheme+addr)) {
			return true
		}
	}
	return false
}
