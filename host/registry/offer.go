// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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

	Types   []Type   `json:"types"`            // those that it would serve, by name
	Faults  []string `json:"faults,omitempty"` // why it would not serve the others
	Origins []string `json:"origins"`          // where their secrets could go; see sdk.Schema.Origins
	Reads   []string `json:"reads,omitempty"`  // what it reads of the system, folders with a slash at the end; nothing if it is static

	description wire.Description
	pin         digest
	reads       []read
	files       []stamp
}

// Inspect starts a program, which need not be trusted, asks it what it is, and
// ends it. It reaches no network meanwhile. The program is the one that
// [Registry.Plugin] would use: that of the earliest folder.
func (r *Registry) Inspect(ctx context.Context, name string) (Offer, error) {
	f, err := r.findProgram(name)
	if err != nil {
		return Offer{}, err
	}
	wrap := func(err error) (Offer, error) { return Offer{}, fmt.Errorf("plugin %s (%s): %w", name, f.path, err) }
	files, err := f.stamps()
	if err != nil {
		return wrap(err)
	}
	i, err := r.album.make(f)
	if err != nil {
		return wrap(err)
	}
	i = r.album.keep(i)
	p, err := r.launch(ctx, name, i, nil)
	if err != nil {
		return wrap(err)
	}
	p.stop()
	lock, err := readLock(r.cfg.Lock)
	if err != nil {
		return Offer{}, err
	}
	o := Offer{
		Name: name, Path: f.path, Digest: string(i.digest), Version: p.described.Version,
		description: p.described, pin: digestOf(canonical(p.described)), reads: i.reads, files: files,
	}
	for _, read := range i.reads {
		o.Reads = append(o.Reads, read.String())
	}
	o.claim(lock)
	at, ok := lock.pin(name)
	o.Trusted = ok && at.Program == i.digest && at.Description == o.pin && slices.Equal(at.Reads, o.reads)
	return o, nil
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

// Trust pins exactly what o shows: these bytes, which say this of themselves.
// Types that no other program has claimed become this program's for good. What
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
	err := editLock(r.cfg.Lock, func(l *lockFile) error { l.trust(o); return nil })
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
	err := editLock(r.cfg.Lock, func(l *lockFile) error {
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
