// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/credhost/credhost/internal/canary"
	"github.com/credhost/credhost/internal/standin"
	"github.com/credhost/credhost/internal/testplugin"
)

// secrets are the ones that the scripts use. No run of the program shows one,
// and no file of a data folder holds one.
var secrets = append([]string{
	standin.HaloClientSecret, standin.HelloCloudClientSecret, standin.HelloCloudPassword,
	standin.FaxPlusClientSecret, standin.FaxPlusToken, "CANARY-7F3A9",
}, testplugin.Secrets()...)

// TestScripts runs the scripts in testdata, one for each command or so. Each
// has a data folder of its own, in which the founding plugins are trusted.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireUniqueNames:  true,
		RequireExplicitExec: false,
		Setup:               plugins.setup,
		Cmds:                commands,
	})
}

// commands are what scripts can do besides.
var commands = map[string]func(*testscript.TestScript, bool, []string){
	"credhost": credhost,
	"exits":    exits,
	"serve":    serve,
	"fault":    setFault,
	"arrived":  arrived,
	"json":     checkJSON,
	"setjson":  setJSON,
	"await":    await,
	"sign":     sign,
	"private":  private,
}

// credhost runs the program as it is shipped, watched: no run may show a secret.
//
//	credhost [ARGUMENT]…
func credhost(ts *testscript.TestScript, neg bool, args []string) {
	if code := exitCode(ts, args); (code == 0) == neg {
		ts.Fatalf("credhost exited with %d", code)
	}
}

// exits runs the program, too, and wants an exit code:
//
//	exits CODE credhost [ARGUMENT]…
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || args[1] != "credhost" || neg {
		ts.Fatalf("usage: exits CODE credhost [ARGUMENT]…")
	}
	if code := exitCode(ts, args[2:]); strconv.Itoa(code) != args[0] {
		ts.Fatalf("credhost exited with %d, not %s", code, args[0])
	}
}

// exitCode runs the program to its end.
func exitCode(ts *testscript.TestScript, args []string) int {
	err := ts.Exec(plugins.program, args...)
	for _, name := range []string{"stdout", "stderr"} {
		for _, leak := range nest().Search(name, []byte(ts.ReadFile(name))) {
			ts.Fatalf("a secret was shown: %s", leak)
		}
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		ts.Fatalf("credhost did not run: %v", err)
	}
	if exit == nil {
		return 0
	}
	return exit.ExitCode()
}

// setup prepares a script.
func (f fixture) setup(e *testscript.Env) error {
	data := filepath.Join(e.WorkDir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(data, "cache"), os.DirFS(filepath.Join(f.data, "cache"))); err != nil {
		return err
	}
	e.Setenv("CREDHOST_DATA", data)
	e.Setenv("CREDHOST_PLUGINS", f.founding)
	e.Setenv("CREDHOST_ALLOW_ADDRESS", "127.0.0.0/8,::1")
	e.Setenv("ALL_PLUGINS", f.founding+string(filepath.ListSeparator)+f.others)
	e.Setenv("ALL_LOCK", filepath.Join(f.data, "credhost.lock"))
	e.Setenv("XDG_RUNTIME_DIR", f.sockets)
	e.Setenv("GOOS", runtime.GOOS)
	e.Setenv("GOARCH", runtime.GOARCH)
	published, err := filepath.Abs("../../schemas/types")
	if err != nil {
		return err
	}
	e.Setenv("SCHEMAS", published)
	e.Setenv("PAGE", filepath.Join(e.WorkDir, "page.html"))
	e.Setenv("FOUNDING", f.founding)
	e.Setenv("PROGRAM", f.program)
	private, err := newAuthor()
	if err != nil {
		return err
	}
	e.Values[author{}] = private
	e.Values[receiverKey{}] = new(*receiver)
	e.Values[services{}] = map[string]standin.Service{}
	t := e.T()
	e.Defer(func() {
		if leak := search(e.WorkDir, data); leak != "" {
			t.Log(leak)
			t.FailNow()
		}
	})
	return os.WriteFile(filepath.Join(data, "credhost.lock"), f.lock, 0o600)
}

// nest finds the secrets, in whatever spelling.
var nest = sync.OnceValue(func() *canary.Nest {
	n := canary.New()
	for _, secret := range append(secrets, testplugin.AccountFile(false)) {
		n.Add("secret", secret)
	}
	return n
})

// search returns the first secret that a data folder holds, if it holds one.
func search(work, data string) (found string) {
	filepath.WalkDir(data, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil
		}
		text, _ := os.ReadFile(path)
		rel, _ := filepath.Rel(work, path)
		for _, leak := range nest().Search(rel, text) {
			found = leak.String()
		}
		return nil
	})
	return found
}

// services is the key of a script's stand-ins.
type services struct{}

// serve starts stand-ins, whose addresses are then in variables:
//
//	serve halo | onpremise | hellocloud | faxplus | others | receiver…
//
// $HALO, $ONPREMISE and $HELLOCLOUD are URLs. Faxplus and others have fixed
// addresses, from which $CREDHOST_ROUTE leads to them.
func serve(ts *testscript.TestScript, _ bool, names []string) {
	all := ts.Value(services{}).(map[string]standin.Service)
	for _, name := range names {
		var routes map[string]string
		var server *httptest.Server
		switch name {
		case "receiver":
			startReceiver(ts)
			continue
		case "others":
			others := testplugin.NewStandins()
			server = httptest.NewServer(others)
			routes = others.Routes(server.URL)
		default:
			all[name] = map[string]standin.Service{
				"halo":       standin.NewHalo(standin.HaloConfig{}),
				"onpremise":  standin.NewHalo(standin.HaloConfig{Behaviour: standin.HaloBehaviour{OnPremise: true}}),
				"hellocloud": standin.NewHelloCloud(standin.HelloCloudConfig{}),
				"faxplus":    standin.NewFaxPlus(standin.FaxPlusConfig{}),
			}[name]
			server = httptest.NewServer(all[name])
		}
		ts.Defer(server.Close)
		ts.Setenv(strings.ToUpper(name), server.URL)
		if name == "faxplus" {
			routes = map[string]string{"https://" + standin.FaxPlusAccountsHost: server.URL, "https://" + standin.FaxPlusAPIHost: server.URL}
		}
		text := strings.FieldsFunc(ts.Getenv("CREDHOST_ROUTE"), func(r rune) bool { return r == ',' })
		for _, origin := range slices.Sorted(maps.Keys(routes)) {
			if !strings.Contains(origin, "//many") { // of which there are too many
				text = append(text, origin+"="+routes[origin])
			}
		}
		ts.Setenv("CREDHOST_ROUTE", strings.Join(text, ","))
	}
}

// service returns a stand-in that serve has started.
func service(ts *testscript.TestScript, name string) standin.Service {
	s := ts.Value(services{}).(map[string]standin.Service)[name]
	if s == nil {
		ts.Fatalf("there is no stand-in %q: serve it first", name)
	}
	return s
}

// setFault has a part of a stand-in answer with a status from now on, with 0
// as usual again; or changes its behaviour:
//
//	fault SERVICE token|login|api STATUS
//	fault faxplus deny
func setFault(ts *testscript.TestScript, _ bool, args []string) {
	s := service(ts, args[0])
	if fax, ok := s.(*standin.FaxPlus); ok && args[1] == "deny" {
		fax.Set(func(b *standin.FaxPlusBehaviour) { b.Deny = true })
		return
	}
	status, err := strconv.Atoi(args[2])
	ts.Check(err)
	s.Fail(standin.Part(args[1]), standin.Fault{Status: status})
}

// arrived checks what the newest request at a stand-in looked like, its
// secrets masked:
//
//	arrived SERVICE PATTERN
func arrived(ts *testscript.TestScript, neg bool, args []string) {
	all := service(ts, args[0]).Masked()
	if len(all) == 0 {
		ts.Fatalf("nothing has arrived at %s", args[0])
	}
	last := all[len(all)-1].String()
	if regexp.MustCompile("(?m)"+args[1]).MatchString(last) == neg {
		ts.Fatalf("what arrived at %s:\n%s", args[0], last)
	}
}

// checkJSON checks a value of the JSON on standard output. The path has names
// and indices, separated by dots; "." is all of it. Without a value, there
// must be one.
//
//	json PATH [VALUE]
func checkJSON(ts *testscript.TestScript, neg bool, args []string) {
	got, ok := lookUp(ts, args[0])
	switch {
	case len(args) == 1 && ok == neg:
		ts.Fatalf("%s is there: %v", args[0], ok)
	case len(args) == 2 && (!ok || got != args[1]) != neg:
		ts.Fatalf("%s is %s, not %s", args[0], got, args[1])
	}
}

// setJSON sets a variable to a value of the JSON on standard output:
//
//	setjson VARIABLE PATH
func setJSON(ts *testscript.TestScript, _ bool, args []string) {
	v, ok := lookUp(ts, args[1])
	if !ok {
		ts.Fatalf("there is no %s", args[1])
	}
	ts.Setenv(args[0], v)
}

// lookUp returns a value of the last JSON document on standard output.
func lookUp(ts *testscript.TestScript, path string) (string, bool) {
	var v any
	for d := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout"))); d.More(); {
		v = nil
		if err := d.Decode(&v); err != nil {
			ts.Fatalf("standard output is no JSON: %v", err)
		}
	}
	for _, name := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' }) {
		switch in := v.(type) {
		case map[string]any:
			v = in[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(in) {
				return "", false
			}
			v = in[i]
		default:
			return "", false
		}
	}
	switch v := v.(type) {
	case nil:
		return "", false
	case string:
		return v, true
	}
	text, err := json.Marshal(v)
	ts.Check(err)
	return string(text), true
}

// await waits until there is a file:
//
//	await FILE
func await(ts *testscript.TestScript, _ bool, args []string) {
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
	}
	ts.Fatalf("%s", fmt.Sprintf("there is no %s after 20 s", args[0]))
}
