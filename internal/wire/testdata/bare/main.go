// SPDX-License-Identifier: Apache-2.0

// Bare is the least that a plugin of go-plugin can be: its one method answers
// every request with as many bytes as its environment says.
package main

import (
	"context"
	"os"
	"strconv"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func main() {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: goplugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "BARE", MagicCookieValue: "bare"},
		Plugins:         goplugin.PluginSet{"bare": bare{}},
		GRPCServer:      goplugin.DefaultGRPCServer,
	})
}

type bare struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (bare) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	size, err := strconv.Atoi(os.Getenv("SIZE"))
	if err != nil {
		return err
	}
	s.RegisterService(&service, wrapperspb.Bytes(make([]byte, size)))
	return nil
}

func (bare) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, nil
}

var service = grpc.ServiceDesc{ServiceName: "bare", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{{
	MethodName: "Call",
	Handler: func(answer any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		return answer, decode(new(wrapperspb.BytesValue))
	},
}}}
