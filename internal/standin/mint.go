// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"sync"
)

// signingKey signs the JWTs of every stand-in of this process. It is made when
// it is first needed, so that no private key is kept in the source.
var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic("standin: " + err.Error())
	}
	return key
})

// opaque is a random token of 43 characters.
func opaque() string { return base64.RawURLEncoding.EncodeToString(randomBytes(32)) }

// randomHex is n random bytes in hex.
func randomHex(n int) string { return hex.EncodeToString(randomBytes(n)) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return b
}

// signJWT is a JWT signed with RS256; header and claims are its parts as JSON.
func signJWT(header, claims string) string {
	input := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	digest := sha256.Sum256([]byte(input))
	sig, err := rsa.SignPKCS1v15(nil, signingKey(), crypto.SHA256, digest[:])
	if err != nil {
		panic("standin: " + err.Error())
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// verifyJWT tells whether sig is the signature of input, the first two parts
// of a JWT with the dot between them.
func verifyJWT(input string, sig []byte) bool {
	digest := sha256.Sum256([]byte(input))
	return rsa.VerifyPKCS1v15(&signingKey().PublicKey, crypto.SHA256, digest[:], sig) == nil
}
