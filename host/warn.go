// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"time"
)

// A WarningKind says what a [Warning] is about.
type WarningKind string

// The kinds of warnings.
const (
	WarnExpiring WarningKind = "expiring"      // a person must connect it again, or enter another secret or client certificate, before At
	WarnRefused  WarningKind = "refused"       // the service does not take the answers any more
	WarnAgain    WarningKind = "connect again" // a person must connect it again, now
)

// A Warning says that a person should do something about a credential. It
// holds no secret.
type Warning struct {
	Time       time.Time   `json:"time"`
	Workspace  string      `json:"workspace"`
	Credential string      `json:"credential"`
	Type       string      `json:"type"`
	Name       string      `json:"name,omitempty"`
	Kind       WarningKind `json:"kind"`
	Reason     string      `json:"reason"`
	At         time.Time   `json:"at"` // when it dies, or has died
}

// warning queues a warning until the credential is saved.
func (c *credential) warning(kind WarningKind, reason string, at time.Time) {
	c.warnings = append(c.warnings, Warning{Time: c.w.h.now().UTC(), Workspace: c.w.name, Credential: c.rec.ID,
		Type: c.rec.Type, Name: c.rec.Name, Kind: kind, Reason: reason, At: at})
}

// warnRefused queues the warning that the service has begun to refuse.
func (c *credential) warnRefused(r *refused) {
	kind := WarnRefused
	if c.typ.Can.Connect && c.typ.Schema.NeedsConnect(c.answers()) {
		kind = WarnAgain
	}
	c.warning(kind, r.Error.Error(), r.Since)
}

// warn utters what was queued.
func (c *credential) warn(ctx context.Context) {
	for _, w := range c.warnings {
		c.w.h.log.WarnContext(ctx, "a person should act", "workspace", w.Workspace, "credential", w.Credential, "type", w.Type, "kind", string(w.Kind), "at", w.At)
		c.w.h.measure.warned(ctx, w)
		if c.w.h.cfg.Warn != nil {
			c.w.h.cfg.Warn(ctx, w)
		}
	}
	c.warnings = nil
}

// warnAhead is how long before its end people are warned of a grant's.
const warnAhead = 7 * 24 * time.Hour

// deadline returns when the credential dies unless a person or a renewal
// prevents it, and from when on people are warned of that. Zero: never. Of two
// deadlines it is the one that is warned of first.
func (c *credential) deadline() (end, warn time.Time) {
	end, warn = c.grantDeadline()
	if at, tell := c.certificateDeadline(); !tell.IsZero() && (warn.IsZero() || tell.Before(warn)) {
		return at, tell
	}
	return end, warn
}

// certificateDeadline is the deadline of the client certificate.
func (c *credential) certificateDeadline() (end, warn time.Time) {
	text := ""
	if pair := c.typ.Schema.ClientCertificate; pair != nil {
		text = c.answers()[pair.Certificate]
	} else if c.TLS != nil {
		text = c.TLS.Certificate
	}
	chain, _ := parseCertificates(text)
	if len(chain) == 0 {
		return end, warn
	}
	leaf := chain[0]
	return leaf.NotAfter.UTC(), leaf.NotAfter.Add(-c.warnAhead(leaf.NotAfter.Sub(leaf.NotBefore))).UTC()
}

// warnAhead is how long before its end people are warned of what lives as long
// as life.
func (c *credential) warnAhead(life time.Duration) time.Duration {
	if ahead := c.w.h.cfg.WarnAhead; ahead > 0 {
		return ahead
	}
	return min(warnAhead, max(life/4, 0))
}

// grantDeadline is the deadline of the grant.
//
// What is not used dies of idleness only if it could not be renewed, so that
// is told later than what needs a person in any case.
func (c *credential) grantDeadline() (end, warn time.Time) {
	g := c.Grant
	if g == nil {
		return end, warn
	}
	if end = g.Reconnect; !end.IsZero() {
		warn = end.Add(-c.warnAhead(end.Sub(g.Obtained)))
	}
	if g.Idle > 0 && len(c.State) > 0 {
		idle := g.Obtained.Add(g.Idle)
		if tell := idle.Add(-g.Idle / 4); warn.IsZero() || tell.Before(warn) {
			end, warn = idle, tell
		}
	}
	return end, warn
}

// keepAt returns when a grant is renewed though nobody uses it, or else what
// renews it would die; zero: never.
func (c *credential) keepAt() time.Time {
	g := c.Grant
	if g == nil || g.Idle <= 0 || len(c.State) == 0 || c.Refused != nil {
		return time.Time{}
	}
	at := g.Obtained.Add(g.Idle / 2)
	if c.KeepAfter.After(at) {
		at = c.KeepAfter
	}
	return at
}

// due returns when a host should look at the credential without being asked.
func (c *credential) due() time.Time {
	end, warn := c.deadline()
	if c.Warned.Equal(end) {
		warn = time.Time{}
	}
	keep := c.keepAt()
	if warn.IsZero() || !keep.IsZero() && keep.Before(warn) {
		return keep
	}
	return warn
}

// expiring says what a person should know about the credential's end; "" if it
// is far away.
func (c *credential) expiring() string {
	now := c.w.h.now()
	end, warn := c.deadline()
	day := end.UTC().Format("2 January 2006")
	switch {
	case warn.IsZero() || now.Before(warn):
		return ""
	case now.Before(end):
		return "access ends on " + day + ": " + c.remedy() + " before that"
	}
	return "access has ended on " + day + ": " + c.remedy()
}

func (c *credential) remedy() string {
	end, _ := c.deadline()
	if at, _ := c.certificateDeadline(); at.Equal(end) {
		return "give it another client certificate"
	}
	if c.typ.Can.Connect && c.typ.Schema.NeedsConnect(c.answers()) {
		return "connect it again"
	}
	return "enter another secret"
}

// watchEvery is how often a host looks for credentials that are due.
const watchEvery = time.Minute

// watch looks after credentials that nobody uses. Any number of hosts may: the
// record's lease lets one of them act.
//
// It begins with a wait: a command that runs for a second has other things to do.
func (h *Host) watch() {
	for sleep(h.open, watchEvery+h.chance(watchEvery/4)) == nil {
		ctx, cancel := context.WithTimeout(h.open, watchEvery)
		h.lookAfter(ctx)
		cancel()
	}
}

// lookAfter warns of what is due, and renews what would die unused.
func (h *Host) lookAfter(ctx context.Context) {
	due, err := h.store.Due(ctx, h.now(), 500)
	if err != nil {
		h.log.WarnContext(ctx, "the store cannot be asked what is due", "err", err)
		return
	}
	for _, rec := range due {
		if rec.Kind != KindCredential || ctx.Err() != nil {
			continue
		}
		if err := h.Workspace(rec.Workspace).lookAt(ctx, rec.ID); err != nil && ctx.Err() == nil {
			h.log.WarnContext(ctx, "a credential that is due was not looked after", "workspace", rec.Workspace, "credential", rec.ID, "err", err)
		}
	}
}

// lookAt does what is due for one credential.
func (w *Workspace) lookAt(ctx context.Context, id string) error {
	var keep bool
	c, err := w.edit(ctx, id, func(_ context.Context, c *credential) error {
		now := c.w.h.now()
		if at := c.keepAt(); !at.IsZero() && !now.Before(at) {
			keep = true
			c.KeepAfter = now.UTC().Add(time.Hour) // if it fails; also for other hosts
		}
		if end, warn := c.deadline(); !warn.IsZero() && !now.Before(warn) && !c.Warned.Equal(end) {
			c.Warned = end
			c.warning(WarnExpiring, c.expiring(), end)
		}
		return nil // or else it stays due
	})
	if err != nil || !keep {
		return err
	}
	_, err = w.entry(id).fetch(ctx, need{old: c.live(), renew: true})
	return err
}
