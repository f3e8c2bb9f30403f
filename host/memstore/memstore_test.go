// SPDX-License-Identifier: Apache-2.0

package memstore_test

import (
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A clock stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func TestStore(t *testing.T) {
	var clocks sync.Map // :: store → its clock
	storetest.Suite{
		Open: func(testing.TB) host.Store {
			c := &clock{now: time.Now()}
			s := &memstore.Store{Now: c.Now}
			clocks.Store(s, c)
			return s
		},
		Pass: func(_ testing.TB, s host.Store, d time.Duration) {
			c, _ := clocks.Load(s)
			c.(*clock).pass(d)
		},
	}.Run(t)
}

// The suite must also run where time cannot be moved.
func TestStoreByTheRealClock(t *testing.T) {
	storetest.Run(t, func(testing.TB) host.Store { return memstore.New() })
}

func BenchmarkStore(b *testing.B) {
	storetest.Benchmark(b, func(testing.TB) host.Store { return memstore.New() })
}
