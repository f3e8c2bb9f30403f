// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"bufio"
	"context"
	"io"
	"net"
	"sync"
)

// dialTCP connects to a tcp origin.
func (g *Guard) dialTCP(ctx context.Context, origin string) (net.Conn, error) {
	dial := g.dialChecked
	if _, ok := g.routes[origin]; ok {
		dial = g.dialRoute
	}
	conn, err := dial(ctx, "tcp", hostPort(origin))
	if err != nil {
		if addressRefused(err) {
			g.measure.refused(ctx, ruleAddress)
		}
		return nil, g.explain(ctx, origin, err)
	}
	return conn, nil
}

// splice connects conn to a tcp origin, and carries bytes both ways until both
// ends have said their last, or one is gone.
func (g *Guard) splice(call *Call, origin string, conn net.Conn, br *bufio.Reader) {
	far, err := g.dialTCP(call.ctx, origin)
	if err != nil {
		refuseOpening(conn, err)
		return
	}
	defer far.Close()
	defer closeWith(call, far)()
	if _, err := conn.Write([]byte("ok\n")); err != nil {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { carry(far, br, conn) })
	both.Go(func() { carry(conn, far, far) })
	both.Wait()
}

// carry copies from one end to the other, and then says that there is no more.
// If either fails, so do both.
func carry(to net.Conn, from io.Reader, source net.Conn) {
	_, err := io.Copy(to, from)
	if err == nil {
		err = closeWrite(to)
	}
	if err != nil {
		to.Close()
		source.Close()
	}
}

// closeWrite ends one direction of a connection, or else all of it.
func closeWrite(conn net.Conn) error {
	if m, ok := conn.(*metered); ok {
		conn = m.Conn
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return conn.Close()
}
