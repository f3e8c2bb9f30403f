// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestCopyHashed(t *testing.T) {
	for _, size := range []int{0, 1, 256 << 10, 256<<10 + 1, 3<<20 + 7} {
		data := bytes.Repeat([]byte("abc"), size/3+1)[:size]
		var out bytes.Buffer
		n, sum, err := copyHashed(&out, iotest.HalfReader(bytes.NewReader(data)), int64(size))
		if err != nil || n != int64(size) || sum != digestOf(data) || !bytes.Equal(out.Bytes(), data) {
			t.Errorf("%d bytes: %d, %s, %v", size, n, sum, err)
		}
		if size > 0 {
			if _, _, err := copyHashed(io.Discard, bytes.NewReader(data), int64(size-1)); err == nil || !strings.Contains(err.Error(), "is larger than") {
				t.Errorf("%d bytes into less room: %v", size, err)
			}
		}
	}
	broken := errors.New("broken")
	if _, _, err := copyHashed(io.Discard, io.MultiReader(strings.NewReader("x"), iotest.ErrReader(broken)), 100); !errors.Is(err, broken) {
		t.Errorf("a reader that breaks: %v", err)
	}
	if _, _, err := copyHashed(full{}, strings.NewReader("x"), 100); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a writer that breaks: %v", err)
	}
}

// full takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }
