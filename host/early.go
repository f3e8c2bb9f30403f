// SPDX-License-Identifier: Apache-2.0

package host

import "context"

// EarlyShelf returns a shelf of a store before there is a host: for what its
// [Config] is made of. Of cfg it takes Store, Sealer and Now. The kind must be
// none of this package's.
func EarlyShelf(cfg Config, kind Kind) *Shelf {
	h := newHost(cfg)
	h.ctx = context.Background()
	return h.Shelf(kind)
}
