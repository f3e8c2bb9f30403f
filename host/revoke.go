// SPDX-License-Identifier: Apache-2.0

package host

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/credhost/credhost/sdk"
)

// A Fate is what is known of a grant, or of what renews it, after it was
// revoked.
type Fate string

// The fates, the worse ones last.
const (
	FateNone    Fate = "none"    // there was none
	FateDead    Fate = "dead"    // the service was seen to refuse it
	FateUnknown Fate = "unknown" // nobody could look
	FateAlive   Fate = "alive"   // the service was seen to take it still
)

var fates = []Fate{"", FateNone, FateDead, FateUnknown, FateAlive}

func worse(a, b Fate) Fate {
	if slices.Index(fates, a) > slices.Index(fates, b) {
		return a
	}
	return b
}

// A Revocation says what became of a grant that was to be made worthless, and
// what of it was seen.
type Revocation struct {
	Told  bool `json:"told"`  // the service has taken all revocations; false if there was nothing to revoke
	Grant Fate `json:"grant"` // of what requests carried, as the type's test finds it

	// Refresh is the fate of what the plugin kept to renew the grant: none or
	// unknown, since to look would be to spend it.
	Refresh Fate `json:"refresh"`

	// Kept says that what is needed to try again is kept. No request carries
	// it meanwhile.
	Kept   bool   `json:"kept"`
	Reason string `json:"reason,omitempty"` // why the service was not told, or still takes the grant
}

// An ending is a grant that is used no more, until it is worthless at its
// service.
type ending struct {
	Grant    *storedGrant `json:"grant,omitempty"`
	State    []byte       `json:"state,omitempty"`
	Origins  sdk.Origins  `json:"origins"` // of the credential, when it was obtained
	Since    time.Time    `json:"since"`
	Replaced bool         `json:"replaced,omitempty"` // by another
	Reason   string       `json:"reason,omitempty"`   // why it is not dead yet
}

// mostEndings is how many grants a credential keeps in order to revoke them.
const mostEndings = 8

// Revoke makes the credential's grant worthless at the service, and looks
// whether it is, as far as that can be seen. The grant is taken from use first,
// on every host. The answers stay: the next use obtains another grant, or asks
// to connect again.
//
// If the service could not be told, or still takes the grant, that is an error,
// and what is needed to try again is kept: call Revoke again, or
// [Workspace.Forget]. A type that cannot revoke is [sdk.Invalid], and nothing
// changes. The Revocation is right with an error, too. Concurrent calls revoke
// one after the other.
func (w *Workspace) Revoke(ctx context.Context, id string) (r Revocation, err error) {
	ctx, end := w.span(ctx, "credential.revoke", id)
	defer func() { end(err) }()
	var typ string
	defer func() { w.audit(ctx, "revoke", id, typ, err) }()
	c, err := w.edit(ctx, id, func(_ context.Context, c *credential) error {
		switch {
		case c.unfinished != nil: // what the service has answered would be forgotten with it
			return c.unfinished
		case !c.hasGrant():
			return errUnchanged
		case !c.typ.Can.Revoke:
			return sdk.Errorf(sdk.Invalid, "the type %s cannot revoke: end the grant at the service, and then forget it here", c.rec.Type)
		}
		c.setAside(false)
		c.dropGrant()
		c.State = nil
		return nil
	})
	typ = c.typeName()
	if err != nil {
		return Revocation{Grant: FateUnknown, Refresh: FateUnknown, Kept: true, Reason: reasonOf(err)}, err
	}
	return w.endAll(ctx, id, func(ending) bool { return true }, looks)
}

// Forget drops the credential's grant, and those that could not be revoked,
// without telling the service, where they live until they end. A copy that a
// thief has made lives on, too.
func (w *Workspace) Forget(ctx context.Context, id string) (err error) {
	c, err := w.edit(ctx, id, func(_ context.Context, c *credential) error {
		if !c.hasGrant() && len(c.Endings) == 0 {
			return errUnchanged
		}
		c.dropGrant()
		c.State, c.Endings = nil, nil
		return nil
	})
	w.audit(ctx, "forget", id, c.typeName(), err)
	return err
}

func (c *credential) hasGrant() bool { return c.Grant != nil || c.State != nil }

// setAside keeps the grant to be revoked. Its caller takes it from use.
func (c *credential) setAside(replaced bool) {
	e := ending{Grant: c.Grant, State: c.State, Origins: c.Origins, Since: c.w.h.now().UTC(), Replaced: replaced, Reason: "the service has not been told yet"}
	c.Endings = append(slices.Clone(c.Endings), e)
	if n := len(c.Endings) - mostEndings; n > 0 {
		c.Endings = c.Endings[n:] // the oldest have ended by themselves, if anything ends at that service
	}
}

// replace makes ready for the first grant of a visit: it notes whose the
// credential was before, and keeps the grant before to be revoked, if the type
// says that this leaves the new one alone.
func (c *credential) replace(g sdk.Grant) {
	c.become(g.Account)
	if c.typ.Schema.RevokeReplaced && c.typ.Can.Revoke && c.hasGrant() {
		c.setAside(true)
	}
}

// become notes whose the credential is, and has people warned if it was
// somebody else's.
func (c *credential) become(account string) {
	before := cmp.Or(c.Account, c.Was)
	c.Account, c.Was = account, before
	if account == before {
		c.Was = ""
	}
	if was := c.was(); was != "" {
		c.warning(WarnAccount, "it is another account's now: "+account+"; before, it was "+was, c.w.h.now().UTC())
	}
}

// was returns whose the credential was before it was connected last, if that
// was somebody else.
func (c *credential) was() string {
	if c.Account == "" || c.Was == c.Account {
		return ""
	}
	return c.Was
}

// WarnAccount is the kind of the warning that another account came back than
// before: when a credential was connected again, or, from a service that is
// mistaken or malicious, when its grant was renewed.
const WarnAccount WarningKind = "another account"

// settle does what follows when a credential has been connected: it puts a
// change of the account on record, and revokes what the new grant has replaced.
// A person waits for it, so it looks only once.
func (w *Workspace) settle(ctx context.Context, done *Connected) {
	c, err := w.load(ctx, done.ID)
	if done.Was != "" {
		w.audit(ctx, "change account", done.ID, c.typeName(), nil)
	}
	if err != nil || !slices.ContainsFunc(c.Endings, func(e ending) bool { return e.Replaced }) {
		return
	}
	r, err := w.endAll(ctx, done.ID, func(e ending) bool { return e.Replaced }, 1)
	w.audit(ctx, "revoke", done.ID, c.typeName(), err)
	done.Replaced = &r
}

// endAll revokes the endings that which picks, and forgets those that are dead
// or may be.
func (w *Workspace) endAll(ctx context.Context, id string, which func(ending) bool, looks int) (r Revocation, err error) {
	r = Revocation{Grant: FateNone, Refresh: FateNone}
	var faults []error
	_, err = w.edit(ctx, id, func(ctx context.Context, c *credential) error {
		var kept []ending
		for _, e := range c.Endings {
			if which(e) {
				err := c.finish(ctx, &e, &r, looks)
				if err == nil {
					continue
				}
				faults = append(faults, err)
			}
			kept = append(kept, e)
		}
		if len(c.Endings) == 0 {
			return errUnchanged
		}
		r.Told = !slices.ContainsFunc(faults, func(err error) bool { return err != errAlive })
		c.Endings = kept
		return nil
	})
	err = errors.Join(append(faults, err)...)
	r.Kept, r.Reason = err != nil, reasonOf(err)
	return r, err
}

// errAlive is for a revocation that the service has taken, to no effect.
var errAlive = sdk.Errorf(sdk.Unavailable, "the service has taken the revocation, and still takes the grant: try again, or end it at the service")

// finish tells the service that a grant has ended, and looks.
func (c *credential) finish(ctx context.Context, e *ending, r *Revocation, looks int) error {
	if e.State != nil {
		r.Refresh = worse(r.Refresh, FateUnknown)
	}
	if err := c.tell(ctx, *e); err != nil {
		if e.Grant != nil {
			r.Grant = worse(r.Grant, FateUnknown)
		}
		e.Reason = reasonOf(err)
		return err
	}
	fate := c.look(ctx, *e, looks)
	r.Grant = worse(r.Grant, fate)
	if fate == FateAlive {
		e.Reason = errAlive.Message
		return errAlive
	}
	return nil
}

// tell has the plugin revoke a grant. It reaches what the credential could when
// the grant was obtained, whatever the answers say now.
func (c *credential) tell(ctx context.Context, e ending) error {
	p, err := c.w.h.plugins.Plugin(c.w.name, c.rec.Type)
	if err != nil {
		return err
	}
	in, err := c.input(ctx)
	if err != nil {
		return err
	}
	in.State = e.State
	return p.(sdk.Revoker).Revoke(c.allow(ctx, e.reach()), in, c.grantOf(e))
}

// revoke tells the service that the credential's own grant has ended.
func (c *credential) revoke(ctx context.Context) error {
	switch {
	case !c.hasGrant():
		return nil
	case !c.typ.Can.Revoke:
		return sdk.Errorf(sdk.Invalid, "the type %s cannot revoke", c.rec.Type)
	}
	return c.tell(ctx, ending{Grant: c.Grant, State: c.State, Origins: c.Origins})
}

func (e ending) reach() []string { return slices.Concat(e.Origins.Answers, e.Origins.Grant) }

// grantOf returns the grant of an ending as a plugin sees it.
func (c *credential) grantOf(e ending) sdk.Grant {
	if e.Grant == nil {
		return sdk.Grant{}
	}
	old := *c
	old.Grant, old.State, old.Origins = e.Grant, e.State, e.Origins
	return old.live().Grant
}

// Revocations take effect at once, or some moments later: how often to look,
// and how long to wait before the second time; then twice that.
const (
	looks     = 4
	firstLook = 500 * time.Millisecond
)

// look asks the service, with the type's own test, whether it still takes a
// grant. What renews it is not shown to anybody.
func (c *credential) look(ctx context.Context, e ending, looks int) Fate {
	switch {
	case e.Grant == nil:
		return FateNone
	case !c.typ.Can.Test:
		return FateUnknown
	}
	p, err := c.w.h.plugins.Plugin(c.w.name, c.rec.Type)
	if err != nil {
		return FateUnknown
	}
	in, err := c.input(ctx)
	if err != nil {
		return FateUnknown
	}
	for wait := firstLook; ; wait *= 2 {
		err := p.(sdk.Tester).Test(c.allow(ctx, e.reach()), in, c.grantOf(e))
		switch {
		case errors.Is(err, sdk.Denied):
			return FateDead
		case err != nil && !errors.Is(err, sdk.Forbidden):
			return FateUnknown
		}
		if looks--; looks <= 0 || c.w.h.wait(ctx, wait) != nil {
			return FateAlive
		}
	}
}

// reasonOf returns what an error says, if it is one that people may read.
func reasonOf(err error) string {
	var e *sdk.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Message
	}
	return "the credential could not be read or saved"
}
