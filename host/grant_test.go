// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk"
)

// connect connects a credential, as a person does who approves.
func (h *house) connect(id string) host.Connected {
	h.t.Helper()
	done, err := h.finish(h.begin(id), "anna")
	if err != nil {
		h.t.Fatalf("Finish: %v", err)
	}
	return done
}

func (h *house) begin(id string) host.Flow {
	h.t.Helper()
	flow, err := h.Connect(h.t.Context(), id, "anna")
	if err != nil {
		h.t.Fatalf("Connect: %v", err)
	}
	return flow
}

// visit goes to the provider and returns the request that comes back.
func (h *house) visit(flow host.Flow) *http.Request {
	h.t.Helper()
	u, err := url.Parse(flow.URL)
	if err != nil {
		h.t.Fatal(err)
	}
	base, _ := url.Parse(h.cfg.Egress.Routes["https://"+u.Host])
	r, _ := http.NewRequestWithContext(h.t.Context(), http.MethodGet, base.String()+u.RequestURI(), nil)
	r.Host = u.Host
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	resp.Body.Close()
	back, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, resp.Header.Get("Location"), nil)
	if err != nil || resp.StatusCode/100 != 3 {
		h.t.Fatalf("the provider answered %s to %s", resp.Status, flow.URL)
	}
	if flow.Cookie != nil {
		back.AddCookie(flow.Cookie)
	}
	return back
}

func (h *house) finish(flow host.Flow, actor host.Actor) (host.Connected, error) {
	h.t.Helper()
	return h.Finish(h.visit(flow), actor)
}

const instance = testplugin.HomedInstance + "/me"

func TestConnectAndRenew(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("homed", nil)
	if c, _ := h.Show(t.Context(), id); c.Status != host.StatusConnect {
		t.Errorf("status %q before connecting, want %q", c.Status, host.StatusConnect)
	}
	_, err := h.Client(id).Get(instance)
	refused(t, err, sdk.Denied, "")
	if done := h.connect(id); done.ID != id || done.Account == "" || done.Was != "" {
		t.Errorf("Finish = %+v", done)
	}
	if got := h.get(id, instance); got != http.StatusOK {
		t.Errorf("status %d after connecting", got)
	}
	c, _ := h.Show(t.Context(), id)
	if len(c.Origins.Grant) != 1 || c.Origins.Grant[0] != testplugin.HomedInstance {
		t.Errorf("origins %v; want those that the first grant named", c.Origins.Grant)
	}
	before := h.services.Homed.TokenRequests()
	h.clock.Advance(2 * time.Hour)
	h.services.Homed.Expire()
	if got := h.get(id, instance); got != http.StatusOK {
		t.Errorf("status %d after the grant's end", got)
	}
	if n := h.services.Homed.TokenRequests() - before; n != 1 {
		t.Errorf("%d token requests for one renewal", n)
	}
	if n := h.services.Homed.Reused(); n != 0 {
		t.Errorf("%d refresh tokens were spent twice", n)
	}
}

func TestOneRenewalForAll(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("homed", nil)
	h.connect(id)
	second := h.another().Workspace("acme")
	before := h.services.Homed.TokenRequests()
	h.clock.Advance(2 * time.Minute)
	h.services.Homed.Expire()
	var wg sync.WaitGroup
	for i := range 500 {
		client := []*host.Workspace{h.Workspace, second}[i%2].Client(id)
		wg.Go(func() {
			resp, err := client.Get(instance)
			if err != nil {
				t.Errorf("GET: %v", err)
				return
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Errorf("status %d", resp.StatusCode)
			}
		})
	}
	wg.Wait()
	if n := h.services.Homed.TokenRequests() - before; n != 1 {
		t.Errorf("%d token requests for 500 requests of two hosts, want 1", n)
	}
	if n := h.services.Homed.Reused(); n != 0 {
		t.Errorf("%d refresh tokens were spent twice", n)
	}
}

func TestRefusedGrant(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("homed", nil)
	h.connect(id)
	h.get(id, instance)
	before := h.services.Homed.TokenRequests()
	h.services.Homed.Expire()
	if got := h.get(id, instance); got != http.StatusUnauthorized {
		t.Errorf("status %d; a grant of a few seconds is not renewed", got)
	}
	h.clock.Advance(2 * time.Minute)
	resp, err := h.Client(id).Post(instance, "text/plain", strings.NewReader("a body that can be sent again"))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("POST after the service ended the grant: %v, %v; want it renewed and repeated", resp, err)
	}
	if n := h.services.Homed.TokenRequests() - before; n != 1 {
		t.Errorf("%d token requests, want 1", n)
	}
}

func TestRenewalAhead(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("homed", nil)
	h.connect(id)
	h.get(id, instance)
	before := h.services.Homed.TokenRequests()
	h.clock.Advance(50 * time.Minute) // of an hour
	for start := time.Now(); h.services.Homed.TokenRequests() == before; {
		if h.get(id, instance); time.Since(start) > 10*time.Second {
			t.Fatal("the grant was not renewed before its end")
		}
	}
}

func TestConnectAgain(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("homed", nil)
	h.connect(id)
	if r, err := h.Revoke(t.Context(), id); err != nil || !r.Told || r.Grant != host.FateDead || r.Refresh != host.FateUnknown || r.Kept {
		t.Fatalf("Revoke = %+v, %v", r, err)
	}
	if c, _ := h.Show(t.Context(), id); c.Status != host.StatusConnect {
		t.Errorf("status %q after Revoke, want %q", c.Status, host.StatusConnect)
	}
	h.connect(id)
	h.services.Homed.Move(testplugin.HomedInstance, "somebody.else@example.com")
	if done := h.connect(id); done.Was == "" || done.Account == done.Was {
		t.Errorf("Finish = %+v; want it to say that the account is another", done)
	}
}

// TestDeadRefreshToken shows that a refusal is remembered, with its reason,
// and that the service is not asked again until a person connects.
func TestDeadRefreshToken(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("homed", nil)
	h.connect(id)
	h.services.Homed.End()
	h.clock.Advance(2 * time.Hour)
	_, err := h.Client(id).Get(instance)
	refused(t, err, sdk.Denied, "")
	c, _ := h.Show(t.Context(), id)
	if c.Status != host.StatusAgain || c.Since == nil || c.Reason == "" {
		t.Errorf("Show = %+v; want status %q with a reason", c, host.StatusAgain)
	}
	before := h.services.Homed.TokenRequests()
	for range 3 {
		h.clock.Advance(time.Hour)
		_, err := h.Client(id).Get(instance)
		refused(t, err, sdk.Denied, "")
	}
	if n := h.services.Homed.TokenRequests() - before; n != 0 {
		t.Errorf("the service was asked %d more times", n)
	}
	h.connect(id)
	if got := h.get(id, instance); got != http.StatusOK {
		t.Errorf("status %d after connecting again", got)
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("digest", nil)
	url := originOf(t, h, id) + "/me"
	for range 3 {
		if got := h.get(id, url); got != http.StatusOK {
			t.Fatalf("status %d", got)
		}
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if got := h.get(id, url); got != http.StatusOK {
				t.Errorf("status %d", got)
			}
		})
	}
	wg.Wait()
	h.services.Digest.Expire()
	resp, err := h.Client(id).Post(url, "text/plain", strings.NewReader("hello"))
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("after the nonce's end: %v, %v", resp, err)
	}
}

func originOf(t *testing.T, h *house, id string) string {
	t.Helper()
	c, err := h.Show(t.Context(), id)
	if err != nil || len(c.Origins.Grant) == 0 {
		t.Fatalf("Show = %+v, %v", c, err)
	}
	return c.Origins.Grant[0]
}

func TestSignatures(t *testing.T) {
	t.Parallel()
	h := open(t, func(cfg *host.Config) { cfg.MaxSpool = 1 << 10 })
	id := h.create("sigv4", nil)
	const s3 = "https://s3.eu-central-1.amazonaws.com/bucket/key%20with%2Fslash?b=2&a=1"
	for _, body := range []string{"", "a body", strings.Repeat("x", 1<<10)} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodPut, s3, strings.NewReader(body))
		r.GetBody = nil
		resp, err := h.Client(id).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("a body of %d bytes: status %d", len(body), resp.StatusCode)
		}
	}
	before := h.services.Requests("s3.eu-central-1.amazonaws.com")
	_, err := h.Client(id).Post(s3, "text/plain", strings.NewReader(strings.Repeat("x", 1<<10+1)))
	refused(t, err, sdk.Invalid, "")
	if n := h.services.Requests("s3.eu-central-1.amazonaws.com"); n != before {
		t.Error("a body that is too large to be digested was sent all the same")
	}
	v, err := h.Test(t.Context(), id)
	if err != nil || v.Outcome != host.Works {
		t.Errorf("Test = %+v, %v", v, err)
	}
}

func TestDeviceFlow(t *testing.T) {
	t.Parallel()
	h := open(t, func(cfg *host.Config) { cfg.Now = nil })
	id := h.create("device", nil)
	flow := h.begin(id)
	if flow.UserCode == "" || flow.Interval <= 0 {
		t.Fatalf("Connect = %+v", flow)
	}
	if _, err := h.Await(t.Context(), flow, "eve"); !errors.Is(err, sdk.Denied) {
		t.Errorf("another actor's Await: %v", err)
	}
	flow = h.begin(id)
	h.approve(flow.UserCode)
	done, err := h.Await(t.Context(), flow, "anna")
	if err != nil || done.ID != id {
		t.Errorf("Await = %+v, %v", done, err)
	}
}

// approve types a user code at the page of device.
func (h *house) approve(code string) {
	h.t.Helper()
	r, _ := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.cfg.Egress.Routes["https://device.example"]+"/activate?user_code="+code, nil)
	r.Host = "device.example"
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		h.t.Fatalf("approving: %v, %v", resp, err)
	}
	resp.Body.Close()
}

// slowStore holds one Get back, after it has read, until the test lets it go on.
type slowStore struct {
	host.Store
	count    atomic.Int32 // the Gets until the one that is held
	held, on chan struct{}
}

func (s *slowStore) Get(ctx context.Context, workspace, id string) (host.Record, error) {
	r, err := s.Store.Get(ctx, workspace, id)
	if s.count.Add(-1) == 0 {
		s.held <- struct{}{}
		<-s.on
	}
	return r, err
}

// TestDeletedWhileFetched shows that a grant which was read just before its
// credential was deleted is not kept in memory.
func TestDeletedWhileFetched(t *testing.T) {
	t.Parallel()
	store := &slowStore{held: make(chan struct{}), on: make(chan struct{})}
	h := open(t, func(cfg *host.Config) { store.Store = cfg.Store; cfg.Store = store })
	id := h.create("placed", nil)
	h.get(id, "https://placed.example/me") // so that there is a grant in the store
	second := h.another().Workspace("acme")
	request := func() error {
		return second.Authenticate(t.Context(), id, httptest.NewRequest(http.MethodGet, "https://placed.example/me", nil))
	}
	store.count.Store(2) // the first looks where the request goes
	done := make(chan error)
	go func() { done <- request() }()
	<-store.held
	if err := h.Delete(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond) // the second host learns of it
	close(store.on)
	<-done // which was under way
	if err := request(); !errors.Is(err, host.ErrNotFound) {
		t.Errorf("after the deletion: %v, want ErrNotFound", err)
	}
}
