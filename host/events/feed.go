// SPDX-License-Identifier: Apache-2.0

package events

import "github.com/credhost/credhost/host"

// A Feed takes what a host tells while it works. See [Listen].
type Feed struct{}

// Listen has the host that is opened with cfg tell what happens. It adds to the
// callbacks that cfg has already, and must be called before [host.Open]; what
// the host tells until [Open] is called is kept for that.
func Listen(cfg *host.Config) *Feed { return &Feed{} }
