// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// TraceLogs returns a handler that adds to each record which trace, span and
// request it belongs to, if the context says so and the record does not: "trace"
// and "span" in hexadecimal, and "request" as of [Source]. They stand at the
// top, whatever groups a logger has. Wrap the handler of [Config.Logger] in it.
func TraceLogs(h slog.Handler) slog.Handler { return traceLogs{top: h, h: h} }

// A traceLogs remembers what was done to the logger, since what it adds must
// come before any group.
type traceLogs struct {
	top  slog.Handler
	h    slog.Handler // top, with what was done
	done []func(slog.Handler) slog.Handler
}

// Enabled implements [slog.Handler].
func (l traceLogs) Enabled(ctx context.Context, level slog.Level) bool {
	return l.h.Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (l traceLogs) Handle(ctx context.Context, r slog.Record) error {
	has := map[string]bool{}
	r.Attrs(func(a slog.Attr) bool { has[a.Key] = true; return true })
	var own []slog.Attr
	if at := trace.SpanContextFromContext(ctx); at.IsValid() && !has["trace"] {
		own = append(own, slog.String("trace", at.TraceID().String()), slog.String("span", at.SpanID().String()))
	}
	if from := SourceOf(ctx); from.Request != "" && !has["request"] {
		own = append(own, slog.String("request", from.Request))
	}
	if own == nil {
		return l.h.Handle(ctx, r)
	}
	if len(l.done) == 0 {
		r = r.Clone()
		r.AddAttrs(own...)
		return l.h.Handle(ctx, r)
	}
	h := l.top.WithAttrs(own)
	for _, again := range l.done {
		h = again(h)
	}
	return h.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (l traceLogs) WithAttrs(attrs []slog.Attr) slog.Handler {
	return l.with(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

// WithGroup implements [slog.Handler].
func (l traceLogs) WithGroup(name string) slog.Handler {
	if name == "" {
		return l
	}
	return l.with(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (l traceLogs) with(f func(slog.Handler) slog.Handler) slog.Handler {
	return traceLogs{top: l.top, h: f(l.h), done: append(l.done[:len(l.done):len(l.done)], f)}
}
