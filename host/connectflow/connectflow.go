// SPDX-License-Identifier: Apache-2.0

// Package connectflow lets a program begin what a person finishes in a browser.
//
// A visit to a provider is bound to the browser that it begins in, by a cookie
// (RFC 9700, section 4.7). A program that has a credential connected is no
// browser. So it gets a link, which works once: whoever opens it gets the cookie
// and is sent on to the provider, and the visit is that browser's from then on.
// The program asks meanwhile what has become of it.
//
//	flows, err := connectflow.Open(connectflow.Config{Host: h, StartURL: "https://credhost.example/connect/start"})
//	v, err := flows.Begin(ctx, "acme", host.Visit{Credential: id, Actor: "key:…"})
//	// the person opens v.URL: Start; the provider sends back to the host's CallbackURL: Finish
//	v, err = flows.Show(ctx, "acme", v.ID) // v.Status is Connected
//
// Whoever opens the link decides whose account it is that is connected: it must
// be given to that person alone.
package connectflow

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// KindVisit is the kind of record that a visit is kept as.
const KindVisit host.Kind = "visit"

// keepTime is how long it is remembered what became of a visit.
const keepTime = time.Hour

// Config says what [Flows] are made of. Host and StartURL are required.
type Config struct {
	Host *host.Host

	// StartURL is where people reach [Flows.Start], https or http on this
	// machine. The workspace, the visit and a secret are added to it, each
	// after a slash.
	StartURL string
}

// Flows are the visits that programs have begun. It is safe for concurrent use.
// Hosts that share a store share the visits.
type Flows struct {
	h     *host.Host
	start string
	kept  *host.Shelf

	ctx   context.Context
	stop  context.CancelFunc
	tasks sync.WaitGroup

	mu      sync.Mutex
	waiting map[string]bool // visits with a code that this process waits for
}

// Open returns the flows of a host. The caller must Close them before the host.
func Open(cfg Config) (*Flows, error) {
	if cfg.Host == nil || cfg.StartURL == "" {
		return nil, errors.New("connectflow: Config needs a Host and a StartURL")
	}
	ctx, stop := context.WithCancel(context.Background())
	return &Flows{h: cfg.Host, start: strings.TrimSuffix(cfg.StartURL, "/"), kept: cfg.Host.Shelf(KindVisit),
		ctx: ctx, stop: stop, waiting: map[string]bool{}}, nil
}

// Close stops waiting for people. What they have begun goes on when [Flows.Show]
// is called again, here or at another host.
func (f *Flows) Close() error {
	f.stop()
	f.tasks.Wait()
	return nil
}

// A Status says how far a visit is.
type Status string

// The statuses.
const (
	Begun     Status = "open"      // nobody has come yet
	Visiting  Status = "visiting"  // the person was sent to the provider
	Connected Status = "connected" // the credential is connected
	Failed    Status = "failed"    // it will not be: see Visit.Failure
	Ended     Status = "ended"     // nobody came in time, or it was cancelled
)

// A Visit is what may be seen of a visit to a provider.
type Visit struct {
	ID         string `json:"id"`
	Credential string `json:"credential"`
	Status     Status `json:"status"`

	// URL is where to send the person. It works once, and only Begin returns
	// it: who has it decides whose account is connected. With a UserCode it is
	// the provider's own page, where the person types the code (RFC 8628).
	URL      string        `json:"url,omitempty"`
	UserCode string        `json:"userCode,omitempty"`
	Interval time.Duration `json:"-"` // to ask again after, as a courtesy

	Expiry time.Time `json:"expiry"` // the person must have come back by then

	Account  string           `json:"account,omitempty"`  // whose it is at the service, once connected
	Was      string           `json:"was,omitempty"`      // whose it was before, if that was somebody else
	Replaced *host.Revocation `json:"replaced,omitempty"` // what became of the grant before: see [host.Connected]
	Failure  *sdk.Error       `json:"failure,omitempty"`  // of one that has failed
}

// stored is the sealed part of a visit's record, whose name is the credential's
// ID. The cookie is the browser's from Start on, but a code's, which needs none.
type stored struct {
	Actor    host.Actor       `json:"actor"`
	Flow     string           `json:"flow"`
	URL      string           `json:"url"`
	Token    []byte           `json:"token"` // SHA-256 of the link's secret
	Cookie   http.Cookie      `json:"cookie"`
	UserCode string           `json:"userCode,omitempty"`
	Interval time.Duration    `json:"interval,omitempty"`
	Expiry   time.Time        `json:"expiry"`
	Status   Status           `json:"status"`
	Account  string           `json:"account,omitempty"`
	Was      string           `json:"was,omitempty"`
	Replaced *host.Revocation `json:"replaced,omitempty"`
	Failure  *sdk.Error       `json:"failure,omitempty"`
}

// visitID is the ID of the visit that a flow is part of.
func visitID(flow string) string { return "v" + strings.TrimPrefix(flow, "f") }

// Begin begins a visit. The errors are those of [host.Workspace.Begin].
func (f *Flows) Begin(ctx context.Context, workspace string, v host.Visit) (Visit, error) {
	f.sweep(ctx, workspace)
	ws := f.h.Workspace(workspace)
	fl, err := ws.Begin(ctx, v)
	if err != nil {
		return Visit{}, err
	}
	secret := token()
	sum := sha256.Sum256([]byte(secret))
	s := stored{Actor: v.Actor, Flow: fl.ID, URL: fl.URL, Token: sum[:], Cookie: *fl.Cookie, UserCode: fl.UserCode,
		Interval: fl.Interval, Expiry: fl.Expiry, Status: Begun}
	item, err := f.kept.Create(ctx, host.Item{Workspace: workspace, ID: visitID(fl.ID), Name: v.Credential}, s)
	if err != nil {
		ws.Cancel(context.WithoutCancel(ctx), fl, v.Actor) // or it is swept
		return Visit{}, err
	}
	shown := f.view(item, s)
	shown.URL = f.start + "/" + url.PathEscape(workspace) + "/" + item.ID + "/" + secret
	if s.UserCode != "" {
		shown.URL = s.URL
		f.await(item, s)
	}
	return shown, nil
}

// Show returns what has become of a visit; [host.ErrNotFound] if there is none,
// or none any more.
func (f *Flows) Show(ctx context.Context, workspace, id string) (Visit, error) {
	item, s, err := f.get(ctx, workspace, id)
	if err != nil {
		return Visit{}, err
	}
	if s.UserCode != "" && s.Status == Begun {
		f.await(item, s) // the process that did may have died
	}
	return f.view(item, s), nil
}

// Cancel ends a visit. Whoever comes back later is refused. It is no error if
// it has ended already.
func (f *Flows) Cancel(ctx context.Context, workspace, id string) error {
	for {
		item, s, err := f.get(ctx, workspace, id)
		if err != nil || s.Status != Begun && s.Status != Visiting {
			return err
		}
		err = f.h.Workspace(workspace).Cancel(ctx, host.Flow{ID: s.Flow, Cookie: &s.Cookie}, s.Actor)
		if err != nil {
			return err
		}
		s.Status = Ended
		if _, err = f.kept.Save(ctx, item, s); !errors.Is(err, host.ErrConflict) {
			return err
		}
	}
}

// errLink is for every link that leads nowhere: it does not say why.
var errLink = &sdk.Error{Code: sdk.Denied, Reason: host.ReasonVisit,
	Message: "this link was opened before, or has ended: ask for another where you got it"}

// Start takes the request of a person who opens a visit's link, given what
// follows StartURL in its path: workspace, visit and secret. It answers it: the
// browser gets the visit's cookie and is sent to the provider. With an error
// nothing was written, and the link works still, unless it was opened before.
// Browsers that only look ahead open nothing.
func (f *Flows) Start(w http.ResponseWriter, r *http.Request, workspace, id, secret string) error {
	if !visits(r) {
		return errLink
	}
	item, s, err := f.get(r.Context(), workspace, id)
	if errors.Is(err, host.ErrNotFound) {
		return errLink
	}
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(secret))
	if subtle.ConstantTimeCompare(sum[:], s.Token) != 1 || s.UserCode != "" || s.Status != Begun || !f.h.Now().Before(s.Expiry) {
		return errLink
	}
	cookie, to := s.Cookie, s.URL
	s.Status, s.URL = Visiting, ""
	if _, err := f.kept.Save(r.Context(), item, s); err != nil {
		if errors.Is(err, host.ErrConflict) || errors.Is(err, host.ErrNotFound) {
			return errLink // of two at once, one is taken
		}
		return err
	}
	http.SetCookie(w, &cookie)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer") // the link is a secret
	w.Header().Set("Location", to)                   // as it is: http.Redirect would clean it
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// visits reports whether a request is a person's browser that visits a page.
func visits(r *http.Request) bool {
	says := func(name, want string) bool { v := r.Header.Get(name); return v == "" || v == want }
	ahead := strings.Contains(r.Header.Get("Sec-Purpose")+r.Header.Get("Purpose")+r.Header.Get("X-Moz"), "prefetch")
	return r.Method == http.MethodGet && !ahead && says("Sec-Fetch-Mode", "navigate") && says("Sec-Fetch-Dest", "document")
}

// Finish takes the request with which a provider sends a person back, as
// [host.Workspace.Finish] does, if it belongs to a visit that a program has
// begun. Otherwise the error is [host.ErrNotFound], and it may be a person's own
// flow: finish it as that person.
func (f *Flows) Finish(r *http.Request, workspace string) (host.Connected, error) {
	flow := host.FlowID(r)
	if flow == "" {
		return host.Connected{}, host.ErrNotFound
	}
	ctx := r.Context()
	item, s, err := f.get(ctx, workspace, visitID(flow))
	if err != nil {
		return host.Connected{}, err
	}
	done, err := f.h.Workspace(workspace).Finish(r, s.Actor)
	f.finished(context.WithoutCancel(ctx), item, done, err)
	return done, err
}

// finished remembers what became of a visit.
func (f *Flows) finished(ctx context.Context, item host.Item, done host.Connected, err error) {
	var e *sdk.Error
	switch {
	case errors.As(err, &e) && e.Reason == host.ReasonVisit:
		return // a stranger's try, which ended nothing
	case err != nil && e == nil:
		e = sdk.Errorf(sdk.Internal, "something went wrong on our side; try again later")
	}
	for {
		current, s, err := f.get(ctx, item.Workspace, item.ID)
		if err != nil {
			return // it was swept: nobody asks any more
		}
		s.Status, s.Failure, s.Account, s.Was, s.Replaced = Connected, e, done.Account, done.Was, done.Replaced
		if e != nil {
			s.Status = Failed
		}
		if _, err := f.kept.Save(ctx, current, s); !errors.Is(err, host.ErrConflict) {
			return
		}
	}
}

func (f *Flows) get(ctx context.Context, workspace, id string) (host.Item, stored, error) {
	var s stored
	item, err := f.kept.Get(ctx, workspace, id, &s)
	return item, s, err
}

func (f *Flows) view(item host.Item, s stored) Visit {
	v := Visit{ID: item.ID, Credential: item.Name, Status: s.Status, UserCode: s.UserCode, Interval: s.Interval,
		Expiry: s.Expiry, Account: s.Account, Was: s.Was, Replaced: s.Replaced, Failure: s.Failure}
	if (s.Status == Begun || s.Status == Visiting) && !f.h.Now().Before(s.Expiry) {
		v.Status = Ended
	}
	return v
}

// await waits for the approval of a visit with a code, in the background, once
// in this process.
func (f *Flows) await(item host.Item, s stored) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.waiting[item.ID] || f.ctx.Err() != nil {
		return
	}
	f.waiting[item.ID] = true
	f.tasks.Go(func() {
		done, err := f.h.Workspace(item.Workspace).Await(f.ctx, host.Flow{ID: s.Flow, Cookie: &s.Cookie}, s.Actor)
		if f.ctx.Err() == nil {
			f.finished(f.ctx, item, done, err)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.waiting, item.ID)
	})
}

// sweep removes some of the visits that nobody asks for any more.
func (f *Flows) sweep(ctx context.Context, workspace string) {
	old, err := f.kept.List(ctx, host.Query{Workspace: workspace, Before: f.h.Now().Add(-keepTime), Limit: 20})
	if err != nil {
		return // the next one tries again
	}
	for _, item := range old {
		f.kept.Delete(ctx, workspace, item.ID)
	}
}

// token returns 256 bits by chance, as 43 characters.
func token() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}
