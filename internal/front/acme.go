// SPDX-License-Identifier: Apache-2.0

package front

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// ACME says how certificates are obtained (RFC 8555).
type ACME struct {
	Domains     []string // for which; for no others
	Email       string   // to which the authority may write; may be empty
	Directory   string   // of the authority; empty: Let's Encrypt's
	Authorities string   // a PEM file of who is trusted for the directory besides the system's; may be empty
	Cache       string   // a folder, made if need be, that keeps account, keys and certificates: for this user alone
}

// Manager returns who obtains the certificates, renews them a month before they
// end, and answers the authority's challenges: over TLS (RFC 8737), and through
// its HTTPHandler.
func (a ACME) Manager() (*autocert.Manager, error) {
	if err := os.MkdirAll(a.Cache, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chmod(a.Cache, 0o700); err != nil {
		return nil, err
	}
	client := &acme.Client{DirectoryURL: a.Directory, UserAgent: "credhost", HTTPClient: &http.Client{Timeout: time.Minute}}
	if a.Authorities != "" {
		text, err := os.ReadFile(a.Authorities)
		if err != nil {
			return nil, err
		}
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		if !roots.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s holds no certificate", a.Authorities)
		}
		client.HTTPClient.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment,
			TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	}
	return &autocert.Manager{Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(a.Cache), Email: a.Email,
		HostPolicy: autocert.HostWhitelist(a.Domains...), Client: client}, nil
}

// Check reports what is wrong.
func (a ACME) Check() error {
	for _, d := range a.Domains {
		if hostname(d) != d {
			return errors.New("a domain of ACME is a name in lower case, without a port")
		}
	}
	return nil
}

// Redirect sends whoever asks to the same page of base, "https://host:port".
// Only reading is sent on: what else came in the clear is refused, and its
// caller learns that it was.
func Redirect(base string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead || Proxied(r) || r.URL.Path == "*" {
			Refuse(w, r, http.StatusForbidden, "invalid", "this is not encrypted, and what was sent may have been read: end the key that was shown, and use "+base)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, base+r.URL.RequestURI(), http.StatusPermanentRedirect)
	})
}
