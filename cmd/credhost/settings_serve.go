// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/credhost/credhost/host/proxy"
)

// serving are the settings of serve.
type serving struct {
	listen, proxyListen, redirectListen, metricsListen list
	publicURL                                          string
	hosts                                              list
	insecureListen, behindProxy                        bool
	trustedProxy                                       prefixes
	webhookAllow                                       prefixes
	forwarded                                          bool
	corsOrigin                                         list
	noSigninLink, noAccessLog                          bool

	tlsCert, tlsKey, tlsClientCA              string
	acmeDomain                                list
	acmeEmail, acmeDirectory, acmeAuthorities string

	shutdownLimit, drainDelay time.Duration

	sessionLife, sessionIdle             span
	rateKey, rateWorkspace, rateFailures float64
	proxyLimits                          proxy.Limits

	traces  string
	release pairs
	returns routes
}

var settingsOfServe = []setting{
	{name: "listen", serving: true, separator: ",", preset: "127.0.0.1:8686", define: value(func(s *settings) pflag.Value { return &s.listen }),
		help: "`address` of the API, the proxy and the page: HOST:PORT, unix:/path or systemd:NAME, again for more"},
	{name: "proxy-listen", serving: true, separator: ",", define: value(func(s *settings) pflag.Value { return &s.proxyListen }),
		help: "`address` of the proxy alone, again for more"},
	{name: "redirect-listen", serving: true, separator: ",", define: value(func(s *settings) pflag.Value { return &s.redirectListen }),
		help: "`address` from which browsers are sent to https, again for more; it answers the challenges of --acme-domain"},
	{name: "metrics-listen", serving: true, separator: ",", define: value(func(s *settings) pflag.Value { return &s.metricsListen }),
		help: "`address` of /metrics, /livez and /readyz, for whoever reaches it, again for more"},
	{name: "public-url", serving: true, define: text(func(s *settings) *string { return &s.publicURL }), preset: "the first address of --listen",
		help: "`URL` by which people and services reach the page: scheme, host and port"},
	{name: "host", serving: true, separator: ",", define: value(func(s *settings) pflag.Value { return &s.hosts }),
		help: "a `name` by which it may be called besides the public URL's and the addresses that it listens on, again for more"},
	{name: "insecure-listen", serving: true, define: yes(func(s *settings) *bool { return &s.insecureListen }),
		help: "listen beyond this machine without TLS: keys and answers can be read on the way"},
	{name: "behind-proxy", serving: true, define: yes(func(s *settings) *bool { return &s.behindProxy }),
		help: "listen beyond this machine without TLS, because a reverse proxy in front of it has TLS, and nobody else reaches it"},
	{name: "trusted-proxy", serving: true, separator: ",", live: true, define: value(func(s *settings) pflag.Value { return &s.trustedProxy }),
		help: "reverse proxies whose word for a caller's address and a request's ID is taken, a `CIDR`, again for more"},
	{name: "forwarded", serving: true, live: true, define: yes(func(s *settings) *bool { return &s.forwarded }),
		help: "have those proxies say so in Forwarded (RFC 7239), and not in X-Forwarded-For"},
	{name: "cors-origin", serving: true, separator: ",", define: value(func(s *settings) pflag.Value { return &s.corsOrigin }),
		help: "`origin` of a page, such as https://app.example, whose scripts may call the API and the proxy with a key, again for more"},
	{name: "webhook-allow-address", serving: true, separator: ",", define: value(func(s *settings) pflag.Value { return &s.webhookAllow }),
		help: "private or special addresses that webhooks may be sent to, a `CIDR`, again for more; what --allow-address opens to credentials is none"},
	{name: "tls-cert", serving: true, path: true, define: text(func(s *settings) *string { return &s.tlsCert }),
		help: "PEM `file` of the certificate to show, with its chain; read again when it changes"},
	{name: "tls-key", serving: true, path: true, define: text(func(s *settings) *string { return &s.tlsKey }),
		help: "PEM `file` of its private key"},
	{name: "tls-client-ca", serving: true, path: true, define: text(func(s *settings) *string { return &s.tlsClientCA }),
		help: "PEM `file` of authorities: callers must show a certificate of theirs, besides a key"},
	{name: "acme-domain", serving: true, separator: ",", define: value(func(s *settings) pflag.Value { return &s.acmeDomain }),
		help: "`name` for which to obtain certificates by ACME, again for more; using it accepts the terms of the authority"},
	{name: "acme-email", serving: true, define: text(func(s *settings) *string { return &s.acmeEmail }),
		help: "`address` to which the authority may write"},
	{name: "acme-directory", serving: true, preset: "Let's Encrypt", define: text(func(s *settings) *string { return &s.acmeDirectory }),
		help: "`URL` of another authority's directory"},
	{name: "acme-ca", serving: true, path: true, define: text(func(s *settings) *string { return &s.acmeAuthorities }),
		help: "PEM `file` of authorities that are trusted for the directory besides the system's"},
	{name: "oidc", serving: true, live: true, fileOnly: true, help: "where people sign in by OpenID Connect, and who may do what: see below"},
	{name: "session-life", serving: true, live: true, preset: "12h", define: value(func(s *settings) pflag.Value { return &s.sessionLife }),
		help: "`time` after which who has signed in must do so again"},
	{name: "session-idle", serving: true, live: true, preset: "1h", define: value(func(s *settings) pflag.Value { return &s.sessionIdle }),
		help: "`time` after which who does nothing must sign in again"},
	{name: "rate-key", serving: true, live: true, preset: "500", define: number(func(s *settings) *float64 { return &s.rateKey }),
		help: "how many requests a `second` a key may make; -1 for any number"},
	{name: "rate-workspace", serving: true, live: true, preset: "2000", define: number(func(s *settings) *float64 { return &s.rateWorkspace }),
		help: "how many requests a `second` all callers of a workspace may make; -1 for any number"},
	{name: "rate-failures", serving: true, live: true, preset: "0.5", define: number(func(s *settings) *float64 { return &s.rateFailures }),
		help: "how many attempts a `second` with what is no key an address may make; -1 for any number"},
	{name: "proxy-active", serving: true, preset: "4096", define: whole(func(s *settings) *int { return &s.proxyLimits.Active }),
		help: "how many proxied `requests` are worked on at once"},
	{name: "proxy-per-key", serving: true, preset: "a quarter of --proxy-active", define: whole(func(s *settings) *int { return &s.proxyLimits.PerKey }),
		help: "how many of these `requests` may be one key's, and those of keys that were derived of it"},
	{name: "proxy-per-credential", serving: true, preset: "a quarter of --proxy-active", define: whole(func(s *settings) *int { return &s.proxyLimits.PerCredential }),
		help: "how many of these `requests` may be with one credential"},
	{name: "proxy-queue", serving: true, preset: "a quarter of --proxy-active", define: whole(func(s *settings) *int { return &s.proxyLimits.Queue }),
		help: "how many `requests` may wait for their turn; the others are answered with 503 at once"},
	{name: "proxy-wait", serving: true, preset: "100ms", define: lasting(func(s *settings) *time.Duration { return &s.proxyLimits.Wait }),
		help: "`time` for which one waits at most"},
	{name: "proxy-idle", serving: true, preset: "5m", define: lasting(func(s *settings) *time.Duration { return &s.proxyLimits.Idle }),
		help: "`time` for which nothing may come from either end of a proxied request or WebSocket"},
	{name: "proxy-body-idle", serving: true, preset: "30s", define: lasting(func(s *settings) *time.Duration { return &s.proxyLimits.BodyIdle }),
		help: "`time` for which a caller may let the next part of a request's body be waited for"},
	{name: "proxy-repeat", serving: true, preset: "65536", define: whole(func(s *settings) *int { return &s.proxyLimits.Repeat }),
		help: "how many `bytes` of a request's body are remembered, to send it once more if the service refuses the grant; -1 for none"},
	{name: "proxy-recheck", serving: true, preset: "15s", define: lasting(func(s *settings) *time.Duration { return &s.proxyLimits.Recheck }),
		help: "`time` after which it is looked again whether the key of a long request, or its credential, has ended"},
	{name: "release", serving: true, separator: ",", live: true, define: value(func(s *settings) pflag.Value { return &s.release }),
		help: "a `WORKSPACE/TYPE` whose credentials may be handed out to keys with the scope release, again for more"},
	{name: "return", serving: true, separator: ",", define: value(func(s *settings) pflag.Value { return &s.returns }),
		help: "`NAME=URL` to which people may be sent when they have connected, again for more"},
	{name: "traces", serving: true, preset: "as OTEL_EXPORTER_OTLP_ENDPOINT says", define: text(func(s *settings) *string { return &s.traces }),
		help: "`URL` of an OTLP collector to send traces to"},
	{name: "no-access-log", serving: true, live: true, define: yes(func(s *settings) *bool { return &s.noAccessLog }),
		help: "do not log each request"},
	{name: "no-signin-link", serving: true, define: yes(func(s *settings) *bool { return &s.noSigninLink }),
		help: "print no link to sign in with at the start"},
	{name: "drain-delay", serving: true, preset: "0s", define: lasting(func(s *settings) *time.Duration { return &s.drainDelay }),
		help: "`time` to go on serving, not ready any more, before the end: for load balancers to notice"},
	{name: "shutdown-limit", serving: true, preset: "30s", define: lasting(func(s *settings) *time.Duration { return &s.shutdownLimit }),
		help: "`time` that requests have to finish in at the end"},
}

// servingFlags gives a command the flags of serve.
func (s *settings) servingFlags(c *cobra.Command) { s.bind(c.Flags(), true) }

// DefaultListen is where serve listens if nobody says.
const defaultListen = "127.0.0.1:8686"

// completeServing fills in the defaults of serve.
func (s *settings) completeServing() {
	if len(s.listen) == 0 {
		s.listen = list{defaultListen}
	}
	if s.from["shutdown-limit"] == "" {
		s.shutdownLimit = 30 * time.Second
	}
}
