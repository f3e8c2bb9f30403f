// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// flowTime is how long a person has to approve access.
const flowTime = 10 * time.Minute

// How many flows may be open: of one actor for a credential, where the oldest
// makes room; of all actors for a credential; and in a workspace.
const (
	flowsOfActor      = 5
	flowsOfCredential = 20
	flowsOfWorkspace  = 1000
)

// flow is the sealed part of a flow's record. The record's ID is a hash of the
// state, so that a reader of the store can finish none; its name is the
// credential's ID.
type flow struct {
	Credential string        `json:"credential"`
	Origins    []string      `json:"origins"` // where its answers may go
	Answers    []byte        `json:"answers"` // what they were when the flow began; see answersSum
	Actor      Actor         `json:"actor"`
	Cookie     []byte        `json:"cookie"` // SHA-256
	Redirect   string        `json:"redirect"`
	Return     string        `json:"return,omitempty"` // where the person is sent in the end
	Issuer     string        `json:"issuer,omitempty"` // what the service must call itself; empty: it need not say
	State      string        `json:"state"`
	Verifier   string        `json:"verifier"`
	Kept       []byte        `json:"kept"`
	Device     bool          `json:"device"`
	Interval   time.Duration `json:"interval"`
	Expiry     time.Time     `json:"expiry"`
}

// begin stores a flow.
func (w *Workspace) begin(ctx context.Context, c *credential, f flow, a sdk.Approval) (Flow, error) {
	secret := token()
	sum := sha256.Sum256([]byte(secret))
	f.Cookie = sum[:]
	rec := Record{Workspace: w.name, ID: flowID(f.State), Kind: KindFlow, Type: c.rec.Type, Name: c.rec.ID,
		Generation: 1, Created: w.h.now().UTC()}
	if err := w.h.seal(ctx, &rec, f); err != nil {
		return Flow{}, err
	}
	if err := w.h.store.Create(ctx, rec); err != nil {
		return Flow{}, err
	}
	return Flow{ID: rec.ID, URL: a.URL, UserCode: a.UserCode, Interval: f.Interval, Expiry: f.Expiry,
		Cookie: cookie(ctx, f.Redirect, rec.ID, secret)}, nil
}

// cookie returns the cookie of a flow. It is sent along when the provider
// sends the person back, which SameSite=Strict would prevent.
func cookie(ctx context.Context, redirect, id, secret string) *http.Cookie {
	k := &http.Cookie{Name: cookieName(ctx, redirect, id), Value: secret, Path: "/",
		MaxAge: int(flowTime / time.Second), HttpOnly: true, SameSite: http.SameSiteLaxMode}
	k.Secure = strings.HasPrefix(redirect, "https://")
	return k
}

// cookieName is another for each flow, so that none takes another's place.
func cookieName(ctx context.Context, redirect, id string) string {
	prefix := "credhost-connect-"
	if strings.HasPrefix(redirect, "https://") && !defence.Off(ctx, defence.HostOnly) {
		prefix = "__Host-" + prefix // no sibling domain can set it (RFC 6265bis, section 4.1.3.2)
	}
	return prefix + id[len(id)-16:]
}

// token returns 256 bits by chance, as 43 characters.
func token() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

func flowID(state string) string {
	sum := sha256.Sum256([]byte("credhost flow " + state))
	return "f-" + hex.EncodeToString(sum[:])
}

func (f flow) callback(query url.Values) sdk.Callback {
	return sdk.Callback{RedirectURL: f.Redirect, State: f.State, Verifier: f.Verifier, Query: query, Kept: f.Kept}
}

// answersSum stands for the answers that decide where a code is traded, by whom
// and with whom. It is kept sealed.
func (c *credential) answersSum() []byte {
	text, _ := json.Marshal([]any{c.Values, c.References, c.Application, c.Origins.Answers, c.TLS}) // maps of strings always encode, in order
	sum := sha256.Sum256(text)
	return sum[:]
}

// fits reports whether the credential is the one that the flow began with. Who
// can edit a credential must not have a code sent elsewhere that somebody is
// fetching for it.
func (f flow) fits(ctx context.Context, c *credential) bool {
	return subtle.ConstantTimeCompare(f.Answers, c.answersSum()) == 1 || defence.Off(ctx, defence.Answers)
}

// mine reports whether the flow is the actor's, in a browser with one of the
// cookies: another host of the domain may have set one of the same name.
func (f flow) mine(ctx context.Context, actor Actor, cookies []*http.Cookie) bool {
	same := subtle.ConstantTimeCompare([]byte(f.Actor), []byte(actor)) == 1 || defence.Off(ctx, defence.Actor)
	return same && (defence.Off(ctx, defence.Cookie) || slices.ContainsFunc(cookies, func(k *http.Cookie) bool {
		sum := sha256.Sum256([]byte(k.Value))
		return subtle.ConstantTimeCompare(sum[:], f.Cookie) == 1
	}))
}

// inTime reports whether the flow has not ended.
func (w *Workspace) inTime(ctx context.Context, f flow) bool {
	return w.h.now().Before(f.Expiry) || defence.Off(ctx, defence.InTime)
}

// ReasonVisit is the reason of the [sdk.Denied] for whoever comes back to a visit
// that they have not begun, or that has ended. If it is still open, it stays so.
const ReasonVisit = "visit"

// errFlow is for every way in which a callback is not what was begun: it does
// not tell a stranger which.
var errFlow = &sdk.Error{Code: sdk.Denied, Reason: ReasonVisit,
	Message: "this visit was not begun here, has been finished already, or has taken too long: connect again"}

// flow opens a flow, which stays open.
func (w *Workspace) flow(ctx context.Context, id string) (rec Record, f flow, err error) {
	rec, err = w.get(ctx, id, KindFlow)
	if err == nil {
		err = w.h.unseal(ctx, rec, &f)
	}
	if errors.Is(err, ErrNotFound) {
		err = errFlow
	}
	return rec, f, err
}

// end ends a flow. Of many who try at once, one succeeds: that makes it a
// flow's only use.
func (w *Workspace) end(ctx context.Context, id string) error {
	if defence.Off(ctx, defence.Once) {
		return nil
	}
	err := w.h.store.Delete(ctx, w.name, id, 0, nil)
	if errors.Is(err, ErrNotFound) {
		return errFlow
	}
	return err
}

// Cancel ends a flow that its actor does not want to finish. Whoever comes back
// later is refused. It is no error if the flow has ended already.
func (w *Workspace) Cancel(ctx context.Context, fl Flow, actor Actor) error {
	ctx = WithActor(ctx, actor)
	rec, f, err := w.flow(ctx, fl.ID)
	if errors.Is(err, errFlow) {
		return nil
	}
	if err == nil && (fl.Cookie == nil || !f.mine(ctx, actor, []*http.Cookie{fl.Cookie})) {
		err = errFlow
	}
	if err == nil {
		err = w.end(ctx, fl.ID)
	}
	if errors.Is(err, errFlow) && f.mine(ctx, actor, []*http.Cookie{fl.Cookie}) {
		return nil // another was faster
	}
	w.audit(ctx, "cancel", f.Credential, rec.Type, err)
	return err
}

// admit makes room for one more flow, or reports that there is none, so that
// nobody fills the store. It counts, and locks nothing: flows that begin at
// once may be a few more.
func (w *Workspace) admit(ctx context.Context, v Visit) error {
	all, err := w.h.store.List(ctx, Query{Workspace: w.name, Kind: KindFlow, Limit: flowsOfWorkspace + 20})
	if err != nil {
		return err
	}
	var open, same, own []Record
	for _, rec := range all {
		switch {
		case w.h.now().Sub(rec.Created) > flowTime:
			w.h.store.Delete(ctx, w.name, rec.ID, 0, nil) // another may have been faster, and the next one tries again
			continue
		case rec.Name == v.Credential:
			same = append(same, rec)
		}
		open = append(open, rec)
	}
	for _, rec := range same {
		var f flow
		if w.h.unseal(ctx, rec, &f) == nil && f.Actor == v.Actor {
			own = append(own, rec)
		}
	}
	if defence.Off(ctx, defence.Limits) {
		return nil
	}
	slices.SortFunc(own, func(a, b Record) int { return a.Created.Compare(b.Created) })
	for len(own) >= flowsOfActor {
		w.h.store.Delete(ctx, w.name, own[0].ID, 0, nil)
		own, same, open = own[1:], same[1:], open[1:]
	}
	if len(same) >= flowsOfCredential || len(open) >= flowsOfWorkspace {
		e := sdk.Errorf(sdk.Unavailable, "too many people are connecting at once: try again when some have finished, or in ten minutes")
		e.RetryAfter = time.Minute
		return e
	}
	return nil
}
