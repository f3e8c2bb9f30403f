// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/credhost/credhost/sdk"
)

// An intent says what a host is doing at a service for a credential, and what
// the service has answered so far. It is noted, sealed, before the first byte
// of a request leaves and before a plugin sees an answer, so that another host
// can go on where this one died.
type intent struct {
	Attempt string    `json:"attempt"` // identifies it
	Spent   time.Time `json:"spent"`   // when State, or the code, was first shown to the service

	// Callback is what Exchange was called with; nil: it was Grant.
	Callback *callback `json:"callback,omitempty"`
	Refusal  *refusal  `json:"refusal,omitempty"` // that made Grant be called

	Steps []*step `json:"steps"`
}

// A step is one request of an attempt. Its query and its body are not kept:
// they hold what is spent.
type step struct {
	Method string  `json:"method"`
	URL    string  `json:"url"` // without its query
	Answer *answer `json:"answer,omitempty"`

	used bool // it has been answered to the plugin, in this process
}

// An answer is a service's, whole.
type answer struct {
	Status int                 `json:"status"`
	Header map[string][]string `json:"header"`
	Body   []byte              `json:"body"`
}

// refusal is an sdk.Refusal that encodes in full.
type refusal struct {
	Status int                 `json:"status"`
	Header map[string][]string `json:"header,omitempty"`
}

// callback is an sdk.Callback that encodes in full.
type callback struct {
	Redirect string              `json:"redirect"`
	State    string              `json:"state"`
	Verifier string              `json:"verifier"`
	Query    map[string][]string `json:"query,omitempty"`
	Kept     []byte              `json:"kept,omitempty"`
}

func keepCallback(cb sdk.Callback) *callback {
	return &callback{cb.RedirectURL, cb.State, cb.Verifier, cb.Query, cb.Kept}
}

func (k *callback) callback() sdk.Callback {
	return sdk.Callback{RedirectURL: k.Redirect, State: k.State, Verifier: k.Verifier, Query: url.Values(k.Query), Kept: k.Kept}
}

// newIntent returns the intent of a new attempt.
func newIntent(r *sdk.Refusal, cb *callback) *intent {
	in := &intent{Attempt: rand.Text(), Callback: cb}
	if r != nil {
		in.Refusal = &refusal{r.Status, r.Header}
	}
	return in
}

// stepFor returns the step of a request, as far as it is remembered.
func stepFor(r *http.Request) step {
	u := *r.URL
	u.User, u.RawQuery, u.ForceQuery, u.Fragment = nil, "", false, ""
	return step{Method: r.Method, URL: u.String()}
}

// asks reports whether a request only asks, and so spends nothing.
func (s *step) asks() bool {
	switch s.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return true
	}
	return false
}

// spends reports whether the attempt shows the service what works only once.
// A poll of a device flow does not, until a person has approved; nor do
// answers without a state, such as a client's own secret.
func (in *intent) spends(c *credential) bool {
	if in.Callback != nil {
		return in.Callback.Query != nil
	}
	return len(c.State) > 0
}

// unanswered reports whether there is a request of which nobody knows what
// became of it.
func (in *intent) unanswered() bool {
	for _, s := range in.Steps {
		if s.Answer == nil && !s.asks() {
			return true
		}
	}
	return false
}

// brought reports whether an answer may hold what was spent for.
func (in *intent) brought() bool {
	for _, s := range in.Steps {
		if s.Answer != nil && s.Answer.Status < 300 && !s.asks() {
			return true
		}
	}
	return false
}

// prune keeps of the answers only those that may hold what was spent for. The
// others say that the service failed, so they are asked for anew.
func (in *intent) prune() {
	in.Steps = slices.DeleteFunc(in.Steps, func(s *step) bool {
		return s.asks() || s.Answer != nil && s.Answer.Status >= 300
	})
}

// forgiven reports whether the service takes again, at t, what it was shown.
func (in *intent) forgiven(s sdk.Schema, t time.Time) bool {
	return in.Callback == nil && t.Sub(in.Spent) <= time.Duration(s.ReuseSeconds)*time.Second && s.ReuseSeconds > 0
}

// sealIntent encrypts what is noted, bound to the record as it is stored.
func (c *credential) sealIntent(ctx context.Context, in *intent) ([]byte, error) {
	plain, err := json.Marshal(in)
	if err != nil {
		return nil, fmt.Errorf("host: encoding an intent: %w", err)
	}
	defer clear(plain)
	return c.w.h.cfg.Sealer.Seal(ctx, plain, c.noteBinding())
}

// openIntent returns what was noted; nil if nothing was.
func (c *credential) openIntent(ctx context.Context) (*intent, error) {
	if c.rec.Intent == nil {
		return nil, nil
	}
	plain, err := c.w.h.cfg.Sealer.Open(ctx, c.rec.Intent, c.noteBinding())
	if err != nil {
		return nil, fmt.Errorf("host: opening what was noted of %s: %w", c.rec.ID, err)
	}
	defer clear(plain)
	in := new(intent)
	if err := json.Unmarshal(plain, in); err != nil {
		return nil, errors.New("host: what was noted is of another version of this program")
	}
	return in, nil
}

// noteBinding is the associated data of what is noted: an intent is one of its
// record at one generation.
func (c *credential) noteBinding() []byte { return c.stored.noteBinding() }

func (r Record) noteBinding() []byte { return append(r.binding(), " intent"...) }
