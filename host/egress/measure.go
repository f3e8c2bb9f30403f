// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/credhost/credhost/sdk"
)

// scope names what measures, as OpenTelemetry wants it.
const scope = "github.com/credhost/credhost/host/egress"

// A measure traces and counts what a guard sends. It is told methods, origins
// and statuses: a path may hold a token, and so may a query and a header.
type measure struct {
	on     bool
	tell   bool // services of the trace
	tracer trace.Tracer

	duration metric.Float64Histogram
	refusals metric.Int64Counter
}

// newMeasure returns what measures as c says.
func newMeasure(c Config) measure {
	m := measure{on: c.Traces != nil || c.Metrics != nil, tell: c.Propagate && c.Traces != nil}
	traces, metrics := c.Traces, c.Metrics
	if traces == nil {
		traces = tracenoop.NewTracerProvider()
	}
	if metrics == nil {
		metrics = metricnoop.NewMeterProvider()
	}
	m.tracer = traces.Tracer(scope)
	meter := metrics.Meter(scope)
	m.duration, _ = meter.Float64Histogram("credhost.egress.duration", metric.WithUnit("s"),
		metric.WithDescription("From a request to a service until the headers of its answer"))
	m.refusals, _ = meter.Int64Counter("credhost.egress.refusals", metric.WithUnit("{refusal}"),
		metric.WithDescription("Requests and connections that were not sent on, by the rule that they broke"))
	return m
}

// begin begins the span of a request to origin, and returns what ends it. Out is
// the request to send, whose headers are its own where anything is added.
func (m *measure) begin(out *http.Request, origin string) (_ *http.Request, end func(*http.Response, error)) {
	if !m.on {
		return out, func(*http.Response, error) {}
	}
	began := time.Now()
	method := methodOf(out.Method)
	ctx, span := m.tracer.Start(out.Context(), method, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(originAttributes(method, origin)...))
	out = out.WithContext(ctx)
	if m.tell {
		out.Header = out.Header.Clone()
		propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(out.Header))
	}
	return out, func(resp *http.Response, err error) {
		outcome := outcomeOf(resp, err)
		if resp != nil {
			span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
		}
		if err != nil || resp.StatusCode >= 400 { // HTTP client spans, "Status"
			span.SetAttributes(attribute.String("error.type", outcome))
			span.SetStatus(codes.Error, "")
		}
		span.End()
		m.duration.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(
			attribute.String("http.request.method", method), attribute.String("outcome", classOf(resp, outcome))))
	}
}

// methodOf is a method as it may be counted by: there are few.
func methodOf(method string) string {
	switch method {
	case "":
		return http.MethodGet
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "_OTHER"
}

func originAttributes(method, origin string) []attribute.KeyValue {
	all := []attribute.KeyValue{attribute.String("http.request.method", method)}
	u, err := url.Parse(origin)
	if err != nil {
		return all
	}
	all = append(all, attribute.String("url.scheme", u.Scheme), attribute.String("server.address", u.Hostname()))
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		port = map[string]int{"https": 443, "http": 80}[u.Scheme]
	}
	return append(all, attribute.Int("server.port", port))
}

// outcomeOf says in a word how a request went: its status, or the code of the
// error.
func outcomeOf(resp *http.Response, err error) string {
	var said *sdk.Error
	switch {
	case err == nil:
		return strconv.Itoa(resp.StatusCode)
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.As(err, &said):
		return said.Code.Error()
	}
	return "error"
}

// classOf is an outcome as it may be counted by: the class of a status.
func classOf(resp *http.Response, outcome string) string {
	if resp == nil {
		return outcome
	}
	return strconv.Itoa(resp.StatusCode/100) + "xx"
}

// The rules that are counted by.
const (
	ruleForm        = "form"        // it is no request that may be sent
	ruleDestination = "destination" // the origin is not one of the credential's
	ruleAddress     = "address"     // the address is private or special, or not encrypted, and nobody allows it
	ruleCall        = "call"        // the connection belongs to no live call
	ruleLimit       = "limit"       // there is too much of something
)

// refused counts a refusal.
func (m *measure) refused(ctx context.Context, rule string) {
	if m.on {
		m.refusals.Add(ctx, 1, metric.WithAttributes(attribute.String("rule", rule)))
	}
}

// addressRefused reports whether err is the refusal of an address that a dial met.
func addressRefused(err error) bool { return errors.Is(err, errAddress) }
