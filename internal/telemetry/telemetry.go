// SPDX-License-Identifier: Apache-2.0

// Package telemetry is the far side of what a host measures: OpenTelemetry's
// SDK, with metrics for Prometheus to fetch and traces for a collector.
// Libraries of this module know its API alone.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	metrics "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	traces "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Config says what is measured, and where traces go.
type Config struct {
	// Version is that of the program.
	Version string

	// Metrics has them be kept, for Handler.
	Metrics bool

	// Traces is the URL of a collector that takes OTLP: http:// and https:// for
	// OTLP over HTTP, grpc:// and grpcs:// for gRPC. Empty: what the standard
	// variables say, OTEL_EXPORTER_OTLP_ENDPOINT and its kin, or none.
	Traces string
}

// Telemetry measures until it is shut down. It is safe for concurrent use.
type Telemetry struct {
	// Traces and Metrics are for whoever is measured; nil: nobody listens.
	Traces  trace.TracerProvider
	Metrics metric.MeterProvider

	registry *prometheus.Registry
	stop     []func(context.Context) error
}

// Start starts what cfg names. A collector that is not there is no error:
// traces that it cannot take are dropped.
func Start(ctx context.Context, cfg Config) (*Telemetry, error) {
	t := &Telemetry{}
	of, err := resource.New(ctx, resource.WithTelemetrySDK(),
		resource.WithAttributes(attribute.String("service.name", "credhost"), attribute.String("service.version", cfg.Version)),
		resource.WithFromEnv())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES cannot be taken")
	}
	if cfg.Metrics {
		if err := t.startMetrics(of); err != nil {
			return nil, err
		}
	}
	out, err := collector(ctx, cfg.Traces)
	if err != nil || out == nil {
		return t, err
	}
	provider := traces.NewTracerProvider(traces.WithBatcher(out), traces.WithResource(of))
	t.Traces, t.stop = provider, append(t.stop, provider.Shutdown)
	return t, nil
}

func (t *Telemetry) startMetrics(of *resource.Resource) error {
	t.registry = prometheus.NewRegistry()
	t.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	reader, err := exporter.New(exporter.WithRegisterer(t.registry), exporter.WithoutScopeInfo())
	if err != nil {
		return err
	}
	provider := metrics.NewMeterProvider(metrics.WithReader(reader), metrics.WithResource(of))
	t.Metrics, t.stop = provider, append(t.stop, provider.Shutdown)
	return nil
}

// collector returns what sends traces to the collector that is configured; nil
// if none is.
func collector(ctx context.Context, at string) (traces.SpanExporter, error) {
	if at == "" {
		return standard(ctx)
	}
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return nil, errors.New("the collector must be a URL such as http://127.0.0.1:4318 or grpc://127.0.0.1:4317; give its headers as OTEL_EXPORTER_OTLP_HEADERS")
	}
	switch u.Scheme {
	case "http", "https":
		if strings.Trim(u.Path, "/") == "" {
			u.Path = "/v1/traces"
		}
		return otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(u.String()))
	case "grpc":
		return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(u.Host), otlptracegrpc.WithInsecure())
	case "grpcs":
		return otlptracegrpc.New(ctx, otlptracegrpc.WithEndpoint(u.Host))
	}
	return nil, errors.New("the collector's URL must begin with http://, https://, grpc:// or grpcs://")
}

// standard returns what the variables of OpenTelemetry's specification ask for.
// The exporters read the rest of them.
func standard(ctx context.Context) (traces.SpanExporter, error) {
	env := func(names ...string) string {
		for _, name := range names {
			if v := os.Getenv(name); v != "" {
				return v
			}
		}
		return ""
	}
	which := env("OTEL_TRACES_EXPORTER")
	endpoint := env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
	switch {
	case strings.EqualFold(env("OTEL_SDK_DISABLED"), "true"), which == "none", which == "" && endpoint == "":
		return nil, nil
	case which != "" && which != "otlp":
		return nil, errors.New("OTEL_TRACES_EXPORTER must be otlp or none")
	}
	switch env("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL") {
	case "grpc":
		return otlptracegrpc.New(ctx)
	case "", "http/protobuf":
		return otlptracehttp.New(ctx)
	}
	return nil, errors.New("OTEL_EXPORTER_OTLP_PROTOCOL must be grpc or http/protobuf")
}

// Handler answers with the metrics, as Prometheus reads them.
func (t *Telemetry) Handler() http.Handler {
	if t.registry == nil {
		return http.NotFoundHandler()
	}
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{Registry: t.registry, MaxRequestsInFlight: 4})
}

// Shutdown sends what has not been sent, until ctx ends.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	var errs []error
	for _, stop := range t.stop {
		errs = append(errs, stop(ctx))
	}
	return errors.Join(errs...)
}
