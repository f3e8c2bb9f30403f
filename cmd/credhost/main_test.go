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
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The test binary is these programs, too: what scripts need besides credhost, which
// they run as it is shipped.
func TestMain(m *testing.M) {
	testscript.Main(suite{m}, map[string]func(){
		"watched":  watched,
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

// watched is the program, for what scripts leave running: it looks itself whether
// it has shown a secret, and succeeds if its exit code is the wanted one:
//
//	exec watched CODE [ARGUMENT]… &name&
func watched() {
	want, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "usage: watched CODE [ARGUMENT]…")
		os.Exit(2)
	}
	w := &watch{}
	p := &program{in: os.Stdin, out: w.over(os.Stdout), err: w.over(os.Stderr)}
	code := p.run(os.Args[2:])
	if leak := w.found(); leak != "" {
		fmt.Fprintln(os.Stderr, "a secret was shown:", leak)
		os.Exit(1)
	}
	if code != want {
		fmt.Fprintf(os.Stderr, "credhost exited with %d, not %d\n", code, want)
		os.Exit(1)
	}
}

// A watch looks for secrets in what is written.
type watch struct {
	mu   sync.Mutex
	seen bytes.Buffer
}

func (w *watch) over(to *os.File) io.Writer { return seenFile{to, w} }

// A seenFile is a file still, so that a form is drawn on it if it is a terminal.
type seenFile struct {
	*os.File
	by *watch
}

// Write implements [io.Writer].
func (w seenFile) Write(p []byte) (int, error) {
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
