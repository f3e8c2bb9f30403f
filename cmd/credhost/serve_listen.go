// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/crypto/acme/autocert"

	"github.com/credhost/credhost/internal/front"
)

// A role says what a listener is for.
type role string

const (
	wholeFront role = "API, proxy and page"
	proxyAlone role = "proxy"
	redirects  role = "sends browsers to https"
	measuring  role = "metrics"
)

// A listening is a listener, and what it is for.
type listening struct {
	net.Listener
	role   role
	secure bool
}

// text says where it listens, and what for.
func (l listening) text() string {
	at := front.URL(l.Listener, l.secure)
	if at == "" {
		at = "unix:" + l.Addr().String()
	}
	return at + ", " + string(l.role)
}

// listen listens wherever the settings say, if it is safe to.
func (s *server) listen(ctx context.Context) (err error) {
	p := s.p
	if err := p.checkTLS(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			s.closeListeners()
		}
	}()
	for _, each := range []struct {
		at     list
		role   role
		secure bool
	}{{p.listen, wholeFront, p.encrypts()}, {p.proxyListen, proxyAlone, p.encrypts()}, {p.redirectListen, redirects, false}, {p.metricsListen, measuring, false}} {
		for _, text := range each.at {
			if err := s.listenAt(text, each.role, each.secure); err != nil {
				return err
			}
		}
	}
	if s.origin, err = p.pageOrigin(s.listening); err != nil {
		return err
	}
	s.warn()
	return nil
}

// listenAt listens at one address.
func (s *server) listenAt(text string, r role, secure bool) error {
	at, err := front.ParseAddress(text)
	if err != nil {
		return &failure{code: codeUsage, text: err.Error(), next: "see credhost help settings"}
	}
	all, err := front.Listen(at)
	if err != nil {
		return setup(err, "choose another address with --listen, or end what listens there")
	}
	for _, l := range all {
		one := listening{l, r, secure && l.Addr().Network() != "unix"}
		s.listening = append(s.listening, one)
		if (r == wholeFront || r == proxyAlone) && !one.secure && !front.Local(l) && !s.p.insecureListen && !s.p.behindProxy {
			return &failure{code: codeUsage,
				text: fmt.Sprintf("%s can be reached from other machines, and keys and answers would be read on the way", l.Addr()),
				next: "give it a certificate (--tls-cert and --tls-key, or --acme-domain); or say --behind-proxy if a reverse proxy in front of it has one"}
		}
	}
	return nil
}

// warn says loudly what weakens the front.
func (s *server) warn() {
	p := s.p
	if p.quiet {
		return
	}
	if p.insecureListen {
		p.note("warning: --insecure-listen lets keys and answers pass other machines in the clear")
	}
	if p.behindProxy && !p.encrypts() {
		p.note("warning: --behind-proxy: keys and answers pass in the clear between the reverse proxy and this machine; let nobody else reach it")
	}
	for _, t := range p.trustedProxy {
		if t.Bits() == 0 {
			p.note("warning: --trusted-proxy %s takes everybody's word for where they call from", t)
		}
	}
}

func (s *server) closeListeners() {
	for _, l := range s.listening {
		l.Close()
	}
}

// encrypts reports whether there is TLS.
func (s *settings) encrypts() bool { return s.tlsCert != "" || len(s.acmeDomain) > 0 }

// checkTLS refuses settings of TLS that contradict each other.
func (s *settings) checkTLS() error {
	wrong := func(text, next string) error { return &failure{code: codeUsage, text: text, next: next} }
	switch {
	case (s.tlsCert == "") != (s.tlsKey == ""):
		return wrong("--tls-cert and --tls-key go together", "give both")
	case s.tlsCert != "" && len(s.acmeDomain) > 0:
		return wrong("--tls-cert and --acme-domain both say which certificate to show", "leave one of them out")
	case s.tlsClientCA != "" && !s.encrypts():
		return wrong("--tls-client-ca asks callers for certificates, and there is no TLS", "give --tls-cert and --tls-key, or --acme-domain")
	case len(s.redirectListen) > 0 && !s.encrypts() && !strings.HasPrefix(s.publicURL, "https://"):
		return wrong("--redirect-listen sends browsers to https, and there is none", "give --tls-cert and --tls-key, --acme-domain, or a --public-url that begins with https://")
	}
	if err := (front.ACME{Domains: s.acmeDomain}).Check(); err != nil {
		return wrong("--acme-domain: "+err.Error(), "")
	}
	return nil
}

// pageOrigin returns the origin by which people reach the page.
func (s *settings) pageOrigin(all []listening) (string, error) {
	if s.publicURL != "" {
		u, err := url.Parse(s.publicURL)
		if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			return "", &failure{code: codeUsage, text: "--public-url must be a scheme, a host and a port, such as https://credhost.example.com"}
		}
		return u.Scheme + "://" + strings.ToLower(u.Host), nil
	}
	for _, l := range all {
		if l.role != wholeFront {
			continue
		}
		at := front.URL(l.Listener, l.secure)
		if at != "" && len(s.acmeDomain) > 0 {
			port := at[strings.LastIndex(at, ":"):]
			return "https://" + s.acmeDomain[0] + strings.TrimSuffix(port, ":443"), nil
		}
		if at != "" {
			return strings.TrimSuffix(at, ":443"), nil
		}
	}
	return "http://localhost", nil // Unix sockets alone: people come another way, or not at all
}

// names are the hosts by which the server may be called, with their ports for
// those who compare them.
func (s *server) names(of *settings) (names front.Names, withPorts []string) {
	u, _ := url.Parse(s.origin) // it was parsed before
	all := append([]string{u.Host}, of.hosts...)
	all = append(all, of.acmeDomain...)
	withPorts = append(withPorts, all...)
	for _, l := range s.listening {
		at, ok := l.Addr().(*net.TCPAddr)
		if !ok || l.role != wholeFront {
			continue
		}
		port := strconv.Itoa(at.Port)
		for _, h := range all {
			if _, _, err := net.SplitHostPort(h); err != nil {
				withPorts = append(withPorts, net.JoinHostPort(strings.Trim(h, "[]"), port))
			}
		}
		ip, _ := netip.AddrFromSlice(at.IP)
		withPorts = append(withPorts, net.JoinHostPort(ip.Unmap().String(), port))
		if at.IP.IsLoopback() || at.IP.IsUnspecified() {
			for _, local := range []string{"localhost", "127.0.0.1", "::1"} {
				withPorts = append(withPorts, net.JoinHostPort(local, port))
			}
		}
	}
	return front.NewNames(all...), withPorts
}

// serveAll begins to serve on all listeners.
func (s *server) serveAll() {
	rules := func() front.Rules { return *s.inside.rules.Load() }
	whole := s.front.Receive(rules, s.telemetry.Measure(route, s.inside))
	alone := s.front.Receive(rules, s.telemetry.Measure(route, s.inside.proxyAlone()))
	for _, l := range s.listening {
		handler, config := whole, s.secure
		switch l.role {
		case proxyAlone:
			handler = alone
		case redirects:
			handler = front.Redirect(s.origin)
			if s.obtaining != nil {
				handler = s.obtaining.HTTPHandler(handler)
			}
		case measuring:
			handler = s.measured()
		}
		if !l.secure {
			config = nil
		}
		s.front.Serve(l, config, handler)
	}
}

// tls returns how TLS is spoken, if it is, and who obtains certificates, if
// somebody does.
func (s *server) tls() (*tls.Config, *autocert.Manager, error) {
	p := s.p
	if !p.encrypts() {
		return nil, nil, nil
	}
	var err error
	if s.files, err = front.ReadCertificates(p.tlsCert, p.tlsKey, p.tlsClientCA); err != nil {
		return nil, nil, setup(err, "check --tls-cert, --tls-key and --tls-client-ca, and let this user read the files")
	}
	if len(p.acmeDomain) == 0 {
		return s.files.TLS(nil), nil, nil
	}
	m, err := front.ACME{Domains: p.acmeDomain, Email: p.acmeEmail, Directory: p.acmeDirectory,
		Authorities: p.acmeAuthorities, Cache: filepath.Join(p.data, "acme")}.Manager()
	if err != nil {
		return nil, nil, setup(err, "check --acme-ca and the data folder")
	}
	return s.files.TLS(m.GetCertificate), m, nil
}

// measured answers those who look after the server: Prometheus, and whoever
// asks whether it lives and is ready.
func (s *server) measured() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.telemetry.Handler())
	for path, to := range map[string]string{"GET /livez": "/v1/health", "GET /readyz": "/v1/ready"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			r = r.Clone(r.Context())
			r.URL.Path, r.URL.RawPath, r.URL.RawQuery, r.RequestURI, r.Pattern = to, "", "", to, ""
			s.inside.ServeHTTP(w, r)
		})
	}
	return mux
}

var errNoPage = errors.New("the page is served over https, or to this machine alone")
