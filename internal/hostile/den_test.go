// SPDX-License-Identifier: Apache-2.0

//go:build linux

package hostile_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/registry"
	"github.com/credhost/credhost/sdk"
)

// rogueBytes is the program credhost-plugin-rogue.
var rogueBytes = sync.OnceValues(func() ([]byte, error) {
	path := roguePath()
	if os.Getenv(programsEnv) != "" {
		return os.ReadFile(path)
	}
	build := exec.Command("go", "build", "-ldflags", "-s -w", "-o", path, "./credhost-plugin-rogue")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return os.ReadFile(path)
})

func roguePath() string { return filepath.Join(filepath.Dir(programs), "rogue") }

// A den is a registry, without a host around it, with programs of an attacker.
// Its defences are those of its world.
type den struct {
	w   *world
	dir string // of the programs
	cfg registry.Config
	r   *registry.Registry
}

// den returns a den with the rogue program under some names. It is opened with
// the first use.
func (w *world) den(names ...string) *den {
	w.t.Helper()
	base, err := os.MkdirTemp("", "den") // the test's own is too long for sockets
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { os.RemoveAll(base) })
	d := &den{w: w, dir: filepath.Join(base, "plugins")}
	if err := os.Mkdir(d.dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
	guard := egress.NewWithContext(w.ctx, egress.Config{Routes: maps.Clone(w.routes), MaxRequest: 1 << 20, MaxTraffic: 4 << 20})
	w.t.Cleanup(func() { guard.Close() })
	d.cfg = registry.Config{
		Dirs: []string{d.dir}, Cache: filepath.Join(base, "cache"), Runtime: filepath.Join(base, "run"), WatchTime: time.Hour, Guard: guard,
		Logger: registry.Logger(slog.New(plainLines{w.log})),
	}
	for _, name := range names {
		d.install(name)
	}
	return d
}

// shared returns a den with the rogue program that cases with the same defences
// share, each with a workspace of its own, and so with a process of its own.
func (w *world) shared() *den {
	w.t.Helper()
	key := fmt.Sprint(w.off)
	dens.Lock()
	defer dens.Unlock()
	d := dens.of[key]
	if d == nil {
		all := newWorld(dens.t, w.easy, w.off)
		d = all.den("rogue")
		d.plugin("rogue")
		dens.of[key] = d
	}
	own := *d
	own.w = w
	return &own
}

// dens are those that cases share. They end with t.
var dens = struct {
	sync.Mutex
	t  *testing.T
	of map[string]*den
}{of: map[string]*den{}}

// own returns a name that no other case uses.
func (w *world) own() string {
	sum := sha256.Sum256([]byte(w.t.Name()))
	return hex.EncodeToString(sum[:8])
}

// install puts the rogue program under a name. Programs of two names differ, or
// what was made of one would serve for the other.
func (d *den) install(name string) {
	d.w.t.Helper()
	program, err := rogueBytes()
	if err == nil && name == "rogue" && os.Link(roguePath(), filepath.Join(d.dir, "credhost-plugin-rogue")) == nil {
		return // nobody writes to it: those that change a program have another name
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(d.dir, "credhost-plugin-"+name), bytes.Join([][]byte{program, []byte(name)}, nil), 0o755)
	}
	if err != nil {
		d.w.t.Fatal(err)
	}
}

// open opens the registry, in which nothing is trusted yet.
func (d *den) open() *registry.Registry {
	d.w.t.Helper()
	if d.r == nil {
		var err error
		if d.r, err = registry.Open(d.w.ctx, d.cfg); err != nil {
			d.w.t.Fatal(err)
		}
		opened := d.r // a test may close it, and open another
		d.w.t.Cleanup(func() { opened.Close() })
	}
	return d.r
}

// inspect looks at a program.
func (d *den) inspect(ctx context.Context, name string) error {
	_, err := d.open().Inspect(ctx, name)
	return err
}

// trust trusts a program as it is.
func (d *den) trust(name string) error {
	d.w.t.Helper()
	o, err := d.open().Inspect(d.w.t.Context(), name)
	if err == nil {
		err = d.r.Trust(d.w.t.Context(), o)
	}
	return err
}

// plugin returns the plugin of a type in the case's own workspace. It must be
// trusted, or is trusted now.
func (d *den) plugin(typ string) sdk.Plugin { return d.pluginOf(d.w.own(), typ) }

// pluginOf is plugin for another workspace than the case's own.
func (d *den) pluginOf(workspace, typ string) sdk.Plugin {
	d.w.t.Helper()
	r := d.open()
	if _, err := r.Type(typ); err != nil && !d.cfg.Dev {
		if err := d.trust(typ); err != nil {
			d.w.t.Fatal(err)
		}
	}
	p, err := r.Plugin(workspace, typ)
	if err != nil {
		d.w.t.Fatal(err)
	}
	return p
}

// online returns the den's context with a policy for a call.
func (d *den) online(origins ...string) context.Context {
	return egress.WithPolicy(d.w.ctx, egress.Policy{Origins: origins})
}

// input returns the answers of a call: what to do, with what.
func input(p sdk.Plugin, do, arg string) sdk.Input {
	values := sdk.Values{"baseUrl": api, "do": do, "arg": arg, "secret": canary}
	if do == "" {
		delete(values, "do")
	}
	if arg == "" {
		delete(values, "arg")
	}
	return sdk.NewInput(p.Schema(), values)
}

// grant has the program rogue do something in Grant.
func (d *den) grant(do, arg string) (sdk.Grant, error) {
	d.w.t.Helper()
	p := d.plugin("rogue")
	return p.Grant(d.online(api), input(p, do, arg))
}

// got has a program do something on the network or the machine, and returns
// what it has got, or else why not.
func (d *den) got(ctx context.Context, typ, do, arg string) (string, error) {
	d.w.t.Helper()
	return d.gotFor(ctx, d.w.own(), typ, do, arg)
}

// gotFor is got for another workspace than the case's own.
func (d *den) gotFor(ctx context.Context, workspace, typ, do, arg string) (string, error) {
	d.w.t.Helper()
	p := d.pluginOf(workspace, typ)
	g, err := p.Grant(ctx, input(p, do, arg))
	if err != nil {
		return "", err
	}
	if why, failed := g.Facts["failed"]; failed {
		return "", errors.New(why)
	}
	return g.Facts["got"], nil
}

// eventually waits for what happens by itself, and reports whether it did.
func eventually(limit time.Duration, ok func() bool) bool {
	for end := time.Now().Add(limit); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// alive reports whether a process exists, and has not ended.
func alive(pid string) bool {
	status, err := os.ReadFile("/proc/" + pid + "/status")
	return err == nil && !strings.Contains(string(status), "State:\tZ")
}

// plainLines is a log whose lines show what they hold as it is.
type plainLines struct{ to *transcript }

// Enabled implements [slog.Handler].
func (plainLines) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements [slog.Handler].
func (l plainLines) Handle(_ context.Context, r slog.Record) error {
	line := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	_, err := fmt.Fprintln(l.to, line)
	return err
}

// WithAttrs implements [slog.Handler].
func (l plainLines) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup implements [slog.Handler].
func (l plainLines) WithGroup(string) slog.Handler { return l }
