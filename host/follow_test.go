// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
)

// A telling store notes when it was asked for changes, and tells of some.
type telling struct {
	host.Store
	tell  chan struct{}
	asked chan time.Time
}

func (s *telling) Changes(ctx context.Context, since uint64) ([]host.Change, uint64, error) {
	s.asked <- time.Now()
	return s.Store.Changes(ctx, since)
}

func (s *telling) Notify(ctx context.Context, changed func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.tell:
			changed()
		}
	}
}

// A host polls each second, and at once when it is told.
func TestFollowIsHastened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &telling{memstore.New(), make(chan struct{}), make(chan time.Time, 100)}
		keys, err := sealer.NewKeyring()
		if err != nil {
			t.Fatal(err)
		}
		h, err := host.Open(t.Context(), host.Config{Store: store, Sealer: sealer.New(keys)})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := h.Close(); err != nil {
				t.Error(err)
			}
		}()
		begin := time.Now()
		time.Sleep(1200 * time.Millisecond)
		store.tell <- struct{}{}
		store.tell <- struct{}{} // both at once, for which one look or two are enough
		time.Sleep(1500 * time.Millisecond)
		var got []time.Duration
		for len(store.asked) > 0 {
			got = append(got, (<-store.asked).Sub(begin))
		}
		want := []time.Duration{0, time.Second, 1200 * time.Millisecond, 2 * time.Second}
		if got = slices.Compact(got); !slices.Equal(got, want) {
			t.Errorf("it asked after %v, want %v", got, want)
		}
	})
}
