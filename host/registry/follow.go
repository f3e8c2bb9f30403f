// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"slices"
	"time"
)

// keepFactor is how many idle times an image outlives the last process of it:
// starting a program again costs less with it, and it costs as much memory as
// the program is large.
const keepFactor = 10

// follow looks at the folders and the lock file from time to time, and scans
// them when something has changed.
func (r *Registry) follow() {
	tick := time.NewTicker(r.cfg.WatchTime)
	defer tick.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-tick.C:
		}
		if r.changed() {
			r.log.Info("plugins or their lock file have changed")
			if err := r.scan(r.ctx); err != nil && r.ctx.Err() == nil {
				r.log.Error("the change is not followed", "err", err)
			}
		}
		r.sweep()
	}
}

// changed reports whether a scan would see something else than the last one.
func (r *Registry) changed() bool {
	r.scanning.Lock()
	defer r.scanning.Unlock()
	return !slices.Equal(r.outlook(), r.seen)
}

// outlook is what changes when a scan would find something else.
func (r *Registry) outlook() []stamp {
	var all []stamp
	if s, err := stampOf(r.cfg.Lock); err == nil {
		all = append(all, s)
	}
	programs, _ := find(r.cfg.Dirs)
	for _, f := range programs {
		s := stamp{Path: f.path}
		if f.err != nil {
			s.Path += ": " + f.err.Error()
		}
		files, _ := f.stamps()
		all = append(append(all, s), files...)
		if s, err := stampOf(f.signaturePath()); err == nil { // it may come after what it signs
			all = append(all, s)
		}
	}
	return all
}

// sweep discards the images that nothing has run for long, and the slots that
// have nothing to remember.
func (r *Registry) sweep() {
	old := time.Now().Add(-keepFactor * r.cfg.IdleTimeout)
	r.album.forget(func(i *image) bool { return i.used.Before(old) && !r.runs(i.digest) })
	for _, s := range r.slotsOf("") {
		r.tidy(s)
	}
}

// runs reports whether some process has a digest, or is being started.
func (r *Registry) runs(d digest) bool {
	return slices.ContainsFunc(r.slotsOf(""), func(s *slot) bool { return s.runs(d) })
}
