// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// A jwk is a private key as JSON (RFC 7517; RFC 7518, section 6; RFC 8037,
// section 2). Numbers are base64url, big-endian.
type jwk struct {
	Kty, Kid, Alg, Use, Crv string

	N, E, D, P, Q string // RSA; D also of the others
	X, Y          string
	Oth           []json.RawMessage // further primes
}

// parseJWK returns the key in a JWK.
func parseJWK(text string) (Key, *sdk.Error) {
	var j jwk
	switch err := json.Unmarshal([]byte(text), &j); { // err quotes it
	case err != nil || j.Kty == "" || j.Kty == "oct":
		return Key{}, errNoKey
	case j.D == "":
		return Key{}, errPublic
	case j.Use != "" && j.Use != "sig":
		return Key{}, errUse
	}
	private, err := j.private()
	if err != nil {
		return Key{}, err
	}
	k, err := newKey(private)
	if err != nil {
		return Key{}, err
	}
	k.ID, k.Algorithm = j.Kid, j.Alg
	if k.Algorithm != "" && !fits(k.Algorithm, k.private) {
		return Key{}, errUse
	}
	return k, nil
}

// private returns the private key of j. Its public half must belong to it: it
// is what the service was given.
func (j jwk) private() (any, *sdk.Error) {
	switch {
	case j.Kty == "RSA" && j.Oth == nil:
		return j.rsa()
	case j.Kty == "EC" && j.Crv == "P-256":
		point, err := octets(j.X, j.Y)
		if err != nil {
			return nil, errDamaged
		}
		d, err := octets(j.D)
		if err != nil {
			return nil, errDamaged
		}
		k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
		if err != nil {
			return nil, errDamaged.Because(err)
		}
		public, err := k.PublicKey.Bytes()
		if err != nil || !bytes.Equal(public[1:], point) { // behind a byte that says what follows
			return nil, errDamaged
		}
		return k, nil
	case j.Kty == "OKP" && j.Crv == "Ed25519":
		pair, err := octets(j.D, j.X)
		if err != nil || !bytes.Equal(ed25519.NewKeyFromSeed(pair[:ed25519.SeedSize]), pair) {
			return nil, errDamaged
		}
		return ed25519.PrivateKey(pair), nil
	}
	return nil, errKind
}

// rsa returns an RSA key. What else the JWK has of it can be computed.
func (j jwk) rsa() (any, *sdk.Error) {
	var numbers [5]*big.Int
	for i, text := range []string{j.N, j.E, j.D, j.P, j.Q} {
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
		if err != nil || len(b) == 0 {
			return nil, errDamaged
		}
		numbers[i] = new(big.Int).SetBytes(b)
	}
	n, e := numbers[0], numbers[1]
	k := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: int(e.Int64())}, D: numbers[2], Primes: numbers[3:]}
	if bits := n.BitLen(); bits < minBits || bits > maxBits {
		return k, nil // which says so, and is not worth the time of a closer look
	}
	if e.BitLen() > 31 {
		return nil, errDamaged
	}
	if err := k.Validate(); err != nil {
		return nil, errDamaged.Because(err)
	}
	k.Precompute()
	return k, nil
}

// octets decodes numbers of 32 bytes in base64url, with or without padding, and
// returns one after the other.
func octets(texts ...string) (all []byte, err error) {
	for _, text := range texts {
		b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
		if err != nil || len(b) != 32 {
			return nil, errDamaged
		}
		all = append(all, b...)
	}
	return all, nil
}
