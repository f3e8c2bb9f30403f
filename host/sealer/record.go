// SPDX-License-Identifier: Apache-2.0

package sealer

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"slices"
)

// A sealed record, version 1:
//
//	offset  size
//	0       4     "CHSR"
//	4       1     version, 1
//	5       1     algorithm of the payload: 1 is AES-256-GCM (RFC 5116)
//	6       1     n, the length of the key ID
//	7       n     ID of the key that wrapped the data key, visible ASCII
//	7+n     2     m, the length of the wrapped data key, big endian
//	9+n     m     the data key, wrapped: 77 bytes from a Keyring
//	9+n+m         nonce (12), ciphertext, tag (16)
//
// Every byte is authenticated, and so is the caller's associated data, twice:
//
//	wrap     associated data = "W" ‖ record[:7+n]   ‖ the caller's
//	payload  associated data = "P" ‖ record[:9+n+m] ‖ the caller's
//
// Both prefixes say their own length, so no two pairs of record and associated
// data run into the same bytes. That the payload binds the wrapped data key
// leaves nothing malleable, even where a KEK accepts two spellings of one
// wrapping. GCM does not commit to its key; that does no harm, because the
// record names the one key that is used.
const (
	magic        = "CHSR"
	version      = 1
	algAES256GCM = 1

	dataKeySize  = 32
	nonceSize    = 12
	tagSize      = 16
	fixedSize    = len(magic) + 3 // up to the key ID
	maxKeyIDSize = 255
	maxWrapSize  = 1<<16 - 1
)

// purpose separates the two uses of associated data.
type purpose byte

const (
	forWrap    purpose = 'W'
	forPayload purpose = 'P'
)

// record is a sealed record taken apart. Its slices are parts of the original.
type record struct {
	keyID   string
	name    []byte // up to and with the key ID
	head    []byte // up to and with the wrapped data key
	wrapped []byte
	payload []byte
}

// KeyID says which key sealed a record, without opening it: what Unwrap will
// be asked for. It is not authenticated; use it to count and to choose.
func KeyID(sealed []byte) (string, error) {
	r, err := parse(sealed)
	return r.keyID, err
}

// parse takes a sealed record apart. It allocates nothing that a length in the
// record decides but the key ID.
func parse(sealed []byte) (record, error) {
	if len(sealed) < fixedSize || !bytes.HasPrefix(sealed, []byte(magic)) {
		return record{}, ErrMalformed
	}
	n := int(sealed[6])
	switch v, alg := sealed[4], sealed[5]; {
	case v > version, v == version && alg > algAES256GCM:
		return record{}, ErrNewer
	case v != version, alg != algAES256GCM:
		return record{}, ErrMalformed
	}
	wrapAt := fixedSize + n + 2
	if len(sealed) < wrapAt {
		return record{}, ErrMalformed
	}
	r := record{keyID: string(sealed[fixedSize : fixedSize+n]), name: sealed[:fixedSize+n]}
	payloadAt := wrapAt + int(binary.BigEndian.Uint16(sealed[wrapAt-2:]))
	if !validKeyID(r.keyID) || payloadAt == wrapAt || len(sealed) < payloadAt+nonceSize+tagSize {
		return record{}, ErrMalformed
	}
	r.head, r.wrapped, r.payload = sealed[:payloadAt], sealed[wrapAt:payloadAt], sealed[payloadAt:]
	return r, nil
}

// newHead is a record up to and with the key ID.
func newHead(keyID string) ([]byte, error) {
	if !validKeyID(keyID) {
		return nil, errors.New("a key ID must be 1 to 255 visible ASCII characters: correct the KEK")
	}
	head := make([]byte, 0, 128)
	head = append(head, magic...)
	head = append(head, version, algAES256GCM, byte(len(keyID)))
	return append(head, keyID...), nil
}

func appendWrapped(head, wrapped []byte) ([]byte, error) {
	if len(wrapped) == 0 || len(wrapped) > maxWrapSize {
		return nil, errors.New("a wrapped data key must have 1 to 65535 bytes: correct the KEK")
	}
	head = binary.BigEndian.AppendUint16(head, uint16(len(wrapped)))
	return append(head, wrapped...), nil
}

// validKeyID keeps key IDs printable, because errors name them.
func validKeyID(id string) bool {
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return 0 < len(id) && len(id) <= maxKeyIDSize
}

func bind(p purpose, head, associated []byte) []byte {
	return slices.Concat([]byte{byte(p)}, head, associated)
}

// sealPayload appends the encrypted plaintext to head. The data key is used
// with the standard library's GCM and not with Tink's, which is the same cipher
// but leaves three more copies of the key on the heap.
func sealPayload(dataKey, head, plaintext, associated []byte) (sealed []byte, err error) {
	sealed = make([]byte, len(head), len(head)+nonceSize+len(plaintext)+tagSize)
	copy(sealed, head)
	erasing(func() {
		var aead cipher.AEAD
		if aead, err = payloadCipher(dataKey); err == nil {
			sealed = aead.Seal(sealed, nil, plaintext, associated)
		}
	})
	if err != nil {
		return nil, err
	}
	return sealed, nil
}

func openPayload(dataKey, payload, associated []byte) (plaintext []byte, err error) {
	buf := make([]byte, 0, len(payload)-nonceSize-tagSize)
	erasing(func() {
		var aead cipher.AEAD
		if aead, err = payloadCipher(dataKey); err == nil {
			plaintext, err = aead.Open(buf, nil, payload, associated)
		}
	})
	if err != nil {
		return nil, ErrAltered
	}
	return plaintext, nil
}

func payloadCipher(dataKey []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(dataKey)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
