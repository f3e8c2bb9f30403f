// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// A Status says what a credential needs before it can be used.
type Status string

// The statuses.
const (
	StatusReady   Status = "ready"            // nothing
	StatusDraft   Status = "draft"            // the answers that its service suggests
	StatusAnswers Status = "needs answers"    // answers that a newer version of its type asks for
	StatusConnect Status = "needs connecting" // a person's approval in a browser
	StatusAgain   Status = "connect again"    // the same, after the service has refused it
	StatusDenied  Status = "denied"           // other answers: the service does not take these
	StatusBroken  Status = "cannot be opened" // an operator: see Reason
)

// A Credential is what may be seen of one.
type Credential struct {
	ID          string `json:"id"`
	Workspace   string `json:"workspace"`
	Type        string `json:"type"`
	Name        string `json:"name,omitempty"`
	Application string `json:"application,omitempty"`

	Status Status     `json:"status"`
	Reason string     `json:"reason,omitempty"` // for a status that is not ready
	Since  *time.Time `json:"since,omitempty"`  // when the service began to refuse it

	// Answers are native JSON; a secret is {"set":true}, with its "reference"
	// if it has one.
	Answers map[string]json.RawMessage `json:"answers"`

	Origins   sdk.Origins       `json:"origins"`             // where its secrets may go
	TLS       *TLSView          `json:"tls,omitempty"`       // how TLS is spoken there, if not as ever
	Account   string            `json:"account,omitempty"`   // whose it is at the service
	Was       string            `json:"was,omitempty"`       // whose it was before it was connected last, if that was somebody else
	Granted   bool              `json:"granted"`             // there is a grant, or what renews one
	Unrevoked []Unrevoked       `json:"unrevoked,omitempty"` // grants that are not used any more, and may live at the service
	Facts     map[string]string `json:"facts,omitempty"`     // public things learnt from the service
	Expiry    *time.Time        `json:"expiry,omitempty"`    // of the grant at hand
	Reconnect *time.Time        `json:"reconnect,omitempty"` // when a person must connect it again
	Ends      *time.Time        `json:"ends,omitempty"`      // when it dies, if nobody connects or uses it before
	Warning   string            `json:"warning,omitempty"`   // what to do before it dies, once that is near
	Tested    *Verdict          `json:"tested,omitempty"`    // the last test

	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`

	// Generation counts the times that it was saved, from 1: by whoever edits
	// it, and by hosts that renew or test it. See [Patch].Generation.
	Generation uint64 `json:"generation"`
}

// An Unrevoked grant is one that was to be revoked, and could not be. See
// [Workspace.Revoke] and [Workspace.Forget].
type Unrevoked struct {
	Since  time.Time `json:"since"`
	Reason string    `json:"reason"`
}

// content is the sealed part of a credential's record. What holds a secret has
// types that encoding/json encodes in full: the sdk's would be redacted.
type content struct {
	SchemaVersion int               `json:"schemaVersion"`
	Values        map[string]string `json:"values,omitempty"` // its own answers, complete
	References    map[string]string `json:"references,omitempty"`
	Application   string            `json:"application,omitempty"`
	Draft         bool              `json:"draft,omitempty"`
	Origins       sdk.Origins       `json:"origins"`
	TLS           *storedTLS        `json:"tls,omitempty"`

	Grant  *storedGrant `json:"grant,omitempty"`
	Serial uint64       `json:"serial"` // counts the grants
	State  []byte       `json:"state,omitempty"`

	Attempt string   `json:"attempt,omitempty"` // that brought the grant
	Spent   bool     `json:"spent,omitempty"`   // State was shown to the service, and the answer lost
	Lost    []string `json:"lost,omitempty"`    // attempts whose answers were lost; one may come yet

	Warned    time.Time `json:"warned,omitzero"`    // of which end people were warned
	KeepAfter time.Time `json:"keepAfter,omitzero"` // it is not renewed for want of use before

	Account string   `json:"account,omitempty"` // of the last grant that named one
	Was     string   `json:"was,omitempty"`     // the Account before it was connected last, or before the answers changed
	Endings []ending `json:"endings,omitempty"` // grants that are to be revoked
	Refused *refused `json:"refused,omitempty"`
	Tested  *Verdict `json:"tested,omitempty"`
}

// refused remembers that the service does not take the credential.
type refused struct {
	Error sdk.Error `json:"error"`
	Since time.Time `json:"since"`
	Tries int       `json:"tries"`
	Next  time.Time `json:"next"` // not to be tried before
}

// storedGrant is a grant as it is sealed.
type storedGrant struct {
	Header    map[string][]string `json:"header,omitempty"`
	Query     map[string][]string `json:"query,omitempty"`
	Path      map[string]string   `json:"path,omitempty"`
	Origins   []string            `json:"origins,omitempty"`
	Sign      sdk.Part            `json:"sign,omitempty"`
	Refused   []int               `json:"refused,omitempty"`
	Obtained  time.Time           `json:"obtained"`
	Expiry    time.Time           `json:"expiry,omitzero"`
	Reconnect time.Time           `json:"reconnect,omitzero"`
	Idle      time.Duration       `json:"idle,omitempty"`
	Facts     map[string]string   `json:"facts,omitempty"`
	Values    map[string]string   `json:"values,omitempty"`
}

// A credential is a record that has been opened.
type credential struct {
	content
	w      *Workspace
	rec    Record // with changes
	stored Record // without
	typ    Type
	app    *application // whose answers go before its own; nil: none

	upgrade error // why the answers are not complete for the schema as it is

	// Of a credential that is being edited:

	held       *hold
	unfinished error     // why what was left unfinished before could not be ended
	spent      time.Time // when State was spent, if the service forgives that
	obtained   *obtained // what must not be lost
	warnings   []Warning // for when it is saved
}

// open opens a record, carrying its answers over to the schema as it is.
func (w *Workspace) open(ctx context.Context, rec Record) (*credential, error) {
	c := &credential{w: w, rec: rec, stored: rec}
	if err := w.h.unseal(ctx, rec, &c.content); err != nil {
		return nil, err
	}
	var err error
	if c.typ, err = w.h.plugins.Type(rec.Type); err != nil {
		return nil, err
	}
	if c.Application != "" {
		if c.app, err = w.application(ctx, c.Application); err != nil {
			return nil, fmt.Errorf("host: the application of %s: %w", rec.ID, err)
		}
	}
	return c, c.carryOver(ctx)
}

// seal writes the content into the record.
func (c *credential) seal(ctx context.Context) error {
	c.SchemaVersion = c.typ.Schema.Version
	c.rec.Due = c.due()
	kept := c.content
	if kept.Grant != nil && kept.Grant.Sign&sdk.SignCount != 0 {
		kept.Grant = nil // each host counts its own
	}
	return c.w.h.seal(ctx, &c.rec, kept)
}

// seal encrypts v into rec, bound to rec's columns.
func (h *Host) seal(ctx context.Context, rec *Record, v any) error {
	plain, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("host: encoding %s: %w", rec.ID, err)
	}
	defer clear(plain)
	rec.Updated = h.now().UTC()
	if rec.Sealed, err = h.cfg.Sealer.Seal(ctx, plain, h.bindingOf(*rec)); err != nil {
		return fmt.Errorf("host: sealing %s: %w", rec.ID, err)
	}
	return nil
}

// unseal decrypts rec into v.
func (h *Host) unseal(ctx context.Context, rec Record, v any) error {
	plain, err := h.cfg.Sealer.Open(ctx, rec.Sealed, h.bindingOf(rec))
	if err != nil {
		return fmt.Errorf("host: opening %s: %w", rec.ID, err)
	}
	defer clear(plain)
	d := json.NewDecoder(bytes.NewReader(plain))
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("host: %s was written by another version of this program", rec.ID)
	}
	return nil
}

// bindingOf is rec's binding, unless a test does without it.
func (h *Host) bindingOf(rec Record) []byte {
	if defence.Off(h.ctx, defence.InPlace) {
		return nil
	}
	return rec.binding()
}

// binding returns the associated data of what rec seals: every column but
// Updated, each after its length, so that no two records share one.
func (r Record) binding() []byte {
	b := []byte("credhost record 1")
	for _, column := range []string{r.Workspace, r.ID, string(r.Kind), r.Type, r.Name, r.Created.UTC().Format(time.RFC3339Nano)} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(column)))
		b = append(b, column...)
	}
	return binary.BigEndian.AppendUint64(b, r.Generation)
}

// typeName is the credential's type, "" of a nil credential.
func (c *credential) typeName() string {
	if c == nil {
		return ""
	}
	return c.rec.Type
}

// answers returns the credential's answers and its application's.
func (c *credential) answers() sdk.Values {
	all := sdk.Values{}
	if c.app != nil {
		maps.Copy(all, c.app.Values)
	}
	maps.Copy(all, c.Values)
	return all
}

// status says what the credential needs.
func (c *credential) status() (Status, string) {
	switch needs := c.typ.Can.Connect && c.typ.Schema.NeedsConnect(c.answers()); {
	case c.upgrade != nil:
		return StatusAnswers, c.upgrade.Error()
	case c.Draft:
		return StatusDraft, "answers are missing that the service suggests"
	case c.Refused != nil && needs:
		return StatusAgain, c.Refused.Error.Error()
	case c.Refused != nil:
		return StatusDenied, c.Refused.Error.Error()
	case needs && c.Grant == nil && c.State == nil:
		return StatusConnect, "nobody has approved access yet"
	}
	return StatusReady, ""
}

// view returns what may be seen of the credential.
func (c *credential) view() Credential {
	v := Credential{ID: c.rec.ID, Workspace: c.rec.Workspace, Type: c.rec.Type, Name: c.rec.Name,
		Application: c.Application, Origins: c.Origins, TLS: c.TLS.view(), Account: c.Account, Tested: c.Tested,
		Answers: map[string]json.RawMessage{}, Created: c.rec.Created, Updated: c.rec.Updated, Generation: c.rec.Generation}
	v.Status, v.Reason = c.status()
	v.Was, v.Granted = c.was(), c.hasGrant()
	for _, e := range c.Endings {
		v.Unrevoked = append(v.Unrevoked, Unrevoked{e.Since, e.Reason})
	}
	if c.Refused != nil {
		v.Since = &c.Refused.Since
	}
	if g := c.Grant; g != nil {
		v.Facts = g.Facts
		v.Expiry, v.Reconnect = some(g.Expiry), some(g.Reconnect)
	}
	end, _ := c.deadline()
	v.Ends, v.Warning = some(end), c.expiring()
	shown(v.Answers, c.typ.Schema, c.Values, c.References)
	return v
}

// some returns t, or nil if it is zero.
func some(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// shown fills answers with what may be seen of them.
func shown(answers map[string]json.RawMessage, s sdk.Schema, values, references map[string]string) {
	public := sdk.Values{}
	for name, v := range values {
		if f, ok := s.Field(name); ok && f.Secret {
			answers[name] = json.RawMessage(`{"set":true}`)
		} else {
			public[name] = v
		}
	}
	for name, ref := range references {
		answers[name], _ = json.Marshal(map[string]any{"set": true, "reference": ref}) // strings always encode
	}
	var native map[string]json.RawMessage
	if json.Unmarshal(s.Encode(public), &native) == nil {
		maps.Copy(answers, native)
	}
}
