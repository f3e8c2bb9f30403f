// SPDX-License-Identifier: Apache-2.0

package observed_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/slogtest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/events"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/internal/canary"
	"github.com/credhost/credhost/internal/ground"
	"github.com/credhost/credhost/internal/standin"
	"github.com/credhost/credhost/sdk"
)

func TestMain(m *testing.M) { ground.Main(m) }

// A gauge is what a host is measured with.
type gauge struct {
	t      *testing.T
	spans  *tracetest.InMemoryExporter
	traces *sdktrace.TracerProvider
	reader *metric.ManualReader
	feed   *events.Feed
	made   *made
	log    bytes.Buffer
}

// measured returns a ground whose host is measured.
func measured(t *testing.T, propagate bool, types ...string) (*ground.Ground, *gauge) {
	t.Helper()
	return measuredAt(t, nil, propagate, types...)
}

func measuredAt(t *testing.T, now func() time.Time, propagate bool, types ...string) (*ground.Ground, *gauge) {
	t.Helper()
	g := &gauge{t: t, spans: tracetest.NewInMemoryExporter(), reader: metric.NewManualReader(), made: newMade()}
	g.traces = sdktrace.NewTracerProvider(sdktrace.WithSyncer(g.spans))
	return ground.New(t, ground.Config{Types: types, Now: now, Host: func(c *host.Config) {
		g.made.MeterProvider = metric.NewMeterProvider(metric.WithReader(g.reader))
		c.Traces, c.Metrics, c.Propagate = g.traces, g.made, propagate
		c.Logger = slog.New(host.TraceLogs(slog.NewJSONHandler(&g.log, nil)))
		g.feed = events.Listen(c)
	}}), g
}

// caller begins a caller's span, and returns what it did once it has ended.
func (g *gauge) caller(f func(ctx context.Context)) *tree {
	g.t.Helper()
	g.spans.Reset()
	ctx, span := g.traces.Tracer("caller").Start(g.t.Context(), "caller")
	f(host.WithSource(ctx, host.Source{Request: "req-7"}))
	span.End()
	return &tree{g.t, g.spans.GetSpans(), span.SpanContext().TraceID()}
}

// A tree is spans.
type tree struct {
	t     *testing.T
	all   tracetest.SpanStubs
	trace trace.TraceID
}

// one returns the only span of a name below another one.
func (tr *tree) one(name, parent string) tracetest.SpanStub {
	tr.t.Helper()
	var found []tracetest.SpanStub
	for _, s := range tr.all {
		if s.Name == name && tr.name(s.Parent.SpanID()) == parent {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		tr.t.Fatalf("there are %d spans %q below %q:\n%s", len(found), name, parent, tr)
	}
	return found[0]
}

func (tr *tree) name(id trace.SpanID) string {
	for _, s := range tr.all {
		if s.SpanContext.SpanID() == id {
			return s.Name
		}
	}
	return ""
}

// String shows which span is part of which.
func (tr *tree) String() string {
	var b strings.Builder
	for _, s := range tr.all {
		fmt.Fprintf(&b, "%s < %s %s %v\n", s.Name, tr.name(s.Parent.SpanID()), s.SpanContext.TraceID(), s.Attributes)
	}
	return b.String()
}

// check finds out whether all spans are of one trace, and whether one holds a
// secret, a path or a query.
func (tr *tree) check(secrets *canary.Nest) {
	tr.t.Helper()
	for _, s := range tr.all {
		if s.SpanContext.TraceID() != tr.trace {
			tr.t.Errorf("%s is of another trace", s.Name)
		}
		text, err := json.Marshal(s)
		if err != nil {
			tr.t.Fatal(err)
		}
		for _, leak := range secrets.Search("span "+s.Name, append(text, fmt.Sprintf("%+v", s)...)) {
			tr.t.Error(leak)
		}
		for _, a := range s.Attributes {
			if v := a.Value.AsString(); strings.ContainsAny(v, "/?") {
				tr.t.Errorf("%s has %s=%s", s.Name, a.Key, v)
			}
		}
	}
}

func nest(values ...string) *canary.Nest {
	n := canary.New()
	for _, v := range values {
		n.Add("secret", v)
	}
	return n
}

func attributes(s tracetest.SpanStub) map[string]string {
	all := map[string]string{}
	for _, a := range s.Attributes {
		all[string(a.Key)] = a.Value.String()
	}
	return all
}

// TestOneTrace is about a request of a caller, whose grant a plugin must obtain
// first: caller, plugin and services are one trace.
func TestOneTrace(t *testing.T) {
	g, m := measured(t, true, "halopsa")
	ws, id := g.Host.Workspace(ground.Workspace), g.Create("halopsa")
	get := func(ctx context.Context) {
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, g.HaloURL+"/api/tickets?secretive=query-4711", nil)
		resp, err := ws.Client(id).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	tr := m.caller(get)
	grant := tr.one("credential.grant", "caller")
	tr.one("plugin Grant", "credential.grant")
	tr.one("plugin start", "plugin Grant")
	token := tr.one("POST", "plugin Grant")
	tr.one("GET", "caller")
	tr.check(nest(standin.HaloClientSecret, "query-4711", "secretive"))
	if len(tr.all) != 6 {
		t.Errorf("there are %d spans:\n%s", len(tr.all), tr)
	}
	if a := attributes(grant); a["credhost.credential"] != id || a["credhost.workspace"] != ground.Workspace || a["credhost.request"] != "req-7" {
		t.Errorf("%v", a)
	}
	if a := attributes(token); token.SpanKind != trace.SpanKindClient || a["http.request.method"] != "POST" || a["http.response.status_code"] != "200" ||
		a["url.scheme"] != "http" || a["server.address"] != "127.0.0.1" || a["server.port"] == "" {
		t.Errorf("%v", a)
	}
	if tr = m.caller(get); len(tr.all) != 2 {
		t.Errorf("with a grant at hand there are %d spans:\n%s", len(tr.all), tr)
	}
	logged := false
	for line := range strings.Lines(m.log.String()) {
		var l map[string]any
		json.Unmarshal([]byte(line), &l)
		if l["msg"] == "grant obtained" {
			logged = l["trace"] == grant.SpanContext.TraceID().String() && l["span"] != nil && l["request"] == "req-7"
		}
	}
	if !logged {
		t.Errorf("the log does not say to what it belongs:\n%s", m.log.String())
	}
}

// TestTraceContinues is about what a service is told: the span of the very
// request, if the operator wants that, and nothing if not.
func TestTraceContinues(t *testing.T) {
	for _, propagate := range []bool{true, false} {
		g, m := measured(t, propagate)
		ws, id := g.Host.Workspace(ground.Workspace), g.Create("acme")
		tr := m.caller(func(ctx context.Context) {
			if v, err := ws.Test(ctx, id); err != nil || v.Outcome != host.Works {
				t.Fatalf("%+v, %v", v, err)
			}
		})
		tr.one("plugin Test", "credential.test")
		sent := tr.one("GET", "plugin Test")
		tr.check(nest(ground.EchoKey))
		told := g.Echo.Requests()[0].Header.Get("Traceparent")
		want := ""
		if propagate {
			want = "00-" + sent.SpanContext.TraceID().String() + "-" + sent.SpanContext.SpanID().String() + "-01"
		}
		if told != want {
			t.Errorf("the service is told %q, want %q", told, want)
		}
	}
}

// TestBackground is about a grant that is renewed before anybody waits for it:
// that is a trace of its own, with a link to where the grant before was made.
func TestBackground(t *testing.T) {
	var turned atomic.Int64
	g, m := measuredAt(t, func() time.Time { return time.Now().Add(time.Duration(turned.Load())) }, true, "halopsa")
	ws, id := g.Host.Workspace(ground.Workspace), g.Create("halopsa")
	get := func(ctx context.Context) {
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, g.HaloURL+"/api/tickets", nil)
		resp, err := ws.Client(id).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	first := m.caller(get).one("credential.grant", "caller")
	shown, err := ws.Show(t.Context(), id)
	if err != nil || shown.Expiry == nil {
		t.Fatalf("%+v, %v", shown, err)
	}
	turned.Store(int64(time.Until(*shown.Expiry) * 9 / 10))
	for !g.Host.Sees() { // the store, after such a leap
		time.Sleep(5 * time.Millisecond)
	}
	tr := m.caller(get)
	var second tracetest.SpanStub
	for deadline := time.Now().Add(10 * time.Second); second.Name == ""; time.Sleep(5 * time.Millisecond) {
		for _, s := range m.spans.GetSpans() {
			if s.Name == "credential.grant" {
				second = s
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("it is not renewed")
		}
	}
	if second.Parent.IsValid() || second.SpanContext.TraceID() == tr.trace {
		t.Error("it is part of the trace of a caller who did not wait for it")
	}
	if len(second.Links) != 1 || !second.Links[0].SpanContext.Equal(first.SpanContext) {
		t.Errorf("links: %v, want one to %v", second.Links, first.SpanContext)
	}
}

// TestFailure is about what goes wrong: it is said in a word of ours.
func TestFailure(t *testing.T) {
	g, m := measured(t, false)
	ws := g.Host.Workspace(ground.Workspace)
	const secret = "canary-wrong-key-1f2e3d"
	id, err := ws.Create(t.Context(), "acme", sdk.Values{"baseUrl": g.Echo.URL, "apiKey": secret})
	if err != nil {
		t.Fatal(err)
	}
	tr := m.caller(func(ctx context.Context) {
		ws.Test(ctx, id)
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://elsewhere.example/?"+secret, nil)
		if _, err := ws.Client(id).Do(r); err == nil {
			t.Error("it went elsewhere")
		}
	})
	tr.check(nest(secret))
	if a := attributes(tr.one("plugin Test", "credential.test")); a["error.type"] != "denied" {
		t.Errorf("%v", a)
	}
}

// row is a line of the table of metrics.
var row = regexp.MustCompile("(?m)^\\| `(credhost\\.[a-z.]+)` \\| (\\w+) \\| `([^`]+)` \\| ([^|]*)\\| ([^|]+) \\|$")

// rare are those that this test does not make happen. Packages count them
// in their own tests.
var rare = map[string]bool{
	"credhost.plugin.crashes": true, "credhost.plugin.restarts": true, "credhost.plugin.quarantines": true,
	"credhost.events.lost": true, "credhost.webhook.disabled": true, "credhost.egress.refusals": true,
}

// TestTable holds the table of docs/metrics.md to what is exposed.
func TestTable(t *testing.T) {
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, r := range row.FindAllStringSubmatch(string(text), -1) {
		by := strings.Split(strings.NewReplacer("`", "", " ", "").Replace(r[4]), ",")
		slices.Sort(by)
		want[r[1]] = r[2] + " " + r[3] + " " + strings.Join(by, ",")
		if r[5] == "" {
			t.Errorf("%s says nothing", r[1])
		}
	}
	g, m := measured(t, true, "acme", "halopsa")
	allThatIsCounted(t, g, m)
	got := map[string]string{}
	counted := m.collect()
	for name, kind := range m.made.all() {
		by, ok := counted[name]
		if !ok && !rare[name] {
			t.Errorf("%s was not counted", name)
		}
		if !ok {
			by.keys = want[name][strings.LastIndex(want[name], " ")+1:]
		}
		got[name] = kind + " " + by.keys
		for _, v := range by.values {
			if strings.HasPrefix(v, "c-") || strings.HasPrefix(v, "k-") || strings.Contains(v, ground.Workspace) || strings.ContainsAny(v, "/@") || v == "127.0.0.1" {
				t.Errorf("%s is counted by %s", name, v)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table says otherwise (-) than what is exposed (+): %s", diff)
	}
}

// allThatIsCounted does all that is counted.
func allThatIsCounted(t *testing.T, g *ground.Ground, m *gauge) {
	ctx := t.Context()
	ring, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	trail, err := audit.Open(ctx, audit.Config{Store: memstore.New(), Sealer: sealer.New(ring), Metrics: m.made})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trail.Close() }) // after it was looked at
	if err := trail.Record(ctx, host.Event{Action: "test", Outcome: "ok"}); err != nil {
		t.Fatal(err)
	}
	ev, err := events.Open(ctx, events.Config{Host: g.Host, Feed: m.feed, Egress: egress.Config{}})
	if err != nil {
		t.Fatal(err)
	}
	defer ev.Close()
	ws, id := g.Host.Workspace(ground.Workspace), g.Create("halopsa")
	if _, err := ws.Test(ctx, id); err != nil {
		t.Fatal(err)
	}
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "https://elsewhere.example/", nil)
	ws.Client(id).Do(r)
	r, _ = http.NewRequestWithContext(ctx, http.MethodGet, g.HaloURL+"/api/tickets", nil)
	resp, err := ws.Client(id).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	refused, err := ws.Create(ctx, "halopsa", merged(g.Values("halopsa"), "clientSecret", "EXAMPLE-wrong"))
	if err != nil {
		t.Fatal(err)
	}
	ws.Test(ctx, refused) // of which people are warned
	hook, _, err := ev.CreateHook(ctx, events.NewHook{Workspace: ground.Workspace, URL: "https://hooks.example.invalid/"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ev.SendTest(ctx, ground.Workspace, hook.ID); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithCancel(ctx)
	cancel()
	ev.Stream(httptest.NewRecorder(), httptest.NewRequestWithContext(short, http.MethodGet, "/", nil), ground.Workspace, func(events.Event) bool { return true }, nil)
}

func merged(values sdk.Values, name, v string) sdk.Values {
	values[name] = v
	return values
}

func TestLogs(t *testing.T) {
	var out bytes.Buffer
	slogtest.Run(t, func(*testing.T) slog.Handler {
		out.Reset()
		return host.TraceLogs(slog.NewJSONHandler(&out, nil))
	}, func(t *testing.T) map[string]any {
		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		return line
	})
	out.Reset()
	ctx := host.WithSource(t.Context(), host.Source{Request: "req-9"})
	slog.New(host.TraceLogs(slog.NewJSONHandler(&out, nil))).With("a", 1).WithGroup("g").With("b", 2).InfoContext(ctx, "x", "c", 3)
	if line := out.String(); !strings.Contains(line, `"request":"req-9","a":1,"g":{"b":2,"c":3}`) {
		t.Error(line)
	}
}
