// SPDX-License-Identifier: Apache-2.0

// Package wire carries an [sdk.Plugin] across a process boundary. It is the
// only package that knows both ends of the protocol, which
// schemas/plugin/v1/plugin.proto and docs/protocol.md specify: a [Plugin]
// serves plugins to a host, and the [Client] that it dispenses at the other
// end makes each of them an sdk.Plugin again.
//
// Neither end trusts the other. A host checks every answer before it uses it,
// and says in an [*sdk.Error] what is wrong with it; the plugin's end answers
// a malformed request the same way, and survives a panic of the plugin.
package wire

import (
	"context"
	"io"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/credhost/credhost/internal/wire/pluginv1"
	"github.com/credhost/credhost/sdk"
)

//go:generate go run ./protogen -root ../.. plugin/v1/plugin.proto

// Version is the version of the protocol that this package speaks.
const Version = 1

// Handshake makes sure that a program which is run by hand, or by the host of
// other plugins, says so. It protects nothing.
var Handshake = goplugin.HandshakeConfig{
	ProtocolVersion:  Version,
	MagicCookieKey:   "CREDHOST_PLUGIN",
	MagicCookieValue: "credential",
}

// Name is what a host dispenses: a *[Client].
const Name = "credential"

// LifelineEnv is the environment variable by which a host says how a plugin
// learns that its host is gone. With the value "stdin" the plugin ends when
// its standard input does.
const LifelineEnv = "CREDHOST_LIFELINE"

// Versions returns the plugin sets of go-plugin's version negotiation. A host
// passes the zero Plugin.
func Versions(p *Plugin) map[int]goplugin.PluginSet {
	return map[int]goplugin.PluginSet{Version: {Name: p}}
}

// A Plugin is both halves of go-plugin's contract. The zero value is the
// host's half.
type Plugin struct {
	goplugin.NetRPCUnsupportedPlugin

	Serve            []sdk.Plugin // what to serve
	Program, Version string       // the program's name and version, to show

	// Egress is the socket through which a call reaches the network. Empty:
	// "egress" in the folder that PLUGIN_UNIX_SOCKET_DIR names.
	Egress string

	// Log gets what a plugin does not tell its host. Nil:
	// standard error.
	Log io.Writer
}

var _ goplugin.GRPCPlugin = (*Plugin)(nil)

// GRPCServer registers the plugins with a server. It calls each one's Schema,
// once and for all.
func (p *Plugin) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	pluginv1.RegisterPluginServer(s, newServer(p))
	return nil
}

// GRPCClient returns a *[Client].
func (p *Plugin) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return NewClient(conn), nil
}
