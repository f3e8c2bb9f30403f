// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"os"
	"sync"

	"google.golang.org/grpc"
)

// The first line of standard output is go-plugin's handshake, so nothing else
// may print there before. And once it serves, go-plugin replaces os.Stdout and
// os.Stderr by pipes whose other ends a host must read, or the next print
// waits for ever. Here, all that a program prints goes to its real standard
// error, from the first line to the last.

// stdout is the program's real standard output. Where a program may be read
// for its output, this package takes it away as it is initialised, so that a
// stray print of the plugin ends up on standard error.
var stdout = func() *os.File {
	if !asked() && !isFlag(os.Args) {
		return os.Stdout
	}
	real := takeStdout()
	os.Stdout = os.Stderr
	return real
}()

// isFlag reports whether the program was run for what it prints.
func isFlag(args []string) bool {
	wanted, err := parse(args[min(1, len(args)):])
	return err == nil && (wanted.describe || wanted.version || wanted.help)
}

// printing returns the options of a server that sends what is printed to log
// again, before it takes its first call.
func printing(log *os.File) []grpc.ServerOption {
	undo := sync.OnceFunc(func() {
		os.Stdout.Close()
		os.Stderr.Close()
		os.Stdout, os.Stderr = log, log
	})
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(func(ctx context.Context, q any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			undo()
			return next(ctx, q)
		}),
		grpc.ChainStreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
			undo()
			return next(srv, stream)
		}),
	}
}
