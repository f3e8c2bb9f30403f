// SPDX-License-Identifier: Apache-2.0

package access

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// KindKey is the kind of record that a key is kept as.
const KindKey host.Kind = "key"

// A NewKey says what key to make.
type NewKey struct {
	Workspace string // empty: the host's own
	Name      string // what people call it; may be empty
	Scopes    []Scope
	Limits    Limits
	Expires   time.Time // zero: never
}

// A Key is what may be seen of one.
type Key struct {
	ID        string     `json:"id"`
	Workspace string     `json:"workspace,omitempty"` // empty: the host's own
	Name      string     `json:"name"`
	Scopes    []Scope    `json:"scopes"`
	Limits    Limits     `json:"limits,omitzero"`
	Created   time.Time  `json:"created"`
	Expires   *time.Time `json:"expires,omitempty"`
	Used      *time.Time `json:"used,omitempty"`   // when it was last shown, to the hour
	By        host.Actor `json:"by,omitempty"`     // who made it
	Reason    string     `json:"reason,omitempty"` // why there is no more to see: its record cannot be opened
}

// storedKey is what is kept of a key, sealed, in no workspace's part of the
// store: its token names none. Item.Type is the workspace.
type storedKey struct {
	Hash    []byte     `json:"hash"` // of the token
	Scopes  []Scope    `json:"scopes"`
	Limits  Limits     `json:"limits,omitzero"`
	Expires time.Time  `json:"expires,omitzero"`
	Used    time.Time  `json:"used,omitzero"`
	By      host.Actor `json:"by,omitempty"`
}

// key is a key in memory.
type key struct {
	caller Caller
	hash   [sha256.Size]byte
	seen   atomic.Int64 // the hour in which it was last shown, as its record has it or is going to
	noted  atomic.Bool  // whether the record has it
}

// CreateKey makes a key as the caller of ctx, and returns it with the only copy
// of its token. It may do no more than its maker may, and must not end later; a
// key of the host itself only an operator makes. The error is an [*sdk.Error].
func (a *Access) CreateKey(ctx context.Context, n NewKey) (k Key, text string, err error) {
	id := newID("k")
	maker := From(ctx)
	if n, err = a.checkKey(ctx, maker, n); err != nil {
		return Key{}, "", err
	}
	text = token(keyPrefix, strings.TrimPrefix(id, "k-")+newSecret())
	h := hash(text)
	s := storedKey{Hash: h[:], Scopes: n.Scopes, Limits: n.Limits, Expires: n.Expires.UTC(), By: maker.Actor}
	item, err := a.make(ctx, a.keys, host.Item{ID: id, Type: typeOf(n.Workspace), Name: n.Name}, s,
		host.Event{Workspace: n.Workspace, Action: "create key", Subject: id, Detail: map[string]string{"scopes": scopeList(n.Scopes)}})
	if err != nil {
		return Key{}, "", err
	}
	return s.view(item), text, nil
}

// make puts an item on a shelf, and takes it away again if that cannot be
// written to the trail: nobody is let in unseen.
func (a *Access) make(ctx context.Context, shelf *host.Shelf, item host.Item, v any, e host.Event) (host.Item, error) {
	item, err := shelf.Create(ctx, item, v)
	if err != nil {
		return item, err
	}
	e.Outcome = "ok"
	if err := a.h.Record(ctx, e); err != nil {
		ctx = context.WithoutCancel(ctx)
		return item, errors.Join(err, orGone(shelf.Delete(ctx, "", item.ID)))
	}
	a.changed("", item.ID)
	return item, nil
}

// checkKey returns what key to make, or why it must not be made.
func (a *Access) checkKey(ctx context.Context, maker Caller, n NewKey) (NewKey, error) {
	if err := maker.May(CreateKey); err != nil {
		return n, err
	}
	if err := a.gives(ctx, maker, n.Workspace); err != nil {
		return n, err
	}
	if err := checkName(n.Name); err != nil {
		return n, err
	}
	var err error
	if n.Scopes, err = maker.lends(n.Scopes); err != nil {
		return n, err
	}
	if n.Limits, err = n.Limits.canonical(); err != nil {
		return n, err
	}
	for _, l := range maker.Limits {
		if err := n.Limits.within(l); err != nil {
			return n, err
		}
	}
	switch until := maker.ends(); {
	case !n.Expires.IsZero() && !n.Expires.After(a.h.Now()):
		return n, wrong("expires", "that is over: choose a time in the future, or none")
	case !until.IsZero() && (n.Expires.IsZero() || n.Expires.After(until)):
		return n, &sdk.Error{Code: sdk.Forbidden, Field: "expires", Message: "your own key ends before that, and nobody makes a key that may do more than their own"}
	}
	return n, nil
}

// gives returns nil if the caller may let others into a workspace, which must
// exist; empty: into the host itself.
func (a *Access) gives(ctx context.Context, c Caller, workspace string) error {
	if c.Operator() {
		if workspace == "" {
			return nil
		}
	} else if workspace != c.Workspace {
		return host.ErrNotFound
	}
	return a.Exists(ctx, workspace)
}

// lends returns scopes in their order, if the caller has them all and they are
// at least one.
func (c Caller) lends(scopes []Scope) ([]Scope, error) {
	var all []Scope
	for _, s := range Scopes {
		if !slices.Contains(scopes, s) {
			continue
		}
		if !c.Has(s) {
			return nil, &sdk.Error{Code: sdk.Forbidden, Field: "scopes", Message: fmt.Sprintf("you do not have the scope %s yourself, and nobody gives more than they have", s)}
		}
		all = append(all, s)
	}
	for _, s := range scopes {
		if !slices.Contains(Scopes, s) {
			return nil, wrong("scopes", "the scopes are read, write, use, admin and release")
		}
	}
	if len(all) == 0 {
		return nil, wrong("scopes", "choose at least one of read, write, use, admin and release")
	}
	return all, nil
}

// ends returns when what the caller was given ends. A session ends sooner than
// that: who signs in again has the same.
func (c Caller) ends() time.Time {
	if c.Session != "" && c.Derived == "" {
		return c.until
	}
	return c.Expires
}

func scopeList(scopes []Scope) string {
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = string(s)
	}
	return strings.Join(words, " ")
}

// hostType is the [host.Item.Type] of what is the host's own: no workspace can
// have such a name.
const hostType = "*"

func typeOf(workspace string) string { return cmp.Or(workspace, hostType) }

func workspaceOf(typ string) string {
	if typ == hostType {
		return ""
	}
	return typ
}

func checkName(name string) error {
	if len(name) > 200 || !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool {
		return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
	}) {
		return wrong("name", "a name has at most 200 bytes, in one line")
	}
	return nil
}

func (s storedKey) view(item host.Item) Key {
	return Key{ID: item.ID, Workspace: workspaceOf(item.Type), Name: item.Name, Scopes: s.Scopes, Limits: s.Limits,
		Created: item.Created, Expires: some(s.Expires), Used: some(s.Used), By: s.By}
}

func some(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Keys lists the keys of a workspace (empty: the host's own) in the order of
// their IDs, after the one with the given ID, at most limit (0: 100). Those that
// have ended are listed until they are deleted.
func (a *Access) Keys(ctx context.Context, workspace, after string, limit int) ([]Key, error) {
	items, err := a.keys.List(ctx, host.Query{Type: typeOf(workspace), After: after, Limit: limit})
	if err != nil {
		return nil, err
	}
	all := make([]Key, len(items))
	for i, item := range items {
		var s storedKey
		if err := a.keys.Open(ctx, item, &s); err != nil {
			all[i] = Key{ID: item.ID, Workspace: workspace, Name: item.Name, Created: item.Created, Reason: err.Error()}
			continue
		}
		all[i] = s.view(item)
	}
	return all, nil
}

// Key returns what may be seen of a key. The error is [host.ErrNotFound] if the
// workspace has no such key.
func (a *Access) Key(ctx context.Context, workspace, id string) (Key, error) {
	var s storedKey
	item, err := a.keys.Get(ctx, "", id, &s)
	if err == nil && item.Type != typeOf(workspace) {
		err = host.ErrNotFound
	}
	if err != nil {
		return Key{}, err
	}
	return s.view(item), nil
}

// DeleteKey ends a key, and all that were derived of it: on this host at once,
// on every host that shares the store within two seconds. The error is
// [host.ErrNotFound] if the workspace has no such key.
func (a *Access) DeleteKey(ctx context.Context, workspace, id string) (err error) {
	defer func() { a.report(ctx, host.Event{Workspace: workspace, Action: "delete key", Subject: id}, err) }()
	if err := a.owned(ctx, a.keys, workspace, id); err != nil {
		return err
	}
	err = a.keys.Delete(ctx, "", id)
	a.changed("", id)
	return err
}

// owned returns nil if an item on a shelf is the workspace's, also if it cannot
// be opened.
func (a *Access) owned(ctx context.Context, shelf *host.Shelf, workspace, id string) error {
	item, err := shelf.Get(ctx, "", id, new(struct{}))
	if errors.Is(err, host.ErrNotFound) {
		return err
	}
	if item.Type != typeOf(workspace) {
		return host.ErrNotFound
	}
	return nil
}

// Caller returns who shows a key, or one that was derived. The error has the
// code [sdk.Denied] if it is none, or [sdk.Unavailable] with the reason
// [ReasonRate] if the source of ctx has shown too many that are none. A key that
// was shown before costs neither I/O nor a lock.
func (a *Access) Caller(ctx context.Context, text string) (Caller, error) {
	if strings.HasPrefix(text, derivedPrefix) {
		return a.derivedCaller(ctx, text)
	}
	b, err := body(text, keyPrefix, idLength+secretLength)
	if err != nil {
		return Caller{}, a.failed(ctx, err)
	}
	k := a.known.cached(b[:idLength])
	if k == nil {
		if err := a.blocked(ctx); err != nil && !a.onRoll("k-"+b[:idLength]) {
			return Caller{}, err
		}
		if k, err = a.known.get(ctx, b[:idLength], a.loadKey); err != nil {
			return Caller{}, a.failed(ctx, unavailable(err))
		}
	}
	h := hash(text)
	now := a.h.Now()
	if subtle.ConstantTimeCompare(h[:], k.hash[:]) != 1 {
		return Caller{}, a.failed(ctx, errUnknown)
	}
	if over(k.caller.Expires, now) {
		return Caller{}, errEnded
	}
	k.use(now)
	return k.caller, nil
}

// over reports whether an end, if there is one, has come.
func over(end, now time.Time) bool { return !end.IsZero() && !now.Before(end) }

// unavailable says that a look into the store has failed, or that there is no
// such thing.
func unavailable(err error) error {
	if errors.Is(err, host.ErrNotFound) {
		return errUnknown
	}
	return storeError(err)
}

// gone is unavailable for what was derived of a key that was deleted.
func gone(err error) error {
	if errors.Is(err, host.ErrNotFound) {
		return errEnded
	}
	return storeError(err)
}

func storeError(err error) error {
	return sdk.Errorf(sdk.Unavailable, "the keys cannot be read at the moment: try again soon").Because(err)
}

// loadKey reads a key by its ID without the kind.
func (a *Access) loadKey(ctx context.Context, id string) (*key, error) {
	var s storedKey
	item, err := a.keys.Get(ctx, "", "k-"+id, &s)
	if err != nil {
		return nil, err
	}
	k := &key{caller: Caller{Workspace: workspaceOf(item.Type), Actor: host.Actor("key:" + item.ID), Key: item.ID,
		Scopes: s.Scopes, Expires: s.Expires, budget: a.budgetOf(item.ID, workspaceOf(item.Type))}}
	if !s.Limits.none() {
		k.caller.Limits = []Limits{s.Limits}
	}
	if copy(k.hash[:], s.Hash) != len(k.hash) {
		return nil, host.ErrNotFound
	}
	k.seen.Store(hourOf(s.Used))
	k.noted.Store(true)
	return k, nil
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

// use notes that a key was shown. The record learns of it later.
func (k *key) use(now time.Time) {
	if hour := hourOf(now); k.seen.Load() < hour {
		k.seen.Store(hour)
		k.noted.Store(false)
	}
}

// noteUses writes down when keys were last shown: each once in an hour, at most.
func (a *Access) noteUses(ctx context.Context) {
	a.known.each(func(id string, k *key) {
		if k.noted.Swap(true) {
			return
		}
		used := time.Unix(k.seen.Load()*3600, 0).UTC()
		var s storedKey
		item, err := a.keys.Get(ctx, "", "k-"+id, &s)
		if err == nil && s.Used.Before(used) {
			s.Used = used
			_, err = a.keys.Save(ctx, item, s)
		}
		if err != nil && !errors.Is(err, host.ErrNotFound) {
			k.noted.Store(false) // again soon
		}
	})
}
