// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"time"

	"github.com/credhost/credhost/sdk"
)

// An Assertion is what a JWT says of who asks (RFC 7523, section 3). It is
// signed by [Key.Sign], which adds what makes it good for once and not for
// long: jti, iat and exp.
type Assertion struct {
	Issuer   string // who says it: a client's ID, or a service account
	Subject  string // whom it is about; RFC 7523 wants one, some services do without
	Audience string // whom it is for: one value, so that nobody else takes it

	Claims   map[string]any // what else the service wants in it, such as Google's scope
	Lifetime time.Duration  // zero: two minutes
}

// minHMAC is how long a secret must be to sign with (RFC 7518, section 3.2).
const minHMAC = sha256.Size

// lifetime is short, since an assertion that is stolen works until its end,
// and longer than clocks differ.
const lifetime = 2 * time.Minute

// Sign returns a as a signed JWT (RFC 7519, RFC 7515), never the same one
// twice. The error is [sdk.Internal] if k is no key, or its Algorithm not one
// that such a key can make.
func (k Key) Sign(a Assertion) (string, error) {
	if k.private == nil {
		return "", sdk.Errorf(sdk.Internal, "there is no key to sign with: set Client.Key")
	}
	alg := k.algorithm()
	if !fits(alg, k.private) {
		return "", sdk.Errorf(sdk.Internal, "the key cannot sign with this algorithm: Key.Algorithm must be RS256 or PS256 for RSA, ES256 for the curve P-256, EdDSA for Ed25519")
	}
	return signed(alg, k.ID, k.Header, a, k.sign)
}

// signed builds a JWT around what sign returns.
func signed(alg, kid string, more map[string]string, a Assertion, sign func(text []byte) ([]byte, error)) (string, error) {
	header := map[string]string{}
	maps.Copy(header, more)
	header["alg"], header["typ"] = alg, "JWT"
	if kid != "" {
		header["kid"] = kid
	}
	claims := map[string]any{}
	maps.Copy(claims, a.Claims)
	for name, v := range map[string]string{"iss": a.Issuer, "sub": a.Subject, "aud": a.Audience} {
		if v != "" {
			claims[name] = v
		}
	}
	life := a.Lifetime
	if life <= 0 {
		life = lifetime
	}
	now := time.Now()
	claims["jti"], claims["iat"], claims["exp"] = rand.Text(), now.Unix(), now.Add(life).Unix()
	head, err := json.Marshal(header)
	if err != nil {
		return "", sdk.Errorf(sdk.Internal, "the header of the assertion cannot be encoded").Because(err)
	}
	body, err := json.Marshal(claims)
	if err != nil { // which names types, never values
		return "", sdk.Errorf(sdk.Internal, "the claims of the assertion cannot be encoded: check Assertion.Claims").Because(err)
	}
	text := encoded(head) + "." + encoded(body)
	signature, err := sign([]byte(text))
	if err != nil {
		return "", sdk.Errorf(sdk.Internal, "the key cannot sign").Because(err)
	}
	return text + "." + encoded(signature), nil
}

func encoded(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func hs256(secret string, text []byte) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write(text)
	return h.Sum(nil)
}

// sign signs text with the algorithm of k (RFC 7518, section 3; RFC 8037).
func (k Key) sign(text []byte) ([]byte, error) {
	sum := sha256.Sum256(text)
	switch k.algorithm() {
	case "PS256":
		return k.private.Sign(rand.Reader, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	case "ES256":
		r, s, err := ecdsa.Sign(rand.Reader, k.private.(*ecdsa.PrivateKey), sum[:])
		if err != nil {
			return nil, err
		}
		signature := make([]byte, 64) // both numbers at full length, rather than ASN.1
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
		return signature, nil
	case "EdDSA":
		return k.private.Sign(rand.Reader, text, crypto.Hash(0))
	}
	return k.private.Sign(rand.Reader, sum[:], crypto.SHA256)
}
