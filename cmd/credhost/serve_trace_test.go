// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"context"
	"encoding/hex"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"

	collecting "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracing "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/prototext"

	"github.com/credhost/credhost/internal/standin"
)

// A collector takes traces by OTLP over gRPC.
type collector struct {
	collecting.UnimplementedTraceServiceServer

	mu    sync.Mutex
	spans []*tracing.Span
	text  strings.Builder // all that was sent
}

// Export implements [collecting.TraceServiceServer].
func (c *collector) Export(_ context.Context, r *collecting.ExportTraceServiceRequest) (*collecting.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, of := range r.ResourceSpans {
		for _, scope := range of.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
		}
	}
	c.text.WriteString(prototext.Format(r))
	return &collecting.ExportTraceServiceResponse{}, nil
}

// newCollector starts one, and returns its URL.
func newCollector(t *testing.T) (*collector, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, server := &collector{}, grpc.NewServer()
	collecting.RegisterTraceServiceServer(server, c)
	go server.Serve(l)
	t.Cleanup(server.Stop)
	return c, "grpc://" + l.Addr().String()
}

// below returns the ID of the only span of a trace with a name below another.
func (c *collector) below(t *testing.T, trace, parent, name string) string {
	t.Helper()
	var found []string
	for _, s := range c.spans {
		if s.Name == name && hex.EncodeToString(s.TraceId) == trace && hex.EncodeToString(s.ParentSpanId) == parent {
			found = append(found, hex.EncodeToString(s.SpanId))
		}
	}
	if len(found) != 1 {
		t.Fatalf("there are %d spans %q below %s:\n%s", len(found), name, parent, c.text.String())
	}
	return found[0]
}

// One trace leads from the caller through the server and the plugin to the
// service, and no part of it holds a secret, a path or a query.
func TestServeTraces(t *testing.T) {
	t.Parallel()
	c, at := newCollector(t)
	var mu sync.Mutex
	told := map[string]string{} // the traceparent that came, by path
	service := standin.NewHalo(standin.HaloConfig{Behaviour: standin.HaloBehaviour{OnPremise: true}})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		told[r.URL.Path] = r.Header.Get("Traceparent")
		mu.Unlock()
		service.ServeHTTP(w, r)
	}))
	defer srv.Close()
	s := startServing(t, newData(t), []string{"CREDHOST_TRACES=" + at, "CREDHOST_ALLOW_ADDRESS=127.0.0.0/8"}, "--listen", "127.0.0.1:0")
	key := run(t, s.data, "keys", "create", "--scope", "read,write,use")
	_, made := s.call(key, "POST", "/v1/credentials", haloAnswers(srv.URL))
	id, _ := made["id"].(string)
	const trace, caller = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	r, err := http.NewRequest(http.MethodGet, s.said.URL+proxied(id, srv.URL+"/api/tickets?secretive=query-4711"), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Traceparent", "00-"+trace+"-"+caller+"-01")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the request was answered with %s", resp.Status)
	}
	s.end(syscall.SIGTERM) // what has not been sent is sent now
	c.mu.Lock()
	defer c.mu.Unlock()
	entry := c.below(t, trace, caller, "GET /proxy")
	grant := c.below(t, trace, c.below(t, trace, entry, "credential.grant"), "plugin Grant")
	c.below(t, trace, grant, "plugin start")
	for path, span := range map[string]string{"/auth/token": c.below(t, trace, grant, "POST"), "/api/tickets": c.below(t, trace, entry, "GET")} {
		if want := "00-" + trace + "-" + span + "-01"; told[path] != want {
			t.Errorf("at %s the service was told %q, not %q", path, told[path], want)
		}
	}
	for _, leak := range nest().Search("the traces", []byte(c.text.String())) {
		t.Error(leak)
	}
	for _, secret := range []string{key, "secretive", "query-4711", "/api/tickets"} {
		if strings.Contains(c.text.String(), secret) {
			t.Errorf("the traces hold %q", secret)
		}
	}
}
