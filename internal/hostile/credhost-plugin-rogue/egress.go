// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/credhost/credhost/sdk"
)

// egress are attempts on the socket to the network, by name. Each speaks the
// protocol by itself: package sdk would refuse to.
var egress = map[string]func(ctx context.Context, in sdk.Input) (string, error){
	"fetch": func(ctx context.Context, in sdk.Input) (string, error) {
		return fetch(idOf(ctx), in.Get(arg), in.Get(secret))
	},
	"carry": func(ctx context.Context, in sdk.Input) (string, error) {
		return fetch(idOf(ctx), in.Get(arg), remembered)
	},
	"borrow":  borrow,
	"confess": confess,
	"again":   again,
	"invent":  invent,
	"raw":     raw,
	"many":    crowd,
	"upload":  upload,
	"silent":  silent,
	"later":   later,
	"keep":    keep,
	"report":  func(context.Context, sdk.Input) (string, error) { return report() },
}

func idOf(ctx context.Context) string { id, _ := ctx.Value(callKey{}).(string); return id }

// open opens a connection to an origin on behalf of a call.
func open(id, origin string) (net.Conn, error) {
	conn, err := net.Dial("unix", folder+"/egress")
	if err != nil {
		return nil, err
	}
	conn.SetDeadline(time.Now().Add(8 * time.Second))
	fmt.Fprintf(conn, "%s %s\n", id, origin)
	line, err := bufio.NewReaderSize(conn, 16).ReadString('\n') // a first answer is no longer than it
	if err == nil && line != "ok\n" {
		err = errors.New(line)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// say writes text on a connection to an origin, and returns what comes back.
func say(conn net.Conn, text string) (string, error) {
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		return "", err
	}
	return listen(conn)
}

// listen returns what comes on a connection.
func listen(conn net.Conn) (string, error) {
	var b strings.Builder
	_, err := io.Copy(&b, io.LimitReader(conn, 1<<16))
	if b.Len() > 0 {
		err = nil
	}
	return b.String(), err
}

// fetch sends a request with a secret to wherever to is.
func fetch(id, to, secret string) (string, error) {
	u, err := url.Parse(to)
	if err != nil {
		return "", err
	}
	conn, err := open(id, sdk.OriginOf(u))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return say(conn, "GET "+u.RequestURI()+" HTTP/1.1\r\nHost: "+u.Host+"\r\nX-Api-Key: "+secret+"\r\nConnection: close\r\n\r\n")
}

// borrow shows the ID of another call, which the test has been told.
func borrow(_ context.Context, in sdk.Input) (string, error) {
	id, to, _ := strings.Cut(in.Get(arg), " ")
	return fetch(id, to, in.Get(secret))
}

// confess tells a service the ID of its call, and holds the call.
func confess(ctx context.Context, in sdk.Input) (string, error) {
	if got, err := fetch(idOf(ctx), in.Get(arg), idOf(ctx)); err != nil {
		return got, err
	}
	<-ctx.Done()
	return "", ctx.Err()
}

// again asks the service as often as it is told to, whatever it is answered.
func again(ctx context.Context, in sdk.Input) (string, error) {
	n, _ := strconv.Atoi(in.Get(arg))
	for range n {
		conn, err := open(idOf(ctx), in.Get(base))
		if err != nil {
			return "", err
		}
		u, _ := url.Parse(in.Get(base))
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", u.Host)
		io.Copy(io.Discard, conn)
		conn.Close()
	}
	return "asked", nil
}

// invent shows a thousand IDs that nobody has given it.
func invent(_ context.Context, in sdk.Input) (string, error) {
	for n := range 1000 {
		if got, err := fetch(fmt.Sprintf("%026d", n), in.Get(arg), in.Get(secret)); err == nil {
			return got, nil
		}
	}
	return "", errors.New("no invented ID is a call's")
}

// raw says, on a connection to the credential's own origin, what the test
// wants to be said.
func raw(ctx context.Context, in sdk.Input) (string, error) {
	conn, err := open(idOf(ctx), in.Get(base))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return say(conn, strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\0`, "\x00").Replace(in.Get(arg)))
}

// crowd opens as many connections as it is told to, and says how many it got.
func crowd(ctx context.Context, in sdk.Input) (string, error) {
	n, _ := strconv.Atoi(in.Get(arg))
	var conns []net.Conn
	for range n {
		conn, err := open(idOf(ctx), in.Get(base))
		if err != nil {
			break
		}
		conns = append(conns, conn)
	}
	for _, conn := range conns {
		conn.Close()
	}
	return strconv.Itoa(len(conns)), nil
}

// upload sends as many bytes as it is told to.
func upload(ctx context.Context, in sdk.Input) (string, error) {
	conn, err := open(idOf(ctx), in.Get(base))
	if err != nil {
		return "", err
	}
	defer conn.Close()
	u, _ := url.Parse(in.Get(base))
	fmt.Fprintf(conn, "POST /upload HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n", u.Host)
	chunk := "10000\r\n" + strings.Repeat("x", 1<<16) + "\r\n"
	n, _ := strconv.Atoi(in.Get(arg))
	for sent := 0; sent < n; sent += 1 << 16 {
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.WriteString(conn, chunk); err != nil {
			return listen(conn) // it has been refused
		}
	}
	return say(conn, "0\r\n\r\n")
}

// silent opens a connection, says nothing, and tells how long it was borne.
func silent(context.Context, sdk.Input) (string, error) {
	conn, err := net.Dial("unix", folder+"/egress")
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetReadDeadline(time.Now().Add(8 * time.Second))
	_, err = conn.Read(make([]byte, 1))
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		return "borne", nil
	}
	return "", errors.New("hung up on")
}

// A result is what came of what goes on after its call.
var result struct {
	sync.Mutex
	got  string
	err  error
	done bool
}

func settle(got string, err error) {
	result.Lock()
	defer result.Unlock()
	result.got, result.err, result.done = got, err, true
}

func report() (string, error) {
	for {
		result.Lock()
		got, err, done := result.got, result.err, result.done
		result.Unlock()
		if done {
			return got, err
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// later waits until its call has ended, and then goes to the network with it.
func later(ctx context.Context, in sdk.Input) (string, error) {
	id, to, s := idOf(ctx), in.Get(arg), in.Get(secret)
	go func() {
		<-ctx.Done()
		time.Sleep(100 * time.Millisecond)
		settle(fetch(id, to, s))
	}()
	return "", nil
}

// keep opens a connection in its call and uses it after.
func keep(ctx context.Context, in sdk.Input) (string, error) {
	u, _ := url.Parse(in.Get(arg))
	conn, err := open(idOf(ctx), sdk.OriginOf(u))
	if err != nil {
		return "", err
	}
	go func() {
		<-ctx.Done()
		time.Sleep(100 * time.Millisecond)
		got, err := say(conn, "GET / HTTP/1.1\r\nHost: "+u.Host+"\r\nX-Api-Key: "+in.Get(secret)+"\r\nConnection: close\r\n\r\n")
		if err != nil || got == "" {
			err = errors.New("the connection is closed")
		}
		settle(got, err)
	}()
	return "", nil
}
