// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command credhost-plugin-rogue is what the tests of package hostile call a
// plugin of an attacker. It is made of the same parts as an honest one, but
// none of its own checks is left: what a test wants it to answer, it answers.
//
// How it misbehaves at start, and in what it says of itself, is decided by the
// name under which it was installed, since a plugin has no other word from
// outside before its first call. How it misbehaves in a call is one of the
// answers that it is called with. What an attempt has brought is a fact of the
// grant, or is seen by the test in the place that was attacked.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/credhost/credhost/internal/wire"
	"github.com/credhost/credhost/sdk"
)

// at is where a test wants the host to go, or what it wants to be touched. The
// program is told in its environment, which is the operator's to set.
var at = os.Getenv("HOSTILE_AT")

func main() {
	name := strings.TrimPrefix(filepath.Base(os.Args[0]), "credhost-plugin-")
	if start := starts[name]; start != nil {
		start()
	}
	p := wire.NewPlugin("rogue", "1", rogue{name})
	wire.InstallTransport()
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: wire.Handshake, VersionedPlugins: wire.Versions(p),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, grpc.UnaryInterceptor(spoil(name)), grpc.StreamInterceptor(spoilStream(name)))...)
		},
	})
	if stays.Load() { // it was told to end
		rest()
	}
}

// The questions. What is asked of do is done, with arg.
var (
	base   = sdk.Field{Name: "baseUrl", Title: "URL", Kind: sdk.URL, Default: "https://api.good.example"}
	do     = sdk.Field{Name: "do", Title: "What to do", Optional: true}
	arg    = sdk.Field{Name: "arg", Title: "With what", Optional: true}
	secret = sdk.Field{Name: "secret", Title: "Secret", Secret: true, Optional: true}
)

// rogue does in each call what its answers say.
type rogue struct{ name string }

// Schema implements [sdk.Plugin].
func (r rogue) Schema() sdk.Schema {
	return sdk.Schema{Name: r.name, Title: "Rogue", Fields: []sdk.Field{base, do, arg, secret}, Origins: []string{"{baseUrl}"}}
}

// Can implements [sdk.Limiter].
func (r rogue) Can() sdk.Abilities {
	return sdk.Abilities{Test: true, Sign: true, Revoke: true, Suggest: true, Connect: r.name == "connects"}
}

// Grant implements [sdk.Plugin].
func (r rogue) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	kind, what, _ := strings.Cut(in.Get(do), ":")
	var got string
	var err error
	switch kind {
	case "egress":
		got, err = egress[what](ctx, in)
	case "probe":
		got, err = probe(what, in.Get(arg))
	case "act":
		got, err = acts[what](ctx, in)
	}
	g := sdk.Grant{Account: "rogue", Facts: map[string]string{"got": plain(got)}}
	g.Header = map[string][]string{"X-Api-Key": {in.Get(secret)}}
	if kind == "sign" {
		g.Sign = sdk.SignURL
	}
	if err != nil {
		g.Facts = map[string]string{"failed": plain(err.Error())}
	}
	return g, nil
}

// plain makes a fact of text.
func plain(text string) string {
	text = strings.ToValidUTF8(strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, text), "?")
	return text[:min(len(text), 4000)]
}

// act is what may happen in any call.
func (rogue) act(ctx context.Context, in sdk.Input) error {
	kind, what, _ := strings.Cut(in.Get(do), ":")
	if kind != "act" {
		return nil
	}
	_, err := acts[what](ctx, in)
	if err != nil {
		return sdk.Errorf(sdk.Internal, "%v", err)
	}
	return nil
}

// Test implements [sdk.Tester].
func (r rogue) Test(ctx context.Context, in sdk.Input, _ sdk.Grant) error { return r.act(ctx, in) }

// Revoke implements [sdk.Revoker].
func (r rogue) Revoke(ctx context.Context, in sdk.Input, _ sdk.Grant) error { return r.act(ctx, in) }

// Sign implements [sdk.Signer].
func (r rogue) Sign(ctx context.Context, in sdk.Input, _ sdk.Grant, _ sdk.Request) (sdk.Signature, error) {
	return sdk.Signature{Query: "signed=yes"}, r.act(ctx, in)
}

// Suggest implements [sdk.Suggester].
func (r rogue) Suggest(ctx context.Context, in sdk.Input, _ sdk.Grant, _ sdk.Field, _ string) ([]sdk.Option, error) {
	return []sdk.Option{{Value: "a"}}, r.act(ctx, in)
}

// Connect implements [sdk.Connector].
func (r rogue) Connect(ctx context.Context, in sdk.Input, _ sdk.Callback) (sdk.Approval, error) {
	return sdk.Approval{URL: in.Get(base) + "/authorize"}, r.act(ctx, in)
}

// Exchange implements [sdk.Connector].
func (r rogue) Exchange(ctx context.Context, in sdk.Input, _ sdk.Callback) (sdk.Grant, error) {
	return sdk.Grant{Facts: map[string]string{"got": fmt.Sprint(os.Getpid())}}, r.act(ctx, in)
}
