// SPDX-License-Identifier: Apache-2.0

package realoauth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
)

// signingKey is the private key, as PEM, of a client that signs; signingKeys is
// what its provider knows: the public half (RFC 7517).
var signingKey, signingKeys = newKey()

func newKey() (private string, public map[string]any) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	point, err := key.PublicKey.Bytes() // 4, x, y
	if err != nil {
		panic(err)
	}
	text := base64.RawURLEncoding.EncodeToString
	jwk := map[string]string{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "x": text(point[1:33]), "y": text(point[33:])}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), map[string]any{"keys": []any{jwk}}
}
