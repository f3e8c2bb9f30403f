// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"io"
	"log"
	"log/slog"
	"slices"

	"github.com/hashicorp/go-hclog"
)

// Logger returns l as the kind of logger that [Config] takes. Names of
// loggers, such as those of plugins, become the attribute "plugin"; the level
// is l's own, and cannot be set.
func Logger(l *slog.Logger) hclog.Logger { return &slogger{l: l} }

type slogger struct {
	l    *slog.Logger
	name string
	with []any
}

var _ hclog.Logger = (*slogger)(nil)

func levelOf(l hclog.Level) slog.Level {
	switch l {
	case hclog.Trace:
		return slog.LevelDebug - 4
	case hclog.Debug:
		return slog.LevelDebug
	case hclog.Warn:
		return slog.LevelWarn
	case hclog.Error:
		return slog.LevelError
	}
	return slog.LevelInfo
}

func (s *slogger) Log(level hclog.Level, msg string, args ...any) {
	if level == hclog.Off {
		return
	}
	if len(args)%2 == 1 { // hclog allows it
		args = append(slices.Clone(args[:len(args)-1]), hclog.MissingKey, args[len(args)-1])
	}
	if s.name != "" {
		args = append([]any{"plugin", s.name}, args...)
	}
	s.l.Log(context.Background(), levelOf(level), msg, append(slices.Clone(s.with), args...)...)
}

func (s *slogger) Trace(msg string, args ...any) { s.Log(hclog.Trace, msg, args...) }
func (s *slogger) Debug(msg string, args ...any) { s.Log(hclog.Debug, msg, args...) }
func (s *slogger) Info(msg string, args ...any)  { s.Log(hclog.Info, msg, args...) }
func (s *slogger) Warn(msg string, args ...any)  { s.Log(hclog.Warn, msg, args...) }
func (s *slogger) Error(msg string, args ...any) { s.Log(hclog.Error, msg, args...) }

func (s *slogger) enabled(level hclog.Level) bool {
	return s.l.Enabled(context.Background(), levelOf(level))
}

func (s *slogger) IsTrace() bool { return s.enabled(hclog.Trace) }
func (s *slogger) IsDebug() bool { return s.enabled(hclog.Debug) }
func (s *slogger) IsInfo() bool  { return s.enabled(hclog.Info) }
func (s *slogger) IsWarn() bool  { return s.enabled(hclog.Warn) }
func (s *slogger) IsError() bool { return s.enabled(hclog.Error) }

func (s *slogger) ImpliedArgs() []any { return s.with }

func (s *slogger) With(args ...any) hclog.Logger {
	return &slogger{l: s.l, name: s.name, with: append(slices.Clone(s.with), args...)}
}

func (s *slogger) Name() string { return s.name }

func (s *slogger) Named(name string) hclog.Logger {
	if s.name != "" {
		name = s.name + "." + name
	}
	return s.ResetNamed(name)
}

func (s *slogger) ResetNamed(name string) hclog.Logger {
	return &slogger{l: s.l, name: name, with: s.with}
}

func (s *slogger) SetLevel(hclog.Level) {}

func (s *slogger) GetLevel() hclog.Level {
	for _, level := range []hclog.Level{hclog.Trace, hclog.Debug, hclog.Info, hclog.Warn, hclog.Error} {
		if s.enabled(level) {
			return level
		}
	}
	return hclog.Off
}

func (s *slogger) StandardLogger(opts *hclog.StandardLoggerOptions) *log.Logger {
	return log.New(s.StandardWriter(opts), "", 0)
}

func (s *slogger) StandardWriter(*hclog.StandardLoggerOptions) io.Writer {
	return slog.NewLogLogger(s.l.Handler(), slog.LevelInfo).Writer()
}
