// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/internal/wire"
)

// The time that a process has for what is not a call.
const (
	controlTimeout = time.Second     // to answer a ping, or to be told to end
	stopTimeout    = 2 * time.Second // to end
)

// A process is a plugin process that was started, with the connection to it.
type process struct {
	name   string
	digest digest
	child  *child
	client *plugin.Client
	proto  plugin.ClientProtocol
	wire   *wire.Client
	logs   *logs
	printf [2]*lineWriter // what the plugin prints once it serves

	described wire.Description

	listener net.Listener // the egress; nil if the process has none
	egress   sync.WaitGroup
	live     sync.Map // the ID of a call under way → *egress.Call

	finished atomic.Int64 // calls that have ended

	calls int         // under way; its slot's lock guards it
	idle  *time.Timer // stops it when it has been idle; its slot's lock guards it

	checking atomic.Bool
	stopping atomic.Bool
	noted    bool                       // its crash is; its slot's lock guards it
	cause    atomic.Pointer[string]     // why this host killed it, if it did
	off      func(defence.Defence) bool // that of its registry
	gone     chan struct{}              // closed when nothing is left of it
	last     []string                   // of its log; after gone
}

// launch starts the program that i is an image of, and asks it what it is. If
// guard is nil, it reaches nothing.
func (r *Registry) launch(ctx context.Context, name string, i *image, guard *egress.Guard) (*process, error) {
	dir, err := r.run.folder()
	if err != nil {
		return nil, fmt.Errorf("its folder for sockets cannot be made: %w", err)
	}
	l := newLogs(r.log.Named(name), r.cfg.now)
	l.raw, l.bare = r.off(defence.Plain), r.off(defence.Redacted)
	if r.off(defence.Paced) {
		l.unpace()
	}
	p := &process{name: name, digest: i.digest, logs: l, off: r.off, gone: make(chan struct{}), child: newChild(i, dir, r.cfg.env(), l, r.forks, r.off)}
	if p.child.cell = r.cell(i, dir); p.child.cell != nil && !r.off(defence.Undumpable) {
		if err := r.album.hide(i); err != nil {
			os.RemoveAll(dir)
			return nil, fmt.Errorf("its program cannot be hidden: %w", err)
		}
	}
	pace := newPace(p.child.done, l.pace)
	for i := range p.printf {
		p.printf[i] = &lineWriter{logs: l, wait: pace.wait}
	}
	p.child.cgroup = r.cgroup
	p.child.opened = func(dir string) error { return p.offer(dir, guard) }
	p.client = plugin.NewClient(p.config(r.cfg))
	ctx, cancel := context.WithTimeout(ctx, r.cfg.StartTimeout)
	defer cancel()
	abort := context.AfterFunc(ctx, p.child.end)
	err = p.connect(ctx)
	abort()
	if err != nil {
		err = p.explain(ctx, err)
		p.abandon()
		return nil, err
	}
	go p.clean()
	if p.child.run != nil && !r.off(defence.CPUTime) {
		go p.watchCPU(r.ctx, r.cfg.Limits.WithDefaults().CPU)
	}
	return p, nil
}

// offer makes the plugin's way to the network; none if guard is nil.
func (p *process) offer(dir string, guard *egress.Guard) (err error) {
	if guard == nil {
		return nil
	}
	path := filepath.Join(dir, "egress")
	if p.listener, err = net.Listen("unix", path); err == nil {
		p.egress.Go(func() { guard.Serve(p.listener, p.call) })
		err = os.Chmod(path, 0o666) // the folder is private, and the plugin may be another user
	}
	if err != nil {
		return fmt.Errorf("its egress cannot be made: %w", err)
	}
	return nil
}

// messageSize is how large a message of the plugin may be.
func (p *process) messageSize() int {
	if p.off(defence.MessageSize) {
		return math.MaxInt32
	}
	return wire.MaxMessage
}

// headSize is how large the headers, and the trailers, of an answer may be.
func (p *process) headSize() uint32 {
	if p.off(defence.MessageSize) {
		return math.MaxInt32
	}
	return 64 << 10
}

// config is how go-plugin is used: as a launcher that hears a handshake, and a
// gRPC connection whose every call has a deadline.
func (p *process) config(cfg Config) *plugin.ClientConfig {
	return &plugin.ClientConfig{
		HandshakeConfig:  wire.Handshake,
		VersionedPlugins: wire.Versions(&wire.Plugin{}),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		RunnerFunc:       p.child.runner,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: p.child.dir},
		SkipHostEnv:      true,
		AutoMTLS:         overTCP,
		StartTimeout:     2 * cfg.StartTimeout, // ours is shorter, and comes first
		Logger:           hclog.NewNullLogger(),
		SyncStdout:       p.printf[0],
		SyncStderr:       p.printf[1],
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(p.messageSize()), grpc.MaxCallSendMsgSize(wire.MaxMessage)),
			grpc.WithMaxHeaderListSize(p.headSize()),
			grpc.WithUnaryInterceptor(p.invoke),
			grpc.WithStreamInterceptor(p.withoutBroker),
			grpc.WithDisableServiceConfig(),
		},
	}
}

// invoke makes a call, with a deadline if it has none: those have none with
// which go-plugin pings a plugin, and tells it to end. When the process is gone
// its connection is closed, and gRPC may know no better than that the call was
// given up.
func (p *process) invoke(ctx context.Context, method string, q, a any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, controlTimeout)
		defer cancel()
	}
	err := invoke(ctx, method, q, a, conn, opts...)
	if status.Code(err) == codes.Canceled && ctx.Err() == nil && p.ended() {
		return status.Error(codes.Unavailable, "the process is gone")
	}
	return err
}

// withoutBroker refuses go-plugin's broker, which nobody uses: through it a
// plugin can make a host wait for, and remember, any number of connections.
func (p *process) withoutBroker(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, stream grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if method == "/plugin.GRPCBroker/StartStream" && !p.off(defence.Brokerless) {
		return nil, status.Error(codes.Unimplemented, "the broker is not used")
	}
	return stream(ctx, desc, conn, method, opts...)
}

// connect starts the process, and asks what it is.
func (p *process) connect(ctx context.Context) (err error) {
	if p.proto, err = p.client.Client(); err != nil {
		return err
	}
	raw, err := p.proto.Dispense(wire.Name)
	if err != nil {
		return err
	}
	p.wire = raw.(*wire.Client)
	p.described, err = p.wire.Describe(ctx)
	return err
}

// explain says why a process did not get as far as describing itself.
func (p *process) explain(ctx context.Context, err error) error {
	heard := "before its handshake"
	select {
	case <-p.child.greeted:
		if p.child.line != nil {
			heard = "before it said what it is"
		}
	default:
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded) { // gRPC's clock may be ahead
		return fmt.Errorf("it hung at start, %s: it was killed when its time was up", heard)
	}
	select {
	case <-p.child.done:
	case <-time.After(dyingTime):
	}
	if bad := p.child.refused(); bad != nil {
		return bad
	}
	select {
	case <-p.child.done:
		return fmt.Errorf("it ended at start, %s (%s): its last words are in the log", heard, p.child.ending())
	default:
		return err
	}
}

// abandon ends a process that did not start well.
func (p *process) abandon() {
	p.stopping.Store(true)
	p.child.never()
	p.child.end()
	go p.clean()
	select {
	case <-p.gone:
	case <-time.After(stopTimeout):
	}
}

// clean waits for the process to end, and removes what is left of it.
func (p *process) clean() {
	<-p.child.done
	if p.listener != nil {
		p.listener.Close()
	}
	p.egress.Wait()
	p.client.Kill() // of the process nothing is left: this closes the connection
	for _, w := range p.printf {
		w.flush()
	}
	p.last = p.logs.finish()
	if p.child.run != nil {
		p.child.run.Close()
	}
	if p.child.group != nil {
		if err := p.child.group.Close(); err != nil {
			p.logs.out.Warn("its control group is left", "err", err)
		}
	}
	os.RemoveAll(p.child.dir)
	close(p.gone)
}

// stop ends the process: it is told to, in the two ways there are, and killed
// if it does not. No call may be under way.
func (p *process) stop() {
	if p.ended() || p.stopping.Swap(true) {
		<-p.gone
		return
	}
	p.child.lifeline.Close()
	go p.proto.Close()
	select {
	case <-p.child.done:
	case <-time.After(stopTimeout):
		if !p.off(defence.Ended) {
			p.child.end()
		}
	}
	<-p.gone
}

// kill ends the process at once, which counts as a crash.
func (p *process) kill(why string) {
	p.cause.CompareAndSwap(nil, &why)
	p.child.end()
}

// ended reports whether the process is gone, or as good as.
func (p *process) ended() bool {
	select {
	case <-p.child.done:
		return true
	default:
		return p.stopping.Load() || p.cause.Load() != nil
	}
}

// ending says how the process ended.
func (p *process) ending() string {
	if why := p.cause.Load(); why != nil {
		return *why
	}
	return p.child.ending()
}

// check kills the process if it does not answer a ping.
func (p *process) check() {
	if p.checking.Swap(true) {
		return
	}
	defer p.checking.Store(false)
	if err := p.proto.Ping(); err != nil {
		p.kill("it did not answer")
	}
}

// call returns a live call, for the egress.
func (p *process) call(id string) (*egress.Call, bool) {
	c, ok := p.live.Load(id)
	if !ok {
		return nil, false
	}
	return c.(*egress.Call), true
}
