// SPDX-License-Identifier: Apache-2.0

package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/sdk"
)

// For returns what a caller may see of the events of a workspace: those of
// credentials that exist for it, and those of plugins; with the scope admin also
// those of keys and webhooks, unless it is limited to some credentials. That it
// may read the workspace at all is for others to check.
func For(c access.Caller) func(Event) bool {
	limited := slices.ContainsFunc(c.Limits, func(l access.Limits) bool { return len(l.Credentials) > 0 })
	return func(ev Event) bool {
		switch d := ev.Data; {
		case d.Credential != "":
			return c.Sees(d.Credential)
		case d.Key != "" || d.Webhook != "":
			return c.Has(access.Admin) && !limited
		}
		return true
	}
}

// The times of a stream.
const (
	beatEvery = 15 * time.Second // between two signs of life
	pushTime  = 10 * time.Second // for the reader to take what is written
	comeAgain = 3 * time.Second  // for who was cut off
)

// Stream answers a request with the events of a workspace as server-sent events
// (WHATWG HTML, section 9.2), as far as sees says, until the caller hangs up:
// the ID as id, the type as event, the [Event] as JSON as data. It goes on
// after the ID in the header Last-Event-ID, or in the query's "after"; without
// one it begins now. The query's "type", which may be given more than once or
// be a list with commas, and "credential" narrow it. What makes no sense in the
// query is an [*sdk.Error] with a Field, and nothing was written.
//
// Alive, if not nil, is asked before each event and at each sign of life: once
// it says no, because the caller's key has ended, say, the stream ends.
//
// A sign of life goes every 15 s. Who reads too slowly is cut off, and misses
// nothing when he comes again with the ID of the last event that he got. If
// events after that ID are lost, the first event is one of the type "behind",
// without an ID and with {} for its data: look at everything anew.
func (e *Events) Stream(w http.ResponseWriter, r *http.Request, workspace string, sees func(Event) bool, alive func() bool) error {
	wants, after, err := wanted(r)
	if err != nil {
		return err
	}
	if e.streams.Add(1) > int64(e.cfg.MaxStreams) {
		e.streams.Add(-1)
		busy := sdk.Errorf(sdk.Unavailable, "too many streams of events are open: try again later")
		busy.RetryAfter = comeAgain
		return busy
	}
	defer e.streams.Add(-1)
	e.measure.streams.Add(r.Context(), 1)
	defer e.measure.streams.Add(r.Context(), -1)
	if after == "" { // before the headers, so that whoever has them misses nothing
		if after, err = e.Last(r.Context(), workspace); err != nil {
			return err
		}
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // or a proxy may keep events until there are more
	w.WriteHeader(http.StatusOK)
	s := &stream{w: w, c: http.NewResponseController(w), alive: alive, sent: after}
	if r.Method == http.MethodHead || s.write("retry: %d\n\n", comeAgain.Milliseconds()) != nil {
		return nil
	}
	s.run(r.Context(), e, workspace, after, func(ev Event) bool { return wants(ev) && sees(ev) })
	return nil
}

// A stream is a connection of a reader.
type stream struct {
	w     http.ResponseWriter
	c     *http.ResponseController
	alive func() bool
	seen  string // the ID of the last event that was looked at
	sent  string // the last ID that the reader got
}

var errEnded = errors.New("the reader may not read any more")

// write writes, and sees to it that it arrives.
func (s *stream) write(format string, args ...any) error {
	if s.alive != nil && !s.alive() {
		return errEnded
	}
	s.c.SetWriteDeadline(time.Now().Add(pushTime)) // where it can be set
	if _, err := fmt.Fprintf(s.w, format, args...); err != nil {
		return err
	}
	return s.c.Flush()
}

// run writes what comes.
func (s *stream) run(ctx context.Context, e *Events, workspace, after string, sees func(Event) bool) {
	defer s.c.SetWriteDeadline(time.Time{})
	for {
		err := s.follow(ctx, e.Subscribe, workspace, after, sees)
		if !errors.Is(err, ErrBehind) || s.write("event: behind\ndata: {}\n\n") != nil {
			return
		}
		after = Oldest
	}
}

// follow writes what comes after an ID, until that fails.
func (s *stream) follow(ctx context.Context, subscribe func(context.Context, string, string) iter.Seq2[Event, error], workspace, after string, sees func(Event) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	found, ended := make(chan Event), make(chan error, 1)
	go func() {
		for ev, err := range subscribe(ctx, workspace, after) {
			if err != nil {
				ended <- err
				return
			}
			select {
			case found <- ev:
			case <-ctx.Done():
			}
		}
	}()
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		var err error
		select {
		case ev := <-found:
			if s.seen = ev.ID; sees(ev) {
				err = s.event(ev)
			}
		case <-beat.C:
			err = s.beat()
		case err = <-ended:
		}
		if err != nil {
			return err
		}
	}
}

// event writes an event. JSON has no line ends of its own.
func (s *stream) event(ev Event) error {
	text, err := json.Marshal(ev)
	if err != nil {
		return err
	}
	s.sent = ev.ID
	return s.write("id: %s\nevent: %s\ndata: %s\n\n", ev.ID, ev.Type, text)
}

// beat shows that the stream is alive. An ID without data moves the reader's
// place past what was not for him.
func (s *stream) beat() error {
	if s.seen == "" || s.seen == s.sent {
		return s.write(":\n\n")
	}
	s.sent = s.seen
	return s.write("id: %s\n\n", s.seen)
}

// wanted parses what a request asks for.
func wanted(r *http.Request) (wants func(Event) bool, after string, err error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, "", sdk.Errorf(sdk.Invalid, "the query cannot be read")
	}
	var types []Type
	for _, list := range q["type"] {
		for name := range strings.SplitSeq(list, ",") {
			if t := Type(strings.TrimSpace(name)); !slices.Contains(Types, t) {
				return nil, "", wrong("type", "there is no such type of event: see what types there are")
			} else {
				types = append(types, t)
			}
		}
	}
	after = r.Header.Get("Last-Event-Id")
	if after == "" {
		after = q.Get("after")
	}
	if _, ok := parsePlace(after); !ok && after != "" && after != Oldest {
		return nil, "", wrong("after", "this is no ID of an event: leave it out, or give the ID of the last event that you saw")
	}
	credential := q.Get("credential")
	return func(ev Event) bool {
		return (types == nil || slices.Contains(types, ev.Type)) && (credential == "" || ev.Data.Credential == credential)
	}, after, nil
}

// wrong is an error about one thing that a caller said.
func wrong(field, text string) error {
	e := sdk.Errorf(sdk.Invalid, "%s", text)
	e.Field = field
	return e
}
