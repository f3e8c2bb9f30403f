// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/credhost/credhost/host"
)

// speak reads requests of a connection, and answers each with what says returns
// for it, byte by byte.
func speak(says func(n int) string) func(net.Conn) {
	return func(conn net.Conn) {
		br := bufio.NewReader(conn)
		for n := 1; ; n++ {
			r, err := http.ReadRequest(br)
			if err != nil {
				return
			}
			io.Copy(io.Discard, r.Body)
			text := says(n)
			if _, err := io.WriteString(conn, text); err != nil || strings.Contains(text, "Connection: close") {
				return
			}
		}
	}
}

// answered has a service give an answer that is not as it should be, and
// reports whether the caller takes it. Where it is allowed, it gives another.
func answered(says, malicious, harmless string) attempt {
	return attempt{says: says, run: func(w *world) (bool, error) {
		answer := malicious
		if w.easy {
			answer = harmless
		}
		w.listen(api, speak(func(int) string { return answer }))
		_, body, err := w.get(w.create("key", nil), api+"/things")
		return err == nil && body == "yes", err
	}}
}

// next has a service send more than was asked for, and reports whether the
// caller takes it for the answer to the next request. Where it is allowed, it
// waits until it is asked.
func next(malicious string) attempt {
	const second = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse"
	return attempt{run: func(w *world) (bool, error) {
		w.listen(api, speak(func(n int) string {
			switch {
			case !w.easy:
				return strings.Replace(malicious, "SECOND", second, 1)
			case n > 1:
				return second
			}
			return "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"
		}))
		id := w.create("key", nil)
		if _, _, err := w.get(id, api+"/first"); err != nil {
			return false, err
		}
		time.Sleep(20 * time.Millisecond) // for what came unasked to be noticed
		_, body, err := w.get(id, api+"/second")
		return body == "false", err
	}}
}

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"

var rawAnswers = attempts{
	"two lengths":              answered("could not be reached", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 6\r\n\r\nyes no", ok),
	"a length that is none":    answered("could not be reached", "HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nyes", ok),
	"a length below nothing":   answered("could not be reached", "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nyes", ok),
	"chunks that are none":     answered("invalid byte in chunk length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nyes\r\n0\r\n\r\n", ok),
	"an encoding that is none": answered("could not be reached", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\n3\r\nyes\r\n0\r\n\r\n", ok),
	"an answer of HTTP/0.9":    answered("could not be reached", "yes\r\n\r\n", ok),
	"an answer that ends early": answered("unexpected EOF",
		"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nyes", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes"),
	"chunks that end early": answered("unexpected EOF",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nyes\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nyes\r\n0\r\n\r\n"),
	"hints without end": answered("could not be reached", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: <"+strings.Repeat("x", 1000)+">\r\n\r\n", 2000)+ok,
		"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"+ok),
	"another protocol": answered("in another protocol", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nyes",
		ok),

	"a second answer in advance":     next("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyesSECOND"),
	"a body where there is none":     next("HTTP/1.1 204 No Content\r\nContent-Length: 47\r\n\r\nSECOND"),
	"a body of what has not changed": next("HTTP/1.1 304 Not Modified\r\nContent-Length: 47\r\n\r\nSECOND"),
	"a length and chunks":            next("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\nSECOND"),

	"a header in the trailer": {
		run: func(w *world) (bool, error) {
			answer := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Verified\r\n\r\n3\r\nyes\r\n0\r\nX-Verified: true\r\n\r\n"
			if w.easy {
				answer = "HTTP/1.1 200 OK\r\nX-Verified: true\r\nContent-Length: 3\r\n\r\nyes"
			}
			w.listen(api, speak(func(int) string { return answer }))
			resp, _, err := w.get(w.create("key", nil), api+"/things")
			return err == nil && resp.Header.Get("X-Verified") != "", err
		},
	},
	"a connection that is reset": {
		says: "connection reset by peer",
		run: func(w *world) (bool, error) {
			w.listen(api, func(conn net.Conn) {
				http.ReadRequest(bufio.NewReader(conn))
				io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nyes") // it ends with the connection
				if !w.easy {
					time.Sleep(20 * time.Millisecond)
					conn.(*net.TCPConn).SetLinger(0)
				}
			})
			_, body, err := w.get(w.create("key", nil), api+"/things")
			return err == nil && body == "yes", err
		},
	},
	"an answer that never begins": {
		says: "did not answer in time",
		run: func(w *world) (bool, error) {
			w.change = func(cfg *host.Config) { cfg.Egress.ResponseHeaderTimeout = 100 * time.Millisecond }
			w.listen(api, func(conn net.Conn) { io.Copy(io.Discard, conn) })
			return w.hangs()
		},
	},
	"headers without end": {
		says: "could not be reached",
		run: func(w *world) (bool, error) {
			w.listen(api, func(conn net.Conn) {
				http.ReadRequest(bufio.NewReader(conn))
				io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
				for n := range 4000 {
					if _, err := fmt.Fprintf(conn, "X-H%d: %s\r\n", n%1000, strings.Repeat("x", 1000)); err != nil {
						return
					}
				}
				io.WriteString(conn, "\r\nyes")
			})
			_, body, err := w.get(w.create("key", nil), api+"/things")
			return body == "yes", err
		},
	},
	"a bomb for a plugin": {
		says: "broke off its answer",
		run: func(w *world) (bool, error) {
			w.change = smallAnswers
			w.serve(api, bomb())
			err := w.test(w.create("careless", nil))
			return err != nil && strings.Contains(err.Error(), "read 32 MiB"), err
		},
	},
	"a bomb for a workflow": {
		run: func(w *world) (bool, error) {
			w.alone()
			w.serve(api, bomb())
			id := w.create("key", nil)
			if w.easy { // as net/http has it, where nobody says otherwise
				resp, err := http.Get(w.routes[api])
				if err != nil {
					return false, err
				}
				defer resp.Body.Close()
				n, err := io.Copy(io.Discard, resp.Body)
				return n >= much, err
			}
			_, body, err := w.get(id, api+"/things")
			return len(body) >= 1<<20, err
		},
	},
}

// bomb answers with 32 MiB of spaces in little, but to a request for a token.
func bomb() http.Handler {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(bytes.Repeat([]byte(" "), much))
	z.Close()
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/token" {
			fmt.Fprint(rw, token("t", 3600))
			return
		}
		rw.Header().Set("Content-Encoding", "gzip")
		rw.Write(packed.Bytes())
	})
}

// hangs reports whether a request hangs for a second, which is longer than the
// world's limits.
func (w *world) hangs() (bool, error) {
	id := w.create("key", nil)
	r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, api+"/things", nil)
	if err != nil {
		return false, err
	}
	if err := w.acme().Authenticate(w.ctx, id, r.Clone(w.ctx)); err != nil { // that starts the plugin
		return false, err
	}
	ctx, cancel := context.WithTimeout(w.ctx, time.Second)
	defer cancel()
	_, _, err = w.do(id, r.WithContext(ctx))
	return ctx.Err() != nil, err
}
