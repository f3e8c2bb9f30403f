// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/credhost/credhost/host/sandbox"
	"github.com/credhost/credhost/internal/wire"
)

// An Offer is what a program is and asks for, as it was inspected: what a
// person decides on.
type Offer struct {
	Name    string `json:"name"`
	Path    string `json:"path"`
	Digest  string `json:"digest"` // "sha256:…"
	Version string `json:"version,omitempty"`
	Trusted bool   `json:"trusted"` // exactly this is trusted already

	// Key is the public key by which it is signed, and Signed when: the key that
	// is trusted for this program, or that was given to InspectSigned. They are
	// empty if there is none: nobody looked for a signature.
	Key    string     `json:"key,omitempty"`
	KeyID  string     `json:"keyId,omitempty"`
	Signed *time.Time `json:"signed,omitempty"`
	Older  bool       `json:"older,omitempty"` // it was signed before what is trusted

	// Asks is what its types ask for, and Confined what it runs in on this
	// machine: what the host holds it to.
	Asks     Terms       `json:"asks"`
	Confined Confinement `json:"confined"`

	// Changes is how what it asks for differs from what was trusted of a program
	// of this name. What it asks for anew is what a decision is about.
	Changes []Change `json:"changes,omitempty"`

	Types   []Type   `json:"types"`            // those that it would serve, by name
	Faults  []string `json:"faults,omitempty"` // why it would not serve the others
	Origins []string `json:"origins"`          // where their secrets could go; see sdk.Schema.Origins
	Reads   []string `json:"reads,omitempty"`  // what it reads of the system, folders with a slash at the end; nothing if it is static

	description wire.Description
	pin         digest
	interpreter *read
	reads       []read
	files       []stamp
}

// A Confinement is what programs run in on a machine.
type Confinement struct {
	Level   sandbox.Level `json:"level"`
	Memory  int64         `json:"memory"` // bytes
	Files   int           `json:"files"`  // open at once
	Threads int           `json:"threads"`
	CPU     float64       `json:"cpu"` // seconds, without finishing a call
}

// confinement returns what programs run in here.
func (r *Registry) confinement() Confinement {
	b := r.cfg.Limits.WithDefaults()
	return Confinement{Level: r.Sandbox().Level, Memory: b.Memory, Files: b.Files, Threads: b.Threads, CPU: b.CPU.Seconds()}
}

// Inspect starts a program, which need not be trusted, asks it what it is, and
// ends it. It reaches no network meanwhile. The program is the one that
// [Registry.Plugin] would use: that of the earliest folder.
//
// If a key is trusted for a program of this name, the program must be signed by
// it, which is looked at before it is started.
func (r *Registry) Inspect(ctx context.Context, name string) (Offer, error) {
	return r.InspectSigned(ctx, name, Key{})
}

// InspectSigned is Inspect of a program that must be signed by the given key,
// which [Registry.Trust] then trusts for it, in the place of another one. The
// zero Key is the one that is trusted already, if there is one.
func (r *Registry) InspectSigned(ctx context.Context, name string, key Key) (Offer, error) {
	f, err := r.findProgram(name)
	if err != nil {
		return Offer{}, err
	}
	lock, err := readLock(r.ctx, r.cfg.Lock)
	if err != nil {
		return Offer{}, err
	}
	if p := lock.Programs[name]; p != nil && p.Key != "" && key == (Key{}) {
		if key, err = ParseKey(p.Key); err != nil {
			return Offer{}, err
		}
	}
	o, err := r.inspect(ctx, f, key)
	if err != nil {
		return Offer{}, fmt.Errorf("plugin %s (%s): %w", name, f.path, err)
	}
	o.claim(lock)
	o.Asks, o.Confined = termsOf(o.Types), r.confinement()
	o.Changes = lock.changesOf(o)
	p, at := lock.Programs[name], pin{}
	if p != nil {
		at = p.Platforms[platform]
		o.Trusted = at.equal(o.pinned()) && p.Key == o.Key
	}
	o.Older = o.Signed != nil && o.Signed.Unix() < at.Signed
	return o, nil
}

// inspect starts a program that was found. If there is a key, it must be signed
// by that.
func (r *Registry) inspect(ctx context.Context, f found, key Key) (Offer, error) {
	files, err := f.stamps()
	if err != nil {
		return Offer{}, err
	}
	i, err := r.album.make(f)
	if err != nil {
		return Offer{}, err
	}
	o := Offer{Name: f.name, Path: f.path, Digest: string(i.digest), reads: i.reads, interpreter: i.interpreter, files: files}
	if key != (Key{}) {
		signed, err := r.verify(key, f, i)
		if err != nil {
			i.discard()
			return Offer{}, err
		}
		at := time.Unix(signed, 0).UTC()
		o.Key, o.KeyID, o.Signed = key.String(), key.ID(), &at
	}
	i = r.album.keep(i)
	p, err := r.launch(ctx, f.name, i, nil)
	if err != nil {
		return Offer{}, err
	}
	p.stop()
	o.Version, o.description, o.pin = p.described.Version, p.described, digestOf(canonical(p.described))
	for _, read := range i.reads {
		o.Reads = append(o.Reads, read.String())
	}
	return o, nil
}

// pinned returns the pin of what o shows.
func (o Offer) pinned() pin {
	p := pin{Program: digest(o.Digest), Description: o.pin, Interpreter: o.interpreter, Reads: o.reads}
	if o.Signed != nil {
		p.Signed = o.Signed.Unix()
	}
	return p
}

// equal reports whether two pins hold a program to the same.
func (p pin) equal(other pin) bool {
	return p.Program == other.Program && p.Description == other.Description && slices.Equal(p.Reads, other.Reads)
}

// findProgram returns the program with the given name, as it is now.
func (r *Registry) findProgram(name string) (found, error) {
	all, err := find(r.cfg.Dirs)
	if err != nil {
		return found{}, err
	}
	i := slices.IndexFunc(all, func(f found) bool { return f.name == name })
	if i < 0 {
		return found{}, fmt.Errorf("there is no %s%s in %s", prefix, printable(name, 64), strings.Join(r.cfg.Dirs, ", "))
	}
	if err := all[i].err; err != nil {
		return found{}, fmt.Errorf("plugin %s (%s): %w", name, all[i].path, err)
	}
	return all[i], nil
}

// claim says which of the types would be the program's.
func (o *Offer) claim(lock *lockFile) {
	for _, t := range o.description.Types {
		owner := lock.owner(t.Schema.Name)
		switch {
		case t.Fault != "":
			o.Faults = append(o.Faults, "a type is refused: "+t.Fault)
		case tooWide(t.Schema) != "":
			o.Faults = append(o.Faults, tooWide(t.Schema))
		case owner != "" && owner != o.Name:
			o.Faults = append(o.Faults, belongs(t.Schema.Name, owner))
		default:
			o.Types = append(o.Types, Type{Schema: t.Schema, Can: t.Can, Program: o.Name})
			o.Origins = append(append(o.Origins, t.Schema.Origins...), t.Schema.AnswerOrigins...)
		}
	}
	slices.SortFunc(o.Types, func(a, b Type) int { return strings.Compare(a.Schema.Name, b.Schema.Name) })
	slices.Sort(o.Origins)
	o.Origins = slices.Compact(o.Origins)
}

// Trust pins exactly what o shows: these bytes, which say this of themselves,
// and the key by which they are signed, if they are. From then on what that key
// signs later, and asks for nothing new, is used without asking. A program for
// which a key is trusted cannot be trusted without one: distrust it first. Types that no other program has claimed become this program's for good. What
// is trusted is used at once.
func (r *Registry) Trust(ctx context.Context, o Offer) error {
	switch {
	case o.pin == "" || digestOf(canonical(o.description)) != o.pin:
		return errors.New("registry: only what Inspect returned can be trusted")
	case r.cfg.Lock == "":
		return errors.New("registry: there is no lock file to trust a plugin in: set Config.Lock")
	case len(o.Types) == 0:
		return fmt.Errorf("plugin %s serves no type that could be used: %s", o.Name, strings.Join(o.Faults, "; "))
	}
	err := editLock(r.ctx, r.cfg.Lock, func(l *lockFile) error {
		if p := l.Programs[o.Name]; p != nil && p.Key != "" && o.Key == "" {
			return fmt.Errorf("plugin %s is trusted by the key %s, and this was not looked at by it: inspect it again", o.Name, keyID(p.Key))
		}
		l.trust(o)
		return nil
	})
	if err != nil {
		return err
	}
	if err := cache(r.cfg.Cache).put(o.Name, digest(o.Digest), o.files, o.description); err != nil {
		r.log.Warn("the cache of descriptions cannot be written", "folder", r.cfg.Cache, "err", err)
	}
	r.Reset(o.Name)
	return r.scan(ctx)
}

// Distrust removes a program, and its claims on types, from the lock file.
// Calls that are under way end; others fail from now on.
func (r *Registry) Distrust(name string) error {
	err := editLock(r.ctx, r.cfg.Lock, func(l *lockFile) error {
		if l.Programs[name] == nil {
			return fmt.Errorf("plugin %s is not trusted", printable(name, 64))
		}
		delete(l.Programs, name)
		return nil
	})
	if err != nil {
		return err
	}
	cache(r.cfg.Cache).drop(name, "")
	return r.scan(r.ctx)
}
