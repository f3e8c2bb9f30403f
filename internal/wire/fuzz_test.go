// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/credhost/credhost/internal/wire/pluginv1"
	"github.com/credhost/credhost/internal/wire/testdata/sample"
	"github.com/credhost/credhost/sdk"
)

// seeds adds well-formed messages to a corpus.
func seeds(f *testing.F, messages ...proto.Message) {
	for _, m := range messages {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

// FuzzAnswer: whatever bytes a plugin answers with, the host does not panic,
// and takes nothing from them that a request could not carry.
func FuzzAnswer(f *testing.F) {
	for seed := range uint64(4) {
		seeds(f,
			grants(toGrant(sample.New(seed, "grant").Grant())),
			approves(toApproval(sample.New(seed, "approval").Approval())),
			signs(toSignature(sample.New(seed, "signature").Signature())),
			offers(toOptions(sample.New(seed, "options").Options()).Options...),
			fails(toError(sample.New(seed, "error").Error(everything.Schema))),
			&pluginv1.DescribeResponse{Outcome: &pluginv1.DescribeResponse_Description{Description: toDescription(
				NewPlugin("sample", "1", sample.Plugin{Name: "sample"}).Description())}},
			&pluginv1.UpgradeResponse{Outcome: &pluginv1.UpgradeResponse_Values{Values: toValues(sample.New(seed, "values").Values(seed))}},
		)
	}
	r := &remote{t: everything}
	f.Fuzz(func(t *testing.T, answer []byte) {
		var granted pluginv1.GrantResponse
		if proto.Unmarshal(answer, &granted) == nil {
			g, err := r.granted(t.Context(), granted.GetGrant(), granted.GetError())
			settled(t, g, err, carried, func(g sdk.Grant) (sdk.Grant, error) { return fromGrant(toGrant(g)) })
		}
		var approved pluginv1.ConnectResponse
		if proto.Unmarshal(answer, &approved) == nil {
			a, err := r.approval(t.Context(), approved.GetApproval(), approved.GetError())
			settled(t, a, err, visited, func(a sdk.Approval) (sdk.Approval, error) { return fromApproval(toApproval(a)) })
		}
		var signed pluginv1.SignResponse
		if proto.Unmarshal(answer, &signed) == nil {
			s, err := r.signature(t.Context(), signed.GetSignature(), signed.GetError())
			settled(t, s, err, added, func(s sdk.Signature) (sdk.Signature, error) { return fromSignature(toSignature(s)) })
		}
		var suggested pluginv1.SuggestResponse
		if proto.Unmarshal(answer, &suggested) == nil {
			o, err := r.options(t.Context(), suggested.GetOptions(), suggested.GetError())
			settled(t, o, err, nil, func(o []sdk.Option) ([]sdk.Option, error) { return fromOptions(toOptions(o)) })
		}
		var upgraded pluginv1.UpgradeResponse
		if proto.Unmarshal(answer, &upgraded) == nil {
			v, err := r.values(t.Context(), upgraded.GetValues(), upgraded.GetError())
			settled(t, v, err, nil, func(v sdk.Values) (sdk.Values, error) { return v, nil })
		}
		var described pluginv1.DescribeResponse
		if proto.Unmarshal(answer, &described) == nil && described.GetDescription() != nil {
			if d, err := fromDescription(described.GetDescription(), true); err == nil {
				valid(t, d)
			}
		}
	})
}

// settled checks a value that a host has taken: that it holds what it must,
// and that it survives another journey.
func settled[T any](t *testing.T, v T, err error, holds func(*testing.T, T), again func(T) (T, error)) {
	t.Helper()
	if err != nil {
		e, ok := err.(*sdk.Error)
		if !ok || e.Code > sdk.Unavailable || e.Message == "" || strings.ContainsAny(e.Message, "\x00\n\r\x1b") {
			t.Errorf("the error is %#v", err)
		}
		return
	}
	if holds != nil {
		holds(t, v)
	}
	back, err := again(v)
	if err != nil {
		t.Fatalf("what was taken cannot be sent: %v", err)
	}
	if d := cmp.Diff(v, back); d != "" {
		t.Errorf("what was taken changes when it is sent (-before +after):\n%s", d)
	}
}

var host = regexp.MustCompile(`^[a-z]+://[^/?#@\s]+$`)

// carried checks that a request with a grant is one request, to the same
// place, and with what the grant says.
func carried(t *testing.T, g sdk.Grant) {
	if len(g.State) > MaxState || len(g.Account) > maxAccount {
		t.Errorf("a grant of %d bytes of state", len(g.State))
	}
	for _, o := range g.Origins {
		if !host.MatchString(o) {
			t.Errorf("origin %q", o)
		}
	}
	for _, at := range []interface{ MarshalJSON() ([]byte, error) }{g.Expiry, g.Reconnect} {
		if _, err := at.MarshalJSON(); err != nil {
			t.Error(err)
		}
	}
	sent := send(t, g.Apply)
	for name, values := range g.Header {
		if name != "Cookie" && name != "User-Agent" {
			same(t, name, sent.Header.Values(name), values)
		}
	}
}

// added is carried for a signature.
func added(t *testing.T, s sdk.Signature) {
	send(t, func(r *http.Request) {
		for name, values := range s.Header {
			r.Header[name] = values
		}
		r.URL.RawQuery = s.Query
	})
}

// visited checks that a URL goes to a service and nowhere else.
func visited(t *testing.T, a sdk.Approval) {
	if !strings.HasPrefix(strings.ToLower(a.URL), "http") || strings.ContainsAny(a.URL, " \r\n\t\x00") {
		t.Errorf("approval at %q", a.URL)
	}
}

// send writes a request that change has changed, and reads it as a server
// would: there must be one, to where it was meant for, and nothing behind it.
func send(t *testing.T, change func(*http.Request)) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "https://a.example/{token}/x", nil)
	if err != nil {
		t.Fatal(err)
	}
	change(r)
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		t.Fatalf("the request cannot be written: %v", err)
	}
	br := bufio.NewReader(&b)
	got, err := http.ReadRequest(br)
	if err != nil {
		t.Fatalf("the request cannot be read: %v", err)
	}
	if got.Host != "a.example" || got.ContentLength != 0 || br.Buffered() != 0 || !strings.HasSuffix(got.URL.Path, "/x") {
		t.Errorf("the request goes to %q%q with %d bytes behind it", got.Host, got.URL.Path, br.Buffered())
	}
	return got
}

func same(t *testing.T, name string, got, want []string) {
	t.Helper()
	trimmed := make([]string, len(want))
	for i, v := range want {
		trimmed[i] = strings.Trim(v, " \t")
	}
	if d := cmp.Diff(trimmed, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

// valid checks that the types which are not refused are valid, and that a
// host that keeps a description finds it as it was.
func valid(t *testing.T, d Description) {
	for _, kept := range d.Types {
		if kept.Fault == "" && kept.Schema.Validate() != nil {
			t.Errorf("type %q is invalid and not refused", kept.Schema.Name)
		}
		if !isPlain(kept.Fault, maxFault) {
			t.Errorf("fault %q", kept.Fault)
		}
	}
}

// inert is a plugin whose methods look at what they get and do nothing.
type inert struct{ sample.Plugin }

func (inert) Grant(_ context.Context, in sdk.Input) (sdk.Grant, error) {
	in.Get(sample.Seed)
	return sdk.Grant{State: in.State}, nil
}

func (inert) Test(context.Context, sdk.Input, sdk.Grant) error { return nil }

func (inert) Connect(_ context.Context, _ sdk.Input, cb sdk.Callback) (sdk.Approval, error) {
	return sdk.Approval{URL: cb.RedirectURL}, nil
}

func (inert) Exchange(_ context.Context, _ sdk.Input, cb sdk.Callback) (sdk.Grant, error) {
	return sdk.Grant{Query: cb.Query}, nil
}

func (inert) Sign(_ context.Context, _ sdk.Input, g sdk.Grant, r sdk.Request) (sdk.Signature, error) {
	if q, err := http.NewRequest(r.Method, r.URL, nil); err == nil {
		g.Apply(q)
	}
	return sdk.Signature{Header: r.Header, Query: r.URL}, nil
}

func (inert) Revoke(context.Context, sdk.Input, sdk.Grant) error { return nil }

func (inert) Suggest(context.Context, sdk.Input, sdk.Grant, sdk.Field, string) ([]sdk.Option, error) {
	return nil, nil
}

func (inert) Upgrade(_ context.Context, _ int, old sdk.Values) (sdk.Values, error) { return old, nil }

// panics is a log that keeps no more than the last panic.
type panics struct{ last []byte }

func (p *panics) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("panicked")) {
		p.last = bytes.Clone(line)
	}
	return len(line), nil
}

// FuzzRequest: whatever bytes a host asks with, the plugin's end answers, and
// with what the host's end takes.
func FuzzRequest(f *testing.F) {
	call := strings.Repeat("c", 16)
	for seed := range uint64(4) {
		in := toInput(sample.New(seed, "input").Input(everything.Schema, seed))
		g, cb := toGrant(sample.New(seed, "grant").Grant()), toCallback(sample.New(seed, "callback").Callback())
		seeds(f,
			&pluginv1.GrantRequest{Call: call, Type: "sample", Input: in},
			&pluginv1.TestRequest{Call: call, Type: "sample", Input: in, Grant: g},
			&pluginv1.ConnectRequest{Call: call, Type: "sample", Input: in, Callback: cb},
			&pluginv1.SignRequest{Call: call, Type: "sample", Input: in, Grant: g, Request: toRequest(31, sample.New(seed, "request").Request())},
			&pluginv1.SuggestRequest{Call: call, Type: "sample", Input: in, Grant: g, Field: "site", Search: "x"},
			&pluginv1.UpgradeRequest{Call: call, Type: "sample", From: 1, Values: sample.New(seed, "old").Values(seed)},
		)
	}
	var log panics
	p := NewPlugin("inert", "", inert{sample.Plugin{Name: "sample"}})
	p.Log = &log
	s, r := newServer(p), &remote{t: everything}
	f.Fuzz(func(t *testing.T, asked []byte) {
		ctx := t.Context()
		asks(t, asked, &pluginv1.GrantRequest{}, s.Grant, ctx, func(a *pluginv1.GrantResponse) error {
			_, err := r.granted(ctx, a.GetGrant(), a.GetError())
			return err
		})
		asks(t, asked, &pluginv1.TestRequest{}, s.Test, ctx, func(a *pluginv1.TestResponse) error {
			return r.done(ctx, a.GetDone(), a.GetError())
		})
		asks(t, asked, &pluginv1.ConnectRequest{}, s.Connect, ctx, func(a *pluginv1.ConnectResponse) error {
			_, err := r.approval(ctx, a.GetApproval(), a.GetError())
			return err
		})
		asks(t, asked, &pluginv1.ExchangeRequest{}, s.Exchange, ctx, func(a *pluginv1.ExchangeResponse) error {
			_, err := r.granted(ctx, a.GetGrant(), a.GetError())
			return err
		})
		asks(t, asked, &pluginv1.SignRequest{}, s.Sign, ctx, func(a *pluginv1.SignResponse) error {
			_, err := r.signature(ctx, a.GetSignature(), a.GetError())
			return err
		})
		asks(t, asked, &pluginv1.RevokeRequest{}, s.Revoke, ctx, func(a *pluginv1.RevokeResponse) error {
			return r.done(ctx, a.GetDone(), a.GetError())
		})
		asks(t, asked, &pluginv1.SuggestRequest{}, s.Suggest, ctx, func(a *pluginv1.SuggestResponse) error {
			_, err := r.options(ctx, a.GetOptions(), a.GetError())
			return err
		})
		asks(t, asked, &pluginv1.UpgradeRequest{}, s.Upgrade, ctx, func(a *pluginv1.UpgradeResponse) error {
			_, err := r.values(ctx, a.GetValues(), a.GetError())
			return err
		})
		if log.last != nil {
			t.Fatalf("%s", log.last)
		}
	})
}

// asks decodes a request, calls a method with it, and checks the answer.
func asks[Q, A proto.Message](t *testing.T, asked []byte, q Q, method func(context.Context, Q) (A, error), ctx context.Context, takes func(A) error) {
	t.Helper()
	if proto.Unmarshal(asked, q) != nil {
		return
	}
	a, err := method(ctx, q)
	if err != nil {
		t.Fatalf("%T: a gRPC status in the place of an answer: %v", q, err)
	}
	if _, err := proto.Marshal(a); err != nil {
		t.Fatalf("%T: the answer cannot be sent: %v", q, err)
	}
	if err := takes(a); err != nil && strings.Contains(err.Error(), "gave an answer") {
		t.Errorf("%T: the host's end refuses what the plugin's end sends: %v", q, err)
	}
}
