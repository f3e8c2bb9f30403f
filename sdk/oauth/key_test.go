// SPDX-License-Identifier: Apache-2.0

package oauth_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

var keyField = sdk.Field{Name: "key", Title: "Key", Kind: sdk.LongText, Secret: true}

// ring holds a key of each kind.
var ring = sync.OnceValue(func() (r struct {
	rsa     *rsa.PrivateKey
	small   *rsa.PrivateKey
	ec      *ecdsa.PrivateKey
	curve   *ecdsa.PrivateKey
	ed25519 ed25519.PrivateKey
}) {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	var err error
	r.rsa, err = rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	r.small, err = rsa.GenerateKey(rand.Reader, 1024)
	must(err)
	r.ec, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	r.curve, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	must(err)
	_, r.ed25519, err = ed25519.GenerateKey(rand.Reader)
	must(err)
	return r
})

func block(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs8(t testing.TB, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return block("PRIVATE KEY", der)
}

func sec1(t testing.TB, key *ecdsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return block("EC PRIVATE KEY", der)
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// asJWK returns a key as a JWK, with changes: names and values in turn.
func asJWK(t testing.TB, key crypto.Signer, changes ...string) string {
	t.Helper()
	j := map[string]string{"kid": "k1"}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		j["kty"], j["n"], j["e"], j["d"] = "RSA", b64(k.N.Bytes()), b64(big.NewInt(int64(k.E)).Bytes()), b64(k.D.Bytes())
		j["p"], j["q"] = b64(k.Primes[0].Bytes()), b64(k.Primes[1].Bytes())
	case *ecdsa.PrivateKey:
		point, err := k.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		d, err := k.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		half := len(point) / 2
		j["kty"], j["crv"], j["x"], j["y"], j["d"] = "EC", "P-256", b64(point[1:1+half]), b64(point[1+half:]), b64(d)
	case ed25519.PrivateKey:
		j["kty"], j["crv"], j["d"], j["x"] = "OKP", "Ed25519", b64(k[:32]), b64(k[32:])
	}
	for i := 0; i < len(changes); i += 2 {
		j[changes[i]] = changes[i+1]
		if changes[i+1] == "" {
			delete(j, changes[i])
		}
	}
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Keys in every form that programs write are the keys that they were made of.
func TestParseKey(t *testing.T) {
	t.Parallel()
	r := ring()
	for name, c := range map[string]struct {
		text string
		key  crypto.Signer
	}{
		"RSA, PKCS #8":                 {pkcs8(t, r.rsa), r.rsa},
		"RSA, PKCS #1":                 {block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r.rsa)), r.rsa},
		"RSA, JWK":                     {asJWK(t, r.rsa), r.rsa},
		"EC, PKCS #8":                  {pkcs8(t, r.ec), r.ec},
		"EC, SEC 1, after parameters":  {block("EC PARAMETERS", []byte{6, 8}) + sec1(t, r.ec), r.ec},
		"EC, JWK":                      {"\n " + asJWK(t, r.ec, "use", "sig", "alg", "ES256"), r.ec},
		"Ed25519, PKCS #8":             {pkcs8(t, r.ed25519), r.ed25519},
		"Ed25519, JWK":                 {asJWK(t, r.ed25519, "alg", "EdDSA"), r.ed25519},
		"a bag with its certificate":   {"Bag Attributes\n    friendlyName: x\n" + pkcs8(t, r.ec) + certificate(t, r.ec), r.ec},
		"a certificate before its key": {certificate(t, r.ec) + pkcs8(t, r.ec), r.ec},
		"lines as Windows ends them":   {strings.ReplaceAll(pkcs8(t, r.ec), "\n", "\r\n"), r.ec},
	} {
		k, err := oauth.ParseKey(c.text, keyField)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		public, ok := k.Public().(interface{ Equal(crypto.PublicKey) bool })
		if !ok || !public.Equal(c.key.Public()) {
			t.Errorf("%s: it is another key", name)
		}
		if isJWK := strings.Contains(name, "JWK"); (k.ID == "k1") != isJWK {
			t.Errorf("%s: its ID is %q", name, k.ID)
		}
	}
	if (oauth.Key{}).Public() != nil {
		t.Error("the zero key has a public half")
	}
}

// damagedRSA is a key whose numbers do not belong together.
func damagedRSA(t *testing.T, name string) string {
	return asJWK(t, ring().rsa, name, b64(new(big.Int).Add(ring().rsa.Primes[0], big.NewInt(2)).Bytes()))
}

func TestParseKeyThatIsNone(t *testing.T) {
	t.Parallel()
	r := ring()
	public, err := x509.MarshalPKIXPublicKey(r.ec.Public())
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, _ := other.PublicKey.Bytes()
	const (
		none, public_, encrypted, damaged, kind, use = "is no private key", "a public key", "with a passphrase", "is damaged", "of a kind that cannot sign", "for another use"
	)
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                     {"", none},
		"text":                        {canary, none},
		"a path":                      {"/home/me/key.pem", none},
		"an endless text":             {strings.Repeat(canary, 1<<11), none},
		"half a block":                {pkcs8(t, r.ec)[:100], none},
		"broken JSON":                 {`{"kty":"` + canary, none},
		"JSON that is no JWK":         {`{"a":"` + canary + `"}`, none},
		"a set of keys":               {`{"keys":[` + asJWK(t, r.ec) + `]}`, none},
		"a shared secret":             {`{"kty":"oct","k":"` + canary + `"}`, none},
		"an OpenSSH key":              {block("OPENSSH PRIVATE KEY", []byte(canary)), none},
		"a public key":                {block("PUBLIC KEY", public), public_},
		"a certificate":               {certificate(t, r.ec), public_},
		"a public JWK":                {asJWK(t, r.ec, "d", ""), public_},
		"a passphrase":                {block("ENCRYPTED PRIVATE KEY", []byte(canary)), encrypted},
		"a passphrase of old":         {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n", encrypted},
		"a damaged PKCS #8":           {block("PRIVATE KEY", []byte(canary)), damaged},
		"a damaged PKCS #1":           {block("RSA PRIVATE KEY", []byte(canary)), damaged},
		"a damaged SEC 1":             {block("EC PRIVATE KEY", []byte(canary)), damaged},
		"an RSA JWK without a prime":  {asJWK(t, r.rsa, "q", ""), damaged},
		"an RSA JWK of another prime": {damagedRSA(t, "p"), damaged},
		"an RSA JWK of another d":     {damagedRSA(t, "d"), damaged},
		"an RSA JWK of a huge e":      {asJWK(t, r.rsa, "e", b64(bytes.Repeat([]byte{255}, 9))), damaged},
		"an RSA JWK without base64":   {asJWK(t, r.rsa, "n", "+/+/"), damaged},
		"an EC JWK of another point":  {asJWK(t, r.ec, "x", b64(point[1:33]), "y", b64(point[33:])), damaged},
		"an EC JWK cut short":         {asJWK(t, r.ec, "d", "AAAA"), damaged},
		"an EC JWK of zero":           {asJWK(t, r.ec, "d", b64(make([]byte, 32))), damaged},
		"an EC JWK without y":         {asJWK(t, r.ec, "y", ""), damaged},
		"an Ed25519 JWK of another x": {asJWK(t, r.ed25519, "x", b64(make([]byte, 32))), damaged},
		"an Ed25519 JWK cut short":    {asJWK(t, r.ed25519, "x", "AA"), damaged},
		"another curve":               {pkcs8(t, r.curve), kind},
		"a JWK of another curve":      {asJWK(t, r.ec, "crv", "P-384"), kind},
		"a JWK of a further prime":    {`{"kty":"RSA","d":"x","oth":[{}]}`, kind},
		"a JWK of another kind":       {`{"kty":"AKP","d":"x"}`, kind},
		"a small RSA key":             {pkcs8(t, r.small), "RSA key of 1024 bits"},
		"a small RSA JWK":             {asJWK(t, r.small), "RSA key of 1024 bits"},
		"a JWK to encrypt":            {asJWK(t, r.ec, "use", "enc"), use},
		"a JWK for another algorithm": {asJWK(t, r.ec, "alg", "ES384"), use},
		"a JWK of no algorithm":       {asJWK(t, r.rsa, "alg", "none"), use},
		"a JWK of its secret's":       {asJWK(t, r.rsa, "alg", "HS256"), use},
	} {
		k, err := oauth.ParseKey(c.text, keyField)
		var e *sdk.Error
		if !errors.As(err, &e) || e.Code != sdk.Invalid || e.Field != "key" || !strings.Contains(e.Message, c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		if k.Public() != nil {
			t.Errorf("%s: there is a key", name)
		}
		check(t, err, sdk.Invalid)
	}
}

// certificate returns one for a key, in PEM.
func certificate(t testing.TB, key crypto.Signer) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return block("CERTIFICATE", der)
}

// A key never prints, not even within a client.
func TestKeysNeverPrint(t *testing.T) {
	t.Parallel()
	k, err := oauth.ParseKey(asJWK(t, ring().ed25519), keyField)
	if err != nil {
		t.Fatal(err)
	}
	seed := ring().ed25519.Seed()
	token := oauth.SecurityToken{Token: canary, Type: oauth.TypeJWT}
	for _, v := range []any{k, &k, oauth.Client{Key: k}, []any{k}, struct{ K oauth.Key }{k}, token, oauth.TokenExchange{Subject: token}, &token} {
		var b bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&b, verb, v)
		}
		json.NewEncoder(&b).Encode(v)
		for _, form := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%x", seed), b64(seed), strings.Trim(fmt.Sprint(seed), "[]")} {
			if strings.Contains(b.String(), form) {
				t.Errorf("a %T prints what it holds: %s", v, b.String())
			}
		}
	}
}

// FuzzParseKey: whatever a person pastes is a key that signs, or an error in
// the field.
func FuzzParseKey(f *testing.F) {
	r := ring()
	for _, text := range []string{pkcs8(f, r.ec), sec1(f, r.ec), asJWK(f, r.ec), asJWK(f, r.rsa), asJWK(f, r.ed25519), pkcs8(f, r.ed25519),
		block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r.rsa)), `{"kty":"RSA","n":"AQAB","e":"AQAB","d":"AQAB","p":"AQAB","q":"AQAB"}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := oauth.ParseKey(text, keyField)
		if err != nil {
			var e *sdk.Error
			if !errors.As(err, &e) || e.Code != sdk.Invalid || e.Field != "key" {
				t.Errorf("got %#v", err)
			}
			return
		}
		if _, err := k.Sign(oauth.Assertion{Issuer: "i", Audience: "a"}); err != nil {
			t.Errorf("it cannot sign: %v", err)
		}
	})
}
