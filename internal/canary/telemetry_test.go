// SPDX-License-Identifier: Apache-2.0

//go:build unix

package canary_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/events"
)

// A gauge is what an engine's host is measured with.
type gauge struct {
	spans  *tracetest.InMemoryExporter
	traces *trace.TracerProvider
	reader *metric.ManualReader
	counts *metric.MeterProvider

	feed   *events.Feed
	events *events.Events
}

// gaugeOf has everything that a host measures, and all that happens, be kept.
func gaugeOf(cfg *host.Config) *gauge {
	g := &gauge{spans: tracetest.NewInMemoryExporter(), reader: metric.NewManualReader()}
	g.traces = trace.NewTracerProvider(trace.WithSyncer(g.spans))
	g.counts = metric.NewMeterProvider(metric.WithReader(g.reader))
	cfg.Traces, cfg.Metrics, cfg.Propagate = g.traces, g.counts, true
	g.feed = events.Listen(cfg)
	return g
}

// open has what happened be kept, and told to those who ask.
func (g *gauge) open(ctx context.Context, h *host.Host, a *access.Access) (err error) {
	g.events, err = events.Open(ctx, events.Config{Host: h, Feed: g.feed, Access: a,
		Egress: egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
	return err
}

// write writes down what was measured, and what has happened.
func (g *gauge) write(ctx context.Context, e *engine) error {
	for _, s := range g.spans.GetSpans() {
		text, err := json.Marshal(s)
		e.write("traces", "%s %v\n%+v", text, err, s)
	}
	var counted metricdata.ResourceMetrics
	err := g.reader.Collect(ctx, &counted)
	text, _ := json.Marshal(counted)
	e.write("metrics", "%s\n%+v", text, counted)
	after := ""
	for {
		some, read := g.events.Since(ctx, "acme", after, 0)
		if read != nil || len(some) == 0 {
			return errors.Join(err, read)
		}
		for _, ev := range some {
			e.result("events", ev)
		}
		after = some[len(some)-1].ID
	}
}
