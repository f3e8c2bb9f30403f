// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
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
	_, b.digest, err = copyHashed(out, in, maxProgram)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return nil, plainError(path, err)
	}
	b.file, err = openRegular(b.path) // holds the copy, on systems where that keeps others from changing it
	return b, err
}

// copyHashed copies all that there is in from, and no more than room bytes, and
// returns the digest of what it wrote. It hashes one part while it copies the
// next.
func copyHashed(to io.Writer, from io.Reader, room int64) (n int64, sum digest, err error) {
	free, full := make(chan []byte, 2), make(chan []byte, 2)
	for range cap(free) {
		free <- make([]byte, 256<<10)
	}
	h := sha256.New()
	var hashing sync.WaitGroup
	hashing.Go(func() {
		for part := range full {
			h.Write(part)
			free <- part[:cap(part)]
		}
	})
	for err == nil {
		part := <-free
		var m int
		m, err = io.ReadFull(from, part)
		if n += int64(m); n > room {
			err = fmt.Errorf("is larger than %d MiB", maxProgram>>20)
			break
		}
		if _, werr := to.Write(part[:m]); werr != nil {
			err = werr
			break
		}
		full <- part[:m]
	}
	close(full)
	hashing.Wait()
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return n, sumDigest(h.Sum(nil)), err
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
