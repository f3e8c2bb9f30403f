// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A collector's address that cannot be is refused, and what may be a secret in it
// is not repeated.
func TestCollectorsThatCannotBe(t *testing.T) {
	for _, at := range []string{"ftp://collector", "collector:4317", "http://me:EXAMPLE-password@collector", "https://collector/?key=EXAMPLE-password", "http://"} {
		got, err := Start(t.Context(), Config{Traces: at})
		if err == nil {
			t.Errorf("%s was taken: %+v", at, got)
		} else if strings.Contains(err.Error(), "EXAMPLE-password") {
			t.Errorf("the error holds a password: %v", err)
		}
	}
}

// The standard variables are followed, and those that ask for what there is not
// are refused.
func TestStandardVariables(t *testing.T) {
	for _, test := range []struct {
		env          string
		traces, fine bool
	}{
		{"", false, true},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", true, true},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 OTEL_EXPORTER_OTLP_PROTOCOL=grpc", true, true},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 OTEL_SDK_DISABLED=true", false, true},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 OTEL_TRACES_EXPORTER=none", false, true},
		{"OTEL_TRACES_EXPORTER=zipkin", false, false},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1 OTEL_EXPORTER_OTLP_PROTOCOL=http/json", false, false},
	} {
		t.Run(test.env, func(t *testing.T) {
			for pair := range strings.FieldsSeq(test.env) {
				name, v, _ := strings.Cut(pair, "=")
				t.Setenv(name, v)
			}
			got, err := Start(t.Context(), Config{})
			if (err == nil) != test.fine || err == nil && (got.Traces != nil) != test.traces {
				t.Fatalf("%+v, %v", got, err)
			}
			if err == nil {
				end(t, got, time.Second)
			}
		})
	}
}

// end shuts down, which may take as long as is given, and a little.
func end(t *testing.T, of *Telemetry, limit time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	began := time.Now()
	of.Shutdown(ctx) // that the last traces could not be sent is an error
	if took := time.Since(began); took > limit+5*time.Second {
		t.Errorf("shutting down took %s", took)
	}
}

// A collector that is down, or takes connections and never says a word, delays
// no request and no end.
func TestNobodyWaitsForACollector(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() }) // once the parallel ones have ended, too
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	for _, at := range []string{"http://" + gone.Addr().String(), "grpc://" + gone.Addr().String(), "http://" + silent.Addr().String(), "grpc://" + silent.Addr().String()} {
		t.Run(at[:4], func(t *testing.T) {
			t.Parallel()
			of, err := Start(t.Context(), Config{Traces: at})
			if err != nil {
				t.Fatal(err)
			}
			h := of.Measure(func(*http.Request) string { return "/proxy" }, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusNoContent)
			}))
			began := time.Now()
			for range 10_000 { // more than wait to be sent at most
				w := httptest.NewRecorder()
				h.ServeHTTP(w, httptest.NewRequest("GET", "/proxy/c-1/https/service.example/secret", nil))
				if w.Code != http.StatusNoContent {
					t.Fatalf("a request was answered with %d", w.Code)
				}
			}
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("the requests took %s", took)
			}
			end(t, of, 100*time.Millisecond)
		})
	}
}

// What is counted is shown to who fetches it, by route, and without what is in a
// path.
func TestMetricsAreShown(t *testing.T) {
	of, err := Start(t.Context(), Config{Metrics: true})
	if err != nil {
		t.Fatal(err)
	}
	h := of.Measure(func(*http.Request) string { return "/proxy" }, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/proxy/c-1/https/service.example/EXAMPLE-path" || r.Header.Get("Authorization") == "" {
			t.Errorf("the handler got another request: %s", r.URL)
		}
	}))
	r := httptest.NewRequest("GET", "/proxy/c-1/https/service.example/EXAMPLE-path?EXAMPLE-query", nil)
	r.Header.Set("Authorization", "Bearer EXAMPLE-key")
	h.ServeHTTP(httptest.NewRecorder(), r)
	w := httptest.NewRecorder()
	of.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	text := w.Body.String()
	if !strings.Contains(text, `http_route="/proxy"`) || strings.Contains(text, "EXAMPLE") {
		t.Errorf("the metrics are\n%s", text)
	}
	end(t, of, time.Second)
	none, err := Start(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	w = httptest.NewRecorder()
	none.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("without metrics they are answered with %d", w.Code)
	}
}
