// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/credhost/credhost/internal/wire/pluginv1"
)

// spoil returns an interceptor that puts a wrong answer in the place of a
// right one.
func spoil(how string) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, q any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		a, err := handle(ctx, q)
		method := info.FullMethod[strings.LastIndex(info.FullMethod, "/")+1:]
		switch how + " " + method {
		case "rubbish Grant": // field 1 should be a message
			return wrapperspb.Bytes([]byte("\xff\xff\xff\xff rubbish")), nil
		case "huge Grant":
			return &pluginv1.GrantResponse{Outcome: &pluginv1.GrantResponse_Grant{Grant: &pluginv1.Grant{State: make([]byte, 100<<20)}}}, nil
		case "rubbish-describe Describe":
			return wrapperspb.Bytes([]byte("\xff\xff rubbish")), nil
		case "hang-describe Describe":
			select {}
		case "fickle Describe": // says something else each time
			a.(*pluginv1.DescribeResponse).GetDescription().Version = fmt.Sprint(started)
		}
		return a, err
	}
}

// spoilStream returns an interceptor that sends one huge message on the stream
// of what is printed.
func spoilStream(how string) grpc.StreamServerInterceptor {
	return func(srv any, s grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
		if how == "huge-stream" && strings.HasSuffix(info.FullMethod, "/StreamStdio") {
			if err := s.SendMsg(wrapperspb.Bytes(make([]byte, 100<<20))); err != nil {
				return err
			}
		}
		return handle(srv, s)
	}
}
