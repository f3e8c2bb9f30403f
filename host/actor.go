// SPDX-License-Identifier: Apache-2.0

package host

import "context"

// ActorOf returns what [WithActor] said of a context; "" if it said nothing.
func ActorOf(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}
