// SPDX-License-Identifier: Apache-2.0

package observed_test

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	api "go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// A made is a provider that remembers what instruments it was asked for.
type made struct {
	api.MeterProvider
	mu    sync.Mutex
	kinds map[string]string // by name: the kind and the unit
}

func newMade() *made { return &made{kinds: map[string]string{}} }

// all returns what was made.
func (m *made) all() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.kinds)
}

// Meter implements [api.MeterProvider].
func (m *made) Meter(name string, opts ...api.MeterOption) api.Meter {
	return meter{m.MeterProvider.Meter(name, opts...), m}
}

type meter struct {
	api.Meter
	made *made
}

func (m meter) note(name, kind, unit, text string) {
	m.made.mu.Lock()
	defer m.made.mu.Unlock()
	if text == "" {
		kind = "undescribed " + kind
	}
	m.made.kinds[name] = kind + " " + unit
}

func (m meter) Int64Counter(name string, opts ...api.Int64CounterOption) (api.Int64Counter, error) {
	c := api.NewInt64CounterConfig(opts...)
	m.note(name, "counter", c.Unit(), c.Description())
	return m.Meter.Int64Counter(name, opts...)
}

func (m meter) Int64UpDownCounter(name string, opts ...api.Int64UpDownCounterOption) (api.Int64UpDownCounter, error) {
	c := api.NewInt64UpDownCounterConfig(opts...)
	m.note(name, "sum", c.Unit(), c.Description())
	return m.Meter.Int64UpDownCounter(name, opts...)
}

func (m meter) Float64Histogram(name string, opts ...api.Float64HistogramOption) (api.Float64Histogram, error) {
	c := api.NewFloat64HistogramConfig(opts...)
	m.note(name, "histogram", c.Unit(), c.Description())
	return m.Meter.Float64Histogram(name, opts...)
}

func (m meter) Int64ObservableGauge(name string, opts ...api.Int64ObservableGaugeOption) (api.Int64ObservableGauge, error) {
	c := api.NewInt64ObservableGaugeConfig(opts...)
	m.note(name, "gauge", c.Unit(), c.Description())
	return m.Meter.Int64ObservableGauge(name, opts...)
}

func (m meter) Float64ObservableGauge(name string, opts ...api.Float64ObservableGaugeOption) (api.Float64ObservableGauge, error) {
	c := api.NewFloat64ObservableGaugeConfig(opts...)
	m.note(name, "gauge", c.Unit(), c.Description())
	return m.Meter.Float64ObservableGauge(name, opts...)
}

// A counted is what is counted under one name: by which attributes, and the
// values that these have.
type counted struct {
	keys   string
	values []string
}

// collect returns what was counted.
func (g *gauge) collect() map[string]counted {
	g.t.Helper()
	var data metricdata.ResourceMetrics
	if err := g.reader.Collect(g.t.Context(), &data); err != nil {
		g.t.Fatal(err)
	}
	all := map[string]counted{}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			var keys, values []string
			for _, set := range setsOf(m.Data) {
				for _, a := range set.ToSlice() {
					keys, values = append(keys, string(a.Key)), append(values, a.Value.String())
				}
			}
			slices.Sort(keys)
			all[m.Name] = counted{strings.Join(slices.Compact(keys), ","), values}
		}
	}
	return all
}

func setsOf(data metricdata.Aggregation) (sets []attribute.Set) {
	switch d := data.(type) {
	case metricdata.Gauge[int64]:
		for _, p := range d.DataPoints {
			sets = append(sets, p.Attributes)
		}
	case metricdata.Gauge[float64]:
		for _, p := range d.DataPoints {
			sets = append(sets, p.Attributes)
		}
	case metricdata.Sum[int64]:
		for _, p := range d.DataPoints {
			sets = append(sets, p.Attributes)
		}
	case metricdata.Histogram[float64]:
		for _, p := range d.DataPoints {
			sets = append(sets, p.Attributes)
		}
	}
	return sets
}
