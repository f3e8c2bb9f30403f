// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// A derived key is stored nowhere: its token says of which key or session it is,
// how that is narrowed, and until when, and is signed. It reads
//
//	chd_SIGNER.CLAIMS.MAC
//
// where CLAIMS is JSON and MAC the HMAC-SHA-256 of all before its dot, both in
// base64url without padding, and SIGNER the ID of the key that signed. What it
// is of is looked up each time, so that it ends with that.

// MaxDerived is the longest that a derived key may live.
const MaxDerived = 12 * time.Hour

// A derived key goes into a header: neither its token nor what it was derived of
// may become too long for one.
const (
	maxDerived = 4096
	maxDepth   = 8
)

// claims are what a derived key says.
type claims struct {
	ID        string   `json:"i"`
	Of        string   `json:"o"` // the key or the session
	Workspace string   `json:"w,omitempty"`
	Scopes    []Scope  `json:"s"`
	Limits    []Limits `json:"l,omitempty"` // besides those of what it is of
	Expires   int64    `json:"e"`           // Unix seconds
}

// Derive returns a key that may do no more than the caller, narrowed by scopes
// (nil: all of its own, but for admin) and limits, for a while only, which is at
// most [MaxDerived] and ends when the caller's own key does. It is not stored: it
// ends with the key or the session that it is of, however often it was derived
// on the way. It never has the scope admin, and so makes nothing that outlives it.
// That it was made is in the audit trail, or it is not handed out.
func (a *Access) Derive(ctx context.Context, of Caller, scopes []Scope, limits Limits, life time.Duration) (text string, expires time.Time, err error) {
	c, err := a.claim(of, scopes, limits, life)
	if err != nil {
		return "", time.Time{}, err
	}
	r, err := a.ring(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	plain, err := json.Marshal(c)
	if err != nil {
		return "", time.Time{}, err
	}
	text = r.sign(derivedPrefix, plain)
	if len(text) > maxDerived {
		return "", time.Time{}, wrong("limits", "they are too many for a derived key, whose token carries them all: name fewer")
	}
	expires = time.Unix(c.Expires, 0).UTC()
	if err := a.h.Record(ctx, host.Event{Workspace: of.Workspace, Action: "derive key", Subject: c.ID, Outcome: "ok",
		Detail: map[string]string{"of": c.Of, "scopes": scopeList(c.Scopes), "expires": expires.Format(time.RFC3339)}}); err != nil {
		return "", time.Time{}, err
	}
	return text, expires, nil
}

// claim says what a derived key of the caller says.
func (a *Access) claim(of Caller, scopes []Scope, limits Limits, life time.Duration) (c claims, err error) {
	if err := of.May(DeriveKey); err != nil {
		return c, err
	}
	parent := of.Key
	if of.Session != "" {
		parent = of.Session
	}
	if parent == "" {
		return c, sdk.Errorf(sdk.Forbidden, "only what is kept can be derived of: a key, or the session of a person who has signed in")
	}
	if scopes == nil {
		scopes = slices.DeleteFunc(slices.Clone(of.Scopes), func(s Scope) bool { return s == Admin })
	}
	if slices.Contains(scopes, Admin) {
		return c, wrong("scopes", "a derived key never has the scope admin: make a key that ends instead")
	}
	if scopes, err = of.lends(scopes); err != nil {
		return c, err
	}
	if limits, err = limits.canonical(); err != nil {
		return c, err
	}
	if life < time.Second || life > MaxDerived {
		return c, wrong("life", "a derived key lives for a second at least, and for 12 hours at most")
	}
	c = claims{ID: newID("d"), Of: parent, Workspace: of.Workspace, Scopes: scopes, Limits: slices.Clone(of.narrowed)}
	if !limits.none() {
		c.Limits = append(c.Limits, limits)
	}
	if len(c.Limits) > maxDepth {
		return c, wrong("limits", "this key was derived too often already: derive it of one before it")
	}
	c.Expires = earlier(a.h.Now().Add(life), of.Expires).Unix()
	return c, nil
}

// derivedCaller returns who shows a derived key.
func (a *Access) derivedCaller(ctx context.Context, text string) (Caller, error) {
	if len(text) > maxDerived {
		return Caller{}, a.failed(ctx, errMistyped)
	}
	r, err := a.ring(ctx)
	if err != nil {
		return Caller{}, err
	}
	c, err := a.claimed(ctx, r, text)
	if err != nil {
		return Caller{}, a.failed(ctx, err)
	}
	parent, err := a.parent(ctx, c)
	if err != nil {
		return Caller{}, err
	}
	end := time.Unix(c.Expires, 0)
	if over(end, a.h.Now()) {
		return Caller{}, errEnded
	}
	parent.Derived, parent.Expires, parent.narrowed = c.ID, end.UTC(), c.Limits
	parent.grants = nil // it was derived in one workspace
	parent.Limits = append(slices.Clip(parent.Limits), c.Limits...)
	if slices.ContainsFunc(c.Scopes, func(s Scope) bool { return !parent.Has(s) }) {
		return Caller{}, errEnded // it was of more than that
	}
	parent.Scopes = c.Scopes
	return parent, nil
}

// parent returns who shows what a derived key is of, as it is now.
func (a *Access) parent(ctx context.Context, c *claims) (Caller, error) {
	kind, id, _ := strings.Cut(c.Of, "-")
	var of Caller
	switch kind {
	case "k":
		k, err := a.known.get(ctx, id, a.loadKey)
		if err != nil {
			return Caller{}, gone(err)
		}
		if over(k.caller.Expires, a.h.Now()) {
			return Caller{}, errEnded
		}
		k.use(a.h.Now())
		of = k.caller
	case "s":
		s, err := a.session(ctx, c.Of)
		if err != nil {
			return Caller{}, err
		}
		if of, err = s.caller.Enter(c.Workspace); err != nil {
			return Caller{}, errUnknown
		}
	default:
		return Caller{}, errUnknown
	}
	if of.Workspace != c.Workspace {
		return Caller{}, errUnknown
	}
	return of, nil
}

// claimed returns what a token says, if it was signed here.
func (a *Access) claimed(ctx context.Context, r *ring, text string) (*claims, error) {
	h := hash(text)
	if c := a.derived.get(r, h); c != nil {
		return c, nil
	}
	c, err := r.verify(text)
	if errors.Is(err, errOtherSigner) {
		if r, err = a.newerRing(ctx, r); err != nil {
			return nil, err
		}
		c, err = r.verify(text)
	}
	if err != nil {
		return nil, errUnknown
	}
	a.derived.put(r, h, c)
	return c, nil
}

// verify returns what a token says, if a key of the ring has signed it.
func (r *ring) verify(text string) (*claims, error) {
	plain, err := r.open(text, derivedPrefix)
	c := new(claims)
	if err == nil && json.Unmarshal(plain, c) != nil {
		err = errUnknown
	}
	return c, err
}

// A derivedMemo remembers tokens whose signature was right, by their hash. What
// was not right is not remembered, and of the rest not more than it holds.
type derivedMemo struct {
	mu   sync.RWMutex
	of   *ring // which has verified them
	seen map[[sha256.Size]byte]*claims
}

const maxMemo = 4096

func (m *derivedMemo) get(r *ring, h [sha256.Size]byte) *claims {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.of != r {
		return nil
	}
	return m.seen[h]
}

func (m *derivedMemo) put(r *ring, h [sha256.Size]byte, c *claims) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of != r || m.seen == nil {
		m.of, m.seen = r, make(map[[sha256.Size]byte]*claims)
	}
	for other := range m.seen { // any
		if len(m.seen) < maxMemo {
			break
		}
		delete(m.seen, other)
	}
	m.seen[h] = c
}
