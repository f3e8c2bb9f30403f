// SPDX-License-Identifier: Apache-2.0

//go:build linux

package registry

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"
)

// TestNotices is about who listens for what becomes of a plugin: he is told of
// each quarantine, once, and when the plugin has recovered, whatever was
// forgotten meanwhile.
func TestNotices(t *testing.T) {
	t.Parallel()
	b, clock := newBench(t), &fakeClock{}
	b.now, b.MaxCrashes, b.Quarantine, b.CrashWindow = clock.now, 2, time.Minute, time.Hour
	var mu sync.Mutex
	var told []Notice
	b.Notice = func(_ context.Context, n Notice) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, n)
	}
	kinds := func() (all []NoticeKind) {
		mu.Lock()
		defer mu.Unlock()
		for _, n := range told {
			all = append(all, n.Kind)
		}
		return all
	}
	r := b.trusted("alpha", conf{})
	askTest(t.Context(), r, "acme", "alpha", "die", "") // twice: it is repeated, since it is safe
	eventually(t, "its quarantine is told of", func() bool { return slices.Equal(kinds(), []NoticeKind{NoticeQuarantined}) })
	if n := told[0]; n.Program != "alpha" || n.Workspace != "acme" || !n.Time.Equal(clock.now()) || !n.Until.Equal(clock.now().Add(time.Minute)) {
		t.Errorf("%+v", n)
	}
	if _, err := ask(t.Context(), r, "acme", "alpha", "pid", ""); err == nil {
		t.Error("it is started in its quarantine")
	}
	clock.advance(3 * time.Hour)
	r.sweep()
	mustAsk(t, r, "alpha", "pid", "")
	eventually(t, "its recovery is told of", func() bool { return slices.Equal(kinds(), []NoticeKind{NoticeQuarantined, NoticeRecovered}) })
	askTest(t.Context(), r, "other", "alpha", "die", "")
	eventually(t, "another workspace's is another's", func() bool { return len(kinds()) == 3 })
	if n := told[2]; n.Kind != NoticeQuarantined || n.Workspace != "other" {
		t.Errorf("%+v", n)
	}
}
