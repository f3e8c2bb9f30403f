// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"crypto/rand"
	"maps"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sync/singleflight"

	"github.com/credhost/credhost/sdk"
)

// A Workspace is a tenant of a [Host]. Another tenant's IDs do not exist in
// it. It is safe for concurrent use.
type Workspace struct {
	h    *Host
	name string
	err  error // why there can be no such workspace

	entries sync.Map           // ID → *entry, of credentials whose grant is cached
	loads   singleflight.Group // of origins, by ID
}

var workspaceName = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]*$`)

// Name returns the workspace's name.
func (w *Workspace) Name() string { return w.name }

// A New says what credential to create. Type and the answers to its schema
// are required.
type New struct {
	Type   string
	Name   string // what people call it; may be empty
	Values sdk.Values

	// References are answers to secret fields by reference, such as
	// "env:HALO_SECRET". They are resolved when they are used.
	References map[string]string

	// Application is the ID of the application that answers the fields of that
	// scope, this workspace's or everybody's. Empty: Values answer them too.
	Application string

	TLS TLS // how TLS is spoken for it, if not as ever

	// Draft allows answers that the service suggests to be missing. A draft
	// can be connected and asked for suggestions, but not used.
	Draft bool
}

// Create stores a new credential and returns its ID. It does not contact the
// service; see [Workspace.Test]. A wrong answer is an [*sdk.Error] with its
// Field; all of them are an [sdk.Errors].
func (w *Workspace) Create(ctx context.Context, typ string, values sdk.Values) (string, error) {
	return w.Add(ctx, New{Type: typ, Values: values})
}

// Add is [Workspace.Create] with everything that a credential may have.
func (w *Workspace) Add(ctx context.Context, n New) (id string, err error) {
	ctx, end := w.span(ctx, "credential.create", "")
	defer func() { end(err) }()
	var t Type
	defer func() {
		w.report(ctx, Event{Action: "create", Credential: id, Type: n.Type, Changed: w.changed(id, t.Schema, Patch{Values: n.Values, References: n.References})}, err)
	}()
	if t, err = w.typ(n.Type); err != nil {
		return "", err
	}
	if err := checkName(n.Name); err != nil {
		return "", err
	}
	c := &credential{w: w, typ: t, rec: Record{
		Workspace: w.name, ID: "c-" + strings.ToLower(rand.Text()), Kind: KindCredential,
		Type: n.Type, Name: n.Name, Generation: 1, Created: w.h.now().UTC(),
	}}
	c.Application, c.Draft = n.Application, n.Draft
	if err := c.answer(ctx, n.Values, n.References); err != nil {
		return "", err
	}
	if err := c.secure((*storedTLS)(nil).patched(&TLSPatch{&n.TLS.CA, &n.TLS.Certificate, &n.TLS.Key, &n.TLS.SkipVerify})); err != nil {
		return "", err
	}
	if err := c.seal(ctx); err != nil {
		return "", err
	}
	if err := w.h.store.Create(ctx, c.rec); err != nil {
		return "", err
	}
	return c.rec.ID, w.refers(ctx, c)
}

// A Patch is a change to a credential or an application. What it leaves out
// stays as it is; an empty answer clears.
type Patch struct {
	Name       *string
	Values     sdk.Values
	References map[string]string
	Draft      *bool
	TLS        *TLSPatch // of a credential; none of an application's

	// Whole says that Values are all the answers, as a form puts them: what
	// they leave out is cleared, but for secrets, which a form is never told.
	// An emptied field is simply left out by form libraries.
	Whole bool

	// Generation is that of what the change was made for: if it has been saved
	// since, by anybody, the error is [ErrConflict]. Zero: whatever it is now.
	Generation uint64
}

// apply returns answers and references as p changes them. A secret's answer
// goes before an older reference, and the other way round.
func (p Patch) apply(s sdk.Schema, values, references map[string]string) (map[string]string, map[string]string) {
	if p.Whole {
		values = maps.Clone(values)
		maps.DeleteFunc(values, func(name, _ string) bool { f, ok := s.Field(name); return !ok || !f.Secret })
	}
	values, references = merge(values, p.Values), merge(references, p.References)
	for name := range p.Values {
		if p.References[name] == "" {
			delete(references, name)
		}
	}
	for name, ref := range p.References {
		if ref != "" && p.Values[name] == "" {
			delete(values, name)
		}
	}
	return values, references
}

// Update changes a credential. Changed answers cost it its grant, since that
// was obtained with the old ones; a connected credential must be connected
// again. Answers that change where secrets go must come with the secrets:
// those that are stored are for the old destinations. So must settings of TLS
// that trust somebody who was not trusted before.
func (w *Workspace) Update(ctx context.Context, id string, p Patch) (err error) {
	ctx, end := w.span(ctx, "credential.update", id)
	defer func() { end(err) }()
	c, err := w.edit(ctx, id, func(ctx context.Context, c *credential) error {
		if err := c.rec.unchanged(p.Generation); err != nil {
			return err
		}
		if p.Name != nil {
			if err := checkName(*p.Name); err != nil {
				return err
			}
			c.rec.Name = *p.Name
		}
		if p.Draft != nil {
			c.Draft = *p.Draft
		}
		return c.patch(ctx, p)
	})
	e := Event{Action: "update", Credential: id, Type: c.typeName()}
	if c != nil {
		e.Changed = w.changed(id, c.typ.Schema, p)
	}
	w.report(ctx, e, err)
	return err
}

// Delete removes a credential for good: its data key goes with it. It does
// not tell the service; see [Workspace.Revoke].
func (w *Workspace) Delete(ctx context.Context, id string) (err error) {
	ctx, end := w.span(ctx, "credential.delete", id)
	defer func() { end(err) }()
	return w.delete(ctx, id, 0)
}

// DeleteUnchanged is [Workspace.Delete] of a credential that nobody has saved
// since it had the given [Credential.Generation]; otherwise the error is
// [ErrConflict].
func (w *Workspace) DeleteUnchanged(ctx context.Context, id string, generation uint64) error {
	return w.delete(ctx, id, generation)
}

func (w *Workspace) delete(ctx context.Context, id string, generation uint64) (err error) {
	var typ string
	defer func() { w.audit(ctx, "delete", id, typ, err) }()
	rec, err := w.get(ctx, id, KindCredential)
	if err != nil {
		return err
	}
	typ = rec.Type
	if err := rec.unchanged(generation); err != nil {
		return err
	}
	if err := w.auditFirst(ctx, "delete", id, typ); err != nil {
		return err
	}
	if err := w.h.store.Delete(ctx, w.name, id, generation, nil); err != nil {
		return err
	}
	w.forget(id)
	return nil
}

// A Page says which credentials to list.
type Page struct {
	Type  string // of this type only; empty: of all
	After string // the ID of the last one of the page before; empty: the first page
	Limit int    // zero: 100
}

// List returns a page of the workspace's credentials, in the order of their
// IDs. A record that cannot be opened is listed with its error as Reason.
func (w *Workspace) List(ctx context.Context, p Page) ([]Credential, error) {
	if w.err != nil {
		return nil, w.err
	}
	recs, err := w.h.store.List(ctx, Query{Workspace: w.name, Kind: KindCredential, Type: p.Type, After: p.After, Limit: p.Limit})
	if err != nil {
		return nil, err
	}
	all := make([]Credential, len(recs))
	for i, rec := range recs {
		c, err := w.open(ctx, rec)
		if err != nil {
			all[i] = Credential{ID: rec.ID, Workspace: rec.Workspace, Type: rec.Type, Name: rec.Name,
				Status: StatusBroken, Reason: err.Error(), Created: rec.Created, Updated: rec.Updated, Generation: rec.Generation}
			continue
		}
		all[i] = c.view()
	}
	return all, nil
}

// Show returns a credential, its secrets as {"set":true}.
func (w *Workspace) Show(ctx context.Context, id string) (Credential, error) {
	c, err := w.load(ctx, id)
	if err != nil {
		return Credential{}, err
	}
	return c.view(), nil
}

// typ returns the type with the given name, if the workspace can be.
func (w *Workspace) typ(name string) (Type, error) {
	if w.err != nil {
		return Type{}, w.err
	}
	return w.h.plugins.Type(name)
}

// get returns a record of the given kind.
func (w *Workspace) get(ctx context.Context, id string, kind Kind) (Record, error) {
	if w.err != nil {
		return Record{}, w.err
	}
	rec, err := w.h.store.Get(ctx, w.name, id)
	if err == nil && rec.Kind != kind {
		err = ErrNotFound
	}
	return rec, err
}

// load opens a credential.
func (w *Workspace) load(ctx context.Context, id string) (*credential, error) {
	rec, err := w.get(ctx, id, KindCredential)
	if err != nil {
		return nil, err
	}
	return w.open(ctx, rec)
}

// unchanged reports [ErrConflict] if a record has another generation than one
// that somebody has seen; zero: nobody cares.
func (r Record) unchanged(seen uint64) error {
	if seen != 0 && seen != r.Generation {
		return ErrConflict
	}
	return nil
}

func checkName(name string) error {
	if len(name) > 200 || !utf8.ValidString(name) || strings.ContainsFunc(name, isHidden) {
		return sdk.Errorf(sdk.Invalid, "a credential's name has at most 200 bytes, in one line")
	}
	return nil
}

// isHidden reports whether a letter does something else than to show: it ends a
// line, moves a terminal's cursor, or turns the direction in which others are
// read (Unicode Standard Annex 9), so that one name looks like another.
func isHidden(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
}

// merge returns old with the changes of patch; an empty value clears.
func merge(old, patch map[string]string) map[string]string {
	merged := maps.Clone(old)
	if merged == nil {
		merged = map[string]string{}
	}
	for name, v := range patch {
		if v == "" {
			delete(merged, name)
		} else {
			merged[name] = v
		}
	}
	return merged
}
