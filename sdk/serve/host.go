// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/credhost/credhost/internal/wire"
)

// asked reports whether a host started this program.
func asked() bool {
	return os.Getenv(wire.Handshake.MagicCookieKey) == wire.Handshake.MagicCookieValue
}

// serve serves until the host has had enough, and returns the exit code.
func serve(p *wire.Plugin) int {
	if err := checkTransport(); err != nil {
		fmt.Fprintf(os.Stderr, "[ERROR] %v\n", err)
		return exitFault
	}
	if os.Getenv(wire.LifelineEnv) == "stdin" {
		go holdOn(stdin())
	}
	wire.InstallTransport()
	p.Log = os.Stderr
	os.Stdout = stdout // for the handshake
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  wire.Handshake,
		VersionedPlugins: wire.Versions(p),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return wire.NewServer(append(opts, printing(os.Stderr)...))
		},
		// Plain lines: a host reads them without trusting them.
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: os.Stderr, DisableTime: true}),
	})
	return exitDone
}

// checkTransport refuses to speak where others can listen. On Windows the
// connection is TCP, which every process of the machine can reach.
func checkTransport() error {
	if runtime.GOOS == "windows" && os.Getenv("PLUGIN_CLIENT_CERT") == "" {
		return errors.New("the host must use mutual TLS, because its connection to a plugin is TCP")
	}
	return nil
}

// holdOn ends the program when the lifeline does: the host is gone, however it
// went. There is nothing to put in order, because a plugin keeps nothing.
func holdOn(lifeline io.Reader) {
	io.Copy(io.Discard, lifeline)
	os.Exit(exitDone)
}
