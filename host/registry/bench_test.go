// SPDX-License-Identifier: Apache-2.0

//go:build linux

package registry

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"

	"github.com/credhost/credhost/internal/wire"
	"github.com/credhost/credhost/sdk"
)

// bare starts a program as go-plugin does by itself, asks it what it is, and
// returns how long that took.
func bare(b *testing.B, path string) time.Duration {
	begun := time.Now()
	client := plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: wire.Handshake, VersionedPlugins: wire.Versions(&wire.Plugin{}), Cmd: exec.Command(path),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC}, Logger: hclog.NewNullLogger(),
	})
	defer client.Kill()
	proto, err := client.Client()
	if err != nil {
		b.Fatal(err)
	}
	raw, err := proto.Dispense(wire.Name)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := raw.(*wire.Client).Describe(b.Context()); err != nil {
		b.Fatal(err)
	}
	return time.Since(begun)
}

// BenchmarkStart compares the time from nothing to the first answer of a
// process, hashed and supervised, with go-plugin's own of the same program.
// They take turns, so that both meet the same machine.
func BenchmarkStart(b *testing.B) {
	bench := newBench(b)
	path := bench.install("alpha", conf{})
	r := bench.open()
	bench.trust(r, "alpha")
	v := r.catalog.Load().program("alpha").version
	for name, before := range map[string]func(){
		"first":   func() { r.album.forget(func(*image) bool { return true }) },
		"restart": func() {},
	} {
		b.Run(name, func(b *testing.B) {
			var ours, theirs []time.Duration
			for b.Loop() {
				before()
				begun := time.Now()
				p, err := r.startVersion(b.Context(), v)
				if err != nil {
					b.Fatal(err)
				}
				ours = append(ours, time.Since(begun))
				p.stop()
				theirs = append(theirs, bare(b, path))
			}
			o, t := median(ours), median(theirs)
			b.ReportMetric(ms(o), "ms")
			b.ReportMetric(ms(t), "bare-ms")
			b.ReportMetric(ms(o-t), "more-ms")
			b.ReportMetric(float64(o)/float64(t), "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// BenchmarkCall compares a call through the registry with one on the bare
// connection to the same process.
func BenchmarkCall(b *testing.B) {
	bench := newBench(b)
	bench.install("alpha", conf{})
	r := bench.open()
	bench.trust(r, "alpha")
	p, err := r.Plugin("acme", "alpha")
	if err != nil {
		b.Fatal(err)
	}
	in := sdk.NewInput(p.Schema(), sdk.Values{"token": "s3cret"})
	g := sdk.Bearer("s3cret", time.Time{})
	g.Sign = sdk.SignURL
	sign := func(ctx context.Context, s any) {
		if _, err := s.(sdk.Signer).Sign(ctx, in, g, sdk.Request{Method: "GET", URL: "https://example.com"}); err != nil {
			b.Fatal(err)
		}
	}
	sign(b.Context(), p)
	c, _ := r.claim("alpha")
	direct := r.slotsOf("alpha")[0].process.wire.Plugin(c.wire)
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	var ours, theirs []time.Duration
	for b.Loop() {
		begun := time.Now()
		sign(b.Context(), p)
		between := time.Now()
		sign(ctx, direct)
		ours, theirs = append(ours, between.Sub(begun)), append(theirs, time.Since(between))
	}
	o, t := median(ours), median(theirs)
	b.ReportMetric(float64(o.Nanoseconds()), "ns/call")
	b.ReportMetric(float64(t.Nanoseconds()), "bare-ns/call")
	b.ReportMetric(float64(o)/float64(t), "ratio")
}

// manyPrograms puts n trusted and cached programs in place, as Trust would
// have. What their files hold does not matter: nobody is to read them.
func manyPrograms(tb testing.TB, bench *bench, n int) {
	lock := &lockFile{}
	err := editLock(tb.Context(), filepath.Join(bench.dir, "credhost.lock"), func(l *lockFile) error { lock = l; return nil })
	if err != nil {
		tb.Fatal(err)
	}
	for i := range n {
		name := fmt.Sprintf("plugin-%03d", i)
		path := filepath.Join(bench.dir, prefix+name)
		if err := os.WriteFile(path, []byte(name), 0o755); err != nil {
			tb.Fatal(err)
		}
		s, _ := stampOf(path)
		d := wire.Description{Program: name, Version: "1.0.0", Types: []wire.Type{{Schema: largeSchema(name), Can: sdk.Abilities{Test: true}}}}
		o := Offer{Name: name, Digest: string(digestOf([]byte(name))), pin: digestOf(canonical(d)), description: d}
		o.claim(lock)
		lock.trust(o)
		if err := cache(bench.Cache).put(name, digest(o.Digest), []stamp{s}, d); err != nil {
			tb.Fatal(err)
		}
	}
	err = editLock(tb.Context(), filepath.Join(bench.dir, "credhost.lock"), func(l *lockFile) error { *l = *lock; return nil })
	if err != nil {
		tb.Fatal(err)
	}
}

// largeSchema is a schema as large as those of services with many questions.
func largeSchema(name string) sdk.Schema {
	s := sdk.Schema{Name: name, Title: "Service " + name, DocsURL: "https://example.com/docs", Origins: []string{"{url}", "https://api.example.com"},
		Words: map[string]map[string]string{"de": {}}}
	s.Fields = append(s.Fields, sdk.Field{Name: "url", Title: "Address", Kind: sdk.URL})
	for i := range 15 {
		f := sdk.Field{Name: fmt.Sprintf("field%d", i), Title: fmt.Sprintf("Field %d", i), Optional: true,
			Help: "A sentence or two that say where to find this and what it is good for, as people need it.", Pattern: "^[a-z0-9-]+$", Secret: i%3 == 0}
		s.Fields = append(s.Fields, f)
		s.Words["de"][f.Title] = fmt.Sprintf("Feld %d", i)
	}
	return s
}

// processorTime is what this process has used: on a machine with others at
// work it says more than a clock.
func processorTime() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkOpen100 opens a registry with 100 trusted plugins whose descriptions
// are cached.
func BenchmarkOpen100(b *testing.B) {
	bench := newBench(b)
	manyPrograms(b, bench, 100)
	var all []time.Duration
	var cpu time.Duration
	for b.Loop() {
		before := processorTime()
		begun := time.Now()
		r, err := Open(b.Context(), bench.Config)
		all = append(all, time.Since(begun))
		cpu += processorTime() - before
		if err != nil {
			b.Fatal(err)
		}
		if n := len(r.Types()); n != 100 || r.run.next.Load() != 0 {
			b.Fatalf("%d types, %d processes started: %v", n, r.run.next.Load(), r.Programs()[0])
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
	o := median(all)
	b.ReportMetric(ms(o), "ms")
	b.ReportMetric(ms(cpu)/float64(len(all)), "cpu-ms")
	b.ReportMetric(ms(o)/50, "of-50ms")
}
