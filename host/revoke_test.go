// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk"
)

// What Revoke says of a grant is what was seen of it, and what cannot be done
// now is kept to be done later.
func TestRevokeSaysWhatWasSeen(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		service testplugin.HomedRevoking
		want    host.Revocation
		code    error
		waits   []int // in half seconds
	}{
		"at once":  {testplugin.HomedRevokes, host.Revocation{Told: true, Grant: host.FateDead}, nil, nil},
		"late":     {testplugin.HomedRevokesLate, host.Revocation{Told: true, Grant: host.FateDead}, nil, []int{1, 2}},
		"not told": {testplugin.HomedFails, host.Revocation{Grant: host.FateUnknown, Kept: true}, sdk.Unavailable, nil},
		"ignored":  {testplugin.HomedIgnores, host.Revocation{Told: true, Grant: host.FateAlive, Kept: true}, sdk.Unavailable, []int{1, 2, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t, nil)
			id := h.create("homed", nil)
			h.connect(id)
			waited := h.waits(h.Host, nil)
			h.services.Homed.Revoking(test.service)
			r, err := h.Revoke(t.Context(), id)
			if test.code != nil {
				refused(t, err, test.code.(sdk.Code), "")
			} else if err != nil {
				t.Error(err)
			}
			reason := r.Reason
			test.want.Refresh, r.Reason = host.FateUnknown, ""
			if r != test.want || (reason != "") != (err != nil) {
				t.Errorf("Revoke = %+v (%s), want %+v", r, reason, test.want)
			}
			if len(*waited) != len(test.waits) {
				t.Errorf("waited %v, want %v half seconds", *waited, test.waits)
			}
			c, err := h.Show(t.Context(), id)
			if err != nil || c.Granted || c.Status != host.StatusConnect || (len(c.Unrevoked) == 1) != test.want.Kept {
				t.Errorf("Show = %+v, %v", c, err)
			}
			h.services.Homed.Revoking(testplugin.HomedRevokes)
			if r, err := h.Revoke(t.Context(), id); err != nil || r.Kept || r.Told != test.want.Kept {
				t.Errorf("Revoke, again = %+v, %v", r, err)
			}
			if c, _ := h.Show(t.Context(), id); len(c.Unrevoked) > 0 {
				t.Error("the grant is kept after it was revoked")
			}
		})
	}
}

// No request carries a grant that is to be revoked, on any host, even if the
// service could not be told.
func TestWhatIsToBeRevokedIsUsedNoMore(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("homed", nil)
	h.connect(id)
	h.waits(h.Host, nil)
	h.services.Homed.Revoking(testplugin.HomedFails)
	if _, err := h.Revoke(t.Context(), id); err == nil {
		t.Fatal("Revoke has succeeded")
	}
	before := h.services.Requests("eu7.homed.example")
	for _, ws := range []*host.Workspace{h.Workspace, h.another().Workspace("acme")} {
		_, err := ws.Client(id).Get(instance)
		refused(t, err, sdk.Denied, "")
	}
	if h.services.Requests("eu7.homed.example") != before {
		t.Error("a request was sent")
	}
	if err := h.Forget(t.Context(), id); err != nil {
		t.Error(err)
	}
	if c, _ := h.Show(t.Context(), id); len(c.Unrevoked) > 0 {
		t.Error("Forget has kept the grant")
	}
	if r, err := h.Revoke(t.Context(), id); err != nil || r.Told || r.Grant != host.FateNone || r.Refresh != host.FateNone {
		t.Errorf("Revoke, of nothing = %+v, %v", r, err)
	}
}

func TestATypeThatCannotRevoke(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("placed", nil)
	if got := h.get(id, "https://placed.example/me"); got != http.StatusOK {
		t.Fatal(got)
	}
	r, err := h.Revoke(t.Context(), id)
	if refused(t, err, sdk.Invalid, ""); !r.Kept || r.Told {
		t.Errorf("Revoke = %+v", r)
	}
	if c, _ := h.Show(t.Context(), id); !c.Granted || len(c.Unrevoked) > 0 {
		t.Errorf("Show = %+v; want it unchanged", c)
	}
	if err := h.Forget(t.Context(), id); err != nil {
		t.Error(err)
	}
}

// Where the service ends only what it is shown, the grant that another has
// replaced is revoked, and the new one works.
func TestReplacedGrantsAreRevoked(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("homed", nil)
	if done := h.connect(id); done.Replaced != nil {
		t.Errorf("the first time, Finish = %+v", done)
	}
	done := h.connect(id)
	if r := done.Replaced; r == nil || !r.Told || r.Grant != host.FateDead || r.Kept {
		t.Errorf("Replaced = %+v", r)
	}
	if got := h.get(id, instance); got != http.StatusOK {
		t.Errorf("status %d with the new grant", got)
	}
	h.services.Homed.Revoking(testplugin.HomedFails)
	if r := h.connect(id).Replaced; r == nil || r.Told || !r.Kept {
		t.Errorf("Replaced = %+v", r)
	}
	if got := h.get(id, instance); got != http.StatusOK {
		t.Errorf("status %d with the newest grant", got)
	}
	if c, _ := h.Show(t.Context(), id); len(c.Unrevoked) != 1 || !c.Granted || c.Status != host.StatusReady {
		t.Errorf("Show = %+v", c)
	}
	h.services.Homed.Revoking(testplugin.HomedRevokes)
	h.waits(h.Host, nil)
	if r, err := h.Revoke(t.Context(), id); err != nil || !r.Told || r.Grant != host.FateDead {
		t.Errorf("Revoke = %+v, %v", r, err)
	}
}

// What a person must know when another account comes back than before is in
// the answer, in Show until it is confirmed, and in a warning.
func TestAnotherAccount(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var warned []host.Warning
	var audited int
	h := open(t, func(cfg *host.Config) {
		cfg.Audit = func(_ context.Context, e host.Event) error {
			mu.Lock()
			defer mu.Unlock()
			if e.Action == "change account" {
				audited++
			}
			return nil
		}
		cfg.Warn = func(_ context.Context, w host.Warning) {
			mu.Lock()
			defer mu.Unlock()
			warned = append(warned, w)
		}
	})
	id := h.create("homed", nil)
	h.connect(id)
	if done := h.connect(id); done.Was != "" {
		t.Errorf("with the same account, Finish = %+v", done)
	}
	// Other answers cost the credential its grant, and not its memory.
	if err := h.Update(t.Context(), id, host.Patch{Values: sdk.Values{"purpose": "another"}}); err != nil {
		t.Fatal(err)
	}
	h.services.Homed.Move(testplugin.HomedInstance, "eve@homed.example")
	done := h.connect(id)
	if done.Account != "eve@homed.example" || done.Was != "person@homed.example" {
		t.Errorf("Finish = %+v", done)
	}
	c, _ := h.Show(t.Context(), id)
	if c.ID != id || c.Account != done.Account || c.Was != done.Was {
		t.Errorf("Show = %+v", c)
	}
	mu.Lock()
	if len(warned) != 1 || warned[0].Kind != host.WarnAccount || warned[0].Credential != id || audited != 1 {
		t.Errorf("warned %+v, and audited %d times", warned, audited)
	}
	mu.Unlock()
	if done := h.connect(id); done.Was != "" { // the person has seen it, and approves it again
		t.Errorf("again, Finish = %+v", done)
	}
	if c, _ := h.Show(t.Context(), id); c.Was != "" {
		t.Errorf("Show = %+v", c)
	}
}
