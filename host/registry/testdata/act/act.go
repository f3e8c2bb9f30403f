// SPDX-License-Identifier: Apache-2.0

// Package act has the types of credential that the registry's tests call:
// plugins that behave, or misbehave, as their answers say.
package act

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/credhost/credhost/sdk"
)

// A Conf says how a program behaves. A test writes it as JSON into the
// program's bytes, behind the mark of [space]: in a cell a program cannot read
// its own file.
type Conf struct {
	Types   []string // the names of the types to serve
	Origins []string // of each
	Schema  int      // version of each schema
	Version string   // of the program
	Start   string   // how it misbehaves at start
	Answer  string   // how its answers are wrong
	Note    string   // tells programs apart that describe themselves alike
}

// Configured returns what a test wrote over [space], or into the file that is
// this program's argument.
func Configured() (c Conf) {
	data := []byte(space[len(space)-room:])
	if len(os.Args) == 2 { // an interpreter, of a program that is the JSON
		var err error
		if data, err = os.ReadFile(os.Args[1]); err != nil {
			panic(err)
		}
	}
	if err := json.Unmarshal(data, &c); err != nil {
		panic(err)
	}
	return c
}

// Types returns the plugins of c.
func Types(c Conf) (all []sdk.Plugin) {
	for _, name := range c.Types {
		all = append(all, typ{name, c})
	}
	return all
}

var (
	do    = sdk.Field{Name: "do", Title: "What to do", Optional: true}
	arg   = sdk.Field{Name: "arg", Title: "With what", Optional: true}
	token = sdk.Field{Name: "token", Title: "Token", Secret: true, Optional: true}
)

// A typ does what its answers ask for.
type typ struct {
	name string
	conf Conf
}

func (t typ) Schema() sdk.Schema {
	return sdk.Schema{Name: t.name, Title: "Test type " + t.name, Version: t.conf.Schema,
		Fields: []sdk.Field{do, arg, token}, Origins: t.conf.Origins}
}

// fact returns a grant that tells what the test wants to know.
func fact(v string) (sdk.Grant, error) {
	v = strings.NewReplacer("\n", ";", "\t", " ").Replace(v) // facts are plain text
	return sdk.Grant{Account: "test", Facts: map[string]string{"it": v}}, nil
}

func (t typ) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	if err := act(ctx, in); err != nil {
		return sdk.Grant{}, err
	}
	what := in.Get(arg)
	switch in.Get(do) {
	case "env":
		b, _ := json.Marshal(os.Environ())
		return fact(string(b))
	case "pid":
		return fact(fmt.Sprint(os.Getpid()))
	case "version":
		return fact(t.conf.Version)
	case "note":
		return fact(t.conf.Note)
	case "args":
		comm, _ := os.ReadFile("/proc/self/comm")
		return fact(strings.Join(os.Args, " ") + "|" + strings.TrimSpace(string(comm)))
	case "fds":
		entries, _ := os.ReadDir("/proc/self/fd")
		var all []string
		for _, e := range entries {
			link, _ := os.Readlink("/proc/self/fd/" + e.Name())
			all = append(all, e.Name()+"="+link)
		}
		return fact(strings.Join(all, " "))
	case "status":
		b, _ := os.ReadFile("/proc/self/status")
		return fact(string(b))
	case "read":
		b, err := os.ReadFile(what)
		return fact(string(b) + fmt.Sprint(err))
	case "cwd":
		dir, _ := os.Getwd()
		return fact(dir)
	case "fetch":
		return fetch(ctx, what)
	case "new-token": // printed before the host knows that it is one
		fmt.Fprintln(os.Stderr, "got the token "+what)
		return sdk.Bearer(what, time.Time{}), nil
	}
	g := sdk.Bearer("none", time.Time{})
	if secret := in.Get(token); secret != "" {
		g = sdk.Bearer(secret, time.Time{})
	}
	g.State = []byte("state of " + t.name)
	return g, nil
}

func fetch(ctx context.Context, url string) (sdk.Grant, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return sdk.Grant{}, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return fact("error: " + err.Error())
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return fact("error: " + err.Error())
	}
	return fact(string(b))
}

func (t typ) Test(ctx context.Context, in sdk.Input, g sdk.Grant) error { return act(ctx, in) }

func (t typ) Sign(ctx context.Context, in sdk.Input, g sdk.Grant, r sdk.Request) (sdk.Signature, error) {
	return sdk.Signature{Query: "n=" + r.Method}, act(ctx, in)
}

var calls atomic.Int64

// act does what may happen in any call. Arg names a file by which the test
// and the calls of several processes know of each other.
func act(ctx context.Context, in sdk.Input) error {
	what := in.Get(arg)
	switch in.Get(do) {
	case "die":
		fmt.Fprintln(os.Stderr, "[ERROR] out of cheese")
		os.Exit(2)
	case "die-once":
		if once(what) {
			os.Exit(2)
		}
	case "fetch-die-once":
		fetch(ctx, what)
		if once(in.Get(token)) {
			os.Exit(2)
		}
	case "panic":
		go panic("out of cheese")
		time.Sleep(time.Hour)
	case "segfault":
		syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		time.Sleep(time.Hour)
	case "hang":
		time.Sleep(time.Hour)
	case "freeze":
		syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		time.Sleep(time.Second) // until it is in effect
	case "burn":
		for { // whatever anybody says
		}
	case "sleep":
		<-ctx.Done()
		return ctx.Err()
	case "hold": // until the test removes the file
		os.WriteFile(what+"."+fmt.Sprint(calls.Add(1)), nil, 0o600)
		for {
			if _, err := os.Stat(what); err != nil {
				return nil
			}
			time.Sleep(5 * time.Millisecond)
		}
	case "print":
		fmt.Fprintln(os.Stderr, what)
		fmt.Println("stdout: " + what)
	case "leak":
		fmt.Fprintln(os.Stderr, "the token is "+in.Get(token))
		fmt.Println("it is " + in.Get(token))
	case "flood":
		line := []byte(strings.Repeat("flood ", 100) + "\n")
		for range 200_000 { // 120 MB
			os.Stderr.Write(line)
		}
	case "child": // that holds standard error, and outlives its parent
		return child(what, false, true) // it is known by its group alone
	case "daemon":
		return child(what, true, false) // by its environment alone
	case "fugitive":
		return child(what, true, true) // by nothing
	case "goodbye":
		go func() { time.Sleep(10 * time.Millisecond); os.Exit(0) }()
	}
	return nil
}

// once reports whether the file is not there yet, and makes it.
func once(file string) bool {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		f.Close()
	}
	return err == nil
}

func child(pidFile string, leave, bare bool) error {
	cmd := exec.Command("/bin/sleep", "300")
	cmd.Stderr, cmd.Stdout = os.Stderr, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: leave}
	if bare {
		cmd.Env = []string{}
	}
	if err := cmd.Start(); err != nil {
		return sdk.Errorf(sdk.Internal, "no child")
	}
	os.WriteFile(filepath.Clean(pidFile), []byte(fmt.Sprint(cmd.Process.Pid)), 0o600)
	return nil
}
