// SPDX-License-Identifier: Apache-2.0

//go:build unix

package registry

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/sdk"
)

// Every program that cannot be used is refused with a sentence that says what
// is wrong with it and what to do, and the one beside it works all the same.
func TestBadProgramsAreNamedPrecisely(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.StartTimeout = 4 * time.Second
	b.install("good", conf{})
	for name, start := range map[string]string{
		"dies": "die", "hangs": "hang", "chats": "text", "oldcore": "core", "newer": "version", "netrpc": "netrpc",
		"elsewhere": "elsewhere", "overtcp": "tcp", "nosocket": "nosocket", "deaf": "deaf", "longline": "longline",
		"floodout": "floodout", "flooderr": "flooderr",
	} {
		b.install(name, conf{Start: start})
	}
	b.install("rubbish", conf{Answer: "rubbish-describe"})
	b.install("mute", conf{Answer: "hang-describe"})
	b.install("badname", conf{Types: []string{"Bad Name"}})
	b.write(filepath.Join(b.dir, prefix+"script"), []byte("#!/bin/sh\nexit 0\n"))
	b.write(filepath.Join(b.dir, prefix+"noise"), []byte("this is no program at all"))
	b.write(filepath.Join(b.dir, prefix+"empty"), nil)
	os.Chmod(b.install("noexec", conf{}), 0o644)
	os.Chmod(b.install("open", conf{}), 0o777)
	r := b.open()
	b.trust(r, "good")

	for name, words := range map[string][]string{
		"dies":      {"ended at start, before its handshake", "exit status 3", "its last words are in the log"},
		"hangs":     {"hung at start, before its handshake"},
		"chats":     {"is not a credhost plugin", `"Welcome to my plugin!"`},
		"oldcore":   {`version "9" of go-plugin's handshake`, "build it with a current go-plugin"},
		"newer":     {`version "7" of the plugin protocol`, "this host speaks version 1"},
		"netrpc":    {"does not speak gRPC"},
		"elsewhere": {`listens at "/var/run/docker.sock"`, "not in the folder"},
		"overtcp":   {`listens at "169.254.169.254:80"`, "not in the folder"},
		"nosocket":  {"which is not a socket"},
		"deaf":      {"hung at start, before it said what it is"},
		"longline":  {"is not a credhost plugin", `"xxxx`},
		"floodout":  {"is not a credhost plugin", `"out out`},
		"flooderr":  {"hung at start, before its handshake"},
		"rubbish":   {"not a message of the protocol"},
		"mute":      {"hung at start, before it said what it is"},
		"badname":   {"it ended at start"}, // package serve has said more, in the log
		"script":    {"is a script", "with a manifest"},
		"noise":     {"is not a program"},
		"empty":     {"is empty"},
		"noexec":    {"is not executable: chmod +x"},
		"open":      {"everybody may write to it: chmod o-w"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			_, err := r.Inspect(t.Context(), name)
			wantError(t, err, append(words, "plugin "+name, b.dir)...)
			if d := time.Since(begun); d > 10*time.Second {
				t.Errorf("refused after %s", d)
			}
			if _, err := ask(t.Context(), r, "acme", "good", "pid", ""); err != nil {
				t.Errorf("the good plugin: %v", err)
			}
		})
	}
}

// A schema that cannot be asked is refused when its plugin is looked at, with a
// list of all that is wrong, fit for a terminal.
func TestFlawedSchemasAreRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.install("flawed", conf{Answer: "flawed"})
	b.install("vast", conf{Answer: "vast"})
	r := b.open()
	for name, words := range map[string][]string{
		"flawed": {"needs a title", `field "twice": name is used twice`, `field "constructor": name is reserved`, `field "__proto__": name must begin with a letter`,
			`field "number": default is not a valid answer`, `field "pick": default is not one of the options`, `option "a": needs a value of its own`,
			`field "shop": default does not fit into the origin`, `field "lost": condition names "nobody", which is not a field`,
			`its conditions depend on itself`, `there is no field "nobody"`},
		"vast": {"has more than 200 fields"},
	} {
		o, err := r.Inspect(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		said := strings.Join(o.Faults, "\n")
		for _, word := range words {
			if !strings.Contains(said, word) {
				t.Errorf("%s: nothing is said of %s in: %s", name, word, said)
			}
		}
		if len(o.Types) != 0 || strings.ContainsAny(said, "\x1b") || r.Trust(t.Context(), o) == nil {
			t.Errorf("%s: types %v, faults %q", name, o.Types, said)
		}
	}
}

func TestBadCallsHurtNobodyElse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do    string
		code  sdk.Code
		words []string
	}{
		"dies":      {"die", sdk.Unavailable, []string{"plugin dies died in the call", "exit status 2"}},
		"segfaults": {"segfault", sdk.Unavailable, []string{"plugin segfaults died in the call"}},
		"hangs":     {"hang", sdk.Unavailable, []string{"plugin hangs did not answer within 5s"}},
		"freezes":   {"freeze", sdk.Unavailable, []string{"plugin freezes"}},
		"rubbish":   {"", sdk.Internal, []string{`the plugin of "rubbish" answered with what is not a message`}},
		"huge":      {"", sdk.Internal, []string{`the plugin of "huge" answered with more than 4 MiB`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t).loose()
			b.install(name, conf{Answer: map[string]string{"rubbish": "rubbish", "huge": "huge"}[name]})
			b.install("good", conf{})
			// Only what never answers is given up; all else may take its time.
			if name == "hangs" || name == "freezes" {
				b.CallTimeout = 5 * time.Second
			}
			r := b.open()
			b.trust(r, name, "good")

			_, err := ask(t.Context(), r, "acme", name, c.do, "")
			if !errors.Is(err, c.code) {
				t.Errorf("error %v, want %v", err, c.code)
			}
			wantError(t, err, c.words...)
			if _, err := ask(t.Context(), r, "acme", "good", "pid", ""); err != nil {
				t.Errorf("the good plugin: %v", err)
			}
			if _, err := ask(t.Context(), r, "another", name, "pid", ""); err != nil && name != "rubbish" && name != "huge" {
				t.Errorf("the same plugin in another workspace: %v", err)
			}
		})
	}
}

// A plugin that writes without end is made to wait; the host neither keeps nor
// passes on what it writes, and the plugin's call ends when its time is up.
func TestFloodsAreSlowedDown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.CallTimeout = 3 * time.Second
	r := b.trusted("alpha", conf{})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := ask(ctx, r, "acme", "alpha", "flood", ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("120 MB were taken in 2 s: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(b.log.lines("flood flood")); n == 0 || n > lineBurst+10*linesPerSecond {
		t.Errorf("%d lines of the flood are in the log", n)
	}
	if len(b.log.lines("lines were dropped")) == 0 {
		t.Error("the log does not say that lines were dropped")
	}
	if n := len(b.log.text()); n > 2<<20 {
		t.Errorf("the log has %d bytes", n)
	}
}

// What a plugin prints is never a reason to end it, or the host.
func TestPrintsReachTheLog(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	r := b.trusted("alpha", conf{})
	mustAsk(t, r, "alpha", "print", "hello from alpha")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"hello from alpha", "stdout: hello from alpha"} {
		lines := b.log.lines(`"` + want + `"`)
		if len(lines) != 1 || lines[0]["@module"] != "alpha" || lines[0]["@level"] != "info" {
			t.Errorf("%q in the log: %v", want, lines)
		}
	}
	if strings.Contains(b.log.text(), "panic") {
		t.Error(b.log.text())
	}
}

// Secrets do not reach the log, however a plugin prints them: not those that
// it is told, and not those that it has just learnt and is about to tell.
func TestSecretsDoNotReachTheLog(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]conf{"served": {}, "over the stream of go-plugin": {Answer: "none"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			r := b.trusted("alpha", c)
			if _, err := askWith(t.Context(), r, "acme", "alpha", sdk.Values{"do": "leak", "token": "canary-told"}); err != nil {
				t.Fatal(err)
			}
			g, err := askWith(t.Context(), r, "acme", "alpha", sdk.Values{"do": "new-token", "arg": "canary-learnt"})
			if err != nil || g.Header.Get("Authorization") != "Bearer canary-learnt" {
				t.Fatalf("%v, %v", g, err)
			}
			for _, want := range []string{"the token is [secret]", "it is [secret]", "got the token [secret]"} {
				eventually(t, want, func() bool { return len(b.log.lines(want)) == 1 })
			}
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			if text := b.log.text(); strings.Contains(text, "canary") {
				t.Error(text)
			}
		})
	}
}
