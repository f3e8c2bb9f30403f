// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/credhost/credhost/internal/defence"
)

// Rescan looks at the folders and the lock file again. Programs that are
// trusted in a new version serve new calls at once, while those that are under
// way end with the old one; and those that crashed may be started again.
//
// The registry does so by itself when a file changes, but for the last.
func (r *Registry) Rescan(ctx context.Context) error {
	for _, s := range r.slotsOf("") {
		s.reset()
	}
	return r.scan(ctx)
}

// scan makes a catalog, and lets processes that it does not have end.
func (r *Registry) scan(ctx context.Context) error {
	r.scanning.Lock()
	defer r.scanning.Unlock()
	r.seen = r.outlook() // before it is looked at: what changes meanwhile is looked at again
	lock, err := readLock(r.ctx, r.cfg.Lock)
	if err != nil {
		return err
	}
	all, err := find(r.cfg.Dirs)
	if err != nil {
		return err
	}
	for name := range lock.Programs {
		if !slices.ContainsFunc(all, func(f found) bool { return f.name == name }) {
			all = append(all, found{name: name})
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(a.name, b.name) })
	programs := make([]*program, len(all))
	for i, f := range all {
		programs[i] = &program{found: f}
	}
	each(programs, func(p *program) {
		if r.assess(lock, p) {
			r.examine(ctx, lock, p)
		}
	})
	if err := ctx.Err(); err != nil {
		return err
	}
	c := &catalog{lock: lock, programs: make([]*program, 0, len(all)), types: map[string]claim{}}
	for _, p := range programs {
		c.add(r.ctx, p)
	}
	r.catalog.Store(c)
	for _, s := range r.slotsOf("") {
		var v *version
		if p := c.program(s.name); p != nil {
			v = p.version
		}
		s.replace(v)
	}
	return nil
}

// each calls f with each of all, a few at a time: as many as there are
// processors, and two that wait for a program to start.
func each[T any](all []T, f func(T)) {
	var wg sync.WaitGroup
	next := new(atomic.Int64)
	for range runtime.GOMAXPROCS(0) + 2 {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(all)); i = next.Add(1) - 1 {
				f(all[i])
			}
		})
	}
	wg.Wait()
}

// assess says of p what can be said without reading the program, and reports
// whether it must be read.
func (r *Registry) assess(lock *lockFile, p *program) (work bool) {
	f := p.found
	pin, trusted := lock.pin(f.name)
	if e := lock.Programs[f.name]; e != nil {
		p.key = e.Key
	}
	if trusted && f.hidden == "" {
		p.version = &version{found: f, digest: pin.Program, pin: pin.Description, reads: pin.Reads}
	}
	hashed := r.recall(p, pin)
	switch {
	case f.hidden != "":
		p.state, p.fault = Hidden, fmt.Sprintf("it is not used: %s has the same name and is in an earlier folder: remove one of them", f.hidden)
		return false
	case f.path == "":
		p.state, p.fault = Missing, fmt.Sprintf("it is trusted, but there is no %s%s in %s: put it back, or distrust it", prefix, f.name, strings.Join(r.cfg.Dirs, ", "))
		return false
	case f.err != nil:
		p.state, p.fault = Faulty, f.err.Error()
		return false
	}
	var err error
	if p.files, err = f.stamps(); err != nil {
		p.found.err, p.state, p.fault = err, Faulty, err.Error()
		return false
	}
	switch {
	case p.version != nil && p.version.description != nil && fresh(hashed, p.files):
		p.state = Trusted
		return false
	case trusted:
		p.state = Trusted
		return true
	case r.cfg.Dev:
		p.state = Development
		return !r.unchanged(p)
	}
	p.state, p.fault = Untrusted, fmt.Sprintf("nobody trusts it yet: see what it asks for, and trust it, with: credhost plugin trust %s", f.name)
	if e := lock.Programs[f.name]; e != nil {
		at := strings.Join(slices.Sorted(maps.Keys(e.Platforms)), ", ")
		p.fault = fmt.Sprintf("it is trusted for %s, but not for %s, where its bytes are others: trust it here too, with: credhost plugin trust %s", at, platform, f.name)
	}
	return false
}

// recall finds what p said of itself, if it is known by the pin, and returns
// the stamps of the files that were hashed then.
func (r *Registry) recall(p *program, pin pin) []stamp {
	if p.version == nil {
		return nil
	}
	if old := r.entry(p.found.name); old != nil && old.version != nil && old.version.digest == pin.Program &&
		old.version.pin == pin.Description && old.version.description != nil {
		p.version.description = old.version.description
		if old.state == Trusted {
			return old.files
		}
		return nil
	}
	d, files, ok := cache(r.cfg.Cache).get(p.found.name, pin)
	if !ok {
		return nil
	}
	p.version.description = d
	return files
}

// entry returns what the last catalog has of a program, or nil.
func (r *Registry) entry(name string) *program {
	if c := r.catalog.Load(); c != nil {
		return c.program(name)
	}
	return nil
}

// unchanged takes over what was found out about a program that is not trusted.
func (r *Registry) unchanged(p *program) bool {
	old := r.entry(p.found.name)
	if old == nil || old.version == nil || old.state != Development || !fresh(old.files, p.files) {
		return false
	}
	p.version, p.fault = old.version, ""
	return true
}

// examine reads a program: is it what was trusted, and what is it?
func (r *Registry) examine(ctx context.Context, lock *lockFile, p *program) {
	now, err := r.album.digest(p.found)
	v := p.version
	switch {
	case err != nil:
		p.state, p.fault = Faulty, err.Error()
	case v == nil: // development
		r.introduce(ctx, p, &version{found: p.found, digest: now})
	case now != v.digest:
		if ok, why := r.adopt(ctx, lock, p); !ok {
			p.changed(now, why)
		}
	case v.description == nil:
		r.introduce(ctx, p, v)
	default:
		r.remember(p)
	}
}

// introduce starts a program of which nobody remembers what it is.
func (r *Registry) introduce(ctx context.Context, p *program, v *version) {
	process, err := r.startVersion(ctx, v)
	if err != nil {
		p.state, p.fault = Faulty, err.Error()
		return
	}
	process.stop()
	r.album.forget(func(i *image) bool { return i.digest == v.digest && !r.runs(i.digest) })
	said := process.described // a copy: the process is to be forgotten
	v.description, p.version = &said, v
	if p.state == Development {
		v.pin = digestOf(canonical(said))
		return
	}
	r.remember(p)
}

// changed notes that a program is not what was trusted, and why it was not
// taken for an update.
func (p *program) changed(now digest, why error) {
	p.state = Changed
	p.fault = fmt.Sprintf("%v: if you replaced it, see what it asks for, and trust it, with: credhost plugin trust %s", changed(now, p.version.digest), p.found.name)
	if why != nil {
		p.fault = fmt.Sprintf("%v, and is not taken for an update: %v: see what it asks for, and trust it if you agree, with: credhost plugin trust %s", changed(now, p.version.digest), why, p.found.name)
	}
}

// remember puts what a program said of itself into the cache.
func (r *Registry) remember(p *program) {
	v := p.version
	if err := cache(r.cfg.Cache).put(p.found.name, v.digest, p.files, *v.description); err != nil {
		r.log.Warn("the cache of descriptions cannot be written", "folder", r.cfg.Cache, "err", err)
	}
}

// startVersion starts a process of v, which must say of itself what it said
// when it was trusted.
func (r *Registry) startVersion(ctx context.Context, v *version) (*process, error) {
	i, err := r.album.get(v.found, v.digest)
	if err != nil {
		return nil, err
	}
	if err := r.checkReads(i, v); err != nil {
		return nil, err
	}
	p, err := r.launch(ctx, v.found.name, i, r.cfg.Guard)
	if err != nil {
		return nil, err
	}
	if v.pin != "" && digestOf(canonical(p.described)) != v.pin && !r.off(defence.Pinned) {
		p.stop()
		return nil, errors.New("it says something else of itself than when it was trusted: ask its author why, and trust it again if the answer is good")
	}
	return p, nil
}
