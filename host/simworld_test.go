// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/registry"
	"github.com/credhost/credhost/sdk"
)

// goexit ends the goroutine of a dead node.
func goexit() { runtime.Goexit() }

var errStoreDown = errors.New("the store is down")

// A simStore is the store of a simulation. It keeps its contract, unless a
// fault is planted in it; but it may be down, or fail to say what it has done.
type simStore struct {
	s    *sim
	easy bool // nothing goes wrong

	mu      sync.Mutex
	records map[string]Record
	leases  map[string]simLease
	epoch   uint64
	changes []Change
}

type simLease struct {
	Lease
	until time.Time
}

func newSimStore(s *sim) *simStore {
	return &simStore{s: s, records: map[string]Record{}, leases: map[string]simLease{}, changes: []Change{{Seq: 1}}}
}

// seenBy returns the store as a node sees it.
func (st *simStore) seenBy(n *node) Store { return &view{st, n} }

// A view is a node's connection to the store.
type view struct {
	*simStore
	n *node
}

// do does one thing to the store. The node may die before and after; the store
// may be down, or be lost sight of once it is done.
func (v *view) do(ctx context.Context, what string, f func() error) error {
	if !v.easy {
		v.n.step(ctx, what)
		if err := ctx.Err(); err != nil {
			v.s.tell(v.n.name + " has given up: " + err.Error())
			return err
		}
		if v.s.downed.Load() {
			return errStoreDown
		}
	}
	v.mu.Lock()
	err := f()
	v.mu.Unlock()
	if v.easy {
		return err
	}
	if err == nil && !v.s.idp.kind.Load() && v.s.chance(what, 40) {
		v.s.tell(v.n.name + " does not hear of it")
		return errStoreDown
	}
	if err != nil {
		v.s.tell(v.n.name + " is told: " + err.Error())
	}
	return err
}

func (v *view) Get(ctx context.Context, _, id string) (r Record, err error) {
	err = v.do(ctx, "Get", func() error {
		var ok bool
		if r, ok = v.records[id]; !ok {
			return ErrNotFound
		}
		r.Sealed, r.Intent = bytes.Clone(r.Sealed), bytes.Clone(r.Intent)
		return nil
	})
	return r, err
}

func (v *view) List(context.Context, Query) ([]Record, error)                { return nil, nil }
func (v *view) Due(context.Context, time.Time, int) ([]Record, error)        { return nil, nil }
func (v *view) Delete(context.Context, string, string, uint64, *Lease) error { return nil }
func (v *view) Close() error                                                 { return nil }
func (v *view) Create(ctx context.Context, r Record) error {
	return v.do(ctx, "Create", func() error { v.records[r.ID] = r; return nil })
}

// holds reports whether a lease is held, or the fault is planted that nobody
// asks.
func (st *simStore) holds(l Lease) bool {
	if st.s.fault == noFencing {
		return true
	}
	now := st.leases[l.ID]
	return now.Lease == l && time.Now().Before(now.until)
}

func (v *view) Save(ctx context.Context, r Record, l *Lease) error {
	return v.do(ctx, fmt.Sprintf("Save generation %d", r.Generation), func() error {
		old, ok := v.records[r.ID]
		switch {
		case !ok:
			return ErrNotFound
		case old.Generation != r.Generation-1 && v.s.fault != noCompare, l != nil && !v.holds(*l) && v.s.fault != noCompare:
			return ErrConflict
		}
		r.Sealed, r.Intent = bytes.Clone(r.Sealed), nil
		v.records[r.ID] = r
		v.leases[r.ID] = simLease{}
		v.changes = append(v.changes, Change{Seq: uint64(len(v.changes) + 1), Workspace: r.Workspace, ID: r.ID, Generation: r.Generation})
		v.s.committed(r)
		return nil
	})
}

func (v *view) Lease(ctx context.Context, workspace, id, owner string, ttl time.Duration) (l Lease, err error) {
	err = v.do(ctx, "Lease", func() error {
		if _, ok := v.records[id]; !ok {
			return ErrNotFound
		}
		if time.Now().Before(v.leases[id].until) {
			return ErrLeased
		}
		v.epoch++
		l = Lease{workspace, id, owner, v.epoch}
		v.leases[id] = simLease{l, time.Now().Add(ttl)}
		return nil
	})
	return l, err
}

func (v *view) Extend(ctx context.Context, l Lease, ttl time.Duration) error {
	return v.do(ctx, "Extend", func() error {
		if !v.holds(l) {
			return ErrConflict
		}
		v.leases[l.ID] = simLease{l, time.Now().Add(ttl)}
		return nil
	})
}

func (v *view) Note(ctx context.Context, l Lease, intent []byte) error {
	var in intent1
	decode(intent, &in)
	return v.do(ctx, "Note "+in.String(), func() error {
		if !v.holds(l) {
			return ErrConflict
		}
		r := v.records[l.ID]
		r.Intent = bytes.Clone(intent)
		v.records[l.ID] = r
		for _, st := range in.Steps {
			if st.Answer != nil {
				v.s.idp.kept(st.Answer.Body)
			}
		}
		return nil
	})
}

// intent1 is an intent as a history tells it.
type intent1 struct {
	Steps []struct{ Answer *answer }
}

func (in intent1) String() string {
	if len(in.Steps) == 0 {
		return "nothing"
	}
	if a := in.Steps[len(in.Steps)-1].Answer; a != nil {
		return "the answer " + string(a.Body)
	}
	return "the request"
}

func (v *view) Unlease(ctx context.Context, l Lease) error {
	return v.do(ctx, "Unlease", func() error {
		if v.leases[l.ID].Lease == l {
			v.leases[l.ID] = simLease{}
		}
		return nil
	})
}

// Changes takes no turn of its own: hosts ask each second.
func (v *view) Changes(_ context.Context, since uint64) ([]Change, uint64, error) {
	if v.n.isDead() {
		goexit()
	}
	if v.s.downed.Load() {
		return nil, 0, errStoreDown
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if since == 0 {
		return nil, uint64(len(v.changes)), nil
	}
	return append([]Change(nil), v.changes[since:]...), uint64(len(v.changes)), nil
}

// content returns what the store has, and the refresh token in an answer that
// is noted and not in it yet.
func (st *simStore) content(id string) (c content, noted string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	r := st.records[id]
	decode(r.Sealed, &c)
	var in intent1
	decode(r.Intent, &in)
	for _, s := range in.Steps {
		if s.Answer != nil {
			var t tokens
			json.Unmarshal(s.Answer.Body, &t)
			noted = t.Refresh
		}
	}
	return c, noted
}

// committed remembers a grant that is stored, and that its refresh token is.
func (s *sim) committed(r Record) {
	var c content
	decode(r.Sealed, &c)
	s.idp.stored(string(c.State))
	if c.Grant == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commits = append(s.commits, commit1{time.Now(), c.Serial, http.Header(c.Grant.Header).Get("Authorization")})
}

// chance says whether something happens, once in so many times.
func (s *sim) chance(_ string, once int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rng.IntN(once) == 0
}

func (n *node) isDead() bool {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	return n.dead
}

// An idp is an identity provider whose refresh tokens work once. It revokes
// all that came of an approval when one is used again.
type idp struct {
	s    *sim
	kind atomic.Bool // nothing goes wrong any more

	mu      sync.Mutex
	n       int
	family  map[string]int       // refresh token → the approval that it came of
	current map[int]string       // approval → the refresh token that works
	spent   map[string]int       // how often each was taken
	access  map[string]time.Time // access token → its end
	codes   map[string]bool      // those that work
	excused map[string]bool      // refresh tokens whose answer was lost on its way
}

// approve gives the first refresh token of an approval.
func (p *idp) approve() string {
	return p.next(p.n + 1)
}

// next gives the next refresh token of an approval.
func (p *idp) next(family int) string {
	p.n++
	token := fmt.Sprintf("rt%d", p.n)
	p.family[token], p.current[family] = family, token
	return token
}

func (p *idp) code() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	code := fmt.Sprintf("code%d", p.n)
	p.codes[code] = true
	return code
}

// excuse says that nobody can know of a refresh token. Whoever died with it in
// hand cannot either.
func (p *idp) excuse(token string) {
	p.excused[token] = true
}

// kept and stored say that a refresh token is where it cannot be lost.
func (p *idp) kept(body []byte) {
	var t tokens
	json.Unmarshal(body, &t)
	p.stored(t.Refresh)
}

func (p *idp) stored(token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.excused, token)
}

func (p *idp) takes(token string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Before(p.access[token])
}

type tokens struct {
	Access  string `json:"access"`
	Refresh string `json:"refresh"`
	Lives   int    `json:"lives"`
}

// serve answers a request for a grant. What it has given out is excused until
// it is noted or stored: only the host that gets it knows it.
func (p *idp) serve(shown string) (int, tokens) {
	p.mu.Lock()
	defer p.mu.Unlock()
	family := p.family[shown]
	switch {
	case p.codes[shown]:
		delete(p.codes, shown)
		family = p.n + 1
	case family == 0:
		return http.StatusBadRequest, tokens{}
	case shown != p.current[family]: // it looks stolen
		p.spent[shown]++
		p.current[family] = "revoked"
		return http.StatusBadRequest, tokens{}
	default:
		p.spent[shown]++
	}
	p.s.totals.renewals.Add(1)
	t := tokens{Refresh: p.next(family), Access: fmt.Sprintf("at%d", p.n), Lives: 20}
	p.access[t.Access] = time.Now().Add(time.Duration(t.Lives) * time.Second)
	return http.StatusOK, t
}

// A network is a node's.
type network struct{ n *node }

// RoundTrip carries a request to the provider and its answer back, or not.
func (nw network) RoundTrip(r *http.Request) (*http.Response, error) {
	n, p := nw.n, nw.n.s.idp
	if r.Method == http.MethodGet { // a question that spends nothing
		return &http.Response{StatusCode: http.StatusMethodNotAllowed, Body: http.NoBody}, nil
	}
	body, _ := io.ReadAll(r.Body)
	n.step(r.Context(), "sends "+string(body))
	trouble := -1
	if !p.kind.Load() {
		n.s.mu.Lock()
		trouble = n.s.rng.IntN(20)
		n.s.mu.Unlock()
	}
	if trouble == 0 {
		n.s.tell("nobody answers the call")
		return nil, errors.New("connection refused")
	}
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil {
		trace.GotConn(httptrace.GotConnInfo{})
	}
	switch trouble {
	case 1:
		n.s.tell("the provider is down")
		return reply(http.StatusServiceUnavailable, tokens{}), nil
	case 2:
		n.s.tell("the request is lost")
		return nil, errors.New("timeout")
	}
	status, t := p.serve(string(body))
	n.s.tell(fmt.Sprintf("the provider answers %d %s", status, t.Refresh))
	p.mu.Lock()
	if t.Refresh != "" && (n.isDead() || trouble == 3 || trouble == 4) {
		p.excuse(t.Refresh)
	}
	p.mu.Unlock()
	if trouble == 3 || trouble == 4 {
		n.s.totals.lostAnswers.Add(1)
		n.s.tell("the answer is lost")
		if n.s.fault == retryPost {
			return nw.RoundTrip(again(r, body))
		}
		return nil, errors.New("connection reset")
	}
	n.arriving(t.Refresh)
	n.step(r.Context(), "hears")
	return reply(status, t), nil
}

func again(r *http.Request, body []byte) *http.Request {
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r
}

// arriving says that only this node's host knows of a refresh token. If it
// dies before it has noted it, nobody does.
func (n *node) arriving(token string) {
	n.s.mu.Lock()
	defer n.s.mu.Unlock()
	n.known = append(n.known, token)
}

func reply(status int, t tokens) *http.Response {
	body, _ := json.Marshal(t)
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body))}
}

// simPlugins are the plugins of a node: one, which may die at any time.
type simPlugins struct{ n *node }

func (p simPlugins) Types() []Type { return []Type{simTypeOf()} }

func (p simPlugins) Type(string) (Type, error) { return simTypeOf(), nil }

func (p simPlugins) Plugin(string, string) (sdk.Plugin, error) { return simPlugin(p), nil }

func (p simPlugins) Close() error { return nil }

func simTypeOf() Type {
	return Type{Schema: sdk.Schema{Name: simType, Title: "Sim", Origins: []string{"https://api.sim.example"}, AnswerOrigins: []string{"https://idp.sim.example"}},
		Can: sdk.Abilities{Connect: true}, Program: "sim"}
}

type simPlugin struct{ n *node }

func (p simPlugin) Schema() sdk.Schema { return simTypeOf().Schema }

func (p simPlugin) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	return p.spend(ctx, string(in.State))
}

func (p simPlugin) Connect(context.Context, sdk.Input, sdk.Callback) (sdk.Approval, error) {
	return sdk.Approval{}, nil
}

func (p simPlugin) Exchange(ctx context.Context, _ sdk.Input, cb sdk.Callback) (sdk.Grant, error) {
	return p.spend(ctx, cb.Query.Get("code"))
}

func (p simPlugin) spend(ctx context.Context, what string) (sdk.Grant, error) {
	p.n.step(ctx, "plugin is called with "+what)
	if err := p.dies(ctx); err != nil {
		return sdk.Grant{}, err
	}
	policy, _ := egress.PolicyFrom(ctx)
	r, _ := http.NewRequestWithContext(ctx, http.MethodPost, "https://idp.sim.example/token", strings.NewReader(what))
	resp, err := policy.Through.RoundTrip(r)
	if err != nil {
		var said *sdk.Error
		if errors.As(err, &said) {
			return sdk.Grant{}, said
		}
		return sdk.Grant{}, sdk.Errorf(sdk.Unavailable, "the provider could not be reached")
	}
	if err := p.dies(ctx); err != nil {
		return sdk.Grant{}, err
	}
	var t tokens
	json.NewDecoder(resp.Body).Decode(&t)
	switch resp.StatusCode {
	case http.StatusOK:
		return p.n.s.grantFrom(p.n, t), nil
	case http.StatusBadRequest:
		return sdk.Grant{}, sdk.Errorf(sdk.Denied, "the provider does not take it")
	}
	return sdk.Grant{}, sdk.Errorf(sdk.Unavailable, "the provider is down")
}

// dies is the error of a plugin that has died.
func (p simPlugin) dies(context.Context) error {
	if p.n.s.idp.kind.Load() || !p.n.s.chance("plugin", 15) {
		return nil
	}
	p.n.s.totals.deaths.Add(1)
	p.n.s.tell(p.n.name + "'s plugin dies")
	return sdk.Errorf(sdk.Unavailable, "the plugin died").Because(registry.ErrDied)
}

func (s *sim) grantFrom(n *node, t tokens) sdk.Grant {
	return sdk.Grant{Header: http.Header{"Authorization": {t.Access}}, State: []byte(t.Refresh),
		Expiry: n.h.now().Add(time.Duration(t.Lives) * time.Second)}
}

func (s *sim) grantOf(n *node, state string) sdk.Grant {
	return s.grantFrom(n, tokens{Access: "at0", Refresh: state, Lives: 20})
}
