// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"net/http"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/credhost/credhost/internal/wire/pluginv1"
	"github.com/credhost/credhost/internal/wire/testdata/sample"
	"github.com/credhost/credhost/sdk"
)

// A signer signs, and does nothing else.
type signer struct{ sample.Plugin }

func (signer) Sign(context.Context, sdk.Input, sdk.Grant, sdk.Request) (sdk.Signature, error) {
	return sdk.Signature{Header: http.Header{"Authorization": {"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request"}}}, nil
}

// signing returns what a request signed for AWS needs.
func signing() (sdk.Input, sdk.Grant, sdk.Request) {
	in := sdk.NewInput(everything.Schema, sdk.Values{"seed": "1", "secret": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "note": "us-east-1"})
	g := sdk.Grant{Sign: sdk.SignURL | sdk.SignHeader | sdk.SignSHA256}
	return in, g, sdk.Request{
		Method: http.MethodGet, URL: "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
		Header: http.Header{"Host": {"iam.amazonaws.com"}, "Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"*/*"}},
		SHA256: make([]byte, 32),
	}
}

func BenchmarkSign(b *testing.B) {
	c, _ := serve(b, signer{sample.Plugin{Name: "sample"}})
	p := c.Plugin(everything).(sdk.Signer)
	in, g, r := signing()
	ctx := WithCall(b.Context(), callA)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := p.Sign(ctx, in, g, r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkBareCall is a call of the same size of a server as go-plugin makes
// it, which looks at nothing.
func BenchmarkBareCall(b *testing.B) {
	in, g, r := signing()
	asked, err := proto.Marshal(&pluginv1.SignRequest{Call: callA, Type: "sample", Input: toInput(in), Grant: toGrant(g), Request: toRequest(g.Sign, r)})
	if err != nil {
		b.Fatal(err)
	}
	said, _ := signer{}.Sign(b.Context(), in, g, r)
	answer, err := proto.Marshal(signs(toSignature(said)))
	if err != nil {
		b.Fatal(err)
	}
	conn := connect(b, grpc.NewServer(), func(s *grpc.Server) { s.RegisterService(&bare, wrapperspb.Bytes(answer)) })
	q := wrapperspb.Bytes(asked)
	b.ReportAllocs()
	for b.Loop() {
		if err := conn.Invoke(b.Context(), "/bare/Call", q, new(wrapperspb.BytesValue)); err != nil {
			b.Fatal(err)
		}
	}
}

var bare = grpc.ServiceDesc{ServiceName: "bare", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{{
	MethodName: "Call",
	Handler: func(answer any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		return answer, decode(new(wrapperspb.BytesValue))
	},
}}}
