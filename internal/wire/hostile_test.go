// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/credhost/credhost/internal/wire/pluginv1"
	"github.com/credhost/credhost/internal/wire/testdata/sample"
	"github.com/credhost/credhost/sdk"
)

// planted is in every answer that is refused, and must be in no error.
const planted = "canary-7f3a9"

// raw is a codec whose messages are bytes.
type raw struct{}

func (raw) Marshal(v any) ([]byte, error)      { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error { *v.(*[]byte) = data; return nil }
func (raw) Name() string                       { return "proto" }

// liar returns a client of a program that answers every call with the same
// bytes, or with a gRPC status.
func liar(t testing.TB, answer []byte, err error) *Client {
	s := grpc.NewServer(grpc.ForceServerCodec(raw{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		var q []byte
		if err := stream.RecvMsg(&q); err != nil {
			return err
		}
		if err != nil {
			return err
		}
		return stream.SendMsg(&answer)
	}))
	return NewClient(connect(t, s, func(*grpc.Server) {}))
}

func encoded(t testing.TB, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// everything is a type that can do everything.
var everything = Type{
	Schema: sample.Plugin{Name: "sample"}.Schema(),
	Can:    sdk.Abilities{Test: true, Connect: true, Sign: true, Revoke: true, Suggest: true, Upgrade: true},
}

var (
	grant = func(ctx context.Context, p sdk.Plugin) error { _, err := p.Grant(ctx, sdk.Input{}); return err }
	test  = func(ctx context.Context, p sdk.Plugin) error {
		return p.(sdk.Tester).Test(ctx, sdk.Input{}, sdk.Grant{})
	}
	approve = func(ctx context.Context, p sdk.Plugin) error {
		_, err := p.(sdk.Connector).Connect(ctx, sdk.Input{}, sdk.Callback{})
		return err
	}
	exchange = func(ctx context.Context, p sdk.Plugin) error {
		_, err := p.(sdk.Connector).Exchange(ctx, sdk.Input{}, sdk.Callback{})
		return err
	}
	sign = func(ctx context.Context, p sdk.Plugin) error {
		_, err := p.(sdk.Signer).Sign(ctx, sdk.Input{}, sdk.Grant{}, sdk.Request{})
		return err
	}
	revoke = func(ctx context.Context, p sdk.Plugin) error {
		return p.(sdk.Revoker).Revoke(ctx, sdk.Input{}, sdk.Grant{})
	}
	suggest = func(ctx context.Context, p sdk.Plugin) error {
		_, err := p.(sdk.Suggester).Suggest(ctx, sdk.Input{}, sdk.Grant{}, sample.Site, "")
		return err
	}
	upgrade = func(ctx context.Context, p sdk.Plugin) error {
		_, err := p.(sdk.Upgrader).Upgrade(ctx, 1, nil)
		return err
	}
	calls = map[string]func(context.Context, sdk.Plugin) error{
		"Grant": grant, "Test": test, "Connect": approve, "Exchange": exchange,
		"Sign": sign, "Revoke": revoke, "Suggest": suggest, "Upgrade": upgrade,
	}
)

func header(name string, values ...string) *pluginv1.Header {
	m := &pluginv1.Header{Name: name}
	for _, v := range values {
		m.Values = append(m.Values, []byte(v))
	}
	return m
}

func grants(g *pluginv1.Grant) proto.Message {
	return &pluginv1.GrantResponse{Outcome: &pluginv1.GrantResponse_Grant{Grant: g}}
}

func headers(all ...*pluginv1.Header) proto.Message { return grants(&pluginv1.Grant{Header: all}) }

// each returns n headers with names of their own.
func each(n int) []*pluginv1.Header {
	all := make([]*pluginv1.Header, n)
	for i := range all {
		all[i] = header("X-"+strconv.Itoa(i), "a")
	}
	return all
}

func fails(e *pluginv1.Error) proto.Message {
	return &pluginv1.GrantResponse{Outcome: &pluginv1.GrantResponse_Error{Error: e}}
}

func approves(a *pluginv1.Approval) proto.Message {
	return &pluginv1.ConnectResponse{Outcome: &pluginv1.ConnectResponse_Approval{Approval: a}}
}

func signs(s *pluginv1.Signature) proto.Message {
	return &pluginv1.SignResponse{Outcome: &pluginv1.SignResponse_Signature{Signature: s}}
}

func offers(options ...*pluginv1.Option) proto.Message {
	return &pluginv1.SuggestResponse{Outcome: &pluginv1.SuggestResponse_Options{Options: &pluginv1.Options{Options: options}}}
}

func many[T any](n int, v T) []T {
	all := make([]T, n)
	for i := range all {
		all[i] = v
	}
	return all
}

func numbered(n int) map[string]string {
	m := map[string]string{}
	for i := range n {
		m["n"+strings.Repeat("x", i%50)+string(rune('a'+i/50))] = "v"
	}
	return m
}

// deep returns a condition that is nested n deep.
func deep(n int) *pluginv1.Condition {
	c := &pluginv1.Condition{Field: "seed", Present: true}
	for range n {
		c = &pluginv1.Condition{Not: c}
	}
	return c
}

// An answer that breaks a rule is refused, and the error says which.
func TestHostileAnswers(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		call func(context.Context, sdk.Plugin) error
		said proto.Message
		want string
	}{
		{"no outcome of Grant", grant, &pluginv1.GrantResponse{}, "no outcome"},
		{"no outcome of Test", test, &pluginv1.TestResponse{}, "no outcome"},
		{"no outcome of Connect", approve, &pluginv1.ConnectResponse{}, "no outcome"},
		{"no outcome of Exchange", exchange, &pluginv1.ExchangeResponse{}, "no outcome"},
		{"no outcome of Sign", sign, &pluginv1.SignResponse{}, "no outcome"},
		{"no outcome of Revoke", revoke, &pluginv1.RevokeResponse{}, "no outcome"},
		{"no outcome of Suggest", suggest, &pluginv1.SuggestResponse{}, "no outcome"},
		{"no outcome of Upgrade", upgrade, &pluginv1.UpgradeResponse{}, "no outcome"},

		{"error of no code", grant, fails(&pluginv1.Error{Message: planted}), "no error code 0"},
		{"error of an unknown code", grant, fails(&pluginv1.Error{Code: 6, Message: planted}), "no error code 6"},
		{"error of a negative code", grant, fails(&pluginv1.Error{Code: math.MinInt32, Message: planted}), "no error code -2147483648"},
		{"error without a message", grant, fails(&pluginv1.Error{Code: 3}), "denied, has no message"},
		{"error of control characters", grant, fails(&pluginv1.Error{Code: 3, Message: "\x1b\x00\u202e"}), "denied, has no message"},

		{"header line break", grant, headers(header("X-A", "a\r\nX-B: "+planted)), "header X-A has a value"},
		{"header NUL", grant, headers(header("X-A", planted+"\x00")), "header X-A has a value"},
		{"header name", grant, headers(header(planted+":", "a")), "a header has a name"},
		{"header name empty", grant, headers(header("", planted)), "a header has a name"},
		{"header name with a space", grant, headers(header(planted+" x", "a")), "a header has a name"},
		{"header without a value", grant, headers(header("X-A")), "header X-A has no value"},
		{"header twice", grant, headers(header("X-A", "a"), header("x-a", planted)), "header 2 has the name of an earlier one"},
		{"header Host", grant, headers(header("hOST", planted)), "header Host is not for plugins"},
		{"header Content-Length", grant, headers(header("content-length", "0")), "header Content-Length is not"},
		{"header Transfer-Encoding", grant, headers(header("Transfer-Encoding", "chunked")), "header Transfer-Encoding is not"},
		{"header TE", grant, headers(header("TE", "trailers")), "header Te is not"},
		{"header Connection", grant, headers(header("Connection", "X-A")), "header Connection is not"},
		{"header Upgrade", grant, headers(header("Upgrade", "h2c")), "header Upgrade is not"},
		{"header Proxy-Authorization", grant, headers(header("Proxy-Authorization", planted)), "header Proxy-Authorization is not"},
		{"header spelt like Transfer-Encoding", grant, headers(header("transfer_encoding", "chunked")), "header Transfer_encoding is not"},
		{"header Expect", grant, headers(header("Expect", "100-continue")), "header Expect is not"},
		{"header HTTP2-Settings", grant, headers(header("HTTP2-Settings", planted)), "header Http2-Settings is not"},
		{"header Proxy", grant, headers(header("Proxy", planted)), "header Proxy is not"},
		{"header :authority", grant, headers(header(":authority", planted)), "has a name that HTTP does not allow"},
		{"header in two spellings", grant, headers(header("X-Api-Key", "a"), header("X_Api_Key", planted)), "is there twice"},
		{"header with two identities", grant, headers(header("Authorization", "Bearer a", "Bearer "+planted)), "more than one value"},
		{"header with spaces around", grant, headers(header("X-A", " "+planted)), "header X-A has a value with spaces around it"},
		{"headers too many names", grant, headers(each(257)...), "more than 256 headers"},
		{"headers too large", grant, headers(header("X-A", many(70, strings.Repeat("a", 1000))...)), "headers are larger than 64 KiB"},
		{"headers too many", grant, headers(header("X-A", many(MaxHeader, "")...)), "headers are larger than 64 KiB"},

		{"query", grant, grants(&pluginv1.Grant{Query: "a=%zz" + planted}), "not application/x-www-form-urlencoded"},
		{"query semicolon", grant, grants(&pluginv1.Grant{Query: "a=1;b=" + planted}), "not application/x-www-form-urlencoded"},
		{"query without a name", grant, grants(&pluginv1.Grant{Query: "=" + planted}), "whose name is empty"},
		{"query name", grant, grants(&pluginv1.Grant{Query: planted + "%0a=1"}), "whose name is empty"},
		{"query too large", grant, grants(&pluginv1.Grant{Query: "a=" + strings.Repeat("a", MaxQuery)}), "query is larger"},
		{"path name", grant, grants(&pluginv1.Grant{Path: map[string]string{"a}/{b" + planted: "1"}}), "path parameter's name"},
		{"path name empty", grant, grants(&pluginv1.Grant{Path: map[string]string{"": planted}}), "path parameter's name"},
		{"path empty", grant, grants(&pluginv1.Grant{Path: map[string]string{"a": ""}}), "path parameter a is empty"},
		{"path dots", grant, grants(&pluginv1.Grant{Path: map[string]string{"a": ".."}}), "path parameter a is empty, a dot segment"},
		{"path control", grant, grants(&pluginv1.Grant{Path: map[string]string{"a": planted + "\n"}}), "path parameter a"},

		{"origin path", grant, grants(&pluginv1.Grant{Origins: &pluginv1.Origins{Origins: []string{"https://a.example", "https://a.example/" + planted}}}), "origin 2 is not in canonical form"},
		{"origin case", grant, grants(&pluginv1.Grant{Origins: &pluginv1.Origins{Origins: []string{"https://A.example"}}}), "origin 1 is not in canonical form"},
		{"origin port", grant, grants(&pluginv1.Grant{Origins: &pluginv1.Origins{Origins: []string{"https://a.example:443"}}}), "origin 1 is not"},
		{"origin empty", grant, grants(&pluginv1.Grant{Origins: &pluginv1.Origins{Origins: []string{""}}}), "origin 1 is not"},
		{"origin star", grant, grants(&pluginv1.Grant{Origins: &pluginv1.Origins{Origins: []string{"https://*.example.com"}}}), "origin 1 is not"},
		{"origin user", grant, grants(&pluginv1.Grant{Origins: &pluginv1.Origins{Origins: []string{"https://" + planted + "@a.example"}}}), "origin 1 is not"},
		{"origins too many", grant, grants(&pluginv1.Grant{Origins: &pluginv1.Origins{Origins: many(101, "https://a.example")}}), "more than 100 origins"},

		{"part unknown", grant, grants(&pluginv1.Grant{Sign: []pluginv1.Part{1, 6}}), "no part 6"},
		{"part zero", grant, grants(&pluginv1.Grant{Sign: []pluginv1.Part{0}}), "no part 0"},
		{"part negative", grant, grants(&pluginv1.Grant{Sign: []pluginv1.Part{-7}}), "no part -7"},
		{"status too low", grant, grants(&pluginv1.Grant{Refused: &pluginv1.Statuses{Statuses: []int32{401, 200}}}), "refused status 200"},
		{"status too high", grant, grants(&pluginv1.Grant{Refused: &pluginv1.Statuses{Statuses: []int32{600}}}), "refused status 600"},
		{"statuses too many", grant, grants(&pluginv1.Grant{Refused: &pluginv1.Statuses{Statuses: many(101, int32(401))}}), "more than 100 refused statuses"},
		{"expiry before 1970", grant, grants(&pluginv1.Grant{Expiry: &timestamppb.Timestamp{Seconds: -1}}), "the expiry is before 1970"},
		{"expiry after 9999", grant, grants(&pluginv1.Grant{Expiry: &timestamppb.Timestamp{Seconds: 253402300800}}), "the expiry is not a time"},
		{"expiry nanoseconds", grant, grants(&pluginv1.Grant{Expiry: &timestamppb.Timestamp{Nanos: -1}}), "the expiry is not a time"},
		{"reconnect", grant, grants(&pluginv1.Grant{Reconnect: &timestamppb.Timestamp{Seconds: math.MinInt64}}), "the time to reconnect is not a time"},
		{"idle for less than nothing", grant, grants(&pluginv1.Grant{Idle: durationpb.New(-time.Second)}), "may be idle is not one from nothing"},
		{"idle for centuries", grant, grants(&pluginv1.Grant{Idle: durationpb.New(100*365*24*time.Hour + 1)}), "may be idle is not one from nothing"},
		{"idle for longer than Go counts", grant, grants(&pluginv1.Grant{Idle: &durationpb.Duration{Seconds: 1e11}}), "may be idle is not one from nothing"},
		{"idle for no time", grant, grants(&pluginv1.Grant{Idle: &durationpb.Duration{Seconds: 1, Nanos: -1}}), "may be idle is not a duration"},
		{"account line break", grant, grants(&pluginv1.Grant{Account: planted + "\n"}), "account is longer"},
		{"account too long", grant, grants(&pluginv1.Grant{Account: strings.Repeat("a", 1025)}), "account is longer"},
		{"fact name", grant, grants(&pluginv1.Grant{Facts: map[string]string{planted + "/": "1"}}), "a fact's name"},
		{"fact escape", grant, grants(&pluginv1.Grant{Facts: map[string]string{"a": "\x1b[2J" + planted}}), "fact a is longer"},
		{"facts too many", grant, grants(&pluginv1.Grant{Facts: numbered(101)}), "more than 100 facts"},
		{"value name", grant, grants(&pluginv1.Grant{Values: map[string]string{planted + " ": "1"}}), "a value's name"},
		{"value too long", grant, grants(&pluginv1.Grant{Values: map[string]string{"a": strings.Repeat("a", sdk.MaxAnswer+1)}}), "value a is longer"},
		{"values too many", grant, grants(&pluginv1.Grant{Values: numbered(201)}), "more than 200 values"},
		{"state too large", grant, grants(&pluginv1.Grant{State: make([]byte, MaxState+1)}), "state is larger than 1 MiB"},
		{"grant of an exchange", exchange, &pluginv1.ExchangeResponse{Outcome: &pluginv1.ExchangeResponse_Grant{Grant: &pluginv1.Grant{Account: planted + "\n"}}}, "account is longer"},

		{"approval nowhere", approve, approves(&pluginv1.Approval{}), "approval's URL"},
		{"approval http", approve, approves(&pluginv1.Approval{Url: "http://service.example/" + planted}), "approval's URL"},
		{"approval javascript", approve, approves(&pluginv1.Approval{Url: "javascript:alert('" + planted + "')"}), "approval's URL"},
		{"approval loopback lookalike", approve, approves(&pluginv1.Approval{Url: "http://127.0.0.1.service.example/"}), "approval's URL"},
		{"approval user", approve, approves(&pluginv1.Approval{Url: "https://" + planted + "@service.example/"}), "approval's URL"},
		{"approval line break", approve, approves(&pluginv1.Approval{Url: "https://service.example/\r\nSet-Cookie: " + planted}), "approval's URL"},
		{"approval too long", approve, approves(&pluginv1.Approval{Url: "https://service.example/" + strings.Repeat("a", MaxURL)}), "approval's URL"},
		{"approval code", approve, approves(&pluginv1.Approval{Url: "https://service.example/", UserCode: planted + "\x00"}), "user code"},
		{"approval interval", approve, approves(&pluginv1.Approval{Url: "https://service.example/", Interval: durationpb.New(-time.Second)}), "interval is not one"},
		{"approval long interval", approve, approves(&pluginv1.Approval{Url: "https://service.example/", Interval: durationpb.New(time.Hour + 1)}), "interval is not one"},
		{"approval no interval", approve, approves(&pluginv1.Approval{Url: "https://service.example/", Interval: &durationpb.Duration{Seconds: 1, Nanos: -1}}), "interval is not a duration"},
		{"approval expiry", approve, approves(&pluginv1.Approval{Url: "https://service.example/", Expiry: &timestamppb.Timestamp{Seconds: -1}}), "expiry is before 1970"},
		{"approval state", approve, approves(&pluginv1.Approval{Url: "https://service.example/", State: make([]byte, MaxState+1)}), "state is larger"},

		{"signature header", sign, signs(&pluginv1.Signature{Header: []*pluginv1.Header{header("Host", planted)}}), "header Host is not"},
		{"signature fragment", sign, signs(&pluginv1.Signature{Query: "a=1#" + planted}), `has a "#"`},
		{"signature space", sign, signs(&pluginv1.Signature{Query: "a=1 HTTP/1.1\r\n" + planted}), `has a "#"`},
		{"signature ampersand", sign, signs(&pluginv1.Signature{Query: "&a=" + planted}), `has a "#"`},
		{"signature letters", sign, signs(&pluginv1.Signature{Query: "a=ä" + planted}), `has a "#"`},
		{"signature too large", sign, signs(&pluginv1.Signature{Query: strings.Repeat("a", MaxQuery+1)}), "signature's query is larger"},

		{"option without a value", suggest, offers(&pluginv1.Option{Title: planted}), "option 1 needs a value"},
		{"option twice", suggest, offers(&pluginv1.Option{Value: planted}, &pluginv1.Option{Value: planted}), "option 2 needs a value of its own"},
		{"option with spaces", suggest, offers(&pluginv1.Option{Value: planted + " "}), "option 1 needs a value"},
		{"option line break", suggest, offers(&pluginv1.Option{Value: "a", Title: planted + "\n"}), "option 1 has text"},
		{"option too long", suggest, offers(&pluginv1.Option{Value: "a", Help: strings.Repeat("a", sdk.MaxText+1)}), "option 1 has text"},
		{"option of an empty condition", suggest, offers(&pluginv1.Option{Value: "a", When: &pluginv1.Condition{}}), "option 1 has a condition"},
		{"option of no field", suggest, offers(&pluginv1.Option{Value: "a", When: &pluginv1.Condition{Field: planted, Is: "1"}}), "option 1 has a condition"},
		{"option of two conditions", suggest, offers(&pluginv1.Option{Value: "a", When: &pluginv1.Condition{Field: "seed", Is: "1", Present: true}}), "option 1 has a condition"},
		{"option of a deep condition", suggest, offers(&pluginv1.Option{Value: "a", When: deep(16)}), "option 1 has a condition"},
		{"options too many", suggest, offers(many(1001, &pluginv1.Option{Value: "a"})...), "more than 1000 options"},

		{"upgraded value", upgrade, &pluginv1.UpgradeResponse{Outcome: &pluginv1.UpgradeResponse_Values{
			Values: &pluginv1.Values{Values: map[string]string{planted + "=": "1"}}}}, "a value's name"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			refusedWith(t, row.call(t.Context(), liar(t, encoded(t, row.said), nil).Plugin(everything)), sdk.Internal, row.want)
		})
	}
}

// refusedWith fails unless err is the host's own, names the plugin and says
// what it should.
func refusedWith(t *testing.T, err error, code sdk.Code, want string) {
	t.Helper()
	var e *sdk.Error
	if !errors.As(err, &e) {
		t.Fatalf("got the error %v, want one that says %q", err, want)
	}
	if e.Code != code || !strings.Contains(e.Message, want) || !strings.Contains(e.Message, `the plugin of "sample"`) {
		t.Errorf("got %v: %q, want %v and %q", e.Code, e.Message, code, want)
	}
	for ; err != nil; err = errors.Unwrap(err) {
		if strings.Contains(err.Error(), planted) {
			t.Errorf("the error quotes the answer: %q", err)
		}
	}
}

// Whatever a plugin answers in the place of a message is refused by every
// call, in words that are the host's.
func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	notUTF8 := protowire.AppendString(protowire.AppendTag(nil, 9, protowire.BytesType), planted+"\xff")
	notUTF8 = protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), notUTF8)
	for _, row := range []struct {
		name   string
		answer []byte
		status error
		code   sdk.Code
		want   string
	}{
		{"rubbish", []byte("\xff\xff\xff" + planted), nil, sdk.Internal, "not a message of the protocol"},
		{"100 MB", make([]byte, 100<<20), nil, sdk.Internal, "more than 4 MiB"},
		{"one byte too many", make([]byte, MaxMessage+1), nil, sdk.Internal, "more than 4 MiB"},
		{"an exception", nil, status.Error(codes.Unknown, "KeyError: "+planted), sdk.Internal, "not with a gRPC status"},
		{"a status of its own", nil, status.Error(codes.Code(99), planted), sdk.Internal, "not with a gRPC status"},
		{"no such method", nil, status.Error(codes.Unimplemented, planted), sdk.Internal, "lacks a method"},
		{"unavailable", nil, status.Error(codes.Unavailable, planted), sdk.Unavailable, "ended before it answered"},
		{"gave up", nil, status.Error(codes.DeadlineExceeded, planted), sdk.Unavailable, "gave up"},
		{"cancelled", nil, status.Error(codes.Canceled, planted), sdk.Unavailable, "gave up"},
		{"no room", nil, status.Error(codes.ResourceExhausted, planted), sdk.Internal, "more than 4 MiB"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := liar(t, row.answer, row.status).Plugin(everything)
			for _, call := range calls {
				refusedWith(t, call(t.Context(), p), row.code, row.want)
			}
		})
	}
	t.Run("not UTF-8", func(t *testing.T) {
		t.Parallel()
		refusedWith(t, grant(t.Context(), liar(t, notUTF8, nil).Plugin(everything)), sdk.Internal, "not a message of the protocol")
	})
}

// Fields that the host does not know are ignored, so that a plugin may be
// newer than its host.
func TestUnknownFieldsAreIgnored(t *testing.T) {
	t.Parallel()
	answer := encoded(t, grants(&pluginv1.Grant{Account: "somebody"}))
	answer = protowire.AppendString(protowire.AppendTag(answer, 1000, protowire.BytesType), "new")
	g, err := liar(t, answer, nil).Plugin(everything).Grant(t.Context(), sdk.Input{})
	if err != nil || g.Account != "somebody" {
		t.Errorf("got %q, %v", g.Account, err)
	}
}

// What a type cannot do is not asked of it, and a grant cannot ask for what
// the type cannot do.
func TestAbilities(t *testing.T) {
	t.Parallel()
	p := liar(t, encoded(t, grants(&pluginv1.Grant{Sign: []pluginv1.Part{1}})), nil).Plugin(Type{Schema: everything.Schema})
	refusedWith(t, grant(t.Context(), p), sdk.Internal, "the type cannot sign")
	for name, call := range calls {
		if name == "Grant" {
			continue
		}
		if err := call(t.Context(), p); !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, sdk.Internal) {
			t.Errorf("%s: got %v, want it unsupported", name, err)
		}
	}
}

// The error of a plugin is cut down to what may be shown.
func TestErrorIsTamed(t *testing.T) {
	t.Parallel()
	said := fails(&pluginv1.Error{
		Code: pluginv1.Code_CODE_UNAVAILABLE, Field: "no such field", Reason: "two words",
		Message: "\x1b[31mslow\ndown\u202e" + strings.Repeat("é", maxMessage), RetryAfter: &durationpb.Duration{Seconds: math.MaxInt64},
	})
	_, err := liar(t, encoded(t, said), nil).Plugin(everything).Grant(t.Context(), sdk.Input{})
	var e *sdk.Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if e.Code != sdk.Unavailable || e.Field != "" || e.Reason != "" || e.RetryAfter != 24*time.Hour {
		t.Errorf("got %+v", *e)
	}
	if !strings.HasPrefix(e.Message, "[31mslow down") || !isPlain(e.Message, maxMessage) {
		t.Errorf("got a message of %d bytes that begins with %q", len(e.Message), e.Message[:20])
	}
}
