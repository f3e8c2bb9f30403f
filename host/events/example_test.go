// SPDX-License-Identifier: Apache-2.0

package events_test

import (
	"context"
	"fmt"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/events"
)

func Example() {
	ctx := context.Background()
	cfg := config() // Store, Sealer and Plugins, as ever

	feed := events.Listen(&cfg) // before the host is opened
	h, err := host.Open(ctx, cfg)
	if err != nil {
		panic(err)
	}
	defer h.Close()
	ev, err := events.Open(ctx, events.Config{Host: h, Feed: feed})
	if err != nil {
		panic(err)
	}
	defer ev.Close()

	ev.Publish(ctx, events.Event{Type: events.Tested, Workspace: "acme", Data: events.Data{Credential: "c-1", Outcome: "wrong"}})
	for ev, err := range ev.Subscribe(ctx, "acme", events.Oldest) {
		if err != nil {
			break // ErrBehind: look at everything anew
		}
		fmt.Println(ev.Type, ev.Data.Credential, ev.Data.Outcome) // and keep ev.ID, to go on from
		break
	}
	// Output: credential.tested c-1 wrong
}
