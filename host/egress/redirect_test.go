// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// A service that sends a plugin's client elsewhere, with what it carries, gets
// it nowhere: to another host, to a host below, to another port, or to the same
// without TLS. Net/http alone would follow, and carry custom headers anywhere.
func TestRedirectsLeadNowhere(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var stolen []string
	thief := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		stolen = append(stolen, r.Header.Get("X-Api-Key")+string(body))
		io.WriteString(w, "thank you")
	}
	plain := serve(t, thief)
	secure, _ := serveTLS(t, thief, func(s *httptest.Server) { s.TLS = new(tls.Config) })
	service, roots := serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusFound
		if r.Method == http.MethodPost {
			status = http.StatusTemporaryRedirect // which carries the body along
		}
		http.Redirect(w, r, r.URL.Query().Get("to"), status)
	}, nil)
	config := egress.Config{RootCAs: roots, Routes: map[string]string{
		"https://example.com": service, "https://evil.example.com": secure, "https://example.com:8443": secure, "https://example.net": secure,
		"http://example.com": plain, "http://evil.test": plain,
	}}
	try := func(method, to string, off ...defence.Defence) error {
		w := newWay(t, egress.NewWithContext(defence.Without(t.Context(), off...), config))
		_, end := w.call(call1, "https://example.com")
		defer end()
		client := w.client(call1)
		client.CheckRedirect = nil // as most have it
		r, err := http.NewRequestWithContext(t.Context(), method, "https://example.com/?to="+to, strings.NewReader(map[string]string{"POST": "secret-body"}[method]))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Api-Key", "secret-key")
		resp, err := client.Do(r)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	for _, to := range []string{
		"https://example.net/", "https://evil.example.com/", "https://example.com:8443/", "http://example.com/", "http://evil.test/",
		"//example.net/", "https://example.com@evil.example.com/", "/\\example.net/", "https:/\\example.net/",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if err := try(method, to); err != nil && strings.Contains(err.Error(), "not an origin") {
				refused(t, err, sdk.Invalid, "is not an origin of this credential")
			}
		}
	}
	mu.Lock()
	if len(stolen) > 0 {
		t.Errorf("what was carried along: %q", stolen)
	}
	mu.Unlock()
	try(http.MethodPost, "http://example.com/", defence.Destinations)
	try(http.MethodGet, "https://evil.example.com/", defence.Destinations, defence.Verified)
	mu.Lock()
	defer mu.Unlock()
	if len(stolen) != 2 || stolen[0] != "secret-keysecret-body" || stolen[1] != "secret-key" {
		t.Errorf("without the defence the thieves got %q: this test proves nothing", stolen)
	}
}
