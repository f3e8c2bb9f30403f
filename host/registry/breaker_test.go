// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"testing"
	"time"
)

func TestBreakerDoublesItsWaits(t *testing.T) {
	cfg := Config{MaxCrashes: 12, CrashWindow: time.Hour, Quarantine: 10 * time.Minute}
	now := time.Unix(1e9, 0)
	var b breaker
	var got []time.Duration
	for range 11 {
		b.crash(now, cfg, 0)
		d, tripped := b.wait(now)
		if tripped {
			t.Fatalf("in quarantine after %d crashes", len(got)+1)
		}
		got = append(got, d)
		now = now.Add(d)
		if d, _ := b.wait(now); d > 0 {
			t.Errorf("still %s after the wait", d)
		}
	}
	want := []time.Duration{0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60}
	for i := range want {
		if got[i] != want[i]*time.Second {
			t.Fatalf("waits %v, want %v s", got, want)
		}
	}
	b.crash(now, cfg, 0)
	if d, tripped := b.wait(now); !tripped || d != 10*time.Minute {
		t.Errorf("after the last crash: %s, %v", d, tripped)
	}
	if d, tripped := b.wait(now.Add(10 * time.Minute)); d != 0 || tripped || len(b.crashes) != 0 {
		t.Errorf("after the quarantine: %s, %v, %d crashes", d, tripped, len(b.crashes))
	}
}

func TestBreakerLeavesHalfToChance(t *testing.T) {
	cfg := Config{MaxCrashes: 12, CrashWindow: time.Hour}
	now := time.Unix(1e9, 0)
	for _, chance := range []float64{0, 0.5, 0.999} {
		b := breaker{crashes: []time.Time{now, now}}
		b.crash(now, cfg, chance)
		d, _ := b.wait(now)
		if want := 2*time.Second - time.Duration(chance*float64(time.Second)); d != want {
			t.Errorf("chance %v: %s, want %s", chance, d, want)
		}
	}
}

func TestBreakerForgetsOldCrashes(t *testing.T) {
	cfg := Config{MaxCrashes: 3, CrashWindow: time.Minute, Quarantine: time.Hour}
	now := time.Unix(1e9, 0)
	var b breaker
	for range 10 {
		b.crash(now, cfg, 0)
		if d, tripped := b.wait(now); d > time.Second || tripped {
			t.Fatalf("crashes that are 40 s apart: %s, %v", d, tripped)
		}
		now = now.Add(40 * time.Second)
	}
	if b.clean(now, cfg) {
		t.Error("clean 40 s after a crash")
	}
	if !b.clean(now.Add(time.Minute), cfg) {
		t.Error("not clean 100 s after the last crash")
	}
}
