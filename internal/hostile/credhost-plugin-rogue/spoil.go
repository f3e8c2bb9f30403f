// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"math"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/credhost/credhost/internal/wire/pluginv1"
)

// callKey is for the ID of a call, which an honest plugin does not get to see.
type callKey struct{}

// spoil returns an interceptor that puts the answer that a test asks for in the
// place of the right one.
func spoil(name string) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, q any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		asked := ""
		if with, ok := q.(interface {
			GetCall() string
			GetInput() *pluginv1.Input
		}); ok {
			ctx = context.WithValue(ctx, callKey{}, with.GetCall())
			asked = with.GetInput().GetValues()["do"]
			told = with.GetInput().GetValues()["secret"]
		}
		method := info.FullMethod[strings.LastIndex(info.FullMethod, "/")+1:]
		if answer := answers[method+" "+asked]; answer != nil {
			return answer(ctx)
		}
		a, err := handle(ctx, q)
		if change := descriptions[name]; change != nil && method == "Describe" {
			change(a.(*pluginv1.DescribeResponse).GetDescription())
		}
		return a, err
	}
}

// told is the secret of the last call.
var told string

// answers are what is answered to a method, by what it is asked to do.
var answers = map[string]func(ctx context.Context) (any, error){
	"Grant a header that is two":    grant(&pluginv1.Grant{Header: header("X-Api-Key", "mine\r\nX-Admin: yes")}),
	"Grant a header Host":           grant(&pluginv1.Grant{Header: header("Host", "evil.example")}),
	"Grant a header Connection":     grant(&pluginv1.Grant{Header: header("Connection", "X-Api-Key")}),
	"Grant a header of length":      grant(&pluginv1.Grant{Header: header("Content-Length", "3")}),
	"Grant a header of encoding":    grant(&pluginv1.Grant{Header: header("Transfer-Encoding", "chunked")}),
	"Grant a header for the proxy":  grant(&pluginv1.Grant{Header: header("Proxy-Authorization", "Basic eDp5")}),
	"Grant a header without a name": grant(&pluginv1.Grant{Header: header("X Bad\x00", "v")}),
	"Grant a path that climbs":      grant(&pluginv1.Grant{Path: map[string]string{"key": ".."}}),
	"Grant all answers refused":     grant(&pluginv1.Grant{Header: header("X-Api-Key", "a"), Sign: []pluginv1.Part{pluginv1.Part_PART_URL}, Refused: &pluginv1.Statuses{Statuses: []int32{200}}}),
	"Grant an account that escapes": grant(&pluginv1.Grant{Account: "\x1b[2J\u202eanna"}),
	"Grant a great state":           grant(&pluginv1.Grant{State: make([]byte, 3<<20)}),
	"Grant an expiry before":        grant(&pluginv1.Grant{Header: header("X-Api-Key", "a"), Expiry: &timestamppb.Timestamp{Seconds: -315619200}}),
	"Grant a thousand facts":        grant(&pluginv1.Grant{Facts: thousand()}),
	"Grant an origin elsewhere":     grant(&pluginv1.Grant{Header: header("X-Api-Key", "stolen"), Origins: &pluginv1.Origins{Origins: []string{"https://api.good.example", "https://evil.example"}}}),
	"Grant something huge":          grant(&pluginv1.Grant{State: make([]byte, 20<<20)}),
	"Grant an error that escapes":   fails(&pluginv1.Error{Code: pluginv1.Code_CODE_INVALID, Message: "wrong\x1b[2J\u202eyek"}),
	"Grant an error for a field":    fails(&pluginv1.Error{Code: pluginv1.Code_CODE_INVALID, Message: "wrong", Field: "nobody[0].href"}),
	"Grant wait for years":          fails(&pluginv1.Error{Code: pluginv1.Code_CODE_UNAVAILABLE, Message: "busy", RetryAfter: durationpb.New(math.MaxInt64)}),
	"Grant a status with words":     func(context.Context) (any, error) { return nil, status.Error(codes.Unknown, "the secret is "+told) },
	"Grant an error with the secret": func(ctx context.Context) (any, error) {
		return fails(&pluginv1.Error{Code: pluginv1.Code_CODE_DENIED, Message: "the service does not know " + told, Reason: told})(ctx)
	},
	"Grant an account of the secret": func(ctx context.Context) (any, error) {
		return grant(&pluginv1.Grant{Account: "anna " + told, Facts: map[string]string{"it": told}})(ctx)
	},
	"Grant trailers without end":     trailers,
	"Grant rubbish":                  func(context.Context) (any, error) { return wrapperspb.Bytes([]byte("\xff\xff\xff\xff")), nil },
	"Connect a page that is script":  approves(&pluginv1.Approval{Url: "javascript:alert(document.cookie)"}),
	"Connect a code that escapes":    approves(&pluginv1.Approval{Url: "https://api.good.example/activate", UserCode: "\x1b[2JABCD"}),
	"Connect a code without a pause": approves(&pluginv1.Approval{Url: "https://api.good.example/activate", UserCode: "ABCD", Interval: durationpb.New(-1)}),
	"Sign sign:a fragment":           signs(&pluginv1.Signature{Query: "x=1#/../admin"}),
	"Sign sign:another parameter":    signs(&pluginv1.Signature{Query: "&admin=yes"}),
	"Sign sign:a line":               signs(&pluginv1.Signature{Query: "x=1 HTTP/1.1\r\nX-Admin: yes\r\n\r\n"}),
	"Sign sign:a header Host":        signs(&pluginv1.Signature{Header: header("Host", "evil.example")}),
	"Suggest options that escape":    offers(&pluginv1.Option{Value: "a", Title: "\x1b[2J\u202e"}),
}

func header(name, value string) []*pluginv1.Header {
	return []*pluginv1.Header{{Name: name, Values: [][]byte{[]byte(value)}}}
}

func grant(g *pluginv1.Grant) func(context.Context) (any, error) {
	return func(context.Context) (any, error) {
		return &pluginv1.GrantResponse{Outcome: &pluginv1.GrantResponse_Grant{Grant: g}}, nil
	}
}

func fails(e *pluginv1.Error) func(context.Context) (any, error) {
	return func(context.Context) (any, error) {
		return &pluginv1.GrantResponse{Outcome: &pluginv1.GrantResponse_Error{Error: e}}, nil
	}
}

func approves(a *pluginv1.Approval) func(context.Context) (any, error) {
	return func(context.Context) (any, error) {
		return &pluginv1.ConnectResponse{Outcome: &pluginv1.ConnectResponse_Approval{Approval: a}}, nil
	}
}

func signs(s *pluginv1.Signature) func(context.Context) (any, error) {
	return func(context.Context) (any, error) {
		return &pluginv1.SignResponse{Outcome: &pluginv1.SignResponse_Signature{Signature: s}}, nil
	}
}

func offers(all ...*pluginv1.Option) func(context.Context) (any, error) {
	return func(context.Context) (any, error) {
		return &pluginv1.SuggestResponse{Outcome: &pluginv1.SuggestResponse_Options{Options: &pluginv1.Options{Options: all}}}, nil
	}
}

func thousand() map[string]string {
	all := map[string]string{}
	for len(all) < 1000 {
		all["fact"+strings.Repeat("x", len(all)%50)+string(rune('a'+len(all)%26))+strconv.Itoa(len(all))] = "v"
	}
	return all
}

// trailers answers well, and adds eight megabytes of trailers.
func trailers(ctx context.Context) (any, error) {
	for n := range 128 {
		if err := grpc.SetTrailer(ctx, metadata.Pairs("x-"+strconv.Itoa(n), strings.Repeat("x", 64<<10))); err != nil {
			return nil, err
		}
	}
	return grant(&pluginv1.Grant{Account: "rogue"})(ctx)
}

// spoilStream returns an interceptor for the streams of go-plugin, by the
// program's name.
func spoilStream(name string) grpc.StreamServerInterceptor {
	return func(srv any, s grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
		switch {
		case name == "loud" && strings.HasSuffix(info.FullMethod, "/StreamStdio"):
			if err := s.SendMsg(wrapperspb.Bytes(make([]byte, 64<<20))); err != nil {
				return err
			}
		case name == "broker" && strings.HasSuffix(info.FullMethod, "/StartStream"):
			return announce(s)
		}
		return handle(srv, s)
	}
}

// announce tells go-plugin's broker of connections that it may expect. The
// messages are go-plugin's own, of a package that others cannot import.
func announce(s grpc.ServerStream) error {
	kind, err := protoregistry.GlobalTypes.FindMessageByName("plugin.ConnInfo")
	if err != nil {
		return err
	}
	for n := range uint32(20_000) {
		m := kind.New()
		m.Set(kind.Descriptor().Fields().ByName("service_id"), protoreflect.ValueOfUint32(n+1))
		if err := s.SendMsg(m.Interface()); err != nil {
			return err
		}
	}
	<-s.Context().Done()
	return nil
}
