// SPDX-License-Identifier: Apache-2.0

package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// A token is what a caller shows: a prefix that says what it is, so that who
// finds it in a log or a repository knows whom to tell; for a key, its ID; 256
// bits of chance; and a checksum, so that a typing mistake costs no look into the
// store, and that whoever searches for tokens (chk_[a-z2-7]{85}) finds few that
// are none.
const (
	keyPrefix     = "chk_" // a key
	derivedPrefix = "chd_" // a key that was derived; see derived.go
	sessionPrefix = "chs_" // what the cookie of a session holds
	linkPrefix    = "chl_" // what a link to sign in with holds

	idLength     = 26 // letters and digits: 130 bits
	secretLength = 52 // 260 bits
	sumLength    = 7
)

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newID returns the ID of a new thing: a letter that says what it is, and chance.
func newID(kind string) string { return kind + "-" + strings.ToLower(rand.Text()) }

// newSecret returns 260 bits of chance.
func newSecret() string { return strings.ToLower(rand.Text() + rand.Text()) }

// token returns a token with a body of letters and digits.
func token(prefix, body string) string { return prefix + body + sum(prefix+body) }

func sum(text string) string {
	return base32Lower.EncodeToString(binary.BigEndian.AppendUint32(nil, checksum(text)))
}

// checksum and hash copy a token to the stack: they are called for each request.
func checksum(text string) uint32 {
	var b [128]byte
	return crc32.ChecksumIEEE(append(b[:0], text...))
}

// errMistyped is for what cannot be a token, which costs no look into the store.
var errMistyped = sdk.Errorf(sdk.Denied, "this is no whole key: it is mistyped or cut off, so copy it again")

// errUnknown is for all that is no valid key, whatever the reason.
var errUnknown = sdk.Errorf(sdk.Denied, "this key is not known, or has ended: ask who runs this host for another")

// errEnded is errUnknown for who has shown what was a valid key once: that is no
// attempt to guess one.
var errEnded = sdk.Errorf(errUnknown.Code, "%s", errUnknown.Message)

// body returns what is between the prefix and the checksum of a token.
func body(text, prefix string, length int) (string, error) {
	end := len(prefix) + length
	if len(text) != end+sumLength || text[:len(prefix)] != prefix {
		return "", errMistyped
	}
	for i := len(prefix); i < len(text); i++ {
		if c := text[i]; (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return "", errMistyped
		}
	}
	var b [4]byte
	var want [sumLength]byte
	binary.BigEndian.PutUint32(b[:], checksum(text[:end]))
	base32Lower.Encode(want[:], b[:])
	if string(want[:]) != text[end:] {
		return "", errMistyped
	}
	return text[len(prefix):end], nil
}

// hash is what is kept of a secret. One that is random needs no slow hash.
func hash(secret string) [sha256.Size]byte {
	var b [128]byte
	return sha256.Sum256(append(b[:0], secret...))
}

// hashID returns the ID of what is found by a secret alone: a hash of it, which
// may be seen.
func hashID(kind, secret string) string {
	h := hash(kind + ":" + secret)
	return kind + "-" + base32Lower.EncodeToString(h[:])
}
