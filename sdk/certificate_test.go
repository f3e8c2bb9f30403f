// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/sdk"
)

var (
	chainField = sdk.Field{Name: "chain", Title: "Certificate", Kind: sdk.LongText}
	keyField   = sdk.Field{Name: "chainKey", Title: "Key", Kind: sdk.LongText, Secret: true}
	pairSchema = sdk.Schema{Name: "t", Title: "T", Fields: []sdk.Field{chainField, keyField},
		ClientCertificate: &sdk.ClientCertificate{Certificate: "chain", Key: "chainKey"}}
)

func asPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// selfSigned returns a certificate for a key, in PEM.
func selfSigned(t testing.TB, key crypto.Signer) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return asPEM("CERTIFICATE", der)
}

// keys returns keys of every kind, each in the forms that programs write.
func keys(t testing.TB) (all map[string]crypto.Signer, text map[string]string) {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8 := func(k any) string {
		der, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			t.Fatal(err)
		}
		return asPEM("PRIVATE KEY", der)
	}
	sec1, err := x509.MarshalECPrivateKey(e)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.Signer{"RSA": r, "RSA, PKCS #1": r, "EC": e, "EC, SEC 1": e, "Ed25519": ed},
		map[string]string{"RSA": pkcs8(r), "RSA, PKCS #1": asPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r)),
			"EC": pkcs8(e), "EC, SEC 1": asPEM("EC PRIVATE KEY", sec1), "Ed25519": pkcs8(ed)}
}

func TestKeyPair(t *testing.T) {
	t.Parallel()
	signers, text := keys(t)
	for name, key := range text {
		answers := sdk.Values{"chain": "Bag Attributes\n" + selfSigned(t, signers[name]), "chainKey": "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + key}
		full, err := pairSchema.Complete(answers)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		pair, err := pairSchema.KeyPair(full)
		if err != nil || pair == nil || len(pair.Certificate) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if pair, err := (sdk.Schema{}).KeyPair(nil); pair != nil || err != nil {
		t.Errorf("of a type without one: %v, %v", pair, err)
	}
	if pair, err := pairSchema.KeyPair(nil); pair != nil || err != nil {
		t.Errorf("that is not answered: %v, %v", pair, err)
	}
}

// What is no certificate, or none of the key, is refused in its field, and
// nothing of it is quoted.
func TestAnswersThatAreNoPair(t *testing.T) {
	t.Parallel()
	const canary = "c4n4ry"
	signers, text := keys(t)
	chain, key := selfSigned(t, signers["EC"]), text["EC"]
	optional := pairSchema
	optional.Fields = []sdk.Field{chainField, keyField}
	optional.Fields[0].Optional, optional.Fields[1].Optional = true, true
	for name, c := range map[string]struct {
		chain, key    string
		field, reason string
	}{
		"a certificate alone":              {chain, "", "chainKey", sdk.ReasonRequired},
		"a key alone":                      {"", key, "chain", sdk.ReasonRequired},
		"no certificate":                   {canary, key, "chain", sdk.ReasonKind},
		"a key for a certificate":          {key, key, "chain", sdk.ReasonKind},
		"a certificate that is damaged":    {asPEM("CERTIFICATE", []byte(canary)), key, "chain", sdk.ReasonKind},
		"a chain that is damaged":          {chain + asPEM("CERTIFICATE", []byte(canary)), key, "chain", sdk.ReasonKind},
		"a chain that never ends":          {strings.Repeat(chain, 200), key, "chain", sdk.ReasonKind},
		"no key":                           {chain, canary, "chainKey", sdk.ReasonKind},
		"a certificate for a key":          {chain, chain, "chainKey", sdk.ReasonKind},
		"a key that is damaged":            {chain, asPEM("PRIVATE KEY", []byte(canary)), "chainKey", sdk.ReasonKind},
		"a key with a passphrase":          {chain, asPEM("ENCRYPTED PRIVATE KEY", []byte(canary)), "chainKey", sdk.ReasonKind},
		"a key that takes long to look at": {chain, key + strings.Repeat(canary, 2000), "chainKey", sdk.ReasonKind},
		"another's key":                    {chain, text["RSA"], "chainKey", sdk.ReasonCertificate},
	} {
		_, err := optional.Complete(sdk.Values{"chain": c.chain, "chainKey": c.key})
		var all sdk.Errors
		if !errors.As(err, &all) || len(all) != 1 || all[0].Code != sdk.Invalid || all[0].Field != c.field || all[0].Reason != c.reason {
			t.Errorf("%s: got %v (%#v)", name, err, all)
			continue
		}
		if strings.Contains(fmt.Sprintf("%+v", all[0]), canary) {
			t.Errorf("%s: the error quotes it: %v", name, err)
		}
		if _, err := optional.KeyPair(sdk.Values{"chain": c.chain, "chainKey": c.key}); err == nil || errors.As(err, &all[0]) && all[0].Field != c.field {
			t.Errorf("%s: KeyPair says %v", name, err)
		}
	}
	if _, err := optional.Complete(nil); err != nil {
		t.Errorf("neither: %v", err)
	}
	if full := optional.Assume(sdk.Values{"chain": chain, "chainKey": text["RSA"]}); full["chain"] == "" || full["chainKey"] != "" {
		t.Errorf("of another's key there remains %v", full.Names())
	}
	_, err := optional.Complete(sdk.Values{"chain": strings.Repeat("x", sdk.MaxAnswer+1), "chainKey": key})
	if all := err.(sdk.Errors); len(all) != 1 || all[0].Reason != sdk.ReasonSize {
		t.Errorf("a fault hides another: %v", err)
	}
}

func TestCertificateFields(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(s *sdk.Schema){
		"":                               func(*sdk.Schema) {},
		"certificate names \"x\"":        func(s *sdk.Schema) { s.ClientCertificate.Certificate = "x" },
		"key names \"x\"":                func(s *sdk.Schema) { s.ClientCertificate.Key = "x" },
		"need a field each":              func(s *sdk.Schema) { s.ClientCertificate.Certificate = "chainKey" },
		"must be longText":               func(s *sdk.Schema) { s.Fields[0].Kind = sdk.Text },
		"longText with one answer":       func(s *sdk.Schema) { s.Fields[1].Many = true },
		"must be secret":                 func(s *sdk.Schema) { s.Fields[1].Secret = false },
		"answered by the same person":    func(s *sdk.Schema) { s.Fields[1].Scope = sdk.Application },
		"clientCertificate: certificate": func(s *sdk.Schema) { s.ClientCertificate = new(sdk.ClientCertificate) },
	} {
		s := pairSchema
		s.Fields = []sdk.Field{chainField, keyField}
		pair := *s.ClientCertificate
		s.ClientCertificate = &pair
		change(&s)
		err := s.Validate()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	// The operator's answers are checked by themselves.
	s := pairSchema
	s.Fields = []sdk.Field{chainField, keyField, {Name: "a", Title: "A"}}
	if _, err := s.In(sdk.Application).Complete(nil); err != nil {
		t.Error(err)
	}
}

func FuzzKeyPair(f *testing.F) {
	signers, text := keys(f)
	for name, key := range text {
		f.Add(selfSigned(f, signers[name]), key)
	}
	f.Fuzz(func(t *testing.T, chain, key string) {
		answers := sdk.Values{"chain": chain, "chainKey": key}
		full, err := pairSchema.Complete(answers)
		if err != nil {
			for _, e := range err.(sdk.Errors) {
				if e.Field == "" || e.Message == "" || e.Code != sdk.Invalid {
					t.Errorf("got %#v", e)
				}
			}
			return
		}
		if pair, err := pairSchema.KeyPair(full); err != nil || pair == nil || pair.Leaf == nil {
			t.Errorf("it is complete, but no pair: %v", err)
		}
	})
}
