// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/credhost/credhost/sdk"
)

// granted returns a Grant that changes a good grant.
func granted(change func(in sdk.Input, g *sdk.Grant)) func(context.Context, sdk.Input) (sdk.Grant, error) {
	return func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
		g, err := model{}.Grant(ctx, in)
		if err == nil {
			change(in, &g)
		}
		return g, err
	}
}

var grantFaults = []planted{
	{name: "grant that has ended", in: "InProcess/key/Grant", says: "ended at",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Expiry = time.Now().Add(-time.Hour) })}},
	{name: "grant that carries nothing", in: "InProcess/key/Grant", says: "carries nothing",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { *g = sdk.Grant{} })}},
	{name: "grant with an empty header", in: "InProcess/key/Grant", says: "is empty",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Header.Set("X-Team", "") })}},
	{name: "grant for a foreign origin", in: "InProcess/key/Grant", says: "not among the origins",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Origins = []string{"https://other.example"} })}},
	{name: "grant that shows a secret", in: "InProcess/key/Grant", says: "the secret key in it",
		plugin: altered{grant: granted(func(in sdk.Input, g *sdk.Grant) { g.Facts = map[string]string{"key": in.Get(mKey)} })}},
	{name: "grant that shows a token", in: "InProcess/key/Grant", says: "a token of the service",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Account = g.Header.Get("Authorization") })}},
	{name: "grant that must be connected again", in: "InProcess/oauth/Renewal", says: "connected again",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Reconnect = time.Now().Add(-time.Hour) })}},
	{name: "grant that is idle for less than nothing", in: "InProcess/oauth/Renewal", says: "less than nothing",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Idle = -time.Hour })}},
	{name: "grant that is idle over the wire for less than nothing", in: "OverTheWire/key/Grant", says: "may be idle is not one from nothing",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Idle = -time.Hour })}},
	{name: "grant of whose state nothing can be idle", in: "InProcess/key/Grant", says: "but has none",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Idle = time.Hour })}},
	{name: "grant that sets the host", in: "OverTheWire/key/Grant", says: "not for plugins to set",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Header.Set("Host", "other.example") })}},
	{name: "grant with a header that HTTP does not allow", in: "OverTheWire/key/Grant", says: "does not allow",
		plugin: altered{grant: granted(func(_ sdk.Input, g *sdk.Grant) { g.Header["X-Team"] = []string{"a\nb"} })}},
	{name: "grant to be signed by nobody", in: "InProcess/key/Grant", says: "no Sign",
		plugin: altered{can: sdk.Abilities{Sign: true}}},
	{name: "prints a secret", in: "InProcess/key/Grant", says: "it prints the secret key",
		plugin: altered{grant: granted(func(in sdk.Input, _ *sdk.Grant) { fmt.Println(in.Get(mKey)) })}},
	{name: "prints anything", in: "InProcess/key/Grant", says: "a plugin prints nothing",
		plugin: altered{grant: granted(func(sdk.Input, *sdk.Grant) { fmt.Fprintln(os.Stderr, "here") })}},
	{name: "logs", in: "InProcess/key/Grant", says: "it prints the secret key",
		plugin: altered{grant: granted(func(in sdk.Input, _ *sdk.Grant) { log.Print(in.Get(mKey)) })}},
	{name: "reaches a foreign origin", in: "InProcess/key/Grant", says: "which the schema does not declare",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			sdk.Probe(ctx, sdk.Grant{}, "https://telemetry.example", nil)
			return model{}.Grant(ctx, in)
		}}},
	{name: "brings the answers to where only the grant may go", in: "InProcess/key/Grant", says: "which the schema does not declare",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			sdk.Probe(ctx, sdk.Grant{}, in.Get(mBase), nil)
			return model{}.Grant(ctx, in)
		}}},
	{name: "forgets the ctx", in: "InProcess/key/Grant", says: "without the ctx",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			http.Get(modelLogin)
			return model{}.Grant(ctx, in)
		}}},
	{name: "brings a transport of its own", in: "InProcess/key/Grant", says: "reach it with http.DefaultTransport",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			r, _ := http.NewRequestWithContext(ctx, "GET", "http://127.0.0.1:1/", nil)
			if _, err := new(http.Transport).RoundTrip(r); err != nil {
				return sdk.Grant{}, sdk.Errorf(sdk.Unavailable, "the service could not be reached")
			}
			return model{}.Grant(ctx, in)
		}}},
	{name: "connects after it has returned", in: "InProcess/key", says: "after it had returned",
		plugin: altered{test: func(ctx context.Context, in sdk.Input, g sdk.Grant) error {
			go func() {
				time.Sleep(10 * time.Millisecond)
				sdk.Dial(context.WithoutCancel(ctx), modelLogin)
			}()
			return model{}.Test(ctx, in, g)
		}}},
	{name: "leaves a connection open", in: "InProcess/key/Test", says: "left a connection open",
		plugin: altered{test: func(ctx context.Context, in sdk.Input, g sdk.Grant) error {
			sdk.Dial(ctx, modelLogin)
			return model{}.Test(ctx, in, g)
		}}},
	{name: "leaves a goroutine", in: "InProcess/key/Leaks", says: "goroutines go on",
		plugin: altered{test: func(ctx context.Context, in sdk.Input, g sdk.Grant) error {
			go func() { select {} }()
			return model{}.Test(ctx, in, g)
		}}},
	{name: "fails when called concurrently", in: "InProcess/key/Concurrent", says: "concurrently",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			if !busy.TryLock() {
				return sdk.Grant{}, sdk.Errorf(sdk.Internal, "busy")
			}
			defer busy.Unlock()
			return model{}.Grant(ctx, in)
		}}},
	{name: "panics", in: "InProcess/key/Grant", says: "it panicked",
		plugin: altered{grant: func(context.Context, sdk.Input) (sdk.Grant, error) { panic("no") }}},
	{name: "panics over the wire", in: "OverTheWire/key/Grant", says: "it panicked",
		plugin: altered{grant: func(context.Context, sdk.Input) (sdk.Grant, error) { panic("no") }}},
	{name: "ignores that its ctx has ended", in: "InProcess/key/Cancelled", says: "did not return within",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			g, err := model{}.Grant(ctx, in)
			if ctx.Err() != nil {
				time.Sleep(3 * time.Second)
			}
			return g, err
		}}},
	{name: "calls it a bug that its ctx has ended", in: "InProcess/key/Cancelled", says: "want Unavailable, or the error of ctx",
		plugin: altered{grant: func(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
			g, err := model{}.Grant(ctx, in)
			if ctx.Err() != nil {
				return g, sdk.Errorf(sdk.Internal, "the service did not answer")
			}
			return g, err
		}}},
}

var busy sync.Mutex
