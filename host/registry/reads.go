// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"slices"
)

// verified is a file of the system that was hashed.
type verified struct {
	stamp  stamp
	digest digest
}

// checkReads refuses to start a program whose loader or libraries are not
// those that were pinned with it.
//
// They are checked, not copied: the loader finds them by itself, in folders
// that only the system's administrator may change. Of a static program nothing
// is left to find.
func (r *Registry) checkReads(i *image, v *version) error {
	if v.pin == "" { // it is held to nothing
		return nil
	}
	if !slices.EqualFunc(i.reads, v.reads, func(a, b read) bool { return a.Path == b.Path }) {
		return fmt.Errorf("it loads other libraries than when it was trusted: trust it again, or build it with CGO_ENABLED=0")
	}
	for _, read := range v.reads {
		now, err := r.hashRead(read.Path)
		if err != nil {
			return err
		}
		if now != read.Digest {
			return fmt.Errorf("%s, which it loads, has changed since it was trusted: trust it again, or build it with CGO_ENABLED=0", read.Path)
		}
	}
	return nil
}

// hashRead returns the digest of a file, which is read only if it has changed.
func (r *Registry) hashRead(path string) (digest, error) {
	s, err := stampOf(path)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	known := r.reads[path]
	r.mu.Unlock()
	if known.stamp == s {
		return known.digest, nil
	}
	d, err := hashFile(path)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads[path] = verified{s, d}
	return d, nil
}
