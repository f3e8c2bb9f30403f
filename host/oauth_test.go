// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk/oauth"
)

// works fails unless a credential's test says that it works.
func (h *house) works(id string) {
	h.t.Helper()
	if v, err := h.Test(h.t.Context(), id); err != nil || v.Outcome != host.Works {
		h.t.Errorf("Test = %+v, %v; want works", v, err)
	}
}

// A plugin in a process of its own obtains tokens in every way that package
// oauth knows, and the host's client uses them.
func TestTokensOfEveryKind(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	credentials := map[string]string{}
	for _, method := range testplugin.ClientsMethods() {
		if method == oauth.AuthTLS || method == oauth.AuthSelfSignedTLS {
			continue // see TestClientCertificate
		}
		id, err := h.Create(t.Context(), "clients", testplugin.ClientsAnswers(method))
		if err != nil {
			t.Fatal(err)
		}
		credentials[string(method)] = id
	}
	for _, typ := range []string{"account", "exchanged"} {
		credentials[typ] = h.create(typ, nil)
	}
	for name, id := range credentials {
		h.works(id)
		c, err := h.Show(t.Context(), id)
		if err != nil || c.Expiry == nil || len(c.Origins.Grant) != 1 {
			t.Fatalf("%s: Show = %+v, %v", name, c, err)
		}
		if got := h.get(id, c.Origins.Grant[0]+"/me"); got != http.StatusOK {
			t.Errorf("%s: status %d", name, got)
		}
	}
}

// mutual makes the service of clients demand the good certificate of whoever
// connects, before it looks at any request.
func mutual(t *testing.T) func(*host.Config) {
	return func(cfg *host.Config) {
		server := httptest.NewUnstartedServer(testplugin.NewClientsStandin())
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.EnableHTTP2 = true
		server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
		server.TLS.ClientCAs.AddCert(testplugin.ClientsAuthority())
		server.StartTLS()
		t.Cleanup(server.Close)
		cfg.Egress.Routes[testplugin.ClientsOrigin] = server.URL
		cfg.Egress.RootCAs = x509.NewCertPool()
		cfg.Egress.RootCAs.AddCert(server.Certificate())
	}
}

// A plugin, which has no TLS of its own, obtains and uses a token that is bound
// to the credential's certificate (RFC 8705).
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	h := open(t, mutual(t))
	for _, method := range []oauth.Auth{oauth.AuthTLS, oauth.AuthSelfSignedTLS} {
		id, err := h.Create(t.Context(), "clients", testplugin.ClientsAnswers(method))
		if err != nil {
			t.Fatal(err)
		}
		h.works(id)
	}
}
