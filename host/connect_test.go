// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"errors"
	"github.com/credhost/credhost/internal/testplugin"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// TestForeignCallbacks shows that a visit is finished by whoever began it, in
// the browser that began it, once, in time, and where it belongs.
func TestForeignCallbacks(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("homed", nil)
	edit := func(change func(q url.Values, r *http.Request)) func(*http.Request) {
		return func(r *http.Request) {
			q := r.URL.Query()
			change(q, r)
			r.URL.RawQuery = q.Encode()
		}
	}
	for name, attack := range map[string]struct {
		actor  host.Actor
		change func(*http.Request)
	}{
		"another actor":       {"eve", func(*http.Request) {}},
		"nobody":              {"", func(*http.Request) {}},
		"another browser":     {"anna", func(r *http.Request) { r.Header.Del("Cookie") }},
		"a forged cookie":     {"anna", func(r *http.Request) { r.Header.Set("Cookie", r.Header.Get("Cookie")+"x") }},
		"no state":            {"anna", edit(func(q url.Values, _ *http.Request) { q.Del("state") })},
		"another state":       {"anna", edit(func(q url.Values, _ *http.Request) { q.Set("state", "x") })},
		"two states":          {"anna", edit(func(q url.Values, _ *http.Request) { q.Add("state", q.Get("state")) })},
		"another type's page": {"anna", func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "homed", "device", 1) }},
		"another workspace's": {"anna", func(r *http.Request) { r.URL.Path = strings.Replace(r.URL.Path, "acme", "other", 1) }},
		"another issuer":      {"anna", edit(func(q url.Values, _ *http.Request) { q.Set("iss", "https://evil.example") })},
		"posted":              {"anna", func(r *http.Request) { r.Method = http.MethodPost }},
		"too late":            {"anna", func(*http.Request) { h.clock.Advance(11 * time.Minute) }},
	} {
		back := h.visit(h.begin(id))
		attack.change(back)
		if _, err := h.Finish(back, attack.actor); !errors.Is(err, sdk.Denied) {
			t.Errorf("%s: %v, want %v", name, err, sdk.Denied)
		}
		if c, _ := h.Show(t.Context(), id); c.Status != host.StatusConnect {
			t.Fatalf("%s: the credential was connected", name)
		}
	}
	other := h.visit(h.begin(id))
	if _, err := h.Host.Workspace("other").Finish(other, "anna"); !errors.Is(err, sdk.Denied) {
		t.Errorf("in another workspace: %v", err)
	}
	if n := h.services.Homed.TokenRequests(); n != 0 {
		t.Errorf("%d codes were sent to the service", n)
	}
	h.connect(id) // and the honest one still works
}

// The hosts that the first grant names stay, through edits that decide no
// destination: these open nothing, so they ask for no secret.
func TestEditKeepsWhatTheFirstGrantNamed(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("homed", nil)
	h.connect(id)
	name := "renamed"
	for _, patch := range []host.Patch{{Name: &name}, {Values: sdk.Values{"purpose": "another"}}} {
		if err := h.Update(t.Context(), id, patch); err != nil {
			t.Errorf("%+v: %v", patch, err)
		}
		c, err := h.Show(t.Context(), id)
		if err != nil || !slices.Equal(c.Origins.Grant, []string{testplugin.HomedInstance}) {
			t.Errorf("after %+v the grant may go to %v, %v", patch, c.Origins.Grant, err)
		}
	}
}

func TestFinishOnce(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("homed", nil)
	second := h.another().Workspace("acme")
	back := h.visit(h.begin(id))
	var done atomic.Int32
	var wg sync.WaitGroup
	for i := range 20 {
		ws := []*host.Workspace{h.Workspace, second}[i%2]
		wg.Go(func() {
			if _, err := ws.Finish(back.Clone(t.Context()), "anna"); err == nil {
				done.Add(1)
			} else if !errors.Is(err, sdk.Denied) {
				t.Errorf("Finish: %v", err)
			}
		})
	}
	wg.Wait()
	if done.Load() != 1 || h.services.Homed.TokenRequests() != 1 || h.services.Homed.Reused() != 0 {
		t.Errorf("finished %d times with %d token requests, want once", done.Load(), h.services.Homed.TokenRequests())
	}
}

func TestNotApproved(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("homed", nil)
	h.services.Homed.Deny(true)
	if _, err := h.finish(h.begin(id), "anna"); !errors.Is(err, sdk.Denied) {
		t.Errorf("Finish: %v, want %v", err, sdk.Denied)
	}
	h.services.Homed.Deny(false)
	h.connect(id)
}

func TestFlow(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("homed", nil)
	flow := h.begin(id)
	u, _ := url.Parse(flow.URL)
	q := u.Query()
	if u.Scheme+"://"+u.Host != "https://login.homed.example" || q.Get("redirect_uri") != h.RedirectURL("homed") || len(q.Get("state")) != 43 || q.Get("code_challenge_method") != "S256" {
		t.Errorf("URL %s", u.Redacted())
	}
	k := flow.Cookie
	if !strings.HasPrefix(k.Name, "__Host-") || !k.Secure || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Path != "/" {
		t.Errorf("cookie %s", k.Name)
	}
	if h.RedirectURL("homed") == h.RedirectURL("device") || h.RedirectURL("homed") == h.Host.Workspace("other").RedirectURL("homed") {
		t.Error("two types or workspaces share a redirect URL")
	}
	_, err := h.Connect(t.Context(), h.create("placed", nil), "anna")
	refused(t, err, sdk.Invalid, "")
	bare := open(t, func(cfg *host.Config) { cfg.CallbackURL = "" })
	_, err = bare.Connect(t.Context(), bare.create("homed", nil), "anna")
	refused(t, err, sdk.Invalid, "")
}
