// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/credhost/credhost/internal/wire"
	"github.com/credhost/credhost/sdk"
)

// A way leads to the plugin.
type way interface {
	plugin() sdk.Plugin
	call(ctx context.Context, id string) context.Context // a ctx for a call with an ID of the network's
	log() string                                         // what was logged on the way
}

// inProcess calls a new plugin each time.
type inProcess struct {
	s *Suite
	n *network
}

func newInProcess(_ tb, s *Suite, n *network) way { return inProcess{s, n} }

func (w inProcess) plugin() sdk.Plugin { return w.s.New() }

func (w inProcess) call(ctx context.Context, id string) context.Context {
	return sdk.WithDialer(ctx, wire.Dialer(w.n.socket, id))
}

func (inProcess) log() string { return "" }

// overTheWire calls one plugin over a connection.
type overTheWire struct {
	p    sdk.Plugin
	logs *logs
}

func newOverTheWire(t tb, s *Suite, n *network) way {
	t.Helper()
	fail := func(err error) {
		if err != nil {
			t.Fatalf("serving the plugin: %v", err)
		}
	}
	dir, err := os.MkdirTemp("", "plugintest")
	fail(err)
	l, err := net.Listen("unix", filepath.Join(dir, "plugin"))
	fail(err)
	w := overTheWire{logs: &logs{}}
	p := s.New()
	server := wire.NewServer(nil)
	served := wire.NewPlugin("plugintest", "", p)
	served.Egress, served.Log = n.socket, w.logs
	fail(served.GRPCServer(nil, server))
	done := make(chan struct{})
	go func() { defer close(done); server.Serve(l) }()
	conn, err := grpc.NewClient("unix:"+l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	fail(err)
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		<-done
		os.RemoveAll(dir)
	})
	client := wire.NewClient(conn)
	d, err := client.Describe(t.Context())
	fail(err)
	fail(d.Faults())
	described, ok := d.Type(p.Schema().Name)
	if !ok {
		t.Fatalf("the plugin is described as %v, not as %q", d.Types, p.Schema().Name)
	}
	if !sameJSON(described, wire.Type{Schema: p.Schema(), Can: sdk.Can(p)}) {
		t.Errorf("a host sees another schema, or other abilities, than the plugin has")
	}
	w.p = client.Plugin(described)
	return w
}

func sameJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func (w overTheWire) plugin() sdk.Plugin { return w.p }

func (overTheWire) call(ctx context.Context, id string) context.Context {
	return wire.WithCall(ctx, id)
}

func (w overTheWire) log() string { return w.logs.take() }

// logs are written and taken at the same time.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write writes.
func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

// strays are connections that belong to no call.
var strays struct {
	sync.Mutex
	origins []string
}

// takeStrays returns the strays since the last time.
func takeStrays() []string {
	strays.Lock()
	defer strays.Unlock()
	all := strays.origins
	strays.origins = nil
	return all
}

var installed sync.Once

// rerouted is the default transport's way to the plugin's network.
var rerouted struct {
	plain, tls func(ctx context.Context, network, addr string) (net.Conn, error)
}

// installTransport reroutes the default transport as package serve does, and
// returns what undoes that.
func installTransport() (undo func()) {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		panic("plugintest: http.DefaultTransport is not an *http.Transport")
	}
	plain, tls, proxy, keep := t.DialContext, t.DialTLSContext, t.Proxy, t.DisableKeepAlives
	installed.Do(func() {
		wire.InstallTransport()
		rerouted.plain, rerouted.tls = watched(t.DialContext), watched(t.DialTLSContext)
	})
	t.DialContext, t.DialTLSContext, t.Proxy, t.DisableKeepAlives = rerouted.plain, rerouted.tls, nil, true
	return func() { t.DialContext, t.DialTLSContext, t.Proxy, t.DisableKeepAlives = plain, tls, proxy, keep }
}

// watched notes what dials without a call.
func watched(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		var e *sdk.Error
		if errors.As(err, &e) && e.Code == sdk.Internal && strings.Contains(e.Message, "belongs to no call") {
			strays.Lock()
			defer strays.Unlock()
			strays.origins = append(strays.origins, fmt.Sprint(addr))
		}
		return conn, err
	}
}
