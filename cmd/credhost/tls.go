// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/egress"
)

// A tlsFile is the flag of a file that says how TLS is spoken, by origin.
type tlsFile map[string]egress.TLS

// tlsEntry is what the file says of one origin, or of those of a pattern. Names
// of files are relative to it.
type tlsEntry struct {
	CA          string `json:"ca"`
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	MinVersion  string `json:"minVersion"`
	SkipVerify  bool   `json:"skipVerify"`
}

// String returns the origins.
func (t *tlsFile) String() string { return strings.Join(slices.Sorted(maps.Keys(*t)), ",") }

// Set reads a file.
func (t *tlsFile) Set(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var all map[string]tlsEntry
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&all); err != nil {
		return fmt.Errorf("%s must hold an object of origins: %w", path, err)
	}
	if *t == nil {
		*t = tlsFile{}
	}
	for origin, e := range all {
		if (*t)[origin], err = e.read(filepath.Dir(path)); err != nil {
			return fmt.Errorf("%s, %s: %w", path, origin, err)
		}
	}
	return egress.Config{TLS: *t}.Check()
}

// Type is what help calls a value.
func (t *tlsFile) Type() string { return "FILE" }

// read reads the files of an entry.
func (e tlsEntry) read(dir string) (t egress.TLS, err error) {
	t.SkipVerify = e.SkipVerify
	in := func(name string) string {
		if filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(dir, name)
	}
	if e.CA != "" {
		text, err := os.ReadFile(in(e.CA))
		if err != nil {
			return t, err
		}
		if t.Authorities, err = authorities(text); err != nil {
			return t, fmt.Errorf("%s: %w", e.CA, err)
		}
	}
	if e.Certificate != "" || e.Key != "" {
		pair, err := tls.LoadX509KeyPair(in(e.Certificate), in(e.Key))
		if err != nil {
			return t, err
		}
		t.Certificate = &pair
	}
	switch e.MinVersion {
	case "", "1.2":
	case "1.3":
		t.MinVersion = tls.VersionTLS13
	default:
		return t, errors.New(`"minVersion" must be "1.2" or "1.3"`)
	}
	return t, nil
}

// authorities returns the certificates in a PEM file.
func authorities(text []byte) (all []*x509.Certificate, err error) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	if all == nil {
		return nil, errors.New("there is no certificate in it")
	}
	return all, nil
}

// A securing is how a command line says how TLS is spoken for a credential.
type securing struct {
	ca, cert, key string
	skip, verify  bool
}

func (s *securing) flags(c *cobra.Command, edit bool) {
	clears := ""
	if edit {
		clears = "; an empty name clears"
	}
	f := c.Flags()
	f.StringVar(&s.ca, "ca", "", "PEM `file` of authorities that are trusted besides the system's"+clears)
	f.StringVar(&s.cert, "client-cert", "", "PEM `file` of the certificate that is shown to the service"+clears)
	f.StringVar(&s.key, "client-key", "", "PEM `file` of its private key"+clears)
	f.BoolVar(&s.skip, "skip-verify", false, "take any certificate of the service: whoever is on the way reads everything")
	if edit {
		f.BoolVar(&s.verify, "verify", false, "verify the service's certificate again")
	}
}

// patch returns what the flags change; nil: nothing.
func (s *securing) patch(c *cobra.Command) (*host.TLSPatch, error) {
	p := &host.TLSPatch{}
	for _, f := range []struct {
		flag, path string
		to         **string
	}{{"ca", s.ca, &p.CA}, {"client-cert", s.cert, &p.Certificate}, {"client-key", s.key, &p.Key}} {
		if !c.Flags().Changed(f.flag) {
			continue
		}
		text := ""
		if f.path != "" {
			data, err := os.ReadFile(f.path)
			if err != nil {
				return nil, &failure{code: codeUsage, text: fmt.Sprintf("--%s: %v", f.flag, err)}
			}
			text = string(data)
		}
		*f.to = &text
	}
	switch {
	case s.skip && s.verify:
		return nil, usage(c, "--skip-verify and --verify say the opposite of each other")
	case s.skip:
		p.SkipVerify = &s.skip
	case s.verify:
		no := false
		p.SkipVerify = &no
	}
	if *p == (host.TLSPatch{}) {
		return nil, nil
	}
	return p, nil
}

// settings returns what the flags set, for a new credential.
func (s *securing) settings(c *cobra.Command) (t host.TLS, err error) {
	p, err := s.patch(c)
	if err != nil || p == nil {
		return t, err
	}
	for _, one := range []struct{ to, from *string }{{&t.CA, p.CA}, {&t.Certificate, p.Certificate}, {&t.Key, p.Key}} {
		if one.from != nil {
			*one.to = *one.from
		}
	}
	t.SkipVerify = s.skip
	return t, nil
}

// describeTLS returns the lines of show about how TLS is spoken.
func describeTLS(v *host.TLSView) [][2]string {
	if v == nil {
		return nil
	}
	var lines [][2]string
	for _, ca := range v.CA {
		lines = append(lines, [2]string{"trusts", certificateText(ca)})
	}
	if v.Certificate != nil {
		lines = append(lines, [2]string{"client certificate", certificateText(*v.Certificate)})
	}
	if v.SkipVerify {
		lines = append(lines, [2]string{"not verified", "whoever answers is taken for the service; credhost edit --verify ends that"})
	}
	return lines
}

func certificateText(c host.CertificateView) string {
	return fmt.Sprintf("%s, until %s, SHA-256 %s", c.Subject, c.Expiry.Format("2006-01-02"), c.Fingerprint)
}

// tlsText says how an operator has TLS spoken with an origin.
func tlsText(origin string, t egress.TLS) string {
	var parts []string
	for _, a := range t.Authorities {
		parts = append(parts, "trusts "+a.Subject.String())
	}
	if t.Certificate != nil && t.Certificate.Leaf != nil {
		parts = append(parts, "shows the certificate of "+t.Certificate.Leaf.Subject.String()+", until "+t.Certificate.Leaf.NotAfter.Format("2006-01-02"))
	}
	if t.MinVersion == tls.VersionTLS13 {
		parts = append(parts, "TLS 1.3 at least")
	}
	if t.SkipVerify {
		parts = append(parts, "NOT VERIFIED: whoever answers is taken for it")
	}
	return origin + ": " + strings.Join(parts, ", ")
}
