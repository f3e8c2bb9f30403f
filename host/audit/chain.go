// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/credhost/credhost/host"
)

// The hash of an entry is
//
//	HMAC-SHA256(chain key, "credhost trail entry 1\n" ‖ number ‖ hash before ‖ event)
//
// where the number has 8 bytes, big endian, the hash before has 32 bytes, zeros
// before the first entry, and the event is JSON as it is stored. The chain key
// is HKDF-SHA256 (RFC 5869) of the trail's key, without salt, with the info
// "credhost trail chain 1"; that of fingerprints has another.
const (
	entryLabel  = "credhost trail entry 1\n"
	chainInfo   = "credhost trail chain 1"
	printInfo   = "credhost trail fingerprint 1"
	sealInfo    = "credhost trail seal 1"
	keySize     = 32
	hashSize    = sha256.Size
	printSize   = 16  // bytes of a fingerprint
	longestText = 512 // bytes of a text in an event
	mostPairs   = 64  // of a map in an event
)

// Kind is the kind of record that the trail's key and its mark are kept as, in
// the host's own workspace "".
const Kind host.Kind = "trail"

// KeyID is the ID of the record of the trail's key.
const KeyID = "trail-key"

const markID = "trail-mark"

// storedKey is the sealed part of the key's record.
type storedKey struct {
	Key []byte `json:"key"`
}

// keys are what the trail's key gives.
type keys struct{ chain, print, seal []byte }

func newKeys(key []byte) (*keys, error) {
	if len(key) != keySize {
		return nil, errors.New("audit: the trail's key is not one: restore the store from a backup")
	}
	k := new(keys)
	for info, into := range map[string]*[]byte{chainInfo: &k.chain, printInfo: &k.print, sealInfo: &k.seal} {
		var err error
		if *into, err = hkdf.Key(sha256.New, key, nil, info, keySize); err != nil {
			return nil, fmt.Errorf("audit: %w", err)
		}
	}
	return k, nil
}

// loadKeys reads the trail's key. If there is none, and no trail either, it
// makes one; of many who do so at once, all use the same.
func (t *Trail) loadKeys(ctx context.Context, mayMake bool) error {
	var stored storedKey
	_, err := t.shelf.Get(ctx, "", KeyID, &stored)
	if errors.Is(err, host.ErrNotFound) && mayMake {
		if err = t.makeKey(ctx); err == nil {
			_, err = t.shelf.Get(ctx, "", KeyID, &stored)
		}
	}
	if err != nil {
		return fmt.Errorf("audit: the trail's key cannot be had: %w", err)
	}
	defer clear(stored.Key)
	k, err := newKeys(stored.Key)
	if err == nil {
		t.keys.Store(k)
	}
	return err
}

func (t *Trail) makeKey(ctx context.Context) error {
	page, err := t.store.Trail(ctx, host.TrailQuery{Limit: 1})
	switch {
	case err != nil:
		return err
	case len(page) > 0: // a new key would make all of it look forged
		if _, err := t.shelf.Get(ctx, "", KeyID, &storedKey{}); !errors.Is(err, host.ErrNotFound) {
			return err // another host was faster, and has written something already
		}
		return errors.New("it is gone, and the trail is there: restore the store from a backup")
	}
	key := make([]byte, keySize)
	rand.Read(key)
	defer clear(key)
	_, err = t.shelf.Create(ctx, host.Item{ID: KeyID}, storedKey{key})
	if errors.Is(err, host.ErrConflict) {
		return nil // another was faster
	}
	return err
}

// hash returns the hash of an entry.
func (k *keys) hash(seq uint64, before, event []byte) []byte {
	m := hmac.New(sha256.New, k.chain)
	var fixed [8 + hashSize]byte
	binary.BigEndian.PutUint64(fixed[:], seq)
	copy(fixed[8:], before)
	m.Write([]byte(entryLabel))
	m.Write(fixed[:])
	m.Write(event)
	return m.Sum(nil)
}

// Fingerprint is what [host.Config.Fingerprint] wants: 128 bits of
// HMAC-SHA256, in hexadecimal. It is another for each credential and field, so
// that it tells nothing of two that have the same secret.
func (t *Trail) Fingerprint(workspace, credential, field, answer string) string {
	m := hmac.New(sha256.New, t.keys.Load().print)
	for _, part := range []string{workspace, credential, field, answer} {
		m.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		m.Write([]byte(part))
	}
	return hex.EncodeToString(m.Sum(nil)[:printSize])
}

// Seal returns a keyed hash of what a copy of the store holds, which only those
// can make who have the trail's key: see package backup.
func (t *Trail) Seal(sum []byte) []byte {
	m := hmac.New(sha256.New, t.keys.Load().seal)
	m.Write(sum)
	return m.Sum(nil)
}

// entry returns an event as the store keeps it, after the one with the given
// number and hash.
func (k *keys) entry(after head, e host.Event) (host.TrailEntry, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return host.TrailEntry{}, fmt.Errorf("audit: encoding an event: %w", err)
	}
	s := host.TrailEntry{Seq: after.seq + 1, Time: e.Time, Workspace: e.Workspace, Credential: e.Credential,
		Actor: string(e.Actor), Action: e.Action, Event: text}
	s.Hash = k.hash(s.Seq, after.hash, text)
	return s, nil
}

// clean returns an event that every store can keep and that is not long,
// whatever a caller has put into it.
func clean(e host.Event) host.Event {
	for _, text := range []*string{&e.Workspace, (*string)(&e.Actor), &e.Address, &e.Key, &e.Derived, &e.Request, &e.Action, &e.Credential, &e.Type, &e.Subject, &e.Outcome} {
		*text = cleanText(*text)
	}
	e.Changed, e.Detail = cleanMap(e.Changed), cleanMap(e.Detail)
	e.Time = e.Time.Round(0).UTC()
	return e
}

func cleanText(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
	if len(s) <= longestText {
		return s
	}
	cut := longestText
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

func cleanMap(m map[string]string) map[string]string {
	if m == nil {
		return nil
	}
	clean := make(map[string]string, len(m))
	for name, v := range m {
		if len(clean) == mostPairs {
			clean["…"] = "more"
			break
		}
		clean[cleanText(name)] = cleanText(v)
	}
	return clean
}
