// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/credhost/credhost/internal/ground"
)

// grpcService repeats what it is told, to who carries the key.
func grpcService() *grpc.Server {
	repeat := func(_ any, s grpc.ServerStream) error {
		md, _ := metadata.FromIncomingContext(s.Context())
		if got := md.Get("x-api-key"); len(got) != 1 || got[0] != ground.EchoKey || len(md.Get("authorization")) > 0 {
			return status.Error(codes.Unauthenticated, "no key, or too many")
		}
		s.SetTrailer(metadata.Pairs("x-after", "all"))
		for {
			var m wrapperspb.StringValue
			switch err := s.RecvMsg(&m); {
			case err == io.EOF:
				return nil
			case err != nil:
				return err
			case m.Value == "fail":
				return status.Error(codes.DataLoss, "as you wish: 100%")
			}
			if err := s.SendMsg(&m); err != nil {
				return err
			}
		}
	}
	return grpc.NewServer(grpc.UnknownServiceHandler(repeat))
}

// below puts the path of path mode before those of gRPC, which have none.
func (s *scene) below(conn *grpc.ClientConn, at string) func(ctx context.Context) (grpc.ClientStream, error) {
	return func(ctx context.Context) (grpc.ClientStream, error) {
		return conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, at+"/echo.Echo/Repeat")
	}
}

// Calls of gRPC go through, in all four kinds, with TLS before the proxy and
// without.
func TestGRPC(t *testing.T) {
	t.Parallel()
	service := grpcService()
	for _, front := range []string{"h2c", "tls"} {
		t.Run(front, func(t *testing.T) {
			t.Parallel()
			set, _ := secure(t, http.HandlerFunc(service.ServeHTTP))
			set.tls = front == "tls"
			s := newScene(t, set)
			id := s.createAt(t, "https://example.com")
			creds := insecure.NewCredentials()
			if set.tls {
				creds = credentials.NewClientTLSFromCert(pool(s.front), "example.com")
			}
			conn, err := grpc.NewClient("passthrough:///"+s.front.Listener.Addr().String(), grpc.WithTransportCredentials(creds))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			with := func(key string) context.Context {
				return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+key)
			}
			open := s.below(conn, "/proxy/"+id+"/https/example.com")
			stream, err := open(with(s.key))
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{"one", "", strings.Repeat("three", 100_000)} {
				var got wrapperspb.StringValue
				if err := stream.SendMsg(wrapperspb.String(text)); err != nil {
					t.Fatal(err)
				}
				if err := stream.RecvMsg(&got); err != nil || got.Value != text {
					t.Fatalf("heard %d bytes, %v, want %d", len(got.Value), err, len(text))
				}
			}
			stream.CloseSend()
			if err := stream.RecvMsg(new(wrapperspb.StringValue)); err != io.EOF || stream.Trailer().Get("x-after") == nil {
				t.Errorf("ended with %v, %v", err, stream.Trailer())
			}
			fails := func(ctx context.Context, at, say string, want codes.Code, text string) {
				t.Helper()
				stream, err := s.below(conn, at)(ctx)
				if err != nil {
					t.Fatal(err)
				}
				stream.SendMsg(wrapperspb.String(say))
				err = stream.RecvMsg(new(wrapperspb.StringValue))
				if status.Code(err) != want || !strings.Contains(status.Convert(err).Message(), text) {
					t.Errorf("failed with %v, want %v %q", err, want, text)
				}
			}
			fails(with(s.key), "/proxy/"+id+"/https/example.com", "fail", codes.DataLoss, "as you wish: 100%")
			fails(with("chk_wrong"), "/proxy/"+id+"/https/example.com", "x", codes.Unauthenticated, "key")
			fails(with(s.key), "/proxy/"+id+"/https/other.example", "x", codes.FailedPrecondition, "the credential is not for https://other.example")
		})
	}
}
