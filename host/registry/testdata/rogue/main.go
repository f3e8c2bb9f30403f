// SPDX-License-Identifier: Apache-2.0

// Program rogue is a plugin that misbehaves at start, or in what it answers.
package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/credhost/credhost/host/registry/testdata/act"
	"github.com/credhost/credhost/internal/wire"
)

func main() {
	c := act.Configured()
	misstart(c.Start)
	p := wire.NewPlugin("rogue", c.Version, act.Types(c)...)
	wire.InstallTransport()
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: wire.Handshake, VersionedPlugins: wire.Versions(p),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, grpc.UnaryInterceptor(spoil(c.Answer)), grpc.StreamInterceptor(spoilStream(c.Answer)))...)
		},
	})
	if c.Start == "stubborn" { // it was told to end
		time.Sleep(time.Hour)
	}
}

// hello prints a handshake, and then does nothing.
func hello(format string, args ...any) {
	fmt.Printf(format+"\n", args...)
	time.Sleep(time.Hour)
}

// misstart does what keeps a plugin from being served.
func misstart(how string) {
	dir := os.Getenv("PLUGIN_UNIX_SOCKET_DIR")
	switch how {
	case "":
	case "die":
		fmt.Fprintln(os.Stderr, "[ERROR] the config is broken")
		os.Exit(3)
	case "hang":
		time.Sleep(time.Hour)
	case "text":
		hello("Welcome to my plugin!")
	case "core":
		hello("9|1|unix|%s/s|grpc", dir)
	case "version":
		hello("1|7|unix|%s/s|grpc", dir)
	case "netrpc":
		hello("1|1|unix|%s/s|netrpc", dir)
	case "elsewhere":
		hello("1|1|unix|/var/run/docker.sock|grpc")
	case "tcp":
		hello("1|1|tcp|169.254.169.254:80|grpc")
	case "nosocket":
		hello("1|1|unix|%s/s|grpc", dir)
	case "deaf":
		deaf(dir + "/s")
		hello("1|1|unix|%s/s|grpc", dir)
	case "longline":
		os.Stdout.WriteString(strings.Repeat("x", 1<<20))
		time.Sleep(time.Hour)
	case "floodout":
		flood(os.Stdout)
	case "flooderr":
		flood(os.Stderr)
	case "flood-after": // fd 1, once it serves
		go func() { time.Sleep(50 * time.Millisecond); flood(os.NewFile(1, "")) }()
	case "panicline": // what ends a host that lets go-plugin read it
		fmt.Fprintln(os.Stderr, `{"@message":1}`)
		fmt.Fprintln(os.Stderr, `{"@message":"said","@level":2,"@timestamp":[]}`)
		fmt.Fprintln(os.Stderr, strings.Repeat("long ", 40_000))
	case "stubborn": // ends neither when it is told to nor with its input
		syscall.Close(0)
	default:
		panic("no such start: " + how)
	}
}

func flood(f *os.File) {
	for line := strings.Repeat("out ", 1000); ; {
		fmt.Fprintln(f, line)
	}
}

// deaf listens, and accepts nobody.
func deaf(path string) {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrUnix{Name: path})
	}
	if err == nil {
		err = syscall.Listen(fd, 1)
	}
	if err != nil {
		panic(err)
	}
}

// started tells processes of one program apart, for the description that
// changes.
var started = time.Now().UnixNano()
