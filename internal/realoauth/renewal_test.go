// SPDX-License-Identifier: Apache-2.0

package realoauth_test

import (
	"errors"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/sqlitestore"
	"github.com/credhost/credhost/sdk"
)

// spentOnce demands that every code and refresh token was shown once, that each
// renewal spent what the one before it brought, and that all succeeded.
func (h *house) spentOnce(renewals int) {
	h.t.Helper()
	all := h.front.Passed("refresh_token")
	if len(all) != renewals {
		h.t.Errorf("%d renewals, want %d", len(all), renewals)
	}
	next := h.front.Passed("authorization_code")[0].Answer.Refresh
	for n, p := range all {
		if p.Status != http.StatusOK || p.Form.Get("refresh_token") != next {
			h.t.Fatalf("renewal %d: status %d, with another refresh token than the newest", n+1, p.Status)
		}
		if next == p.Answer.Refresh {
			h.t.Fatal("the provider does not rotate")
		}
		next = p.Answer.Refresh
	}
}

// TestRenew renews several times: because the grant has ended, because the
// provider refuses it, and before it ends.
func TestRenew(t *testing.T) {
	against(t, func(t *testing.T, p provider) {
		h := open(t, p, nil, nil)
		h.Connected("ada")
		for n := range 3 {
			h.Advance(time.Hour)
			h.Works("ada")
			h.spentOnce(n + 1)
		}
		for n := range 2 {
			h.front.Operate(t, "expire")
			h.Advance(2 * time.Minute) // younger ones are not renewed: the refusal means something else
			h.Works("ada")
			h.spentOnce(n + 4)
		}
		h.Advance(9 * time.Minute) // of ten
		for until := time.Now().Add(10 * time.Second); len(h.front.Passed("refresh_token")) == 5; {
			if h.Works("ada"); time.Now().After(until) {
				t.Fatal("the grant is not renewed before it ends")
			}
		}
		h.spentOnce(6)
		if old := h.front.Passed("authorization_code")[0].Answer.Refresh; h.front.Active(t, old) {
			t.Error("the provider still takes the first refresh token")
		}
	})
}

// TestTwoHosts has two hosts that share one file meet a grant that has ended,
// at once, many times over.
func TestTwoHosts(t *testing.T) {
	against(t, func(t *testing.T, p provider) {
		path := filepath.Join(t.TempDir(), "credhost.db")
		store := func(cfg *host.Config) {
			s, err := sqlitestore.Open(t.Context(), sqlitestore.Config{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			cfg.Store = s
		}
		h := open(t, p, store, nil)
		store(&h.cfg)
		second := h.another().Workspace("acme")
		h.Connected("ada")
		for round := range 3 {
			h.Advance(time.Hour)
			var all sync.WaitGroup
			for i := range 40 {
				all.Go(func() {
					if who, err := h.Me([]*host.Workspace{h.Workspace, second}[i%2]); err != nil || who != "ada" {
						t.Errorf("a request is %q's, %v", who, err)
					}
				})
			}
			all.Wait()
			h.spentOnce(round + 1)
		}
	})
}

// TestStolenRefreshToken shows what the tests above would have met: the
// provider takes a refresh token that is shown twice for a theft, and ends all
// that came of the approval. Credhost says that a person must connect again,
// asks no more, and works again when they have.
func TestStolenRefreshToken(t *testing.T) {
	against(t, func(t *testing.T, p provider) {
		h := open(t, p, nil, nil)
		h.Connected("ada")
		old := h.front.Last(t).Answer.Refresh
		h.Advance(time.Hour)
		h.Works("ada")
		last := h.front.Last(t)
		status, said := h.front.Post(t, "token_endpoint", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {old}})
		if status != http.StatusBadRequest || said["error"] != "invalid_grant" {
			t.Fatalf("a refresh token that was spent: %d %v", status, said["error"])
		}
		if h.front.Active(t, last.Answer.Access) || h.front.Active(t, last.Answer.Refresh) {
			t.Fatal("the provider keeps what came of the approval")
		}
		h.Advance(time.Hour)
		h.Refused(host.StatusAgain)
		h.Connected("ada")
		h.Works("ada")
	})
}

// TestLostAnswer loses the answer to a renewal on its way from the provider,
// which has spent the refresh token by then. It is not shown again, which would
// be taken for a theft: a person must connect.
func TestLostAnswer(t *testing.T) {
	against(t, func(t *testing.T, p provider) {
		h := open(t, p, nil, nil)
		h.Connected("ada")
		h.Advance(time.Hour)
		h.front.LoseNext()
		if _, err := h.Me(h.Workspace); err == nil {
			t.Fatal("the answer was not lost")
		}
		for range 3 {
			h.Advance(time.Hour)
			if _, err := h.Me(h.Workspace); !errors.Is(err, sdk.Denied) {
				t.Errorf("after the answer was lost: %v, want %v", err, sdk.Denied)
			}
		}
		if all := h.front.Passed("refresh_token"); len(all) != 1 || !h.front.Active(t, all[0].Answer.Refresh) {
			t.Errorf("the refresh token was shown %d times, and what was lost with it is active: %v", len(all), h.front.Active(t, all[0].Answer.Refresh))
		}
		h.Refused(host.StatusAgain)
		h.Connected("ada")
		h.Works("ada")
	})
}
