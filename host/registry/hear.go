// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"io"
	"time"

	"golang.org/x/time/rate"
)

// hear reads the standard output: the handshake, and what nobody wants.
func (c *child) hear(r io.Reader) {
	pace := newPace(c.done, c.logs.pace)
	line := make([]byte, 0, 256)
	buf := make([]byte, 32<<10)
	heard := false
	for {
		n, err := r.Read(buf)
		pace.wait(n)
		if !heard {
			line = append(line, buf[:min(n, maxHello-len(line))]...)
			if i := bytes.IndexByte(line, '\n'); i >= 0 || len(line) == maxHello || err != nil {
				if i >= 0 {
					line = line[:i]
				}
				heard = true
				c.greet(line, err != nil && i < 0)
			}
		}
		if err != nil {
			return
		}
	}
}

// maxHello is how long a handshake may be: with a certificate, about 1 KiB.
const maxHello = 8 << 10

// greet takes the first line of standard output, or the end of it.
func (c *child) greet(line []byte, ended bool) {
	defer close(c.greeted)
	if ended && len(line) == 0 {
		return
	}
	if err := checkHello(string(line)); err != nil {
		c.refuse(err)
		return
	}
	c.line = append(line, '\n')
}

// listen reads the standard error.
func (c *child) listen(r io.Reader) {
	w := &lineWriter{logs: c.logs, wait: newPace(c.done, c.logs.pace).wait}
	io.Copy(w, r)
	w.flush()
}

// A pace makes a reader slow enough that what a plugin writes costs the host
// next to nothing: the plugin waits.
type pace struct {
	bytes *rate.Limiter
	done  <-chan struct{}
}

func newPace(done <-chan struct{}, perSecond rate.Limit) *pace {
	return &pace{bytes: rate.NewLimiter(perSecond, readBurst), done: done}
}

func (p *pace) wait(n int) {
	for n > 0 {
		step := min(n, readBurst)
		n -= step
		d := p.bytes.ReserveN(time.Now(), step).Delay()
		if d == 0 {
			continue
		}
		select {
		case <-time.After(d):
		case <-p.done:
			return
		}
	}
}

// Stdout is the handshake.
func (c *child) Stdout() io.ReadCloser { return io.NopCloser(&hello{c: c}) }

// A hello reads as the handshake, once it was heard.
type hello struct {
	c    *child
	rest *bytes.Reader
}

func (h *hello) Read(p []byte) (int, error) {
	if h.rest == nil {
		<-h.c.greeted
		h.rest = bytes.NewReader(h.c.line)
	}
	return h.rest.Read(p)
}
