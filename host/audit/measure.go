// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// A measure counts how a trail is written.
type measure struct {
	writes metric.Float64Histogram
	stop   func()
}

// newMeasure returns what counts for t, where its configuration says; nil:
// nowhere.
func newMeasure(t *Trail) measure {
	m := measure{stop: func() {}}
	var p metric.MeterProvider = noop.NewMeterProvider()
	if t.cfg.Metrics != nil {
		p = t.cfg.Metrics
	}
	meter := p.Meter("github.com/credhost/credhost/host/audit")
	m.writes, _ = meter.Float64Histogram("credhost.audit.duration", metric.WithUnit("s"),
		metric.WithDescription("Writes of entries to the audit trail, several at once"))
	backlog, err := meter.Int64ObservableGauge("credhost.audit.backlog", metric.WithUnit("{entry}"),
		metric.WithDescription("Entries that are not in the audit trail yet, uses that are being counted among them"))
	if err == nil {
		reg, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
			t.mu.Lock()
			n := len(t.waiting)
			t.mu.Unlock()
			o.ObserveInt64(backlog, int64(n)+int64(t.uses.unwritten()))
			return nil
		}, backlog)
		if err == nil {
			m.stop = func() { reg.Unregister() }
		}
	}
	return m
}

// wrote records a write that began at a moment and ended now.
func (m *measure) wrote(ctx context.Context, began time.Time, err error) {
	outcome := "ok"
	if err != nil {
		outcome = "error"
	}
	m.writes.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(attribute.String("outcome", outcome)))
}
