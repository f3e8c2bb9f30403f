// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"net"
)

// refusalSign is how a response begins that is the host's own: with the ID of
// the call, which no service knows. The host's code and words follow.
func refusalSign(call string) []byte {
	return []byte("HTTP/1.1 502 Bad Gateway\r\nCredhost-Call: " + call + "\r\nCredhost-Egress: ")
}

// A responses connection is one for HTTP. It makes an error of a response that
// is a refusal of the host, so that the plugin does not take it for the
// service's: its words tell an operator what to do.
type responses struct {
	net.Conn
	sign []byte
	held []byte // has been read, and is no refusal
}

// Read reads. The host writes a response when it has got a request, so that a
// refusal begins where a Read begins.
func (c *responses) Read(p []byte) (int, error) {
	if len(c.held) > 0 {
		n := copy(p, c.held)
		c.held = c.held[n:]
		return n, nil
	}
	n, err := c.Conn.Read(p)
	if n == 0 || err != nil || !c.mayRefuse(p[:n]) {
		return n, err
	}
	head, err := c.readHead(bytes.Clone(p[:n]))
	if err != nil {
		return 0, err
	}
	n = copy(p, head)
	c.held = head[n:]
	return n, nil
}

// mayRefuse reports whether head is the beginning of a refusal, as far as it goes.
func (c *responses) mayRefuse(head []byte) bool {
	n := min(len(head), len(c.sign))
	return bytes.Equal(head[:n], c.sign[:n])
}

// readHead reads on until head is a refusal, which it returns as the error, or
// is none.
func (c *responses) readHead(head []byte) ([]byte, error) {
	for c.mayRefuse(head) && len(head) < len(c.sign)+MaxEgressAnswer {
		if len(head) > len(c.sign) {
			if line, _, whole := bytes.Cut(head[len(c.sign):], []byte("\r\n")); whole {
				return nil, refusal(string(line))
			}
		}
		more := make([]byte, MaxEgressAnswer)
		n, err := c.Conn.Read(more)
		head = append(head, more[:n]...)
		if err != nil {
			return head, nil // and the next Read finds the error again
		}
	}
	return head, nil
}
