// SPDX-License-Identifier: Apache-2.0

package events

import (
	"strings"
	"testing"
	"time"
)

// TestKnownSignature holds signatures to the one that the makers of Standard
// Webhooks publish with their libraries.
func TestKnownSignature(t *testing.T) {
	got := signature("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`),
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", newSecret())
	want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	if first, second, ok := strings.Cut(got, " "); first != want || !ok || !strings.HasPrefix(second, "v1,") || second == want {
		t.Errorf("%q, want %q and another", got, want)
	}
}

// FuzzPlaces holds what is taken for an ID of an event to those that there are.
func FuzzPlaces(f *testing.F) {
	for _, id := range []string{"000000000001-00-abcdef", "00000000000g-00-abcdef", "000000000001-00-abc", "-1", "oldest", "", "ffffffffffff-ff-zzzzzz"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if p, ok := parsePlace(id); ok && p.String() != id {
			t.Errorf("%q is taken for %q", id, p.String())
		}
	})
}
