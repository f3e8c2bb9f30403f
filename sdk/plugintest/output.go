// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"bytes"
	"io"
	"log"
	"os"
	"sync"
)

// An output captures what is printed. What the runtime prints when the
// program crashes is not captured: its author needs it.
type output struct {
	stdout, stderr *os.File
	logged         io.Writer
	w              *os.File
	read           sync.WaitGroup
	text           bytes.Buffer
}

// capture captures what is printed until stop is called.
func capture() *output {
	r, w, err := os.Pipe()
	if err != nil {
		return nil // out of descriptors: everything fails
	}
	o := &output{stdout: os.Stdout, stderr: os.Stderr, logged: log.Writer(), w: w}
	o.read.Go(func() {
		io.Copy(&o.text, r)
		r.Close()
	})
	os.Stdout, os.Stderr = w, w
	log.SetOutput(w)
	return o
}

// stop returns what was printed.
func (o *output) stop() string {
	if o == nil {
		return ""
	}
	os.Stdout, os.Stderr = o.stdout, o.stderr
	log.SetOutput(o.logged)
	o.w.Close()
	o.read.Wait()
	return o.text.String()
}
