// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/internal/front"
)

func (p *program) healthCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "health",
		GroupID: "program",
		Short:   "ask the server on this machine whether it is ready",
		Long: `Ask the "credhost serve" on this machine, which has the same settings, whether it
is ready: at its first address for metrics, if it has one, or else at its first
address. It is for what looks after servers, such as a HEALTHCHECK of Docker.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := p.askReady(c.Context()); err != nil {
				return &failure{code: codeUnavailable, text: err.Error(), next: "look at its log"}
			}
			return p.print(map[string]bool{"ready": true}, func(w io.Writer) { fmt.Fprintln(w, "ready") })
		},
	}
	p.servingFlags(c)
	return c
}

// askReady asks whether the server is ready.
func (p *program) askReady(ctx context.Context) error {
	text, path, scheme := p.listen[0], "/v1/ready", "http"
	if p.encrypts() {
		scheme = "https"
	}
	if len(p.metricsListen) > 0 {
		text, path, scheme = p.metricsListen[0], "/readyz", "http"
	}
	at, err := front.ParseAddress(text)
	if err != nil {
		return err
	}
	if at.Network == "systemd" {
		return fmt.Errorf("the address of the socket %s is systemd's: give serve a --metrics-listen, and ask there", at.Place)
	}
	if at.Network == "unix" {
		scheme = "http"
	}
	// Nothing secret is sent, and an answer of somebody else would only say that
	// something listens there.
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, at.Network, here(at))
		}}
	defer tr.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://localhost"+path, nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: tr, Timeout: 5 * time.Second}).Do(r)
	if err != nil {
		return fmt.Errorf("nobody answers at %s", text)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server at %s is not ready: it answers %s", text, resp.Status)
	}
	return nil
}

// here is how this machine reaches an address on which a server listens.
func here(a front.Address) string {
	if a.Network != "tcp" {
		return a.Place
	}
	name, port, _ := net.SplitHostPort(a.Place) // it was parsed before
	if ip := net.ParseIP(name); name == "" || ip != nil && ip.IsUnspecified() {
		name = "localhost"
	}
	return net.JoinHostPort(name, port)
}

// expectedOrigin returns the origin by which people reach the page of a server
// with these settings, though none may be running.
func (s *settings) expectedOrigin() (string, error) {
	if s.publicURL != "" {
		return s.pageOrigin(nil)
	}
	for _, text := range s.listen {
		at, err := front.ParseAddress(text)
		if err != nil {
			return "", &failure{code: codeUsage, text: err.Error(), next: "see credhost help settings"}
		}
		if at.Network != "tcp" {
			continue
		}
		name, port, _ := net.SplitHostPort(at.Place)
		scheme := "http"
		if s.encrypts() {
			scheme = "https"
		}
		if ip := net.ParseIP(name); name == "" || ip != nil && ip.IsUnspecified() {
			name = "127.0.0.1"
		}
		if len(s.acmeDomain) > 0 {
			name = s.acmeDomain[0]
		}
		if scheme == "https" && port == "443" {
			return "https://" + name, nil
		}
		return scheme + "://" + net.JoinHostPort(name, port), nil
	}
	return "", &failure{code: codeUsage, text: "it is not known by which address people reach the page", next: "say it with --public-url"}
}
