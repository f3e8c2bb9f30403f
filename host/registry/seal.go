// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// sealCopy copies the file at path into a folder of this host alone and
// returns the copy, hashed. It is for systems without sealed memory, and for
// Linux where memory may not be executed.
func (a *album) sealCopy(path, name string) (_ *binary, err error) {
	in, err := openRegular(path)
	if err != nil {
		return nil, plainError(path, err)
	}
	defer in.Close()
	dir, err := a.folder()
	if err != nil {
		return nil, err
	}
	b := &binary{path: filepath.Join(dir, name), remove: []string{dir}}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	out, err := os.OpenFile(b.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o500)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, h), io.LimitReader(in, maxProgram+1))
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, plainError(path, err)
	}
	if n > maxProgram {
		return nil, fmt.Errorf("%s is larger than %d MiB", path, maxProgram>>20)
	}
	b.digest = sumDigest(h.Sum(nil))
	b.file, err = openRegular(b.path) // holds the copy, on systems where that keeps others from changing it
	return b, err
}

// hashFile returns the digest of the file at path, which may be a link.
func hashFile(path string) (digest, error) {
	f, err := openRegular(path)
	if err != nil {
		return "", plainError(path, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", plainError(path, err)
	}
	return sumDigest(h.Sum(nil)), nil
}
