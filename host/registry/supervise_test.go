// SPDX-License-Identifier: Apache-2.0

//go:build linux

package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/sdk"
)

// A fakeClock is a clock that stands still.
type fakeClock struct{ ns atomic.Int64 }

func (c *fakeClock) now() time.Time          { return time.Unix(1e9, c.ns.Load()) }
func (c *fakeClock) advance(d time.Duration) { c.ns.Add(int64(d)) }

func TestOpenStartsNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.trusted("alpha", conf{})
	r.Close()
	r = b.open()
	if types := r.Types(); len(types) != 1 || types[0].Schema.Name != "alpha" || types[0].Program != "alpha" || !types[0].Can.Sign {
		t.Errorf("types %+v", types)
	}
	if _, err := r.Plugin("acme", "alpha"); err != nil {
		t.Error(err)
	}
	if n := endProcesses(r.run.path); n != 0 {
		t.Errorf("%d processes run", n)
	}
	if r.run.next.Load() != 0 || len(r.album.images) != 0 {
		t.Error("a process was started, or a program read")
	}
}

func TestIdleProcessIsStopped(t *testing.T) {
	t.Parallel()
	b := newBench(t).loose()
	b.IdleTimeout = 50 * time.Millisecond
	r := b.trusted("alpha", conf{})
	pid := mustAsk(t, r, "alpha", "pid", "")
	eventually(t, "the idle process ends", func() bool { return !alive(pid) })
	eventually(t, "nothing runs", func() bool { return programOf(t, r, "alpha").Running == 0 })
	again := mustAsk(t, r, "alpha", "pid", "")
	if again == pid {
		t.Error("the stopped process answers")
	}
	if p := programOf(t, r, "alpha"); p.Restarts != 0 || p.Fault != "" {
		t.Errorf("a stop counts as a crash: %+v", p)
	}
	eventually(t, "what has nothing to remember is forgotten", func() bool { r.sweep(); return len(r.slotsOf("")) == 0 })
}

func TestSafeCallIsRepeated(t *testing.T) {
	t.Parallel()
	r := newBench(t).loose().trusted("alpha", conf{})
	if err := askTest(t.Context(), r, "acme", "alpha", "die-once", filepath.Join(t.TempDir(), "once")); err != nil {
		t.Errorf("a test whose process dies once: %v", err)
	}
	r.Reset("alpha")
	if _, err := ask(t.Context(), r, "acme", "alpha", "die-once", filepath.Join(t.TempDir(), "once")); err != nil {
		t.Errorf("a grant whose process dies once, before it reached a service: %v", err)
	}
	r.Reset("alpha")
	if err := askTest(t.Context(), r, "acme", "alpha", "die", ""); !errors.Is(err, sdk.Unavailable) {
		t.Errorf("a test whose process always dies: %v, want Unavailable", err)
	}
	if p := programOf(t, r, "alpha"); p.Restarts != 3 {
		t.Errorf("%d restarts, want 3", p.Restarts)
	}
}

// service is a service on this machine, and a guard that reaches it.
func service(t *testing.T) (url string, hits *atomic.Int64, guard *egress.Guard) {
	hits = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		fmt.Fprint(w, "hello")
	}))
	t.Cleanup(s.Close)
	guard = egress.New(egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(func() { guard.Close() })
	return s.URL, hits, guard
}

func TestCallThatReachedAServiceIsNotRepeated(t *testing.T) {
	t.Parallel()
	url, hits, guard := service(t)
	b := newBench(t).loose() // the plugin keeps in a file that it died
	b.Guard = guard
	r := b.trusted("alpha", conf{})
	ctx := egress.WithPolicy(t.Context(), egress.Policy{Origins: []string{sdk.Origin(url)}})
	_, err := askWith(ctx, r, "acme", "alpha", sdk.Values{"do": "fetch-die-once", "arg": url, "token": filepath.Join(t.TempDir(), "once")})
	if !errors.Is(err, sdk.Unavailable) {
		t.Errorf("error %v, want Unavailable", err)
	}
	wantError(t, err, "plugin alpha died in the call")
	if n := hits.Load(); n != 1 {
		t.Errorf("the service was asked %d times", n)
	}
}

func TestEgressFollowsThePolicy(t *testing.T) {
	t.Parallel()
	url, hits, guard := service(t)
	b := newBench(t)
	b.Guard = guard
	r := b.trusted("alpha", conf{})
	fetch := func(ctx context.Context) string {
		g, err := ask(ctx, r, "acme", "alpha", "fetch", url)
		if err != nil {
			t.Fatal(err)
		}
		return g.Facts["it"]
	}
	if got := fetch(egress.WithPolicy(t.Context(), egress.Policy{Origins: []string{sdk.Origin(url)}})); got != "hello" {
		t.Errorf("with a policy that allows it: %q", got)
	}
	for name, ctx := range map[string]context.Context{
		"without a policy":           t.Context(),
		"with one for another place": egress.WithPolicy(t.Context(), egress.Policy{Origins: []string{"https://example.com"}}),
	} {
		if got := fetch(ctx); !strings.HasPrefix(got, "error: ") {
			t.Errorf("%s: %q", name, got)
		}
	}
	if n := hits.Load(); n != 1 {
		t.Errorf("the service was asked %d times", n)
	}
	live := 0
	for _, s := range r.slotsOf("") {
		s.process.live.Range(func(any, any) bool { live++; return true })
	}
	if live != 0 {
		t.Errorf("%d calls are live after their end", live)
	}
}

func TestBackOffAndQuarantine(t *testing.T) {
	t.Parallel()
	clock := new(fakeClock)
	b := newBench(t)
	b.MaxCrashes, b.CrashWindow, b.Quarantine = 4, time.Hour, 10*time.Minute
	b.Config.now, b.Config.chance = clock.now, func() float64 { return 0 }
	r := b.trusted("alpha", conf{})
	die := func(workspace string) error {
		_, err := ask(t.Context(), r, workspace, "alpha", "die", "")
		return err
	}
	wantError(t, die("acme"), "plugin alpha died in the call (exit status 2)") // and its repetition: two crashes
	err := die("acme")
	wantError(t, err, "plugin alpha is not at hand: it died (exit status 2); it is started again in 1s")
	var e *sdk.Error
	if !errors.As(err, &e) || e.Code != sdk.Unavailable || e.RetryAfter != time.Second {
		t.Errorf("error %#v, want Unavailable with RetryAfter 1s", err)
	}
	if p := programOf(t, r, "alpha"); p.State != Faulty {
		t.Errorf("program %+v", p)
	}
	if _, err := ask(t.Context(), r, "other", "alpha", "pid", ""); err != nil {
		t.Errorf("another workspace: %v", err)
	}

	clock.advance(time.Second)
	wantError(t, die("acme"), "it is started again in 2s") // the third crash; its repetition is refused
	clock.advance(2 * time.Second)
	wantError(t, die("acme"), "it crashed 4 times, at last: it died (exit status 2)", "in quarantine for 10m0s")
	p := programOf(t, r, "alpha")
	if p.State != Quarantined {
		t.Errorf("program %+v", p)
	}
	wantWords(t, p.Fault, `in workspace "acme" it crashed 4 times`, "exit status 2", "10m0s", "reset or trusted anew")
	clock.advance(9 * time.Minute)
	wantError(t, die("acme"), "in quarantine for 1m0s")

	clock.advance(time.Minute)
	mustAsk(t, r, "alpha", "pid", "") // the time is over
	for range 4 {
		die("acme")
		clock.advance(time.Minute)
	}
	if p := programOf(t, r, "alpha"); p.State != Quarantined {
		t.Errorf("program %+v", p)
	}
	r.Reset("alpha")
	mustAsk(t, r, "alpha", "pid", "")
}

func TestNewVersionDrainsAndSwaps(t *testing.T) {
	t.Parallel()
	b := newBench(t).loose()
	r := b.trusted("alpha", conf{Version: "1"})
	hold := filepath.Join(t.TempDir(), "hold")
	if err := os.WriteFile(hold, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	held := make(chan error)
	go func() {
		_, err := ask(t.Context(), r, "acme", "alpha", "hold", hold)
		held <- err
	}()
	eventually(t, "the call is under way", func() bool { _, err := os.Stat(hold + ".1"); return err == nil })
	old := mustAsk(t, r, "alpha", "pid", "")

	b.install("alpha", conf{Version: "2"})
	if err := r.Rescan(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := programOf(t, r, "alpha")
	if p.State != Changed {
		t.Errorf("a program that was replaced is %s", p.State)
	}
	wantWords(t, p.Fault, "has changed since it was trusted", "credhost plugin trust alpha")
	if got := mustAsk(t, r, "alpha", "version", ""); got != "1" {
		t.Errorf("version %s answers before the new one is trusted", got)
	}
	b.trust(r, "alpha")
	if got := mustAsk(t, r, "alpha", "version", ""); got != "2" {
		t.Errorf("version %s answers after the new one is trusted", got)
	}
	if p := programOf(t, r, "alpha"); p.Running != 2 || !alive(old) {
		t.Errorf("%d processes while a call on the old version is under way", p.Running)
	}
	os.Remove(hold)
	if err := <-held; err != nil {
		t.Errorf("the call on the old version: %v", err)
	}
	eventually(t, "the old version ends", func() bool { return !alive(old) && programOf(t, r, "alpha").Running == 1 })
}

// A call that waited while a new version was trusted is for the new version.
func TestQueuedCallMeetsTheNewVersion(t *testing.T) {
	t.Parallel()
	b := newBench(t).loose()
	b.MaxCalls = 1
	r := b.trusted("alpha", conf{Version: "1"})
	hold := filepath.Join(t.TempDir(), "hold")
	if err := os.WriteFile(hold, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var calls sync.WaitGroup
	calls.Go(func() {
		if _, err := ask(t.Context(), r, "acme", "alpha", "hold", hold); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "the call is under way", func() bool { _, err := os.Stat(hold + ".1"); return err == nil })
	calls.Go(func() {
		if g, err := ask(t.Context(), r, "acme", "alpha", "version", ""); err != nil || g.Facts["it"] != "2" {
			t.Errorf("version %q answers, %v", g.Facts["it"], err)
		}
	})
	eventually(t, "the next waits", func() bool { return r.slotsOf("alpha")[0].queued.Load() == 1 })
	b.install("alpha", conf{Version: "2"})
	b.trust(r, "alpha")
	os.Remove(hold)
	calls.Wait()

	b.install("alpha", conf{Version: "3", Schema: 1})
	p, err := r.Plugin("acme", "alpha")
	if err != nil {
		t.Fatal(err)
	}
	b.trust(r, "alpha")
	_, err = p.Grant(t.Context(), sdk.NewInput(p.Schema(), nil))
	if !errors.Is(err, sdk.Unavailable) {
		t.Errorf("answers for another version of the schema: %v, want Unavailable", err)
	}
	wantError(t, err, "plugin alpha was replaced a moment ago")
}

func TestChangeIsNoticed(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.WatchTime = 20 * time.Millisecond
	r := b.trusted("alpha", conf{Version: "1"})
	b.install("beta", conf{})
	eventually(t, "a new program is found", func() bool {
		return len(r.Programs()) == 2 && programOf(t, r, "beta").State == Untrusted
	})
	another := b.open()
	b.trust(another, "beta")
	eventually(t, "what another process trusted is trusted", func() bool { return programOf(t, r, "beta").State == Trusted })
	mustAsk(t, r, "beta", "pid", "")
	if err := another.Distrust("beta"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "what another process distrusted is not", func() bool {
		p := programOf(t, r, "beta")
		return p.State == Untrusted && p.Running == 0
	})
}

func TestDevelopment(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Dev, b.WatchTime = true, 20*time.Millisecond
	b.install("alpha", conf{Version: "1"})
	b.install("broken", conf{Start: "die"})
	r := b.open()
	if p := programOf(t, r, "alpha"); p.State != Development {
		t.Errorf("program %+v", p)
	}
	if p := programOf(t, r, "broken"); p.State != Faulty {
		t.Errorf("program %+v", p)
	}
	if len(b.log.lines("development mode")) == 0 {
		t.Error("the log does not say so")
	}
	if got := mustAsk(t, r, "alpha", "version", ""); got != "1" {
		t.Errorf("version %s", got)
	}
	b.install("alpha", conf{Version: "2"})
	b.install("broken", conf{})
	eventually(t, "the new version is used", func() bool {
		g, err := ask(t.Context(), r, "acme", "alpha", "version", "")
		return err == nil && g.Facts["it"] == "2" && programOf(t, r, "broken").State == Development
	})
}

func TestCallsAreBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t).loose()
	b.MaxCalls, b.MaxQueue = 2, 1
	r := b.trusted("alpha", conf{})
	hold := filepath.Join(t.TempDir(), "hold")
	if err := os.WriteFile(hold, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var calls sync.WaitGroup
	for range 2 {
		calls.Go(func() {
			if _, err := ask(t.Context(), r, "acme", "alpha", "hold", hold); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "two calls are under way", func() bool { _, err := os.Stat(hold + ".2"); return err == nil })
	calls.Go(func() {
		if _, err := ask(t.Context(), r, "acme", "alpha", "pid", ""); err != nil {
			t.Errorf("the call that waits: %v", err)
		}
	})
	s := r.slotsOf("alpha")[0]
	eventually(t, "one call waits", func() bool { return s.queued.Load() == 1 })
	_, err := ask(t.Context(), r, "acme", "alpha", "pid", "")
	if !errors.Is(err, sdk.Unavailable) {
		t.Errorf("error %v, want Unavailable", err)
	}
	wantError(t, err, "plugin alpha is busy: 2 calls are under way and 1 wait")
	if _, err := ask(t.Context(), r, "another", "alpha", "pid", ""); err != nil {
		t.Errorf("another workspace: %v", err)
	}
	os.Remove(hold)
	calls.Wait()
}

func TestCallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	r := newBench(t).loose().trusted("alpha", conf{})
	pid := mustAsk(t, r, "alpha", "pid", "")
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := ask(ctx, r, "acme", "alpha", "sleep", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that was given up: %v", err)
	}
	if again := mustAsk(t, r, "alpha", "pid", ""); again != pid {
		t.Error("the process was replaced because a call was given up")
	}
}

func TestFickleProgramIsRefused(t *testing.T) {
	t.Parallel()
	r := newBench(t).trusted("alpha", conf{Answer: "fickle"})
	_, err := ask(t.Context(), r, "acme", "alpha", "", "")
	if !errors.Is(err, sdk.Unavailable) {
		t.Errorf("error %v, want Unavailable", err)
	}
	wantError(t, err, "plugin alpha cannot be started", "says something else of itself than when it was trusted")
}

func TestCloseEndsCallsThatHang(t *testing.T) {
	t.Parallel()
	r := newBench(t).loose().trusted("alpha", conf{})
	pid := mustAsk(t, r, "alpha", "pid", "")
	hung := make(chan error)
	go func() {
		_, err := ask(t.Context(), r, "acme", "alpha", "hang", "")
		hung <- err
	}()
	s := r.slotsOf("alpha")[0]
	eventually(t, "the call is under way", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.process.calls == 1 })
	begun := time.Now()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(begun); d > closeTime+3*time.Second {
		t.Errorf("Close took %s", d)
	}
	if err := <-hung; !errors.Is(err, sdk.Unavailable) {
		t.Errorf("the call that hung: %v, want Unavailable", err)
	}
	if alive(pid) {
		t.Error("the process is left")
	}
	if _, err := ask(t.Context(), r, "acme", "alpha", "pid", ""); !errors.Is(err, sdk.Unavailable) {
		t.Errorf("a call after Close: %v, want Unavailable", err)
	}
}

func TestManyCallsDieWithOneProcess(t *testing.T) {
	t.Parallel()
	r := newBench(t).loose().trusted("alpha", conf{})
	first := mustAsk(t, r, "alpha", "pid", "")
	var calls sync.WaitGroup
	once := filepath.Join(t.TempDir(), "once")
	for n := range 40 {
		calls.Go(func() {
			var err error
			if n%2 == 0 {
				err = askTest(t.Context(), r, "acme", "alpha", "die-once", once)
			} else {
				_, err = ask(t.Context(), r, "acme", "alpha", "pid", "")
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if p := programOf(t, r, "alpha"); p.Restarts != 1 || p.Running != 1 {
		t.Errorf("%d restarts, %d processes", p.Restarts, p.Running)
	}
	if again := mustAsk(t, r, "alpha", "pid", ""); again == first {
		t.Error("the dead process answers")
	}
}

// Close ends what is just being started, too.
func TestCloseDuringStarts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.trusted("alpha", conf{})
	var calls sync.WaitGroup
	for n := range 10 {
		calls.Go(func() {
			_, err := ask(t.Context(), r, fmt.Sprint(n), "alpha", "pid", "")
			if err != nil && !errors.Is(err, sdk.Unavailable) {
				t.Errorf("a call while the registry closes: %v", err)
			}
		})
	}
	eventually(t, "the first is being started", func() bool { return r.run.next.Load() > 1 })
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if n := endProcesses(r.run.path); n != 0 {
		t.Errorf("%d processes are left", n)
	}
	wantEmpty(t, b.runtime)
	calls.Wait()
}

// A call that waits for a start gives up when its own time is up; the start
// goes on for the others.
func TestCallerGivesUpDuringStart(t *testing.T) {
	t.Parallel()
	r := newBench(t).trusted("alpha", conf{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ask(ctx, r, "acme", "alpha", "pid", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want Canceled", err)
	}
	eventually(t, "the start goes on", func() bool { return programOf(t, r, "alpha").Running == 1 })
}

func TestOpenIsCancelled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Cache = ""
	b.trusted("alpha", conf{}).Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, b.Config); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want Canceled", err)
	}
	wantEmpty(t, b.runtime)
}

// The zero Config finds nothing, and says so.
func TestZeroConfig(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	r, err := Open(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if len(r.Programs()) != 0 || len(r.Types()) != 0 {
		t.Errorf("%v, %v", r.Programs(), r.Types())
	}
	_, err = r.Type("alpha")
	if !errors.Is(err, sdk.Invalid) {
		t.Errorf("error %v, want Invalid", err)
	}
	wantError(t, err, `there is no type "alpha"`)
}
