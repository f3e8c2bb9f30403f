// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Tend does at once what is done from time to time.
func (a *Access) Tend(ctx context.Context) {
	a.tending.Lock()
	defer a.tending.Unlock()
	a.ended = time.Time{}
	a.tend(ctx)
}

// Guess returns a key that is nobody's, with a good checksum.
func Guess() string { return token(keyPrefix, newID("k")[2:]+newSecret()) }

// GuessOf returns a link or a session that is nobody's.
func GuessOf(prefix string) string { return token(prefix, newSecret()) }

// CanonicalURL returns a URL of [Limits] as it is kept.
var CanonicalURL = canonicalURL

// TakeAtOnce has takers take from one bucket at the same moment, each so often,
// and nothing else in between; it returns how many they were given.
func TakeAtOnce(takers, each int, burst int64) int64 {
	var b bucket
	var given atomic.Int64
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for range takers {
		wg.Go(func() {
			var mine int64
			<-begin
			for range each {
				if _, _, wait := b.take(pace{interval: 1, burst: burst}, 1); wait == 0 {
					mine++
				}
			}
			given.Add(mine)
		})
	}
	close(begin)
	wg.Wait()
	return given.Load()
}

// Forged returns a key with the ID of another, another secret, and a good
// checksum.
func Forged(text string) string {
	return token(keyPrefix, text[len(keyPrefix):][:idLength]+newSecret())
}
