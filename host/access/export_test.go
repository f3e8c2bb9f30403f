// SPDX-License-Identifier: Apache-2.0

package access

import (
	"context"
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
