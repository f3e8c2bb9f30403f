// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/credhost/credhost/host"
)

// KindRing is the kind of record that the keys which sign derived keys are kept
// as.
const KindRing host.Kind = "signing keys"

const ringID = "r-signing"

// A ring has the keys that sign: the first now, the others before it.
type ring struct {
	Keys []signer `json:"keys"`
}

type signer struct {
	ID      string    `json:"id"`
	Secret  []byte    `json:"secret"`
	Created time.Time `json:"created"`
}

func (k *signer) mac(text string) []byte {
	m := hmac.New(sha256.New, k.Secret)
	m.Write([]byte(text))
	return m.Sum(nil)
}

func (a *Access) newSigner() signer {
	secret := make([]byte, 32)
	rand.Read(secret)
	return signer{ID: strings.ToLower(rand.Text()[:10]), Secret: secret, Created: a.h.Now().UTC()}
}

// sign returns a text that says something, and that this ring has signed:
// prefix, the signer's ID, what is said, and the HMAC-SHA-256 of all before it.
func (r *ring) sign(prefix string, plain []byte) string {
	text := prefix + r.Keys[0].ID + "." + base64.RawURLEncoding.EncodeToString(plain)
	return text + "." + base64.RawURLEncoding.EncodeToString(r.Keys[0].mac(text))
}

// errOtherSigner says that a text was signed with a key that is not there, or not
// yet.
var errOtherSigner = errors.New("access: signed with another key")

// open returns what a text says, if a key of the ring has signed it.
func (r *ring) open(text, prefix string) ([]byte, error) {
	end := max(strings.LastIndexByte(text, '.'), 0)
	rest, ok := strings.CutPrefix(text[:end], prefix)
	by, said, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 {
		return nil, errMistyped
	}
	sum, err := base64.RawURLEncoding.Strict().DecodeString(text[end+1:])
	if err != nil || len(sum) != sha256.Size {
		return nil, errMistyped
	}
	i := slices.IndexFunc(r.Keys, func(k signer) bool { return k.ID == by })
	if i < 0 {
		return nil, errOtherSigner
	}
	if !hmac.Equal(sum, r.Keys[i].mac(text[:end])) {
		return nil, errUnknown
	}
	plain, err := base64.RawURLEncoding.Strict().DecodeString(said)
	if err != nil {
		return nil, errUnknown
	}
	return plain, nil
}

// ring returns the keys that sign, and makes the first.
func (a *Access) ring(ctx context.Context) (*ring, error) {
	r, err := a.signing.get(ctx, ringID, func(ctx context.Context, _ string) (*ring, error) {
		r := new(ring)
		_, err := a.rings.Get(ctx, "", ringID, r)
		if errors.Is(err, host.ErrNotFound) {
			r.Keys = []signer{a.newSigner()}
			if _, err = a.rings.Create(ctx, host.Item{ID: ringID}, r); errors.Is(err, host.ErrConflict) {
				_, err = a.rings.Get(ctx, "", ringID, r)
			}
		}
		if err == nil && len(r.Keys) == 0 {
			err = errors.New("access: there is no key to sign with")
		}
		return r, err
	})
	if err != nil {
		return nil, unavailable(err)
	}
	return r, nil
}

// newerRing reads the keys again, at most once in a second: another host may
// have made one since.
func (a *Access) newerRing(ctx context.Context, than *ring) (*ring, error) {
	now := a.h.Now().Unix()
	if last := a.reread.Swap(now); last == now {
		return than, nil
	}
	a.signing.forget(ringID)
	return a.ring(ctx)
}

// RotateSigning has derived keys signed with a new key from now on. Those that
// were signed before stay good until they end; with drop they end now, on every
// host within two seconds: for when what the store holds was seen by others.
func (a *Access) RotateSigning(ctx context.Context, drop bool) error {
	if err := From(ctx).May(RotateSigner); err != nil {
		return err
	}
	err := a.rotate(ctx, drop)
	a.report(ctx, host.Event{Action: "rotate signing key", Detail: map[string]string{"drop": strconv.FormatBool(drop)}}, err)
	return err
}

func (a *Access) rotate(ctx context.Context, drop bool) error {
	for {
		r := new(ring)
		item, err := a.rings.Get(ctx, "", ringID, r)
		if errors.Is(err, host.ErrNotFound) {
			_, err = a.ring(ctx)
			return err
		}
		if err != nil {
			return err
		}
		oldest := a.h.Now().Add(-2 * MaxDerived)
		next := &ring{Keys: []signer{a.newSigner()}}
		for i, k := range r.Keys {
			// One that was the first until lately has signed what still lives.
			if !drop && (i == 0 || r.Keys[i-1].Created.After(oldest)) {
				next.Keys = append(next.Keys, k)
			}
		}
		_, err = a.rings.Save(ctx, item, next)
		a.changed("", ringID)
		if !errors.Is(err, host.ErrConflict) {
			return err
		}
	}
}
