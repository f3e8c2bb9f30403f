// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"crypto/rand"
	"math"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/internal/wire/pluginv1"
	"github.com/credhost/credhost/sdk"
)

// A Client is a connection to a plugin program. It is safe for concurrent use.
type Client struct {
	rpc pluginv1.PluginClient
}

// NewClient returns the client of a program at the other end of conn, which
// stays the caller's to close. Whatever limits conn has, those of the protocol
// hold.
func NewClient(conn grpc.ClientConnInterface) *Client {
	return &Client{pluginv1.NewPluginClient(conn)}
}

// limits are set on every call: go-plugin's own are 2 GiB.
var limits = []grpc.CallOption{grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage)}

// Describe asks the program which types it serves. Types that are faulty have
// a [Type.Fault]; an error means that the program serves none.
func (c *Client) Describe(ctx context.Context) (Description, error) {
	a, err := invoke(ctx, (&remote{}).who(), c.rpc.Describe, &pluginv1.DescribeRequest{})
	if err != nil {
		return Description{}, err
	}
	if a.GetDescription() == nil {
		return Description{}, (&remote{}).fail(ctx, a.GetError())
	}
	d, err := fromDescription(a.GetDescription(), !defence.Off(ctx, defence.Askable))
	if err != nil {
		return Description{}, malformed("the plugin", err)
	}
	return d, nil
}

// Plugin returns the remote plugin of a type that the program described. It
// implements every optional interface; those that t lacks fail with
// [errors.ErrUnsupported], and its Can says which. Its Schema is t's, so the
// program is not asked.
//
// Its errors are those of the plugin, checked; or the error of ctx; or an
// [*sdk.Error] that says what became of the call. After a call whose error is
// [ErrGone] nobody knows whether the plugin ran it.
func (c *Client) Plugin(t Type) sdk.Plugin { return &remote{c.rpc, t} }

type callKey struct{}

// WithCall returns a context whose calls of a remote plugin carry id, which the
// plugin shows at the egress. It has 16 to 128 letters, digits, "-" and "_",
// and cannot be guessed; see [rand.Text]. A call without one gets an ID that
// nobody knows, and so reaches no network.
func WithCall(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, callKey{}, id)
}

func callOf(ctx context.Context) string {
	if id, ok := ctx.Value(callKey{}).(string); ok {
		return id
	}
	return rand.Text()
}

// invoke makes one call. Who is the plugin, as errors call it.
func invoke[Q proto.Message, A any](ctx context.Context, who string, rpc func(context.Context, Q, ...grpc.CallOption) (A, error), q Q) (A, error) {
	opts := limits
	if defence.Off(ctx, defence.MessageSize) {
		opts = []grpc.CallOption{grpc.MaxCallRecvMsgSize(math.MaxInt32)}
	}
	a, err := rpc(ctx, q, opts...)
	if err != nil {
		var none A
		return none, lost(ctx, who, q, err)
	}
	return a, nil
}
