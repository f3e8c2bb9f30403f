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
		case "flawed Describe": // with all that a careless author, or a mean one, may write
			a.(*pluginv1.DescribeResponse).GetDescription().Types[0].Schema = []byte(flawed)
		case "vast Describe":
			field := `{"name":"f","title":"F","when":{"field":"f","present":true}}`
			a.(*pluginv1.DescribeResponse).GetDescription().Types[0].Schema = []byte(`{"name":"vast","title":"T","fields":[` + strings.Repeat(field+",", 9999) + field + `]}`)
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

const flawed = `{"name":"flawed","title":"<script>alert(1)</script>\u001b[2J","fields":[
	{"name":"twice","title":"T"},{"name":"twice","title":"T"},{"name":"constructor","title":"T"},{"name":"__proto__","title":"T"},
	{"name":"number","title":"T","kind":"number","default":"many"},{"name":"pick","title":"T","kind":"choice","default":"c","options":[{"value":"a"},{"value":"a"}]},
	{"name":"shop","title":"T","default":"evil.com/#"},{"name":"lost","title":"T","when":{"field":"nobody","present":true}},
	{"name":"egg","title":"T","when":{"field":"hen","present":true}},{"name":"hen","title":"T","when":{"field":"egg","present":true}}],
	"origins":["https://{shop}.example.com","https://{nobody}.example.com"]}`
