// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/ground"
	"github.com/credhost/credhost/internal/standin"
	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/internal/tools"
	"github.com/credhost/credhost/sdk"
)

var need = tools.Need{Name: "FORMS", Untested: "the page is not tried in a browser"}

// needBrowser returns the browser, and the folder with what drives it, which the
// tests of forms have.
func needBrowser(t *testing.T) (chromium, driver string) {
	t.Helper()
	driver, err := filepath.Abs("../../internal/formtest/node")
	if err != nil {
		t.Fatal(err)
	}
	need.Node(t)
	need.Packages(t, "../../internal/formtest/node")
	return need.Chromium(t), driver
}

// drive runs people in Chromium, who are in a file of testdata/browser.
func (h *house) drive(t *testing.T, world map[string]string, files ...string) {
	t.Helper()
	chromium, driver := needBrowser(t)
	text, err := json.Marshal(world)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "world.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{"--test"}, files...)...)
	cmd.Dir, cmd.WaitDelay = "testdata/browser", 5*time.Second
	cmd.Env = append(os.Environ(), "WEB_TOOLS="+driver, "WEB_CHROMIUM="+chromium, "WEB_WORLD="+path, "WEB_SHOTS="+os.Getenv("CREDHOST_WEB_SHOTS"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// What people do, from signing in to deleting, they can do; and every page is for
// everybody: whoever sees it, hears it, or has a small screen.
func TestJourneys(t *testing.T) {
	t.Parallel()
	needBrowser(t)
	h, _ := special(t, allTypes...)
	world := h.world()
	h.furnish(world)
	h.drive(t, world, "all.test.mjs")
}

// furnish makes credentials in every state that pages show.
func (h *house) furnish(world map[string]string) {
	h.t.Helper()
	ws := h.Host.Workspace(ground.Workspace)
	add := func(name string, n host.New, test bool) {
		id, err := ws.Add(h.t.Context(), n)
		if err != nil {
			h.t.Fatal(err)
		}
		if test {
			if _, err := ws.Test(h.t.Context(), id); err != nil {
				h.t.Fatal(err)
			}
		}
		world[name] = id
	}
	wrong := h.Values("halopsa")
	wrong["tenant"] = "elsewhere"
	ends := h.Host.Now().Add(72 * time.Hour).UTC().Format(time.RFC3339)
	add("works", host.New{Type: "hellocloud", Name: "CRM of the branch in São Paulo", Values: h.Values("hellocloud")}, true)
	add("wrong", host.New{Type: "halopsa", Name: "Helpdesk", Values: wrong}, true)
	add("unconnected", host.New{Type: "faxplus", Name: "Faxes of the accounting department, with a name that is longer than anybody would wish for and has no end",
		Values: sdk.Values{"authMethod": "oauth2", "clientId": standin.FaxPlusClientID, "clientSecret": standin.FaxPlusClientSecret}}, false)
	add("ending", host.New{Type: "faxplus", Name: "Faxes", Values: sdk.Values{"personalAccessToken": standin.FaxPlusToken, "patExpiresAt": ends}}, true)
	add("untested", host.New{Type: "acme", Values: h.Values("acme")}, false)
	add("secured", host.New{Type: "acme", Name: "Acme on our own premises", Values: h.Values("acme"), TLS: host.TLS{CA: certificateOf("Example Company Root")}}, false)
	app, err := ws.Applications().Create(h.t.Context(), host.New{Type: "homed", Name: "Our company at Homed", Values: testplugin.Answers("homed")})
	if err != nil {
		h.t.Fatal(err)
	}
	world["application"] = app
	if _, err := h.Host.Applications().Create(h.t.Context(), host.New{Type: "homed", Name: "Everybody's", Values: testplugin.Answers("homed")}); err != nil {
		h.t.Fatal(err)
	}
}

// certificateOf returns the certificate, in PEM, of an authority with this name.
func certificateOf(name string) string {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Organization: []string{"Example"}}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(nil, c, c, key.Public(), key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}
