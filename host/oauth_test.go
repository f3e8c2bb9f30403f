// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk"
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

// A request that was pushed is approved like any other; its grant is renewed,
// and revoked with proof.
func TestPushedApproval(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("pushed", nil)
	flow := h.begin(id)
	if strings.Contains(flow.URL, "state=") || !strings.Contains(flow.URL, "request_uri=urn") {
		t.Errorf("the person is sent to %s", flow.URL)
	}
	if _, err := h.finish(flow, "anna"); err != nil {
		t.Fatal(err)
	}
	h.works(id)
	h.clock.Advance(2 * time.Hour)
	h.works(id)
	if r, err := h.Revoke(t.Context(), id); err != nil || !r.Told || r.Grant != host.FateDead {
		t.Errorf("Revoke = %+v, %v", r, err)
	}
	_, err := h.Client(id).Get("https://pushed.example/me")
	refused(t, err, sdk.Denied, "")
}

// A plugin that finds that a service has not revoked what it said it has tells
// so, through the host.
func TestRevocationThatIsNone(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("pushed", nil)
	h.connect(id)
	h.works(id)
	h.services.Pushed.IgnoreRevocation()
	r, err := h.Revoke(t.Context(), id)
	refused(t, err, sdk.Unavailable, "")
	if !r.Kept {
		t.Errorf("Revoke = %+v: what is needed to try again is gone", r)
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
// to the credential's certificate (RFC 8705), and the host's client uses it.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	h := open(t, mutual(t))
	for _, method := range []oauth.Auth{oauth.AuthTLS, oauth.AuthSelfSignedTLS} {
		id, err := h.Create(t.Context(), "clients", testplugin.ClientsAnswers(method))
		if err != nil {
			t.Fatal(err)
		}
		h.works(id)
		if got := h.get(id, testplugin.ClientsOrigin+"/me"); got != http.StatusOK {
			t.Errorf("the host's own client: status %d", got)
		}
	}
}

// A certificate that the service does not know, or none, is refused in words
// that say so; one that is not the key's never gets that far.
func TestClientCertificateIsRefused(t *testing.T) {
	t.Parallel()
	h := open(t, mutual(t))
	foreign := testplugin.ClientsForeign()
	stranger := testplugin.ClientsAnswers(oauth.AuthTLS)
	stranger["certificate"], stranger["certificateKey"] = foreign["certificate"], foreign["certificateKey"]
	for want, answers := range map[string]sdk.Values{
		"does not take the client certificate": stranger,
		"wants a client certificate":           testplugin.ClientsAnswers(oauth.AuthPost),
	} {
		id, err := h.Create(t.Context(), "clients", answers)
		if err != nil {
			t.Fatal(err)
		}
		v, err := h.Test(t.Context(), id)
		if err != nil || v.Outcome != host.Wrong || !strings.Contains(v.Message, want) {
			t.Errorf("Test = %+v, %v; want %q", v, err, want)
		}
	}
	mixed := testplugin.ClientsAnswers(oauth.AuthTLS)
	mixed["certificateKey"] = foreign["certificateKey"]
	_, err := h.Create(t.Context(), "clients", mixed)
	refused(t, err, sdk.Invalid, "certificateKey")
}
