// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/time/rate"
)

// The limits of what a plugin process may log.
const (
	linesPerSecond = 50
	lineBurst      = 500
	maxHeld        = 1000    // lines that wait for a call to end
	readPerSecond  = 4 << 20 // bytes; a plugin that writes more is made to wait
	readBurst      = 1 << 20
	recentCalls    = 64 // whose secrets are still hidden
	recentTime     = time.Minute
	lastLines      = 20 // shown when the process dies
)

// logs is what one plugin process says, on its standard error and otherwise.
// It goes to the host's log under the plugin's name, at a limited rate, and
// without the secrets of the process's calls.
//
// A plugin may print a token that it has just been given, and the host learns
// what is secret in a call's answer only when the call ends. So a line waits
// until the calls that were under way when it was written have ended.
type logs struct {
	out   hclog.Logger
	lines *rate.Limiter
	now   func() time.Time
	pace  rate.Limit // bytes in a second
	raw   bool       // control characters show
	bare  bool       // secrets do

	mu       sync.Mutex
	begun    uint64   // calls so far
	calls    []*heard // those under way, and the last ones that ended; the oldest first
	held     []logLine
	replacer *strings.Replacer // of the secrets of calls; nil after a change
	dropped  int
	last     []string
}

// A heard is a call, as far as logs must know of it. What is secret is found
// out only once there is a line to hide it in.
type heard struct {
	n      uint64
	asks   func(*secrets) // what the plugin is told
	brings func(*secrets) // what it answered; nil before the end
	said   *overheard     // what it and its service said; nil: nothing
	ended  time.Time      // zero before the end
	texts  secrets
}

func newLogs(out hclog.Logger, now func() time.Time) *logs {
	return &logs{out: out, lines: rate.NewLimiter(linesPerSecond, lineBurst), now: now, pace: readPerSecond}
}

// unpace lets the plugin write as fast and as much as it likes.
func (l *logs) unpace() {
	l.lines.SetLimit(rate.Inf)
	l.pace = rate.Inf
}

// begin notes a call under way.
func (l *logs) begin(asks func(*secrets), said *overheard) *heard {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun++
	h := &heard{n: l.begun, asks: asks, said: said}
	l.calls = append(l.calls, h)
	l.replacer = nil
	return h
}

// end notes that a call has ended, and forgets what ended long before.
func (l *logs) end(h *heard, brings func(*secrets)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h.brings, h.ended = brings, l.now()
	l.replacer = nil
	l.release()
	old, recent := h.ended.Add(-recentTime), len(l.calls)-recentCalls
	i := 0
	l.calls = slices.DeleteFunc(l.calls, func(h *heard) bool {
		i++
		return !h.ended.IsZero() && (i <= recent || h.ended.Before(old))
	})
}

// hide returns what hides the secrets of all calls that are remembered.
func (l *logs) hide() *strings.Replacer {
	if l.replacer != nil {
		return l.replacer
	}
	var all secrets
	if l.bare {
		return all.replacer()
	}
	for _, h := range l.calls {
		if h.asks != nil {
			h.asks(&h.texts)
			h.asks = nil
		}
		if h.brings != nil {
			h.brings(&h.texts)
			h.brings = nil
		}
		if h.said != nil && !h.ended.IsZero() {
			h.said.secrets(&h.texts)
			h.said = nil
		} else if h.said != nil {
			h.said.secrets(&all) // more may be said
		}
		all = append(all, h.texts...)
	}
	l.replacer = all.replacer()
	return l.replacer
}

// write takes one line that the plugin wrote.
func (l *logs) write(raw []byte) {
	raw = bytes.TrimRight(raw, "\r\n")
	if len(bytes.TrimSpace(raw)) == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.lines.AllowN(l.now(), 1) || len(l.held) >= maxHeld {
		l.dropped++
		return
	}
	line := parseLine(raw)
	line.after = l.begun
	l.held = append(l.held, line)
	l.release()
}

// release passes on the lines that need not wait any longer.
func (l *logs) release() {
	if len(l.held) == 0 {
		return
	}
	first := l.begun + 1 // of the calls under way
	for _, h := range l.calls {
		if h.ended.IsZero() {
			first = h.n
			break
		}
	}
	n := 0
	for n < len(l.held) && l.held[n].after < first {
		l.emit(l.held[n])
		n++
	}
	l.held = slices.Delete(l.held, 0, n)
}

// emit passes one line on.
func (l *logs) emit(line logLine) {
	line = line.clean(l.hide(), l.raw)
	l.confess()
	if len(l.last) == lastLines {
		l.last = slices.Delete(l.last, 0, 1)
	}
	l.last = append(l.last, line.text)
	l.out.Log(line.level, line.text, line.args...)
}

// confess says that lines were dropped.
func (l *logs) confess() {
	if l.dropped > 0 {
		l.out.Warn("the plugin writes too much: lines were dropped", "lines", l.dropped)
		l.dropped = 0
	}
}

// finish passes on everything: the process is gone, and its calls with it. It
// returns the last lines.
func (l *logs) finish() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.replacer = nil
	for _, line := range l.held {
		l.emit(line)
	}
	l.held = nil
	l.confess()
	return slices.Clone(l.last)
}

// A lineWriter cuts what a plugin writes into lines.
type lineWriter struct {
	logs *logs
	wait func(n int) // makes a plugin wait that writes too much
	mu   sync.Mutex
	line []byte
}

var _ io.Writer = (*lineWriter)(nil)

func (w *lineWriter) Write(p []byte) (int, error) {
	w.wait(len(p))
	w.mu.Lock()
	defer w.mu.Unlock()
	for rest := p; len(rest) > 0; {
		part, after, whole := bytes.Cut(rest, []byte{'\n'})
		if room := maxLine - len(w.line); len(part) > room {
			part = part[:room]
		}
		w.line = append(w.line, part...)
		if whole {
			w.end()
		}
		rest = after
	}
	return len(p), nil
}

// end takes what there is of a line as one.
func (w *lineWriter) end() {
	if len(w.line) > 0 {
		w.logs.write(w.line)
	}
	w.line = w.line[:0]
}

// flush takes a last line that has no end.
func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end()
}
