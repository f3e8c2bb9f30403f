// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"net/http"
	"strconv"
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
const scope = "github.com/credhost/credhost/host"

// A measure traces and counts what a host does. Spans have IDs of credentials;
// what is counted by has none: there are too many, and whose they are is
// nobody's business.
type measure struct {
	on     bool // something is traced or counted
	traced bool
	tracer trace.Tracer

	renewals metric.Float64Histogram
	requests metric.Int64Counter
	refusals metric.Int64Counter
	warnings metric.Int64Counter
	store    metric.Float64Histogram
	sealer   metric.Float64Histogram

	stop func()
}

// newMeasure returns what measures h.
func newMeasure(h *Host) measure {
	traces, metrics := h.cfg.Traces, h.cfg.Metrics
	m := measure{on: traces != nil || metrics != nil, traced: traces != nil, stop: func() {}}
	if traces == nil {
		traces = tracenoop.NewTracerProvider()
	}
	if metrics == nil {
		metrics = metricnoop.NewMeterProvider()
	}
	m.tracer = traces.Tracer(scope)
	meter := metrics.Meter(scope)
	m.renewals, _ = meter.Float64Histogram("credhost.renewal.duration", metric.WithUnit("s"),
		metric.WithDescription("Grants that were asked of plugins, the first ones and renewals"))
	m.requests, _ = meter.Int64Counter("credhost.requests", metric.WithUnit("{request}"),
		metric.WithDescription("Requests that were sent with a credential, by the class of their status"))
	m.refusals, _ = meter.Int64Counter("credhost.refusals", metric.WithUnit("{refusal}"),
		metric.WithDescription("Requests that were not sent with a credential, by the rule that they broke"))
	m.warnings, _ = meter.Int64Counter("credhost.warnings", metric.WithUnit("{warning}"),
		metric.WithDescription("Credentials about which a person should do something"))
	m.store, _ = meter.Float64Histogram("credhost.store.duration", metric.WithUnit("s"),
		metric.WithDescription("Calls of the store"))
	m.sealer, _ = meter.Float64Histogram("credhost.sealer.duration", metric.WithUnit("s"),
		metric.WithDescription("Calls of the sealer"))
	if h.cfg.Metrics != nil {
		m.observe(h, meter)
	}
	return m
}

// observe has meter look at h each time that somebody asks it.
func (m *measure) observe(h *Host, meter metric.Meter) {
	grants, err := meter.Int64ObservableGauge("credhost.grants", metric.WithUnit("{grant}"),
		metric.WithDescription("Grants that are held in memory"))
	lag, err2 := meter.Float64ObservableGauge("credhost.store.lag", metric.WithUnit("s"),
		metric.WithDescription("Since the store's changes were last read; from 30 s on, nothing is served from memory"))
	if err = errors.Join(err, err2); err != nil {
		h.log.Warn("grants are not counted", "err", err)
		return
	}
	reg, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		for typ, n := range h.held() {
			o.ObserveInt64(grants, n, metric.WithAttributes(attribute.String("type", typ)))
		}
		if seen := h.seen.Load(); seen != 0 {
			o.ObserveFloat64(lag, max(0, time.Duration(h.now().UnixNano()-seen).Seconds()))
		}
		return nil
	}, grants, lag)
	if err != nil {
		h.log.Warn("grants are not counted", "err", err)
		return
	}
	m.stop = func() { reg.Unregister() }
}

// held counts the grants in memory, by type.
func (h *Host) held() map[string]int64 {
	counts := map[string]int64{}
	h.workspaces.Range(func(_, v any) bool {
		v.(*Workspace).entries.Range(func(_, v any) bool {
			if l := v.(*entry).live.Load(); l != nil {
				counts[l.typ]++
			}
			return true
		})
		return true
	})
	return counts
}

// span begins the span of something that is done to a credential, and returns
// what ends it.
func (w *Workspace) span(ctx context.Context, name, credential string, opts ...trace.SpanStartOption) (context.Context, func(error)) {
	m := &w.h.measure
	if !m.traced {
		return ctx, func(error) {}
	}
	about := []attribute.KeyValue{attribute.String("credhost.workspace", w.name)}
	if credential != "" {
		about = append(about, attribute.String("credhost.credential", credential))
	}
	if from := SourceOf(ctx); from.Request != "" {
		about = append(about, attribute.String("credhost.request", from.Request))
	}
	ctx, span := m.tracer.Start(ctx, name, append(opts, trace.WithAttributes(about...))...)
	return ctx, func(err error) {
		if err != nil {
			span.SetAttributes(attribute.String("error.type", outcome(err)))
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

// on returns the host's own context, with the trace and the source of ctx: for
// work that others wait for, too, and that outlives a caller.
func (h *Host) on(ctx context.Context) context.Context {
	own := h.ctx
	if s, ok := ctx.Value(sourceKey{}).(Source); ok {
		own = WithSource(own, s)
	}
	if at := trace.SpanContextFromContext(ctx); at.IsValid() {
		own = trace.ContextWithSpanContext(own, at)
	}
	return own
}

// after returns how the span begins of the work for n that ctx does: as part of
// a caller's trace, or as one of its own that points to where the grant comes
// from which will not do any more.
func (n need) after(ctx context.Context) []trace.SpanStartOption {
	if n.old == nil || !n.old.made.IsValid() || trace.SpanContextFromContext(ctx).IsValid() {
		return nil
	}
	return []trace.SpanStartOption{trace.WithLinks(trace.Link{SpanContext: n.old.made})}
}

// renewal begins to measure a grant that is asked of a plugin, and returns what
// ends that.
func (m *measure) renewal(typ string) (end func(context.Context, error)) {
	if !m.on {
		return func(context.Context, error) {}
	}
	began := time.Now()
	return func(ctx context.Context, err error) {
		m.renewals.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(attribute.String("type", typ), attribute.String("outcome", outcome(err))))
	}
}

// sent counts a request that was sent with a credential.
func (m *measure) sent(ctx context.Context, typ string, resp *http.Response, err error) {
	if !m.on {
		return
	}
	result := outcome(err)
	if err == nil {
		result = strconv.Itoa(resp.StatusCode/100) + "xx"
	} else if ctx.Err() != nil {
		result = "canceled"
	}
	m.requests.Add(ctx, 1, metric.WithAttributes(attribute.String("type", typ), attribute.String("outcome", result)))
}

// refused counts a request that was not sent, by its rule: "form" for one that
// is not what it seems, "origin" for one to where the credential may not go.
func (m *measure) refused(ctx context.Context, rule string) {
	if m.on {
		m.refusals.Add(ctx, 1, metric.WithAttributes(attribute.String("rule", rule)))
	}
}

// warned counts a warning.
func (m *measure) warned(ctx context.Context, w Warning) {
	if m.on {
		m.warnings.Add(ctx, 1, metric.WithAttributes(attribute.String("type", w.Type), attribute.String("kind", string(w.Kind))))
	}
}

// A timed is a store and a sealer whose calls are measured.
type timed struct {
	Store
	sealer Sealer
	m      *measure
}

// took records a call that began at a moment and ended now.
func (t timed) took(ctx context.Context, in metric.Float64Histogram, op string, began time.Time, err error) {
	result := outcome(err)
	switch {
	case errors.Is(err, ErrLeased):
		result = "leased"
	case errors.Is(err, ErrBehind):
		result = "behind"
	case errors.Is(err, context.Canceled):
		result = "canceled"
	}
	var said *sdk.Error
	if errors.As(err, &said) && in == t.m.store {
		result = "error"
	}
	in.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(attribute.String("operation", op), attribute.String("outcome", result)))
}

// Metrics returns [Config.Metrics], for what is built around a host; nil: nobody
// counts.
func (h *Host) Metrics() metric.MeterProvider { return h.cfg.Metrics }
