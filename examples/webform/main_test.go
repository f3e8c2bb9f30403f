// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
)

// TestPages fills in the form as a browser without script does: gets it wrong,
// gets it right, changes it, and never sees the secret again.
func TestPages(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "credhost-plugin-halopsa")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/credhost/credhost/plugins/halopsa")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	keys, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	h, err := host.Open(t.Context(), host.Config{Plugins: []string{dir}, Dev: true, Store: memstore.New(), Sealer: sealer.New(keys)})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	server := httptest.NewServer(newPages(h))
	defer server.Close()
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar}
	post := func(address string, answers url.Values) (*url.URL, int, string) {
		t.Helper()
		resp, err := client.PostForm(address, answers)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		if strings.Contains(string(body), "CANARY") {
			t.Errorf("the secret is in the page of %s", address)
		}
		return resp.Request.URL, resp.StatusCode, string(body)
	}
	answers := url.Values{"hostingType": {"hostedHalo"}, "authUrl": {"https://acme.halopsa.com/auth"}, "resourceUrl": {"https://acme.halopsa.com/api"},
		"clientId": {"c"}, "clientSecret": {"CANARY"}, "scope": {"all"}}
	if _, status, body := post(server.URL+"/new/halopsa", answers); status != http.StatusUnprocessableEntity || !strings.Contains(body, "is required") {
		t.Fatalf("without a tenant: %d %s", status, body)
	}
	answers.Set("tenant", "acme")
	at, status, body := post(server.URL+"/new/halopsa", answers)
	if status != http.StatusOK || !strings.HasPrefix(at.Path, "/edit/") || !strings.Contains(body, `value="acme"`) {
		t.Fatalf("with a tenant: %d %s %s", status, at, body)
	}
	answers.Del("clientSecret") // as it comes back when nobody touches it
	answers.Set("scope", "read:tickets")
	if _, status, body = post(at.String(), answers); status != http.StatusOK || !strings.Contains(body, `value="read:tickets"`) {
		t.Errorf("changed: %d %s", status, body)
	}
	answers.Set("authUrl", "https://evil.example/auth")
	if _, status, body = post(at.String(), answers); status != http.StatusUnprocessableEntity || !strings.Contains(body, "entered again") {
		t.Errorf("sent elsewhere: %d %s", status, body)
	}
}
