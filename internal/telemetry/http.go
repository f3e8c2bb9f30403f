// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"net/http"
	"net/url"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// Measure has requests be measured: each is a span, which goes on with the
// caller's trace if it has one (W3C Trace Context). Route names the kind of a
// request, of which there must be few; empty: it is not measured.
//
// What is measured is shown an outline of the request alone: no path but the
// route, no query, and of the headers those of the trace and User-Agent. The
// path of a proxied request is the service's, and may hold a secret.
func (t *Telemetry) Measure(route func(*http.Request) string, h http.Handler) http.Handler {
	if t.Traces == nil && t.Metrics == nil {
		return h
	}
	var spans trace.TracerProvider = tracenoop.NewTracerProvider()
	if t.Traces != nil {
		spans = t.Traces
	}
	var meters metric.MeterProvider = metricnoop.NewMeterProvider()
	if t.Metrics != nil {
		meters = t.Metrics
	}
	inner := http.HandlerFunc(func(w http.ResponseWriter, outline *http.Request) {
		ctx := outline.Context()
		whole := ctx.Value(wholeKey{}).(*http.Request)
		if labels, ok := otelhttp.LabelerFromContext(ctx); ok {
			labels.Add(attribute.String("http.route", outline.URL.Path))
		}
		r := whole.WithContext(ctx)
		r.Body = outline.Body
		h.ServeHTTP(w, r)
	})
	measured := otelhttp.NewHandler(inner, "", otelhttp.WithTracerProvider(spans), otelhttp.WithMeterProvider(meters),
		otelhttp.WithPropagators(propagation.TraceContext{}), otelhttp.WithServerName("credhost"),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method + " " + r.URL.Path }))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at := route(r)
		if at == "" {
			h.ServeHTTP(w, r)
			return
		}
		outline := r.WithContext(context.WithValue(r.Context(), wholeKey{}, r))
		outline.URL, outline.RequestURI, outline.Host = &url.URL{Path: at}, at, "credhost"
		outline.Header = http.Header{}
		for _, name := range []string{"Traceparent", "Tracestate", "User-Agent"} {
			if v, ok := r.Header[name]; ok {
				outline.Header[name] = v
			}
		}
		measured.ServeHTTP(w, outline)
	})
}

type wholeKey struct{}
