// SPDX-License-Identifier: Apache-2.0

package host

import (
	"maps"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// An obtained grant is one that was spent for, and so must not be lost.
type obtained struct {
	grant  sdk.Grant
	intent *intent
}

// take takes a plugin's grant into the content. It refuses one that would go
// where the answers do not say.
func (c *credential) take(g sdk.Grant, in *intent) error {
	if !defence.Off(c.w.h.ctx, defence.Within) && !within(g.Origins, c.Origins.Grant) {
		return sdk.Errorf(sdk.Internal, "the plugin %s wants to send the grant to an address that the answers do not allow: tell its author", c.typ.Program)
	}
	if in.spends(c) {
		c.obtained = &obtained{g, in}
	}
	if in.Callback != nil {
		c.replace(g)
	}
	c.narrow(g.Origins)
	c.Serial++
	c.Attempt, c.Spent = in.Attempt, false
	switch i := slices.Index(c.Lost, in.Attempt); {
	case i >= 0:
		c.Lost = c.Lost[i+1:] // what was begun later is worth more
	case in.Callback != nil:
		c.Lost = nil // a person has just approved
	}
	c.State, c.Refused = g.State, nil
	switch {
	case g.Account == "" || g.Account == c.Account:
	case c.Account == "" || defence.Off(c.w.h.ctx, defence.SameAccount):
		c.Account = g.Account
	default:
		c.become(g.Account)
	}
	c.Grant = &storedGrant{
		Header: canonical(g.Header), Query: g.Query, Path: g.Path, Origins: g.Origins,
		Sign: g.Sign, Refused: g.Refused,
		Obtained: c.w.h.now().UTC(), Expiry: g.Expiry.UTC(), Reconnect: g.Reconnect.UTC(), Idle: g.Idle,
		Facts: g.Facts, Values: g.Values,
	}
	return nil
}

// dropGrant gives up the grant, and what may still come of a late answer. No
// cache serves it any more.
func (c *credential) dropGrant() {
	c.Grant = nil
	c.Serial++
	c.Lost = nil
}

// narrow replaces a pattern, such as https://*.example.com, by the hosts under
// it that are named, unless it is named itself. The first grant does so: a
// service that says where it lives says so once. Edits keep to it.
func (c *credential) narrow(named []string) {
	if len(named) == 0 {
		return
	}
	var exact []string
	for _, o := range c.Origins.Grant {
		if !strings.Contains(o, "://*.") || slices.Contains(named, o) {
			exact = append(exact, o)
			continue
		}
		hosts := []string{}
		for _, n := range named {
			if sdk.MatchOrigin([]string{o}, n) {
				hosts = append(hosts, n)
			}
		}
		if len(hosts) == 0 {
			hosts = []string{o} // this one is still open
		}
		exact = append(exact, hosts...)
	}
	c.Origins.Grant = exact
}

// canonical returns h with its names as net/http has them.
func canonical(h http.Header) http.Header {
	c := make(http.Header, len(h))
	for name, values := range h {
		c[textproto.CanonicalMIMEHeaderKey(name)] = values
	}
	return c
}

// live returns the stored grant as the cache has it. It is renewed when three
// quarters of its life are over, give or take, and used until shortly before
// it ends.
func (c *credential) live() *live {
	g := c.Grant
	l := &live{
		Grant: sdk.Grant{Header: http.Header(g.Header), Query: url.Values(g.Query), Path: g.Path, Origins: g.Origins,
			Sign: g.Sign, Refused: g.Refused, Expiry: g.Expiry, Reconnect: g.Reconnect, Idle: g.Idle,
			Facts: g.Facts, Values: g.Values, State: c.State, Account: c.Account},
		typ: c.rec.Type, origins: c.Origins.Grant, serial: c.Serial, obtained: g.Obtained,
	}
	if len(g.Origins) > 0 {
		l.origins = g.Origins
	}
	l.attached = attachedOf(l.Grant)
	if life := g.Expiry.Sub(g.Obtained); !g.Expiry.IsZero() && life > 0 {
		l.renewAt = g.Obtained.Add(life*3/4 - c.w.h.chance(life/20+1))
		l.until = g.Expiry.Add(-min(10*time.Second, life/10))
	} else if !g.Expiry.IsZero() {
		l.until = g.Expiry
	}
	return l
}

// refusedBy reports whether a status means that the grant is no longer good.
func (l *live) refusedBy(status int) bool {
	if l.Refused == nil {
		return status == http.StatusUnauthorized
	}
	for _, s := range l.Refused {
		if s == status {
			return true
		}
	}
	return false
}

// same reports whether two grants put the same on a request.
func (l *live) same(m *live) bool {
	return maps.EqualFunc(l.Header, m.Header, equal) && maps.EqualFunc(l.Query, m.Query, equal) && maps.Equal(l.Path, m.Path)
}

func equal(a, b []string) bool { return strings.Join(a, "\x00") == strings.Join(b, "\x00") }
