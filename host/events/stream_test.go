// SPDX-License-Identifier: Apache-2.0

package events_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/events"
	"github.com/credhost/credhost/sdk"
)

// A front serves the streams of a node.
type front struct {
	*httptest.Server
	sees  func(events.Event) bool
	alive func() bool
}

func newFront(t *testing.T, n *node) *front {
	f := &front{sees: func(events.Event) bool { return true }}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := n.Stream(w, r, workspace, f.sees, f.alive); err != nil {
			status := http.StatusInternalServerError
			if errors.Is(err, sdk.Invalid) {
				status = http.StatusBadRequest
			}
			if errors.Is(err, sdk.Unavailable) {
				status = http.StatusServiceUnavailable
			}
			http.Error(w, err.Error(), status)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

// A told event is one as the stream has it: an independent reading of WHATWG
// HTML, section 9.2.6.
type told struct{ id, event, data string }

// A listener reads a stream.
type listener struct {
	t      *testing.T
	resp   *http.Response
	lines  *bufio.Scanner
	lastID string
}

func (f *front) listen(t *testing.T, query, lastID string) *listener {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	time.AfterFunc(20*time.Second, cancel)
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, f.URL+query, nil)
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" || resp.Header.Get("Cache-Control") != "no-store" {
		body, _ := io.ReadAll(resp.Body)
		t.Fatalf("%s %v %s", resp.Status, resp.Header, body)
	}
	return &listener{t: t, resp: resp, lines: bufio.NewScanner(resp.Body), lastID: lastID}
}

// next returns the next event; the zero one at the end.
func (l *listener) next() told {
	var got told
	for l.lines.Scan() {
		line := l.lines.Text()
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if got.id != "" {
				l.lastID = got.id
			}
			if got.data != "" {
				return got
			}
			got = told{}
		case name == "id":
			got.id = value
		case name == "event":
			got.event = value
		case name == "data":
			got.data += value
		}
	}
	return told{}
}

func TestStream(t *testing.T) {
	noLeaks(t)
	h := newHouse(t)
	n := h.open(nil)
	f := newFront(t, n)
	n.publish(t, 0, 1) // before
	l := f.listen(t, "", "")
	want := n.publish(t, 1, 5)
	for i := range 3 {
		got := l.next()
		var ev events.Event
		if err := json.Unmarshal([]byte(got.data), &ev); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[i], ev); diff != "" || got.id != ev.ID || got.event != "credential.tested" {
			t.Errorf("%+v: %s", got, diff)
		}
	}
	l.resp.Body.Close() // and what comes meanwhile is not lost
	more := n.publish(t, 6, 3)
	l = f.listen(t, "", l.lastID)
	for _, ev := range append(want[3:], more...) {
		if got := l.next(); got.id != ev.ID {
			t.Errorf("%+v, want %s", got, ev.ID)
		}
	}
	n.close()
	if got := l.next(); got != (told{}) {
		t.Errorf("after Close: %+v", got)
	}
	f.Close()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

func TestStreamNarrowed(t *testing.T) {
	h := newHouse(t)
	n := h.open(nil)
	f := newFront(t, n)
	caller := access.Caller{Workspace: workspace, Limits: []access.Limits{{Credentials: []string{"c-2", "c-3"}}}, Scopes: []access.Scope{access.Read, access.Admin}}
	f.sees = events.For(caller)
	l := f.listen(t, "/?after=oldest&type=credential.created,credential.deleted&type=credential.updated&credential=c-2", "")
	for _, typ := range events.Types {
		for _, id := range []string{"c-1", "c-2", "c-3"} {
			if _, err := n.Publish(t.Context(), events.Event{Type: typ, Workspace: workspace, Data: events.Data{Credential: id}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, want := range []string{"credential.created", "credential.updated", "credential.deleted"} {
		if got := l.next(); got.event != want || !strings.Contains(got.data, `"c-2"`) {
			t.Errorf("%+v", got)
		}
	}
	for query, field := range map[string]string{"?type=credential.stolen": "type", "?type=": "type", "?after=1": "after", "?%": ""} {
		resp, err := http.Get(f.URL + "/" + query)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 400 {
			t.Errorf("%s (%s): %s %s", query, field, resp.Status, body)
		}
	}
}

func TestWhatACallerSees(t *testing.T) {
	limited := []access.Limits{{Methods: []string{"GET"}}, {Credentials: []string{"c-1"}}}
	for _, c := range []struct {
		caller access.Caller
		data   events.Data
		want   bool
	}{
		{access.Caller{Scopes: []access.Scope{access.Read}}, events.Data{Credential: "c-1"}, true},
		{access.Caller{Scopes: []access.Scope{access.Read}}, events.Data{Plugin: "acme"}, true},
		{access.Caller{Scopes: []access.Scope{access.Read}}, events.Data{Key: "k-1"}, false},
		{access.Caller{Scopes: []access.Scope{access.Read}}, events.Data{Webhook: "wh-1"}, false},
		{access.Caller{Scopes: []access.Scope{access.Read, access.Admin}}, events.Data{Key: "k-1"}, true},
		{access.Caller{Scopes: []access.Scope{access.Read, access.Admin}, Limits: limited}, events.Data{Key: "k-1"}, false},
		{access.Caller{Scopes: []access.Scope{access.Read}, Limits: limited}, events.Data{Credential: "c-1"}, true},
		{access.Caller{Scopes: []access.Scope{access.Read}, Limits: limited}, events.Data{Credential: "c-2"}, false},
	} {
		c.caller.Workspace, c.caller.Actor = workspace, "key:k-9"
		if got := events.For(c.caller)(events.Event{Data: c.data}); got != c.want {
			t.Errorf("%+v sees %+v: %v", c.caller, c.data, got)
		}
	}
}

func TestStreamBehind(t *testing.T) {
	h := newHouse(t)
	n := h.open(func(c *events.Config) { c.Keep = time.Hour })
	old := n.publish(t, 0, 3)
	h.clock.Advance(2 * time.Hour)
	kept := n.publish(t, 3, 2)
	if err := n.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := newFront(t, h.open(nil)).listen(t, "", old[0].ID)
	if got := l.next(); got.event != "behind" || got.data != "{}" || got.id != "" {
		t.Errorf("%+v", got)
	}
	for _, ev := range kept {
		if got := l.next(); got.id != ev.ID {
			t.Errorf("%+v", got)
		}
	}
}

// TestStreamEnds is about a key that ends while its stream is open.
func TestStreamEnds(t *testing.T) {
	h := newHouse(t)
	n := h.open(nil)
	f := newFront(t, n)
	var alive atomic.Bool
	alive.Store(true)
	f.alive = alive.Load
	l := f.listen(t, "", "")
	n.publish(t, 0, 1)
	if got := l.next(); got.event == "" {
		t.Fatal("nothing came")
	}
	alive.Store(false)
	n.publish(t, 1, 1)
	if got := l.next(); got != (told{}) {
		t.Errorf("after the key has ended: %+v", got)
	}
}

func TestTooManyStreams(t *testing.T) {
	h := newHouse(t)
	f := newFront(t, h.open(func(c *events.Config) { c.MaxStreams = 2 }))
	f.listen(t, "", "")
	l := f.listen(t, "", "")
	resp, err := http.Get(f.URL)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body.Close(); resp.StatusCode != 503 {
		t.Error(resp.Status)
	}
	l.resp.Body.Close()
	eventually(t, "there is room again", func() bool {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, nil)
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == 200
	})
}

// TestSlowReader is about one who does not read: events go on for all others,
// and he goes on where he was.
func TestSlowReader(t *testing.T) {
	h := newHouse(t)
	n := h.open(nil)
	f := newFront(t, n)
	conn, err := net.Dial("tcp", f.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.(*net.TCPConn).SetReadBuffer(1 << 10)
	io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	br := bufio.NewReader(conn)
	if line, err := br.ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatal(line, err)
	}
	l := f.listen(t, "", "")
	all := n.publish(t, 0, 200)
	for _, ev := range all {
		if got := l.next(); got.id != ev.ID {
			t.Fatalf("%+v, want %s", got, ev.ID)
		}
	}
	if some, err := n.Since(t.Context(), workspace, all[0].ID, 1000); err != nil || len(some) != 199 {
		t.Errorf("%d, %v", len(some), err)
	}
}
