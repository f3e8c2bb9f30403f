// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"runtime"
)

// A digest is the SHA-256 of something, as "sha256:" and 64 hexadecimal
// digits: the form in which people compare it with what sha256sum prints.
type digest string

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]+$`)

func (d digest) valid() bool { return len(d) == len("sha256:")+64 && digestForm.MatchString(string(d)) }

// digestOf returns the digest of data.
func digestOf(data []byte) digest {
	sum := sha256.Sum256(data)
	return sumDigest(sum[:])
}

func sumDigest(sum []byte) digest { return digest("sha256:" + hex.EncodeToString(sum)) }

// short returns the beginning of d, for messages.
func (d digest) short() string {
	if len(d) > 19 {
		return string(d[:19]) + "…"
	}
	return string(d)
}

// hex returns d without its prefix, for the names of files.
func (d digest) hex() string { return string(d[min(7, len(d)):]) }

// canonical returns v as the JSON whose digest is pinned: compact, in the
// order of the struct's fields, maps sorted.
func canonical(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic("registry: " + err.Error()) // what this package pins always encodes
	}
	return data
}

// platform names what a pin is for. A program has other bytes elsewhere.
const platform = runtime.GOOS + "/" + runtime.GOARCH
