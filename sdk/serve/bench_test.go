// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"context"
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/credhost/credhost/internal/wire"
	"github.com/credhost/credhost/internal/wire/testdata/sample"
	"github.com/credhost/credhost/sdk"
)

// The sizes of what BenchmarkSign sends and gets, as they are encoded.
const signBytes, signatureBytes = 326, 96

// BenchmarkSign compares a signature for a request to AWS with a call of the
// same size of the least plugin that go-plugin can make. They take turns, so
// that both meet the same machine.
func BenchmarkSign(b *testing.B) {
	conn := startBare(b)
	s := start(b, "GOMAXPROCS=1") // as hosts do
	p := s.remote(b, "signer").(sdk.Signer)
	in, g, r := signing()
	ctx := wire.WithCall(b.Context(), "3RZ7QK5YV0T8M2XJWBD4NCFGAE")
	q := wrapperspb.Bytes(make([]byte, signBytes))
	var ours, theirs []time.Duration
	for b.Loop() {
		begun := time.Now()
		if _, err := p.Sign(ctx, in, g, r); err != nil {
			b.Fatal(err)
		}
		between := time.Now()
		if err := conn.Invoke(b.Context(), "/bare/Call", q, new(wrapperspb.BytesValue)); err != nil {
			b.Fatal(err)
		}
		ours, theirs = append(ours, between.Sub(begun)), append(theirs, time.Since(between))
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	o, t := ours[len(ours)/2], theirs[len(theirs)/2]
	b.ReportMetric(float64(o), "ns/call")
	b.ReportMetric(float64(t), "bare-ns/call")
	b.ReportMetric(float64(o)/float64(t), "ratio")
	b.ReportMetric(0, "ns/op")
}

// signing returns what is needed to sign a request to AWS.
func signing() (sdk.Input, sdk.Grant, sdk.Request) {
	in := sdk.NewInput(sample.Plugin{}.Schema(), sdk.Values{"seed": "1", "secret": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "note": "us-east-1"})
	g := sdk.Grant{Sign: sdk.SignURL | sdk.SignHeader | sdk.SignSHA256}
	return in, g, sdk.Request{
		Method: http.MethodGet, URL: "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
		Header: http.Header{"Host": {"iam.amazonaws.com"}, "Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"*/*"}},
		SHA256: make([]byte, 32),
	}
}

// startBare starts the bare program, and returns a connection to it.
func startBare(b *testing.B) grpc.ClientConnInterface {
	cmd := exec.Command(executable(b, "bare"))
	cmd.Env = []string{"SIZE=" + strconv.Itoa(signatureBytes)}
	var conn kept
	c := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  goplugin.HandshakeConfig{ProtocolVersion: 1, MagicCookieKey: "BARE", MagicCookieValue: "bare"},
		Plugins:          goplugin.PluginSet{"bare": &conn},
		Cmd:              cmd,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		Logger:           hclog.NewNullLogger(),
	})
	b.Cleanup(c.Kill)
	dispenser, err := c.Client()
	if err != nil {
		b.Fatal(err)
	}
	if _, err := dispenser.Dispense("bare"); err != nil {
		b.Fatal(err)
	}
	return conn.ClientConnInterface
}

// kept keeps the connection that go-plugin makes.
type kept struct {
	goplugin.NetRPCUnsupportedPlugin
	grpc.ClientConnInterface
}

func (*kept) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error { return nil }

func (k *kept) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	k.ClientConnInterface = conn
	return k, nil
}
