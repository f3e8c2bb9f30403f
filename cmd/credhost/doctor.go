// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/registry"
	"github.com/credhost/credhost/host/sealer"
)

// A check is one thing that doctor looked at.
type check struct {
	State  string `json:"state"` // "ok", "note", "warning" or "broken"
	Name   string `json:"name"`
	Detail string `json:"detail"`
	Next   string `json:"next,omitempty"` // what to do
}

// An examination is all that doctor finds. It makes nothing.
type examination struct {
	OK     bool    `json:"ok"`
	Checks []check `json:"checks"`
}

func (e *examination) add(state, name, detail, next string) {
	e.Checks = append(e.Checks, check{state, name, detail, next})
	e.OK = e.OK && state != "broken"
}

func (p *program) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "doctor",
		GroupID: "program",
		Short:   "look at everything, and say what is wrong and what to do",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			e := p.examine(c.Context())
			if err := c.Context().Err(); err != nil {
				return err
			}
			if err := p.print(e, func(w io.Writer) { printExamination(w, e) }); err != nil {
				return err
			}
			if !e.OK {
				return exit(codeSetup)
			}
			return nil
		},
	}
}

func printExamination(w io.Writer, e examination) {
	for _, c := range e.Checks {
		row(w, c.State, c.Name, c.Detail)
		if c.Next != "" {
			row(w, "", "", "→ "+c.Next)
		}
	}
}

func (p *program) examine(ctx context.Context) examination {
	e := examination{OK: true}
	e.add("ok", "program", fmt.Sprintf("credhost %s, %s, %s/%s", programVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH), "")
	p.examineData(&e)
	fine := p.examineKey(ctx, &e)
	fine = p.examineStore(ctx, &e) && fine
	p.examineLock(&e)
	u := typesOnly
	if fine {
		u = existing
	}
	o, err := p.open(ctx, u)
	if err != nil {
		r := p.explain(err)
		e.add("broken", "host", r.Message, "")
	} else {
		defer o.Close()
		if fine {
			p.examineCredentials(ctx, &e, o)
			p.examineTrail(ctx, &e, o)
		}
		p.examinePlugins(ctx, &e, o.host.Registry())
		e.addSandbox(o.host.Registry().Sandbox())
	}
	e.add("ok", "launch", held(), "")
	p.examineMachine(&e)
	p.examineNetwork(&e)
	p.examineServing(&e)
	examineMemory(&e)
	return e
}

// held says what holds plugins, whatever the sandbox.
func held() string {
	copies := "private copies"
	if runtime.GOOS == "linux" {
		copies = "sealed memory (or private copies, where the kernel does not allow it)"
	}
	return "plugins get nothing of this environment, and run on private channels from " + copies + " that have the digest that was trusted"
}

func (p *program) examineData(e *examination) {
	info, err := os.Stat(p.data)
	switch {
	case os.IsNotExist(err):
		e.add("ok", "data", p.data+" is not there yet: it is made when it is needed", "")
	case err != nil:
		e.add("broken", "data", err.Error(), "choose another folder with --data")
	case !info.IsDir():
		e.add("broken", "data", p.data+" is not a folder", "choose another with --data")
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0:
		e.add("broken", "data", fmt.Sprintf("%s can be changed by others (%04o)", p.data, info.Mode().Perm()), "chmod 700 "+p.data)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o055 != 0:
		e.add("warning", "data", fmt.Sprintf("%s can be listed by others (%04o)", p.data, info.Mode().Perm()), "chmod 700 "+p.data)
	default:
		e.add("ok", "data", p.data, "")
	}
}

// examineLock looks at who may change what is trusted. What everybody may
// change no host uses.
func (p *program) examineLock(e *examination) {
	info, err := os.Stat(p.lock)
	switch {
	case os.IsNotExist(err):
		e.add("ok", "lock", p.lock+" is not there yet: no plugin is trusted", "")
	case err != nil:
		e.add("broken", "lock", err.Error(), "choose another file with --lock")
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o020 != 0:
		e.add("warning", "lock", fmt.Sprintf("%s can be changed by its group (%04o): who is in it decides what is run", p.lock, info.Mode().Perm()), "chmod g-w "+p.lock)
	default:
		e.add("ok", "lock", p.lock, "")
	}
}

// examineKey reports whether the key is there and in order.
func (p *program) examineKey(ctx context.Context, e *examination) bool {
	there, err := exists(p.key)
	stored, _ := p.stored(ctx)
	switch {
	case err != nil:
		e.add("broken", "key", err.Error(), "")
		return false
	case !there && stored:
		e.add("broken", "key", p.key+" is missing, and nobody can open the store without it", "restore it from its backup")
		return false
	case !there:
		e.add("ok", "key", p.key+" is not there yet: it is made with the store", "")
		return true
	}
	ring, err := sealer.OpenFile(ctx, sealer.FileConfig{Path: p.key, GroupMayRead: p.keyGroup, Announce: func(string) {}})
	if err != nil {
		e.add("broken", "key", err.Error(), "")
		return false
	}
	keys, err := ring.Keys(ctx)
	if err != nil {
		e.add("broken", "key", err.Error(), "")
		return false
	}
	e.add("ok", "key", fmt.Sprintf("%s holds %s", p.key, count(len(keys), "key")), "")
	return true
}

// examineCredentials counts the workspace's credentials by what they need.
func (p *program) examineCredentials(ctx context.Context, e *examination, o *opened) {
	all, err := everything(ctx, o.ws, "")
	if err != nil {
		e.add("broken", "credentials", p.explain(err).Message, "")
		return
	}
	need := map[host.Status]int{}
	for _, c := range all {
		need[c.Status]++
	}
	detail := fmt.Sprintf("%s in the workspace %q", count(len(all), "credential"), p.workspace)
	for _, s := range []host.Status{host.StatusDraft, host.StatusAnswers, host.StatusConnect, host.StatusAgain, host.StatusDenied, host.StatusBroken} {
		if need[s] > 0 {
			detail += fmt.Sprintf(", %d %s", need[s], s)
		}
	}
	unverified := 0
	for _, c := range all {
		if c.TLS != nil && c.TLS.SkipVerify {
			unverified++
		}
	}
	if unverified > 0 {
		e.add("warning", "verification", count(unverified, "credential")+" may be answered by anybody", "credhost list shows which are not verified; give them --ca and --verify")
	}
	switch {
	case need[host.StatusBroken] > 0:
		e.add("broken", "credentials", detail, "credhost list shows which; the key may be another store's, or a plugin may be missing")
	case need[host.StatusReady] < len(all):
		e.add("warning", "credentials", detail, "credhost list shows which, and credhost show why")
	default:
		e.add("ok", "credentials", detail, "")
	}
}

func (p *program) examinePlugins(ctx context.Context, e *examination, r *registry.Registry) {
	programs := r.Programs()
	if len(programs) == 0 {
		e.add("warning", "plugins", "there are none in "+strings.Join(p.plugins, ", "), "put programs named credhost-plugin-NAME there")
	}
	for _, dir := range p.plugins {
		if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 && runtime.GOOS != "windows" {
			e.add("broken", "plugins", dir+" can be changed by everybody", "chmod o-w "+dir)
		}
	}
	for _, one := range programs {
		name, detail := "plugin "+one.Name, string(one.State)
		if one.Fault != "" {
			detail += ": " + one.Fault
		}
		switch one.State {
		case registry.Trusted, registry.Development:
			offer, err := r.Inspect(ctx, one.Name)
			if err != nil {
				e.add("broken", name, err.Error(), "")
				continue
			}
			if one.State == registry.Trusted && !offer.Trusted {
				e.add("broken", name, "what it reads from the system has changed since it was trusted", "look why, and trust it again: credhost plugin trust "+one.Name)
				continue
			}
			e.add(state(one.Fault == "", "ok", "warning"), name, detail+", "+short(one.Digest), "")
		case registry.Untrusted, registry.Hidden:
			e.add("note", name, detail, "")
		default:
			e.add("broken", name, detail, "")
		}
	}
}

func state(fine bool, yes, no string) string {
	if fine {
		return yes
	}
	return no
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
