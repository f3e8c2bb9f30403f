// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// ErrGone is the cause of an [sdk.Unavailable] error that says that the plugin
// ended, or was cut off, before it answered. Whether it ran the call, nobody
// knows.
var ErrGone = errors.New("wire: the plugin is gone")

var errNoOutcome = errors.New("it has no outcome, or one that this host does not know")

// malformed returns the error for an answer that cannot be used.
func malformed(who string, why error) *sdk.Error {
	return sdk.Errorf(sdk.Internal, "%s gave an answer that is refused: %v", who, why)
}

// lost returns the error for a call that got no answer. The words of a gRPC
// status are the plugin's, perhaps an exception with a secret in it, so they
// are never passed on: only the code is.
func lost(ctx context.Context, who string, q proto.Message, err error) error {
	code := status.Code(err)
	if _, deadline := ctx.Deadline(); deadline && code == codes.DeadlineExceeded {
		return context.DeadlineExceeded // gRPC's clock may be ahead of ctx's
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	cause := fmt.Errorf("grpc status %s", code)
	switch code {
	case codes.Unavailable:
		return sdk.Errorf(sdk.Unavailable, "%s ended before it answered: try again", who).Because(fmt.Errorf("%w: %w", ErrGone, cause))
	case codes.DeadlineExceeded, codes.Canceled:
		return sdk.Errorf(sdk.Unavailable, "%s gave up before it was told to: try again", who).Because(cause)
	case codes.ResourceExhausted:
		if proto.Size(q) > MaxMessage {
			return sdk.Errorf(sdk.Internal, "what %s needs to know is larger than 4 MiB", who).Because(cause)
		}
		return sdk.Errorf(sdk.Internal, "%s answered with more than 4 MiB", who).Because(cause)
	case codes.Unimplemented:
		return sdk.Errorf(sdk.Internal, "%s lacks a method that it says it has", who).Because(cause)
	case codes.Internal:
		if _, err := proto.Marshal(q); err != nil {
			return sdk.Errorf(sdk.Internal, "what %s needs to know is not UTF-8", who).Because(cause)
		}
		return sdk.Errorf(sdk.Internal, "%s answered with what is not a message of the protocol", who).Because(cause)
	}
	if defence.Off(ctx, defence.Wordless) {
		return sdk.Errorf(sdk.Internal, "%s: %s", who, status.Convert(err).Message())
	}
	return sdk.Errorf(sdk.Internal, "%s broke the protocol: it must answer with an error, not with a gRPC status", who).Because(cause)
}
