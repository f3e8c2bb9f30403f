// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"strings"
)

// A ClientCertificate names the answers with which a host proves on its TLS
// connections who the client is: to obtain a grant and to use it, since a token
// may be bound to the certificate (RFC 8705). A plugin has no TLS of its own,
// so it has nothing to do for it.
//
// Both fields are [LongText] of one scope. Answers that are no certificate or
// no private key, or do not belong together, are refused by [Schema.Complete],
// in the field. Where both have no answer, as [Field.When] may have it, there
// is no certificate.
type ClientCertificate struct {
	Certificate string `json:"certificate"` // the field of the chain in PEM, the client's own first
	Key         string `json:"key"`         // the field of its private key in PEM (PKCS #8, PKCS #1 or SEC 1); secret
}

// ReasonCertificate is the reason for refusing a private key that is not the
// certificate's.
const ReasonCertificate = "certificate"

// The limits of a client certificate: what is larger takes seconds to look at.
const (
	maxChain = 64 << 10 // bytes of PEM
	maxKey   = 8 << 10
)

// KeyPair returns the client certificate of complete answers, or nil if there
// is none. The error is that of [Schema.Complete]. It must go to no log: it
// holds the private key.
func (s Schema) KeyPair(answers Values) (*tls.Certificate, error) {
	c := s.ClientCertificate
	if c == nil {
		return nil, nil
	}
	pair, fault := s.keyPair(answers[c.Certificate], answers[c.Key])
	if fault != nil {
		return nil, fault
	}
	return pair, nil
}

// keyPair returns the certificate that two answers make, or what is wrong with
// one of them.
func (s Schema) keyPair(chain, key string) (*tls.Certificate, *Error) {
	certificateField, known := s.Field(s.ClientCertificate.Certificate)
	keyField, both := s.Field(s.ClientCertificate.Key)
	switch {
	case !known || !both || chain == "" && key == "":
		return nil, nil
	case chain == "":
		return nil, invalid(ReasonRequired, "is needed with the private key").In(certificateField)
	case key == "":
		return nil, invalid(ReasonRequired, "is needed with the certificate").In(keyField)
	case !isChain(chain):
		return nil, invalid(ReasonKind, "is no certificate: copy the whole of the PEM file, with its first and its last line").In(certificateField)
	case !isKey(key):
		return nil, invalid(ReasonKind, "is no private key: copy the whole of the PEM file, with its first and its last line, and without a passphrase").In(keyField)
	}
	pair, err := tls.X509KeyPair([]byte(chain), []byte(key))
	if err != nil {
		return nil, invalid(ReasonCertificate, "does not belong to the certificate: enter the private key that it was made with").In(keyField)
	}
	return &pair, nil
}

// isChain reports whether text has certificates, all of them sound.
func isChain(text string) bool {
	found := false
	for rest := []byte(text); len(text) <= maxChain; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return found
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return false
		}
		found = true
	}
	return false
}

// isKey reports whether the first private key in text is sound.
func isKey(text string) bool {
	for rest := []byte(text); len(text) <= maxKey; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return false
		}
		if block.Type != "PRIVATE KEY" && !strings.HasSuffix(block.Type, " PRIVATE KEY") {
			continue
		}
		_, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			_, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		}
		if err != nil {
			_, err = x509.ParseECPrivateKey(block.Bytes)
		}
		return err == nil
	}
	return false
}

// certificate checks the names of the schema's ClientCertificate.
func (v *validation) certificate() {
	c := v.s.ClientCertificate
	if c == nil {
		return
	}
	chain, known := v.s.Field(c.Certificate)
	v.check(known, "clientCertificate: certificate names %q, which is not a field", printable(c.Certificate))
	key, both := v.s.Field(c.Key)
	v.check(both, "clientCertificate: key names %q, which is not a field", printable(c.Key))
	if !known || !both {
		return
	}
	v.check(chain.Name != key.Name, "clientCertificate: the certificate and its key need a field each")
	v.check(chain.Kind == LongText && key.Kind == LongText && !chain.Many && !key.Many, "clientCertificate: both fields must be longText with one answer")
	v.check(key.Secret, "clientCertificate: the field of the key must be secret")
	v.check(chain.Scope == key.Scope, "clientCertificate: both fields must be answered by the same person")
}
