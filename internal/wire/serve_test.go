// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"context"
	"math"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/credhost/credhost/internal/wire/testdata/sample"
	"github.com/credhost/credhost/sdk"
)

// A record is a log that a test can read while it is written.
type record struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.String()
}

// folder returns a folder whose sockets have short names, as they must.
func folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "wire")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// connect serves on a Unix socket what register registers, and returns a
// connection to it.
func connect(t testing.TB, s *grpc.Server, register func(*grpc.Server)) *grpc.ClientConn {
	t.Helper()
	register(s)
	l, err := net.Listen("unix", filepath.Join(folder(t), "s"))
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(l)
	conn, err := grpc.NewClient("passthrough:plugin", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(math.MaxInt32)), // as go-plugin does
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", l.Addr().String())
		}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		s.Stop()
	})
	return conn
}

// serve serves plugins on a Unix socket and returns their client and their log.
func serve(t testing.TB, plugins ...sdk.Plugin) (*Client, *record) {
	t.Helper()
	log := &record{}
	p := NewPlugin("sample", "1.0", plugins...)
	p.Log = log
	conn := connect(t, NewServer(nil), func(s *grpc.Server) {
		if err := p.GRPCServer(nil, s); err != nil {
			t.Fatal(err)
		}
	})
	c, err := new(Plugin).GRPCClient(t.Context(), nil, conn)
	if err != nil {
		t.Fatal(err)
	}
	return c.(*Client), log
}

// remoteOf returns the remote plugin of the only type that a client describes.
func remoteOf(t testing.TB, c *Client) sdk.Plugin {
	t.Helper()
	d, err := c.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Faults(); err != nil || len(d.Types) != 1 {
		t.Fatalf("%d types, with these faults: %v", len(d.Types), err)
	}
	return c.Plugin(d.Types[0])
}

// What a plugin gets is what a host has sent, and the other way round.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	c, log := serve(t, sample.Plugin{Name: "sample"})
	p := remoteOf(t, c)
	for seed := range uint64(300) {
		if err := sample.Check(t.Context(), p, seed); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, log)
		}
	}
}

// Check itself would notice.
func TestCheckInProcess(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		if err := sample.Check(t.Context(), uncaused{sample.Plugin{Name: "sample"}}, seed); err == nil {
			t.Fatalf("seed %d: a plugin that changes what it is asked for went unnoticed", seed)
		}
	}
}

// uncaused is a sample that changes a grant.
type uncaused struct{ sample.Plugin }

func (u uncaused) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	g, err := u.Plugin.Grant(ctx, in)
	g.State = append(g.State, 1)
	if err == nil {
		return g, nil
	}
	return g, sdk.Errorf(sdk.Internal, "another error")
}
