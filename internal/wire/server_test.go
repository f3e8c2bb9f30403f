// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/credhost/credhost/internal/wire/pluginv1"
	"github.com/credhost/credhost/internal/wire/testdata/sample"
	"github.com/credhost/credhost/sdk"
)

// A does plugin grants what a function says.
type does func(ctx context.Context, in sdk.Input) (sdk.Grant, error)

func (does) Schema() sdk.Schema {
	return sdk.Schema{Name: "sample", Title: "Sample", Fields: []sdk.Field{sample.Seed}}
}

func (d does) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) { return d(ctx, in) }

// What a plugin's failure says stays in the plugin: the host learns that it
// failed, and the log what kind of failure it was.
func TestFailuresKeepSecrets(t *testing.T) {
	t.Parallel()
	quoting := fmt.Errorf("the secret is %s: %w", planted, io.ErrUnexpectedEOF)
	visiting := &url.Error{Op: "Get", URL: "https://api.example.com/?key=" + planted, Err: quoting}
	for _, row := range []struct {
		name string
		does does
		code sdk.Code
		said string // to the host
		log  string
	}{
		{"panic", func(context.Context, sdk.Input) (sdk.Grant, error) { panic("the secret is " + planted) },
			sdk.Internal, "the plugin panicked", `Grant of "sample" panicked: a string`},
		{"panic with an error", func(context.Context, sdk.Input) (sdk.Grant, error) { panic(quoting) },
			sdk.Internal, "the plugin panicked", "*fmt.wrapError: *errors.errorString (unexpected EOF)"},
		{"panic with the secret as a value", func(context.Context, sdk.Input) (sdk.Grant, error) { panic(map[string]string{planted: planted}) },
			sdk.Internal, "the plugin panicked", "a map[string]string"},
		{"panic of the runtime", func(context.Context, sdk.Input) (sdk.Grant, error) { return sdk.Grant{}, []error{}[len(planted)] },
			sdk.Internal, "the plugin panicked", "index out of range [12] with length 0"},
		{"panic with an sdk error", func(context.Context, sdk.Input) (sdk.Grant, error) {
			panic(sdk.Errorf(sdk.Internal, "odd").Because(quoting))
		}, sdk.Internal, "the plugin panicked", "*sdk.Error (odd): *fmt.wrapError"},
		{"panic deep in bytes", func(context.Context, sdk.Input) (sdk.Grant, error) {
			return deepPanic([32]byte([]byte(planted + strings.Repeat("x", 32-len(planted)))))
		},
			sdk.Internal, "the plugin panicked", "wire.deepPanic"},
		{"error", func(context.Context, sdk.Input) (sdk.Grant, error) { return sdk.Grant{}, quoting },
			sdk.Internal, "the plugin failed", "*fmt.wrapError: *errors.errorString (unexpected EOF)"},
		{"error of net/http", func(context.Context, sdk.Input) (sdk.Grant, error) { return sdk.Grant{}, visiting },
			sdk.Internal, "the plugin failed", "*url.Error: *fmt.wrapError"},
		{"joined errors", func(context.Context, sdk.Input) (sdk.Grant, error) {
			return sdk.Grant{}, errors.Join(quoting, os.ErrNotExist)
		}, sdk.Internal, "the plugin failed", "*errors.joinError: *fmt.wrapError"},
		{"sdk error with a cause", func(context.Context, sdk.Input) (sdk.Grant, error) {
			return sdk.Grant{}, sdk.Errorf(sdk.Denied, "enter it again").Because(quoting)
		}, sdk.Denied, "enter it again", "*sdk.Error (enter it again): *fmt.wrapError"},
		{"sdk error inside", func(context.Context, sdk.Input) (sdk.Grant, error) {
			return sdk.Grant{}, fmt.Errorf("%s: %w", planted, sdk.Errorf(sdk.Forbidden, "ask for more"))
		}, sdk.Forbidden, "ask for more", ""},
		{"own deadline", func(context.Context, sdk.Input) (sdk.Grant, error) {
			return sdk.Grant{}, fmt.Errorf("%s: %w", planted, context.DeadlineExceeded)
		}, sdk.Unavailable, "took too long", "context.deadlineExceededError (context deadline exceeded)"},
		{"malformed grant", func(context.Context, sdk.Input) (sdk.Grant, error) {
			return sdk.Grant{Header: http.Header{"X-A": {planted + "\n"}}}, nil
		}, sdk.Internal, "what the plugin returned is malformed: header X-A", "malformed: header X-A has a value that HTTP does not allow"},
		{"grant that is not UTF-8", func(context.Context, sdk.Input) (sdk.Grant, error) {
			return sdk.Grant{Account: planted + "\xff"}, nil
		}, sdk.Internal, "what the plugin returned is malformed: the account", "the account"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c, log := serve(t, row.does)
			_, err := remoteOf(t, c).Grant(t.Context(), sdk.Input{})
			dialFailed(t, err, row.code, row.said)
			if !strings.Contains(log.String(), row.log) {
				t.Errorf("the log says %q, want %q", log, row.log)
			}
			if text := fmt.Sprintf("%v %+v %#v", err, err, err) + log.String(); strings.Contains(text, planted) || strings.Contains(text, "0x") {
				t.Errorf("the secret is in %q", text)
			}
		})
	}
}

//go:noinline
func deepPanic(key [32]byte) (sdk.Grant, error) { panic(&key) }

// A call that has ended says why, in the words of its context.
func TestContextErrors(t *testing.T) {
	t.Parallel()
	began := make(chan bool, 1)
	c, log := serve(t, does(func(ctx context.Context, _ sdk.Input) (sdk.Grant, error) {
		began <- true
		<-ctx.Done()
		return sdk.Grant{}, fmt.Errorf("interrupted: %w", ctx.Err())
	}))
	p := remoteOf(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-began
		cancel()
	}()
	if _, err := p.Grant(ctx, sdk.Input{}); err != context.Canceled {
		t.Errorf("cancelled: got %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.Grant(ctx, sdk.Input{}); err != context.DeadlineExceeded {
		t.Errorf("deadline: got %v", err)
	}
	if log.String() != "" {
		t.Errorf("the log says %q", log)
	}
}

// When the program goes in the middle of a call, the host learns that nobody
// knows what became of it.
func TestGone(t *testing.T) {
	t.Parallel()
	var s *grpc.Server
	p := NewPlugin("sample", "", does(func(ctx context.Context, _ sdk.Input) (sdk.Grant, error) {
		go s.Stop()
		<-ctx.Done()
		return sdk.Grant{}, ctx.Err()
	}))
	s = NewServer(nil)
	c := NewClient(connect(t, s, func(s *grpc.Server) { p.GRPCServer(nil, s) }))
	_, err := remoteOf(t, c).Grant(t.Context(), sdk.Input{})
	if !errors.Is(err, sdk.Unavailable) || !errors.Is(err, ErrGone) || !strings.Contains(err.Error(), `the plugin of "sample" ended`) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Describe(t.Context()); !errors.Is(err, ErrGone) {
		t.Errorf("got %v", err)
	}
}

// What is too large is refused before it is sent, by either end.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, does(func(context.Context, sdk.Input) (sdk.Grant, error) {
		values := sdk.Values{}
		for i := range 20 {
			values[fmt.Sprint("n", i)] = strings.Repeat("a", sdk.MaxAnswer)
		}
		return sdk.Grant{Values: values}, nil
	}))
	p := remoteOf(t, c)
	in := sdk.NewInput(p.Schema(), nil)
	_, err := p.Grant(t.Context(), in)
	refusedWith(t, err, sdk.Internal, "answered with more than 4 MiB")
	in.State = make([]byte, MaxMessage)
	_, err = p.Grant(t.Context(), in)
	refusedWith(t, err, sdk.Internal, "larger than 4 MiB")
	_, err = p.Grant(t.Context(), sdk.NewInput(p.Schema(), sdk.Values{"seed": "\xff"}))
	refusedWith(t, err, sdk.Internal, "not UTF-8")
}

// A type has what it says it has, whatever a host asks for.
func TestServerChecksAbilities(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, does(func(context.Context, sdk.Input) (sdk.Grant, error) { return sdk.Grant{}, nil }))
	p := c.Plugin(everything)
	for name, call := range calls {
		if err := call(t.Context(), p); name != "Grant" && (!errors.Is(err, sdk.Internal) || !strings.Contains(err.Error(), `"sample" cannot`)) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	other := everything
	other.Schema.Name = "other"
	if _, err := c.Plugin(other).Grant(t.Context(), sdk.Input{}); err == nil || !strings.Contains(err.Error(), `serves no type "other"`) {
		t.Errorf("got %v", err)
	}
	a, err := c.rpc.Grant(t.Context(), &pluginv1.GrantRequest{Type: "sample", Input: &pluginv1.Input{}})
	if err != nil || !strings.Contains(a.GetError().GetMessage(), "has no call") {
		t.Errorf("got %v, %v", a, err)
	}
}

// A call reaches the network under the ID that its host gave it, through plain
// net/http code, and its connections end with it.
func TestCallReachesNetwork(t *testing.T) {
	t.Parallel()
	InstallTransport()
	kept := make(chan net.Conn, 1)
	plugin := NewPlugin("sample", "", does(func(ctx context.Context, _ sdk.Input) (sdk.Grant, error) {
		answer, err := get(ctx, http.DefaultClient, "https://api.example.com/", "")
		if err != nil {
			return sdk.Grant{}, err
		}
		conn, err := sdk.Dial(ctx, "tcp://db.example.com:5432")
		kept <- conn
		return sdk.Grant{Account: answer["call"]}, err
	}))
	s := &service{conns: map[net.Conn]string{}}
	plugin.Egress = egress(t, s.answer)
	c := NewClient(connect(t, NewServer(nil), func(s *grpc.Server) { plugin.GRPCServer(nil, s) }))
	g, err := remoteOf(t, c).Grant(WithCall(t.Context(), callB), sdk.Input{})
	if err != nil || g.Account != callB {
		t.Fatalf("got %q, %v", g.Account, err)
	}
	conn := <-kept
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the connection of a call that is over: %v", err)
	}
}

// Without an ID of its own, a call has one that nobody knows.
func TestCallOf(t *testing.T) {
	t.Parallel()
	a, b := callOf(t.Context()), callOf(t.Context())
	if a == b || !isCall(a) || callOf(WithCall(t.Context(), callA)) != callA {
		t.Errorf("got %q and %q", a, b)
	}
}

// A description survives being kept as JSON, and is checked when it is read.
func TestDescriptionIsChecked(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, sample.Plugin{Name: "sample"}, sample.Plugin{Name: "twice"}, does(nil), sample.Plugin{Name: "twice"}, shy{}, boaster{}, frantic{}, sample.Plugin{Name: "BAD"})
	got, err := c.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{ // what each is refused for, by position
		"0": "more than one type", "1": "more than one type", "2": "more than one type", "3": "more than one type",
		"4": "", "5": "", "6": "must begin with a lower-case letter", "7": "must begin with a lower-case letter",
	}
	if got.Program != "sample" || got.Version != "1.0" || len(got.Types) != len(want) {
		t.Fatalf("got %q %q with %d types", got.Program, got.Version, len(got.Types))
	}
	for i, typ := range got.Types {
		if w := want[fmt.Sprint(i)]; w == "" && typ.Fault != "" || !strings.Contains(typ.Fault, w) {
			t.Errorf("type %d, %q: %q, want %q", i, typ.Schema.Name, typ.Fault, w)
		}
	}
	if shy, ok := got.Type("shy"); !ok || shy.Can != (sdk.Abilities{Test: true}) {
		t.Errorf("shy can %+v", shy.Can)
	}
	if _, ok := got.Type("twice"); ok {
		t.Error("a refused type is found")
	}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var back Description
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if again, err := json.Marshal(back); err != nil || string(again) != string(text) {
		t.Errorf("kept %s\nread %s, %v", text, again, err)
	}
}

// shy can less than its Go type has.
type shy struct{ sample.Plugin }

func (shy) Schema() sdk.Schema { return sample.Plugin{Name: "shy"}.Schema() }
func (shy) Can() sdk.Abilities { return sdk.Abilities{Test: true} }

// boaster says that it can more than its Go type has.
type boaster struct{ does }

func (boaster) Schema() sdk.Schema { return sample.Plugin{Name: "boaster"}.Schema() }
func (boaster) Can() sdk.Abilities { return sdk.Abilities{Sign: true} }

// frantic panics.
type frantic struct{ does }

func (frantic) Schema() sdk.Schema { panic(planted) }

// The plugin's end knows its own faults before it is asked.
func TestOwnFaults(t *testing.T) {
	t.Parallel()
	err := NewPlugin("x", "", boaster{}, frantic{}, shy{}).Description().Faults()
	if err == nil || !strings.Contains(err.Error(), "can sign, but has no such method") || !strings.Contains(err.Error(), "panicked: a string") ||
		strings.Contains(err.Error(), planted) || strings.Count(err.Error(), "\n") != 1 {
		t.Errorf("got %v", err)
	}
}

// A forged description is no better than a plugin that lies.
func TestForgedDescription(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"program":"","types":[{}]}`:                 "name must have",
		`{"program":"a\u001b","types":[{}]}`:          "name must have",
		`{"program":"a","version":"\n","types":[{}]}`: "version must have",
		`{"program":"a"}`:                             "no type",
		`[]`:                                          "not what a plugin prints",
		`{"program":"a","types":` + nested(MaxTypes+1) + `}`: "more than 1000",
	} {
		var d Description
		if err := json.Unmarshal([]byte(text), &d); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got %v, want %q", text, err, want)
		}
	}
	var d Description
	text := `{"program":"a","types":[{"schema":{"name":"bad name","title":"x"}},7,{"schema":{"name":"good","title":"Good"}},{"schema":{"name":"odd","title":"x"},"fault":"no\u001b\n"}]}`
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	if d.Types[0].Fault == "" || d.Types[1].Fault != "type 2: is not the JSON of a type" || d.Types[2].Fault != "" || d.Types[3].Fault != "no " {
		t.Errorf("got %+v", d.Types)
	}
}

func nested(n int) string { return "[" + strings.Repeat("{},", n-1) + "{}]" }

// A type that a newer plugin has is refused alone, and so is one whose schema
// is no schema.
func TestFaultyTypesAreRefusedAlone(t *testing.T) {
	t.Parallel()
	good := encodeSchema(everything.Schema)
	said := &pluginv1.DescribeResponse{Outcome: &pluginv1.DescribeResponse_Description{Description: &pluginv1.Description{
		Program: "a", Features: []string{"flying"}, Types: []*pluginv1.Type{
			{Schema: good, Abilities: []pluginv1.Ability{1, 6}},
			{Schema: []byte(`{"name":"new","title":"New"}`), Abilities: []pluginv1.Ability{7}},
			{Schema: []byte(`{"name":"none","title":"None"}`), Abilities: []pluginv1.Ability{0}},
			{Schema: []byte(`{"name":"kind","title":"Kind","fields":[{"name":"a","title":"A","kind":"hologram"}]}`)},
			{Schema: []byte(`{"name":"cut"`)},
			{},
			{Schema: make([]byte, MaxSchema+1)},
			{Schema: []byte(`{"name":"later","title":"Later","hologram":true}`)},
		}}}}
	d, err := liar(t, encoded(t, said), nil).Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", "ability that this host does not know", "ability that this host does not know", `no kind "hologram"`, "type 5", "type 6", "type 7: its schema is larger", ""} {
		if got := d.Types[i].Fault; want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("type %d: %q, want %q", i+1, got, want)
		}
	}
	for _, said := range []*pluginv1.DescribeResponse{
		{}, {Outcome: &pluginv1.DescribeResponse_Description{Description: &pluginv1.Description{}}},
		{Outcome: &pluginv1.DescribeResponse_Description{Description: &pluginv1.Description{Program: "a"}}},
		{Outcome: &pluginv1.DescribeResponse_Error{Error: &pluginv1.Error{Code: 1, Message: "nothing to serve"}}},
	} {
		if d, err := liar(t, encoded(t, said), nil).Describe(t.Context()); !errors.Is(err, sdk.Internal) {
			t.Errorf("got %v, %v", d, err)
		}
	}
}
