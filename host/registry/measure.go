// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/credhost/credhost/sdk"
)

// scope names what measures, as OpenTelemetry wants it.
const scope = "github.com/credhost/credhost/host/registry"

// A measure traces and counts calls of plugins, and what becomes of their
// processes.
type measure struct {
	on     bool
	tracer trace.Tracer

	calls       metric.Float64Histogram
	starts      metric.Float64Histogram
	crashes     metric.Int64Counter
	restarts    metric.Int64Counter
	quarantines metric.Int64Counter
}

// newMeasure returns what measures as c says.
func newMeasure(c Config) measure {
	traces, metrics := c.Traces, c.Metrics
	if traces == nil {
		traces = tracenoop.NewTracerProvider()
	}
	if metrics == nil {
		metrics = metricnoop.NewMeterProvider()
	}
	m := measure{on: c.Traces != nil || c.Metrics != nil, tracer: traces.Tracer(scope)}
	meter := metrics.Meter(scope)
	m.calls, _ = meter.Float64Histogram("credhost.plugin.call.duration", metric.WithUnit("s"),
		metric.WithDescription("Calls of plugins, with what they ask services and with the start of a process where there was none"))
	m.starts, _ = meter.Float64Histogram("credhost.plugin.start.duration", metric.WithUnit("s"),
		metric.WithDescription("Starts of plugin processes, until they have described themselves"))
	m.crashes, _ = meter.Int64Counter("credhost.plugin.crashes", metric.WithUnit("{crash}"),
		metric.WithDescription("Plugin processes that died, or did not start"))
	m.restarts, _ = meter.Int64Counter("credhost.plugin.restarts", metric.WithUnit("{restart}"),
		metric.WithDescription("Plugin processes that were started again after a crash"))
	m.quarantines, _ = meter.Int64Counter("credhost.plugin.quarantines", metric.WithUnit("{quarantine}"),
		metric.WithDescription("Plugins that crashed too often and were put into quarantine, in one workspace"))
	return m
}

// watchProcesses counts the processes each time that somebody looks, until stop
// is called.
func (r *Registry) watchProcesses(metrics metric.MeterProvider) (stop func()) {
	if metrics == nil {
		return func() {}
	}
	meter := metrics.Meter(scope)
	processes, err := meter.Int64ObservableGauge("credhost.plugin.processes", metric.WithUnit("{process}"),
		metric.WithDescription("Plugin processes that run"))
	if err != nil {
		r.log.Warn("plugin processes are not counted", "err", err)
		return func() {}
	}
	reg, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		counts := map[string]int64{}
		for _, s := range r.slotsOf("") {
			counts[s.name] += s.processes()
		}
		for name, n := range counts {
			o.ObserveInt64(processes, n, metric.WithAttributes(attribute.String("plugin", name)))
		}
		return nil
	}, processes)
	if err != nil {
		r.log.Warn("plugin processes are not counted", "err", err)
		return func() {}
	}
	return func() { reg.Unregister() }
}

// processes is how many processes the slot has.
func (s *slot) processes() (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil && !s.process.ended() {
		n++
	}
	return n + int64(len(s.retired))
}

// begin begins the span of a call, and returns what ends it.
func (m *measure) begin(ctx context.Context, plugin, typ, method string) (_ context.Context, end func(error)) {
	if !m.on {
		return ctx, func(error) {}
	}
	began := time.Now()
	ctx, span := m.tracer.Start(ctx, "plugin "+method, trace.WithSpanKind(trace.SpanKindInternal), trace.WithAttributes(
		attribute.String("credhost.plugin", plugin), attribute.String("credhost.type", typ), attribute.String("credhost.method", method)))
	return ctx, func(err error) {
		outcome := outcomeOf(err)
		if err != nil {
			span.SetAttributes(attribute.String("error.type", outcome))
			span.SetStatus(codes.Error, "")
		}
		span.End()
		m.calls.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(
			attribute.String("plugin", plugin), attribute.String("method", method), attribute.String("outcome", outcome)))
	}
}

// start begins the span of a process's start, as a part of the call for which it
// is started, and returns what ends it.
func (m *measure) start(ctx context.Context, plugin string) (end func(error)) {
	if !m.on {
		return func(error) {}
	}
	began := time.Now()
	ctx, span := m.tracer.Start(ctx, "plugin start", trace.WithAttributes(attribute.String("credhost.plugin", plugin)))
	return func(err error) {
		outcome := outcomeOf(err)
		if err != nil {
			span.SetAttributes(attribute.String("error.type", outcome))
			span.SetStatus(codes.Error, "")
		}
		span.End()
		m.starts.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(attribute.String("plugin", plugin), attribute.String("outcome", outcome)))
	}
}

// count counts what became of a plugin.
func (m *measure) count(c metric.Int64Counter, plugin string) {
	if m.on {
		c.Add(context.Background(), 1, metric.WithAttributes(attribute.String("plugin", plugin)))
	}
}

// attempted notes on the span of a call that it is made, and in which process.
func attempted(ctx context.Context, p *process) {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		span.AddEvent("called", trace.WithAttributes(attribute.String("process.pid", p.child.ID())))
	}
}

// outcomeOf says in a word how a call went. The plugin's own words stay out.
func outcomeOf(err error) string {
	var said *sdk.Error
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrDied):
		return "died"
	case errors.As(err, &said):
		return said.Code.Error()
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "error"
}
