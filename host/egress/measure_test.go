// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/credhost/credhost/host/egress"
)

// TestMeasured is about what is counted and traced of requests: where they go
// is in spans, and nothing of what they carry is anywhere.
func TestMeasured(t *testing.T) {
	var told string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		told = r.Header.Get("Traceparent")
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "hello")
	})
	spans, reader := tracetest.NewInMemoryExporter(), metric.NewManualReader()
	g := egress.New(egress.Config{
		Allow:  []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Traces: sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)), Metrics: metric.NewMeterProvider(metric.WithReader(reader)), Propagate: true,
	})
	defer g.Close()
	send := func(method, to string, origins ...string) {
		ctx := t.Context()
		if origins != nil {
			ctx = egress.WithPolicy(ctx, egress.Policy{Origins: origins})
		}
		r, err := http.NewRequestWithContext(ctx, method, to+"/secretive-path?secretive-query", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Traceparent", "the caller's own")
		r.Header.Set("Authorization", "secretive-header")
		if resp, err := g.RoundTrip(r); err == nil {
			resp.Body.Close()
		}
		if got := r.Header.Get("Traceparent"); got != "the caller's own" {
			t.Errorf("the caller's request was changed: %q", got)
		}
	}
	send("PROPFIND", url)
	all := spans.GetSpans()
	if len(all) != 1 || all[0].Name != "_OTHER" || told != "00-"+all[0].SpanContext.TraceID().String()+"-"+all[0].SpanContext.SpanID().String()+"-01" {
		t.Errorf("%v, and the service was told %q", all, told)
	}
	for _, a := range all[0].Attributes {
		if strings.Contains(a.Value.String(), "secretive") {
			t.Errorf("%v", a)
		}
	}
	send("GET", "https://10.0.0.1")
	send("GET", "https://169.254.169.254")
	send("GET", "https://[::1]")
	send("GET", url, "https://elsewhere.example")
	send("GET", "ftp://127.0.0.1")
	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	refusals, classes := map[string]int64{}, map[string]uint64{}
	for _, m := range data.ScopeMetrics[0].Metrics {
		switch d := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range d.DataPoints {
				rule, _ := p.Attributes.Value("rule")
				refusals[rule.AsString()] += p.Value
			}
		case metricdata.Histogram[float64]:
			for _, p := range d.DataPoints {
				outcome, _ := p.Attributes.Value("outcome")
				classes[outcome.AsString()] += p.Count
			}
		}
	}
	if refusals["address"] != 3 || refusals["destination"] != 1 || refusals["form"] != 1 || len(refusals) != 3 {
		t.Errorf("refusals: %v", refusals)
	}
	if classes["4xx"] != 1 || len(classes) != 1 {
		t.Errorf("requests: %v", classes)
	}
}
