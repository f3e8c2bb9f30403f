// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"sync"
	"time"
)

// A seenJWT is an assertion that a stand-in has verified. The stand-ins do it
// by hand: what makes assertions must not be what checks them.
type seenJWT struct {
	header, claims map[string]any
}

// is reports whether a claim is a text, and this one.
func (j seenJWT) is(claim, want string) bool {
	got, ok := j.claims[claim].(string)
	return ok && got == want
}

// A notary checks assertions, each of which works once. It is not safe for
// concurrent use.
type notary struct {
	seen map[string]bool // the jti of those that were shown
}

// verify returns what an assertion says, if the key is the one that signed it,
// it is for the audience alone, is new, and ends within the longest time that
// the service allows.
func (n *notary) verify(token string, key any, audience string, longest time.Duration) (j seenJWT, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || !decodePart(parts[0], &j.header) || !decodePart(parts[1], &j.claims) {
		return j, false
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	alg, _ := j.header["alg"].(string)
	if err != nil || !signedBy(alg, key, []byte(parts[0]+"."+parts[1]), signature) {
		return j, false
	}
	id, _ := j.claims["jti"].(string)
	now := float64(time.Now().Unix())
	issued, hasIssued := j.claims["iat"].(float64)
	ends, hasEnd := j.claims["exp"].(float64)
	if !j.is("aud", audience) || id == "" || n.seen[id] || !hasIssued || !hasEnd || issued > now+60 || ends <= now || ends-issued > longest.Seconds() {
		return j, false
	}
	if n.seen == nil {
		n.seen = map[string]bool{}
	}
	n.seen[id] = true
	return j, true
}

func decodePart(part string, v any) bool {
	text, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(text, v) == nil
}

// signedBy verifies a signature (RFC 7518, section 3). The algorithm must be
// one for such a key: an assertion does not choose how it is checked.
func signedBy(alg string, key any, text, signature []byte) bool {
	sum := sha256.Sum256(text)
	switch key := key.(type) {
	case *rsa.PublicKey:
		return alg == "RS256" && rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	case *ecdsa.PublicKey:
		return alg == "ES256" && len(signature) == 64 &&
			ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	case string:
		h := hmac.New(sha256.New, []byte(key))
		h.Write(text)
		return alg == "HS256" && hmac.Equal(h.Sum(nil), signature)
	}
	return false
}

// A pair is a private key, and a certificate that it has signed itself.
type pair struct {
	private     crypto.Signer
	key, chain  string // both in PEM
	certificate *x509.Certificate
}

// newPair makes one. The name says EXAMPLE, and whose it is.
func newPair(private crypto.Signer) pair {
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "EXAMPLE"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der := must(x509.CreateCertificate(rand.Reader, template, template, private.Public(), private))
	return pair{
		private:     private,
		key:         string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(private))})),
		chain:       string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		certificate: must(x509.ParseCertificate(der)),
	}
}

func newECPair() pair { return newPair(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))) }

// must is for what cannot fail with what it is given.
func must[T any](v T, err error) T {
	if err != nil {
		panic("testplugin: " + err.Error())
	}
	return v
}

// The keys of the stand-ins are made when they are first needed, and new in
// each process: a test shows them to both sides.
var (
	clientsPair    = sync.OnceValue(newECPair) // of a client that signs, or shows its certificate
	clientsForeign = sync.OnceValue(newECPair) // of nobody that a service knows
	accountPair    = sync.OnceValue(func() pair { return newPair(must(rsa.GenerateKey(rand.Reader, 2048))) })
)
