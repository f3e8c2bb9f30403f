// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The test binary is these programs, too: credhost itself, and what its
// scripts need besides.
func TestMain(m *testing.M) {
	testscript.Main(suite{m}, map[string]func(){
		"credhost": credhost,
		"exits":    exits,
		"xdg-open": browse, // which credhost runs on Linux
		"open":     browse, // on macOS
		"rundll32": browse, // on Windows
	})
}

// A suite is the tests, for which the plugins are built once.
type suite struct{ *testing.M }

// Run runs the tests.
func (s suite) Run() int {
	dir, err := os.MkdirTemp("", "credhost-tests-")
	if err == nil {
		defer os.RemoveAll(dir)
		plugins, err = buildPlugins(dir)
		defer os.RemoveAll(plugins.sockets)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return s.M.Run()
}

// leaked is the exit code of a run that showed a secret.
const leaked = 99

// credhost is the program, watched: no run may show a secret.
func credhost() {
	w := &watch{}
	p := &program{in: os.Stdin, out: w.over(os.Stdout), err: w.over(os.Stderr)}
	code := p.run(os.Args[1:])
	if leak := w.found(); leak != "" {
		fmt.Fprintln(os.Stderr, "a secret was shown:", leak)
		os.Exit(leaked)
	}
	os.Exit(code)
}

// A watch looks for secrets in what is written.
type watch struct {
	mu   sync.Mutex
	seen bytes.Buffer
}

func (w *watch) over(to *os.File) io.Writer { return watched{to, w} }

// A watched is a file still, so that a form is drawn on it if it is a terminal.
type watched struct {
	*os.File
	by *watch
}

// Write implements [io.Writer].
func (w watched) Write(p []byte) (int, error) {
	w.by.Write(p)
	return w.File.Write(p)
}

// Write implements [io.Writer].
func (w *watch) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen.Write(p)
}

func (w *watch) found() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, leak := range nest().Search("what the program wrote", w.seen.Bytes()) {
		return leak.String()
	}
	return ""
}

// exits runs a program and succeeds if that exits with a code:
//
//	exits CODE PROGRAM [ARGUMENT]…
//
// An interrupt is passed on.
func exits() {
	want, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "usage: exits CODE PROGRAM [ARGUMENT]…")
		os.Exit(2)
	}
	cmd := exec.Command(os.Args[2], os.Args[3:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() {
		for s := range interrupts {
			cmd.Process.Signal(s)
		}
	}()
	cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != want {
		fmt.Fprintf(os.Stderr, "exits: %s exited with %d, not %d\n", os.Args[2], got, want)
		os.Exit(1)
	}
}

// browse is a person with a browser: it visits the page that is its last
// argument, which leads to stand-ins and back, and writes the last page to the
// file $PAGE. With $BROWSER=waits, the person only looks at the address.
func browse() {
	address := os.Args[len(os.Args)-1]
	page := []byte(address)
	if os.Getenv("BROWSER") != "waits" {
		jar, _ := cookiejar.New(nil) // never fails
		browser := &http.Client{Jar: jar, Transport: toStandins{}}
		resp, err := browser.Get(address)
		if err != nil {
			page = []byte(err.Error())
		} else {
			page, _ = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
	}
	// Whole at once: a script waits for the file.
	if os.WriteFile(os.Getenv("PAGE")+".new", page, 0o600) == nil {
		os.Rename(os.Getenv("PAGE")+".new", os.Getenv("PAGE"))
	}
}

// toStandins leads a browser to the stand-ins that $CREDHOST_ROUTE names.
type toStandins struct{}

// RoundTrip implements [http.RoundTripper].
func (toStandins) RoundTrip(r *http.Request) (*http.Response, error) {
	for _, route := range strings.Split(os.Getenv("CREDHOST_ROUTE"), ",") {
		origin, to, _ := strings.Cut(route, "=")
		if origin != r.URL.Scheme+"://"+r.URL.Host {
			continue
		}
		base, err := url.Parse(to)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Host = r.URL.Host
		r.URL.Scheme, r.URL.Host = base.Scheme, base.Host
		break
	}
	return http.DefaultTransport.RoundTrip(r)
}
