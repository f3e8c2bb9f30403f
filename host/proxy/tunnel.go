// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/credhost/credhost/sdk"
)

// tunnel passes bytes between the caller and a service that has taken the opening
// handshake of a WebSocket, until both have said their last, or one is gone. What
// they say is not looked at.
func (x *exchange) tunnel(ctx context.Context, resp *http.Response) error {
	service, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		resp.Body.Close()
		return sdk.Errorf(sdk.Internal, "the connection to the service cannot be written to")
	}
	defer service.Close()
	conn, buffered, err := x.rc.Hijack()
	if err != nil {
		return sdk.Errorf(sdk.Internal, "the caller's connection cannot be taken over").Because(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Time{})
	x.h.watch.mu.Lock()
	x.flow.tunnel = true
	x.h.watch.mu.Unlock()
	if x.h.closed.Load() { // before anybody could see that it has become a tunnel
		return nil
	}
	stop := context.AfterFunc(ctx, func() { conn.Close(); service.Close() })
	defer stop()
	h := x.w.Header()
	x.answerHeader(h, resp.Header)
	x.chosen(h)
	h["Connection"], h["Upgrade"] = []string{"Upgrade"}, resp.Header["Upgrade"]
	if err := writeSwitch(conn, h); err != nil {
		return nil
	}
	var both sync.WaitGroup
	both.Go(func() { x.carry(service, conn, early(conn, buffered.Reader)) })
	both.Go(func() { x.carry(conn, service, service) })
	both.Wait()
	return nil
}

// writeSwitch writes the head of the answer that switches protocols.
func writeSwitch(conn net.Conn, h http.Header) error {
	w := bufio.NewWriter(conn)
	io.WriteString(w, "HTTP/1.1 101 Switching Protocols\r\n")
	h.Write(w)
	io.WriteString(w, "\r\n")
	return w.Flush()
}

// early returns what has come of conn before it was taken over, and then the rest.
func early(conn net.Conn, br *bufio.Reader) io.Reader {
	if n := br.Buffered(); n > 0 {
		return io.MultiReader(io.LimitReader(br, int64(n)), conn)
	}
	return conn
}

// carry copies from one end to the other, and then says that there is no more. If
// either fails, so do both.
func (x *exchange) carry(to io.WriteCloser, source io.Closer, from io.Reader) {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for {
		n, err := from.Read(*buf)
		if n > 0 {
			x.flow.move()
			if _, err := to.Write((*buf)[:n]); err != nil {
				break
			}
		}
		if half, ok := to.(interface{ CloseWrite() error }); err == io.EOF && ok && half.CloseWrite() == nil {
			return
		}
		if err != nil {
			break
		}
	}
	to.Close()
	source.Close()
}
