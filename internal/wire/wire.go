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
	"runtime"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

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
// host's half; [NewPlugin] makes the plugin's.
type Plugin struct {
	goplugin.NetRPCUnsupportedPlugin

	// Egress is the socket through which a call reaches the network. Empty:
	// "egress" in the folder that PLUGIN_UNIX_SOCKET_DIR names.
	Egress string

	// Log gets what a plugin does not tell its host. Nil: standard error.
	Log io.Writer

	description Description
	plugins     []sdk.Plugin // one for each type of the description
}

// NewPlugin returns what serves plugins, as a program with a name and a
// version to show. It calls each one's Schema, once and for all.
func NewPlugin(program, version string, plugins ...sdk.Plugin) *Plugin {
	return &Plugin{description: describeAll(program, version, plugins), plugins: plugins}
}

// Description returns what a host is told. Types with a fault are not served.
func (p *Plugin) Description() Description { return p.description }

var _ goplugin.GRPCPlugin = (*Plugin)(nil)

// NewServer returns a gRPC server with the limits of the protocol. It is for
// go-plugin's ServeConfig.
func NewServer(opts []grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append([]grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxMessage),
		grpc.MaxSendMsgSize(MaxMessage),
		// A host may ask for signs of life as often as this; without the
		// policy, gRPC would hang up on it.
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
		// Goroutines that stay need not grow their stacks for every call; when
		// all are at work, a call gets one of its own.
		grpc.NumStreamWorkers(uint32(runtime.GOMAXPROCS(0))),
		// Windows that stay as they are need no pings to measure the line.
		grpc.StaticStreamWindowSize(MaxMessage),
		grpc.StaticConnWindowSize(2 * MaxMessage),
	}, opts...)...)
}

// GRPCServer registers the plugins with a server.
func (p *Plugin) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	pluginv1.RegisterPluginServer(s, newServer(p))
	return nil
}

// GRPCClient returns a *[Client].
func (p *Plugin) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return NewClient(conn), nil
}
