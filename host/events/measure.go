// SPDX-License-Identifier: Apache-2.0

package events

import (
	"context"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
)

// A measure counts events, and what becomes of them. It does not count by
// workspace, webhook or address.
type measure struct {
	published metric.Int64Counter
	lost      metric.Int64Counter
	streams   metric.Int64UpDownCounter
	attempts  metric.Float64Histogram
	givenUp   metric.Int64Counter
}

// newMeasure returns what counts for p; nil: nobody does.
func newMeasure(p metric.MeterProvider) (m measure) {
	if p == nil {
		p = noop.NewMeterProvider()
	}
	meter := p.Meter("github.com/credhost/credhost/host/events")
	m.published, _ = meter.Int64Counter("credhost.events", metric.WithUnit("{event}"),
		metric.WithDescription("Events that this host has written"))
	m.lost, _ = meter.Int64Counter("credhost.events.lost", metric.WithUnit("{event}"),
		metric.WithDescription("Events that could not be written"))
	m.streams, _ = meter.Int64UpDownCounter("credhost.event.streams", metric.WithUnit("{stream}"),
		metric.WithDescription("Streams of events that are open"))
	m.attempts, _ = meter.Float64Histogram("credhost.webhook.duration", metric.WithUnit("s"),
		metric.WithDescription("Attempts to deliver an event to a webhook"))
	m.givenUp, _ = meter.Int64Counter("credhost.webhook.disabled", metric.WithUnit("{webhook}"),
		metric.WithDescription("Webhooks that have failed for too long and were given up"))
	return m
}

// wrote counts events that were written, or not.
func (m *measure) wrote(ctx context.Context, some []*waiter, err error) {
	counts := map[Type]int64{}
	for _, w := range some {
		counts[w.ev.Type]++
	}
	in := m.published
	if err != nil {
		in = m.lost
	}
	for t, n := range counts {
		in.Add(ctx, n, metric.WithAttributes(attribute.String("event", string(t))))
	}
}

// attempted counts an attempt.
func (m *measure) attempted(ctx context.Context, a answer) {
	outcome := "unreachable"
	if a.status != 0 {
		outcome = strconv.Itoa(a.status/100) + "xx"
	}
	m.attempts.Record(ctx, a.took.Seconds(), metric.WithAttributes(attribute.String("outcome", outcome)))
}
