// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/credhost/credhost/host/sandbox"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/internal/wire"
	"github.com/credhost/credhost/sdk"
)

// A State says whether a program is used.
type State string

// The states of a program.
const (
	Trusted     State = "trusted"     // it is used
	Development State = "development" // it is used without being trusted: see Config.Dev
	Untrusted   State = "untrusted"   // nobody trusted it
	Changed     State = "changed"     // it is not what was trusted
	Missing     State = "missing"     // it was trusted, and is not there
	Faulty      State = "faulty"      // it cannot be used; or it crashed
	Quarantined State = "quarantined" // it crashed too often
	Hidden      State = "hidden"      // another of its name goes before it
)

// A Program is a plugin program that was found, or is missed.
type Program struct {
	Name    string // what follows "credhost-plugin-"
	Path    string // of the file or the folder; empty if it is missing
	Digest  string // "sha256:…" of what is used; empty if nothing is
	Version string // what the program calls its version
	Key     string // the public key that is trusted for it; empty: none
	State   State

	// Fault is a sentence that says why the program, or one of its types, is
	// not used, and what to do. Empty: all is well.
	Fault string

	Types    []Type        // those that are used, by name
	Running  int           // processes
	Restarts int           // after crashes, since the registry was opened
	Sandbox  sandbox.Level // what its processes run in
}

// A Type is a type of credential that a program serves.
type Type struct {
	Schema  sdk.Schema    `json:"schema"`
	Can     sdk.Abilities `json:"can"`
	Program string        `json:"program"` // the program's name
}

// A version is a program with certain bytes, and what it says of itself: what
// a process runs.
type version struct {
	found       found
	digest      digest
	pin         digest // of description; empty: it is held to nothing yet
	reads       []read
	description *wire.Description
}

// A program is an entry of a catalog. It does not change.
type program struct {
	found   found
	state   State
	fault   string
	version *version // nil: there is none to run
	key     string   // that is trusted for it
	files   []stamp
	types   []Type
}

// A catalog is what there is at one moment: programs, and which of them serves
// which type. It does not change.
type catalog struct {
	lock     *lockFile
	programs []*program // by name; of the same name, the one that is used first
	types    map[string]claim
}

// A claim is a type that is used.
type claim struct {
	Type
	wire    wire.Type
	program *program
}

// add adds a program with the types that are its own.
func (c *catalog) add(ctx context.Context, p *program) {
	c.programs = append(c.programs, p)
	if p.version == nil || p.version.description == nil {
		return
	}
	var refused []string
	for _, t := range p.version.description.Types {
		if why := c.refuses(ctx, p, t); why != "" {
			refused = append(refused, why)
			continue
		}
		typ := Type{Schema: t.Schema, Can: t.Can, Program: p.found.name}
		p.types = append(p.types, typ)
		c.types[t.Schema.Name] = claim{Type: typ, wire: t, program: p}
	}
	slices.SortFunc(p.types, func(a, b Type) int { return strings.Compare(a.Schema.Name, b.Schema.Name) })
	if len(refused) > 0 {
		if p.fault != "" {
			refused = append([]string{p.fault}, refused...)
		}
		p.fault = strings.Join(refused, "; ")
	}
	if len(p.types) == 0 && (p.state == Trusted || p.state == Development) {
		p.state = Faulty
	}
}

// refuses says why p may not serve the type t, if it may not.
func (c *catalog) refuses(ctx context.Context, p *program, t wire.Type) string {
	name := t.Schema.Name
	if t.Fault != "" {
		return "a type is refused: " + t.Fault
	}
	if why := tooWide(t.Schema); why != "" && !defence.Off(ctx, defence.Owned) {
		return why
	}
	if defence.Off(ctx, defence.Claimed) {
		return ""
	}
	if owner := c.lock.owner(name); owner != "" && owner != p.found.name {
		return belongs(name, owner)
	} else if owner == "" && p.state != Development {
		return fmt.Sprintf("type %q was another plugin's when this one was trusted: trust it again, and the type is its own", name)
	}
	if other, ok := c.types[name]; ok {
		return belongs(name, other.Program)
	}
	return ""
}

func belongs(typ, owner string) string {
	return fmt.Sprintf("type %q is refused: it belongs to plugin %s, which claimed it first: distrust that one, or ask the author of this one for another name", typ, owner)
}

// program returns the program with the given name that is used, or would be.
func (c *catalog) program(name string) *program {
	for _, p := range c.programs {
		if p.found.name == name && p.state != Hidden {
			return p
		}
	}
	return nil
}

// Programs returns every program that was found or is missed, by name.
func (r *Registry) Programs() []Program {
	c := r.catalog.Load()
	all := make([]Program, len(c.programs))
	for i, p := range c.programs {
		all[i] = Program{Name: p.found.name, Path: p.found.path, Key: p.key, State: p.state, Fault: p.fault, Types: slices.Clone(p.types), Sandbox: r.Sandbox().Level}
		if v := p.version; v != nil {
			all[i].Digest = string(v.digest)
			if v.description != nil {
				all[i].Version = v.description.Version
			}
		}
		if p.state != Hidden {
			r.fares(&all[i])
		}
	}
	return all
}

// fares adds how the processes of a program fare.
func (r *Registry) fares(p *Program) {
	for _, s := range r.slotsOf(p.Name) {
		running, wait, tripped, fault := s.fares()
		p.Running += running
		if fault == nil || p.State != Trusted && p.State != Development && p.State != Faulty {
			continue
		}
		p.State = Faulty
		p.Fault = fmt.Sprintf("in workspace %q %v: it is started again when it is needed, in %s at the earliest", s.workspace, fault, roughly(max(wait, 0)))
		if tripped {
			p.State = Quarantined
			p.Fault = fmt.Sprintf("in workspace %q it crashed %d times, at last: %v; it is started again in %s, or once it is reset or trusted anew", s.workspace, r.cfg.MaxCrashes, fault, roughly(wait))
			break
		}
	}
	p.Restarts = int(r.restarted(p.Name).Load())
}

// Types returns the types that are used, by name.
func (r *Registry) Types() []Type {
	c := r.catalog.Load()
	all := make([]Type, 0, len(c.types))
	for _, t := range c.types {
		all = append(all, t.Type)
	}
	slices.SortFunc(all, func(a, b Type) int { return strings.Compare(a.Schema.Name, b.Schema.Name) })
	return all
}

// Type returns the type with the given name. The error is an [*sdk.Error]:
// Invalid if there is none, Unavailable if its program cannot be used.
func (r *Registry) Type(name string) (Type, error) {
	t, err := r.claim(name)
	return t.Type, err
}

func (r *Registry) claim(name string) (claim, error) {
	c := r.catalog.Load()
	if t, ok := c.types[name]; ok {
		return t, nil
	}
	if owner := c.lock.owner(name); owner != "" {
		p := c.program(owner)
		if p == nil || p.fault == "" {
			return claim{}, sdk.Errorf(sdk.Unavailable, "plugin %s no longer serves the type %q", owner, printable(name, 64))
		}
		return claim{}, sdk.Errorf(sdk.Unavailable, "type %q is not at hand: plugin %s: %s", printable(name, 64), owner, p.fault)
	}
	return claim{}, sdk.Errorf(sdk.Invalid, "there is no type %q: put its plugin into a plugin folder and trust it", printable(name, 64))
}

// fares returns how many processes of the slot run, how long none is started,
// and why.
func (s *slot) fares() (running int, wait time.Duration, tripped bool, fault error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	running = len(s.retired)
	if s.process != nil {
		running++
	}
	wait, tripped = s.breaker.wait(s.r.cfg.now())
	return running, wait, tripped, s.fault
}
