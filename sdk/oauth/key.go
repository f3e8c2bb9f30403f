// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// A Key is a private key, to sign assertions with. The zero Key is none. It
// never prints what it holds, and is safe for concurrent use.
type Key struct {
	ID string // tells the service which of the client's keys it is (kid); empty: it has one

	// Algorithm is how it signs (RFC 7518, section 3.1; RFC 8037): RS256 or
	// PS256 for an RSA key, ES256 for one of the curve P-256, EdDSA for
	// Ed25519. Empty: the first that is for such a key.
	Algorithm string

	Header map[string]string // more for the header of its JWTs, such as the x5t that Microsoft wants

	private crypto.Signer
}

// The limits of keys. RSA below 2048 bits is refused by RFC 7518, section 3.3;
// above 8192 a signature takes seconds.
const (
	maxKey  = 16 << 10 // bytes of text
	minBits = 2048
	maxBits = 8192
)

// ParseKey returns the private key in text: PEM (PKCS #8, RFC 5958; PKCS #1,
// RFC 8017; SEC 1, RFC 5915) or a JWK (RFC 7517), which also says ID and
// Algorithm. What stands around a PEM block does not matter.
//
// The error is [sdk.Invalid] in the field f, says what it found in the place of
// such a key, and quotes nothing of it.
func ParseKey(text string, f sdk.Field) (Key, error) {
	k, wrong := parseKey(strings.TrimSpace(text))
	if wrong != nil {
		return Key{}, wrong.In(f)
	}
	return k, nil
}

func parseKey(text string) (Key, *sdk.Error) {
	switch {
	case len(text) > maxKey:
		return Key{}, errNoKey
	case strings.HasPrefix(text, "{"):
		return parseJWK(text)
	}
	private, err := parsePEM(text)
	if err != nil {
		return Key{}, err
	}
	return newKey(private)
}

// What is wrong with what was entered as a key.
var (
	errNoKey     = sdk.Errorf(sdk.Invalid, "is no private key: copy the whole of the PEM file, with its first and its last line, or one JWK")
	errDamaged   = sdk.Errorf(sdk.Invalid, "is a private key that is damaged, or whose parts do not belong together")
	errPublic    = sdk.Errorf(sdk.Invalid, "is a certificate or a public key: enter the private key that belongs to it")
	errEncrypted = sdk.Errorf(sdk.Invalid, "is a private key with a passphrase: enter it without one")
	errKind      = sdk.Errorf(sdk.Invalid, "is a private key of a kind that cannot sign here: it must be RSA, of the curve P-256, or Ed25519")
	errUse       = sdk.Errorf(sdk.Invalid, "is a JWK for another use than to sign, or for an algorithm that is not RS256, PS256, ES256 or EdDSA")
)

// parsePEM returns the first private key among the PEM blocks of text.
func parsePEM(text string) (any, *sdk.Error) {
	wrong := errNoKey
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, wrong
		}
		var private any
		var err error
		switch kind := block.Type; {
		case strings.HasPrefix(kind, "ENCRYPTED ") || block.Headers["DEK-Info"] != "":
			wrong = errEncrypted
			continue
		case kind == "PRIVATE KEY":
			private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
		case kind == "RSA PRIVATE KEY":
			private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
		case kind == "EC PRIVATE KEY":
			private, err = x509.ParseECPrivateKey(block.Bytes)
		default:
			if wrong == errNoKey && (kind == "CERTIFICATE" || strings.HasSuffix(kind, "PUBLIC KEY")) {
				wrong = errPublic
			}
			continue
		}
		if err != nil {
			return nil, errDamaged.Because(err)
		}
		return private, nil
	}
}

// newKey returns a key that can sign.
func newKey(private any) (Key, *sdk.Error) {
	switch k := private.(type) {
	case *rsa.PrivateKey:
		if n := k.N.BitLen(); n < minBits || n > maxBits {
			return Key{}, sdk.Errorf(sdk.Invalid, "is an RSA key of %d bits: it must have %d to %d", n, minBits, maxBits)
		}
		return Key{private: k}, nil
	case *ecdsa.PrivateKey:
		if k.Curve == elliptic.P256() {
			return Key{private: k}, nil
		}
	case ed25519.PrivateKey:
		return Key{private: k}, nil
	}
	return Key{}, errKind
}

// algorithm returns how k signs.
func (k Key) algorithm() string {
	if k.Algorithm != "" {
		return k.Algorithm
	}
	switch k.private.(type) {
	case *ecdsa.PrivateKey:
		return "ES256"
	case ed25519.PrivateKey:
		return "EdDSA"
	}
	return "RS256"
}

// fits reports whether a key can sign with an algorithm.
func fits(alg string, private crypto.Signer) bool {
	switch private.(type) {
	case *rsa.PrivateKey:
		return alg == "RS256" || alg == "PS256"
	case *ecdsa.PrivateKey:
		return alg == "ES256"
	case ed25519.PrivateKey:
		return alg == "EdDSA"
	}
	return false
}

// Public returns the public half, for the service: nil for the zero Key.
func (k Key) Public() crypto.PublicKey {
	if k.private == nil {
		return nil
	}
	return k.private.Public()
}

// String returns the key's ID.
func (k Key) String() string { return fmt.Sprintf("key[%q]", k.ID) }

// Format prints the key's ID, whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// MarshalText returns the key's ID.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
