// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"path/filepath"
	"sync"

	"google.golang.org/grpc/status"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/credhost/credhost/internal/wire/pluginv1"
	"github.com/credhost/credhost/sdk"
)

// A server is the plugin's end.
type server struct {
	pluginv1.UnimplementedPluginServer
	description func() *pluginv1.Description
	types       map[string]served // those that are not refused
	egress      string
	log         *log.Logger
}

// A served plugin is one type of a server.
type served struct {
	Type
	plugin sdk.Plugin
}

func newServer(p *Plugin) *server {
	s := &server{
		description: sync.OnceValue(func() *pluginv1.Description { return toDescription(p.description) }),
		types:       map[string]served{},
		egress:      p.Egress,
		log:         log.New(logOf(p), "", 0),
	}
	if s.egress == "" {
		s.egress = filepath.Join(os.Getenv(goplugin.EnvUnixSocketDir), "egress")
	}
	for i, t := range p.description.Types {
		if t.Fault == "" {
			s.types[t.Schema.Name] = served{t, p.plugins[i]}
		}
	}
	return s
}

func logOf(p *Plugin) io.Writer {
	if p.Log != nil {
		return p.Log
	}
	return os.Stderr
}

// A request is what all requests but Describe's begin with.
type request interface {
	GetCall() string
	GetType() string
}

// answer runs one call and returns its outcome: a value, or an error for the
// host. The last result is an error of gRPC, if the call has ended already and
// nobody waits for an outcome.
func answer[A any](ctx context.Context, s *server, method string, q request, do func(ctx context.Context, t served) (A, error)) (A, *pluginv1.Error, error) {
	var none A
	call := q.GetCall()
	t, known := s.types[q.GetType()]
	switch {
	case !known:
		return none, toError(sdk.Errorf(sdk.Internal, "this program serves no type %q", plain(q.GetType(), maxName))), nil
	case !isCall(call):
		return none, toError(sdk.Errorf(sdk.Internal, "the host's request is malformed: it has no call, or one that is no call's ID")), nil
	}
	inside, end := context.WithCancel(ctx)
	defer end()
	value, err := recovered(s, method, t, func() (A, error) { return do(s.online(inside, call), t) })
	switch {
	case err == nil:
		return value, nil, nil
	case ctx.Err() != nil:
		return none, nil, status.FromContextError(ctx.Err()).Err()
	}
	return none, toError(s.public(method, t, err)), nil
}

// online returns a context whose connections end with it.
func (s *server) online(ctx context.Context, call string) context.Context {
	return sdk.WithDialer(ctx, func(dialing context.Context, origin string) (net.Conn, error) {
		conn, err := Dialer(s.egress, call)(dialing, origin)
		if err == nil {
			context.AfterFunc(ctx, func() { conn.Close() })
		}
		return conn, err
	})
}

// recovered calls do, and makes an error of a panic.
func recovered[A any](s *server, method string, t served, do func() (A, error)) (value A, err error) {
	defer func() {
		if v := recover(); v != nil {
			s.log.Printf("[ERROR] %s of %q panicked: %s%s", method, t.Schema.Name, outline(v), stack())
			err = errPanicked
		}
	}()
	return do()
}

var errPanicked = sdk.Errorf(sdk.Internal, "the plugin panicked")

// A refused error says that a request or an answer is malformed.
type refused struct{ what, why string }

func (e refused) Error() string { return e.what + " is malformed: " + e.why }

// public returns what the host learns of an error, and logs what it does not.
func (s *server) public(method string, t served, err error) *sdk.Error {
	var e *sdk.Error
	var malformed refused
	switch {
	case err == errPanicked:
		return errPanicked
	case errors.As(err, &malformed):
		s.log.Printf("[ERROR] %s of %q: %v", method, t.Schema.Name, malformed)
		return sdk.Errorf(sdk.Internal, "%v", malformed)
	case errors.As(err, &e):
		if e.Err != nil || e.Code == sdk.Internal {
			s.log.Printf("[DEBUG] %s of %q: %s", method, t.Schema.Name, outline(err))
		}
		return e
	}
	s.log.Printf("[ERROR] %s of %q: %s", method, t.Schema.Name, outline(err))
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, os.ErrDeadlineExceeded) {
		return sdk.Errorf(sdk.Unavailable, "the service took too long to answer")
	}
	return sdk.Errorf(sdk.Internal, "the plugin failed")
}
