// SPDX-License-Identifier: Apache-2.0

package connectflow_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/connectflow"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/internal/ground"
	"github.com/credhost/credhost/internal/standin"
	"github.com/credhost/credhost/sdk"
)

func TestMain(m *testing.M) { ground.Main(m) }

const startURL = "https://host.example/connect/start"

// A scene is a host with a credential that a person must connect.
type scene struct {
	*ground.Ground
	t     *testing.T
	store *together
	past  atomic.Int64 // of the clock
	flows *connectflow.Flows
	id    string // of the credential
}

func newScene(t *testing.T) *scene {
	t.Helper()
	t.Parallel()
	s := &scene{t: t, store: &together{Store: memstore.New()}}
	t.Cleanup(func() { s.store.Close() })
	s.Ground = ground.New(t, ground.Config{Types: []string{"faxplus"}, Store: s.store, Now: func() time.Time { return time.Now().Add(time.Duration(s.past.Load())) }})
	var err error
	s.id, err = s.Host.Workspace(ground.Workspace).Create(t.Context(), "faxplus", sdk.Values{"authMethod": "oauth2",
		"clientId": standin.FaxPlusClientID, "clientSecret": standin.FaxPlusClientSecret})
	if err != nil {
		t.Fatal(err)
	}
	s.flows = s.open()
	return s
}

// open is one more process, as far as visits go.
func (s *scene) open() *connectflow.Flows {
	s.t.Helper()
	f, err := connectflow.Open(connectflow.Config{Host: s.Host, StartURL: startURL + "/"})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { f.Close() })
	return f
}

// A together store lets those who read a visit go on when all have read it.
type together struct {
	*memstore.Store
	all atomic.Pointer[sync.WaitGroup]
}

func (s *together) Get(ctx context.Context, workspace, id string) (host.Record, error) {
	r, err := s.Store.Get(ctx, workspace, id)
	if all := s.all.Load(); all != nil && r.Kind == connectflow.KindVisit {
		all.Done()
		all.Wait()
	}
	return r, err
}

// A trip is a visit that was begun, and how far a browser has come with it.
type trip struct {
	*scene
	connectflow.Visit
	secret string // of its link
	to     string // the provider's page
	cookie *http.Cookie
}

func (s *scene) begin() *trip {
	s.t.Helper()
	v, err := s.flows.Begin(s.t.Context(), ground.Workspace, host.Visit{Credential: s.id, Actor: "key:k-one"})
	if err != nil {
		s.t.Fatal(err)
	}
	rest, ok := strings.CutPrefix(v.URL, startURL+"/"+ground.Workspace+"/"+v.ID+"/")
	if !ok || len(rest) < 43 || v.Status != connectflow.Begun || v.Credential != s.id {
		s.t.Fatalf("begun: %+v", v)
	}
	return &trip{scene: s, Visit: v, secret: rest}
}

// open opens the link.
func (v *trip) open(flows *connectflow.Flows, workspace, secret string) error {
	rec := httptest.NewRecorder()
	err := flows.Start(rec, httptest.NewRequest("GET", v.URL, nil), workspace, v.ID, secret)
	resp := rec.Result()
	if err != nil {
		if len(rec.Header()) > 0 {
			v.t.Errorf("refused, and answered with %v", rec.Header())
		}
		return err
	}
	if resp.StatusCode != http.StatusSeeOther || len(resp.Cookies()) != 1 || resp.Header.Get("Referrer-Policy") != "no-referrer" || resp.Header.Get("Cache-Control") != "no-store" {
		v.t.Errorf("the link leads to %d %v", resp.StatusCode, resp.Header)
		return nil
	}
	v.to, v.cookie = resp.Header.Get("Location"), resp.Cookies()[0]
	return nil
}

// visiting is a trip whose browser is at the provider.
func (s *scene) visiting() *trip {
	s.t.Helper()
	v := s.begin()
	if err := v.open(s.flows, ground.Workspace, v.secret); err != nil {
		s.t.Fatal(err)
	}
	v.is(connectflow.Visiting)
	return v
}

// answered is where the provider sends the browser back to.
func (v *trip) answered() string {
	v.t.Helper()
	u, err := url.Parse(v.to)
	if err != nil {
		v.t.Fatal(err)
	}
	r, err := http.NewRequest("GET", v.FaxURL+u.RequestURI(), nil)
	if err != nil {
		v.t.Fatal(err)
	}
	r.Host = u.Host
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		v.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode/100 != 3 {
		v.t.Fatalf("the provider answers %s", resp.Status)
	}
	return resp.Header.Get("Location")
}

// comeBack is the request of a browser that was sent back.
func comeBack(to string, cookies ...*http.Cookie) *http.Request {
	r := httptest.NewRequest("GET", to, nil)
	for _, c := range cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	return r
}

// is demands a status, and that nothing secret is shown beside it.
func (v *trip) is(want connectflow.Status) connectflow.Visit {
	v.t.Helper()
	got, err := v.flows.Show(v.t.Context(), ground.Workspace, v.ID)
	if err != nil || got.Status != want {
		v.t.Errorf("the visit is %+v, %v; want it %s", got, err, want)
	}
	if text := fmt.Sprintf("%+v", got); got.URL != "" || strings.Contains(text, v.secret) || v.cookie != nil && strings.Contains(text, v.cookie.Value) {
		v.t.Errorf("who asks what has become of a visit is told %s", text)
	}
	return got
}

// denied demands an error that says nothing of why.
func denied(t *testing.T, what string, err error) {
	t.Helper()
	var e *sdk.Error
	if !errors.As(err, &e) || e.Code != sdk.Denied || e.Reason != host.ReasonVisit {
		t.Errorf("%s: %v", what, err)
	}
}

// A link leads one browser to the provider and back, and the credential is
// connected. Neither the link nor what came back works again.
func TestConnects(t *testing.T) {
	s := newScene(t)
	v := s.begin()
	v.is(connectflow.Begun)
	other := s.open()
	if err := v.open(other, ground.Workspace, v.secret); err != nil { // by another process
		t.Fatal(err)
	}
	v.is(connectflow.Visiting)
	denied(t, "the link once more", v.open(s.flows, ground.Workspace, v.secret))
	back := v.answered()
	done, err := other.Finish(comeBack(back, v.cookie), ground.Workspace)
	if err != nil || done.ID != s.id {
		t.Fatalf("finished: %+v, %v", done, err)
	}
	if got := v.is(connectflow.Connected); got.Account != done.Account || got.Failure != nil {
		t.Errorf("%+v, and the person was told %+v", got, done)
	}
	if c, err := s.Host.Workspace(ground.Workspace).Show(t.Context(), s.id); err != nil || c.Status != host.StatusReady {
		t.Errorf("the credential is %+v, %v", c, err)
	}
	_, err = s.flows.Finish(comeBack(back, v.cookie), ground.Workspace)
	denied(t, "what came back, once more", err)
	v.is(connectflow.Connected)
	if err := s.flows.Cancel(t.Context(), ground.Workspace, v.ID); err != nil {
		t.Errorf("cancelling what is over: %v", err)
	}
	v.is(connectflow.Connected)
}

// Of many browsers that open a link at once, one is taken.
func TestOneBrowser(t *testing.T) {
	s := newScene(t)
	v := s.begin()
	const browsers = 8
	var in atomic.Int64
	var wg, all sync.WaitGroup
	all.Add(browsers)
	s.store.all.Store(&all)
	for range browsers {
		wg.Go(func() {
			one := *v
			if err := one.open(s.flows, ground.Workspace, v.secret); err == nil {
				in.Add(1)
			} else {
				denied(t, "another browser", err)
			}
		})
	}
	if wg.Wait(); in.Load() != 1 {
		t.Errorf("%d browsers were let in", in.Load())
	}
}

// Who has another browser, another state, another secret, or comes from another
// workspace finishes nothing, learns nothing, and spoils nothing.
func TestStrangers(t *testing.T) {
	s := newScene(t)
	mine, theirs := s.visiting(), s.visiting()
	back := mine.answered()
	state := func(to, state string) string {
		u, err := url.Parse(to)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		q.Set("state", state)
		u.RawQuery = q.Encode()
		return u.String()
	}
	theirState, err := url.Parse(theirs.to)
	if err != nil {
		t.Fatal(err)
	}
	stolen := *mine.cookie
	stolen.Value = theirs.cookie.Value
	prefetch := comeBack(back, mine.cookie)
	prefetch.Header.Set("Sec-Purpose", "prefetch")
	for name, r := range map[string]*http.Request{
		"another browser":                  comeBack(back),
		"a browser with another cookie":    comeBack(back, theirs.cookie),
		"another's cookie by this name":    comeBack(back, &stolen),
		"this code for another's visit":    comeBack(state(back, theirState.Query().Get("state")), mine.cookie),
		"a browser that looks ahead":       prefetch,
		"the state twice":                  comeBack(back+"&state=x", mine.cookie),
		"another address":                  comeBack(strings.Replace(back, "/faxplus", "/halopsa", 1), mine.cookie),
		"a code and an error":              comeBack(back+"&error=access_denied", mine.cookie),
		"another issuer":                   comeBack(back+"&iss=https%3A%2F%2Fevil.example", mine.cookie),
		"what is posted from another page": httptest.NewRequest("POST", back, nil),
	} {
		_, err := s.flows.Finish(r, ground.Workspace)
		if err == nil || !errors.Is(err, sdk.Denied) && !errors.Is(err, host.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
		mine.is(connectflow.Visiting)
		theirs.is(connectflow.Visiting)
	}
	for name, r := range map[string]*http.Request{
		"a state that nobody has": comeBack(state(back, "nonsense"), mine.cookie),
		"no state":                comeBack("https://host.example/?code=x", mine.cookie),
	} {
		if _, err := s.flows.Finish(r, ground.Workspace); !errors.Is(err, host.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	fresh := s.begin()
	for name, try := range map[string][2]string{"another secret": {ground.Workspace, mine.secret}, "half of it": {ground.Workspace, fresh.secret[:20]}, "another workspace": {"other", fresh.secret}} {
		denied(t, name, fresh.open(s.flows, try[0], try[1]))
	}
	fresh.is(connectflow.Begun)
	if _, err := s.flows.Finish(comeBack(back, mine.cookie), "other"); !errors.Is(err, host.ErrNotFound) {
		t.Errorf("finished in another workspace: %v", err)
	}
	if _, err := s.flows.Show(t.Context(), "other", mine.ID); !errors.Is(err, host.ErrNotFound) {
		t.Errorf("shown in another workspace: %v", err)
	}
	if err := s.flows.Cancel(t.Context(), "other", mine.ID); !errors.Is(err, host.ErrNotFound) {
		t.Errorf("cancelled in another workspace: %v", err)
	}
	if _, err := s.flows.Finish(comeBack(back, &stolen, mine.cookie), ground.Workspace); err != nil { // with a cookie that somebody has planted
		t.Errorf("the right browser after them: %v", err)
	}
}

// A visit ends after ten minutes, wherever the person is, and is forgotten in the
// end.
func TestEnds(t *testing.T) {
	s := newScene(t)
	fresh, away := s.begin(), s.visiting()
	back := away.answered()
	s.past.Add(int64(10*time.Minute - time.Second))
	fresh.is(connectflow.Begun)
	away.is(connectflow.Visiting)
	s.past.Add(int64(2 * time.Second))
	fresh.is(connectflow.Ended)
	away.is(connectflow.Ended)
	denied(t, "a link that is too old", fresh.open(s.flows, ground.Workspace, fresh.secret))
	_, err := s.flows.Finish(comeBack(back, away.cookie), ground.Workspace)
	denied(t, "coming back too late", err)
	away.is(connectflow.Ended)
	s.past.Add(int64(2 * time.Hour))
	s.begin() // whoever begins sweeps
	for _, v := range []*trip{fresh, away} {
		if _, err := s.flows.Show(t.Context(), ground.Workspace, v.ID); !errors.Is(err, host.ErrNotFound) {
			t.Errorf("hours later: %v", err)
		}
	}
}

// Who was cancelled is refused, at the door and coming back.
func TestCancelled(t *testing.T) {
	s := newScene(t)
	fresh, away := s.begin(), s.visiting()
	back := away.answered()
	for _, v := range []*trip{fresh, away} {
		for range 2 {
			if err := s.flows.Cancel(t.Context(), ground.Workspace, v.ID); err != nil {
				t.Fatal(err)
			}
		}
		v.is(connectflow.Ended)
	}
	denied(t, "the link", fresh.open(s.flows, ground.Workspace, fresh.secret))
	_, err := s.flows.Finish(comeBack(back, away.cookie), ground.Workspace)
	denied(t, "coming back", err)
	away.is(connectflow.Ended)
	if c, err := s.Host.Workspace(ground.Workspace).Show(t.Context(), s.id); err != nil || c.Status != host.StatusConnect {
		t.Errorf("the credential is %+v, %v", c, err)
	}
	if err := s.flows.Cancel(t.Context(), ground.Workspace, "v-none"); !errors.Is(err, host.ErrNotFound) {
		t.Errorf("cancelling nothing: %v", err)
	}
}

// What went wrong is kept for the program that waits, once, in our words.
func TestFails(t *testing.T) {
	s := newScene(t)
	fails := func(v *trip, back string, code sdk.Code, reason string) {
		t.Helper()
		_, err := s.flows.Finish(comeBack(back, v.cookie), ground.Workspace)
		if !errors.Is(err, code) {
			t.Errorf("the person is told %v", err)
		}
		got := v.is(connectflow.Failed)
		if got.Failure == nil || got.Failure.Code != code || reason != "" && got.Failure.Reason != reason || strings.Contains(got.Failure.Error(), "EXAMPLE") {
			t.Errorf("kept is %+v", got.Failure)
		}
		_, err = s.flows.Finish(comeBack(back, v.cookie), ground.Workspace)
		denied(t, "once more", err)
		v.is(connectflow.Failed)
	}
	v := s.visiting()
	back, _, _ := strings.Cut(v.answered(), "?")
	u, err := url.Parse(v.to)
	if err != nil {
		t.Fatal(err)
	}
	says := func(v *trip, q string) string {
		u, err = url.Parse(v.to)
		if err != nil {
			t.Fatal(err)
		}
		return back + "?state=" + url.QueryEscape(u.Query().Get("state")) + q
	}
	fails(v, says(v, "&error=server_error&error_description=EXAMPLE"), sdk.Unavailable, "server_error")
	v = s.visiting()
	fails(v, says(v, "&error=EXAMPLE"), sdk.Denied, "")
	v = s.visiting()
	fails(v, says(v, "&code=EXAMPLE"), sdk.Denied, "")
	s.Fax.Set(func(b *standin.FaxPlusBehaviour) { b.Deny = true })
	v = s.visiting()
	fails(v, v.answered(), sdk.Denied, "access_denied")
	if _, err := s.flows.Begin(t.Context(), ground.Workspace, host.Visit{Credential: "c-none", Actor: "key:k-one"}); !errors.Is(err, host.ErrNotFound) {
		t.Errorf("a visit for no credential: %v", err)
	}
	for _, cfg := range []connectflow.Config{{}, {Host: s.Host}, {StartURL: startURL}} {
		if _, err := connectflow.Open(cfg); err == nil {
			t.Errorf("opened with %+v", cfg)
		}
	}
}
