// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

const smuggled = "GET /smuggled HTTP/1.1\r\nHost: placed.example\r\n\r\n"

// A trial is a request that a caller makes, what stops it, and what happens
// otherwise.
type trial struct {
	name string
	make func(r *http.Request)
	says string          // of the error; empty: what is dangerous is taken off, and the rest is sent
	off  defence.Defence // without which it succeeds
}

// set returns a change that sets a header with exactly this name.
func set(name string, values ...string) func(*http.Request) {
	return func(r *http.Request) { r.Header[name] = values }
}

func bodied(r *http.Request, length int64, text string) {
	r.Method, r.ContentLength, r.Body = http.MethodPost, length, io.NopCloser(strings.NewReader(text))
}

var trials = []trial{
	{"TRACE", func(r *http.Request) { r.Method = "TRACE" }, "must not be TRACE", defence.Methods},
	{"trace", func(r *http.Request) { r.Method = "trace" }, "must not be TRACE", defence.Methods},
	{"TRACK", func(r *http.Request) { r.Method = "TRACK" }, "must not be TRACK", defence.Methods},
	{"a method that is a request", func(r *http.Request) { r.Method = "GET /smuggled HTTP/1.1\r\nX:" }, "method is not one", ""},

	{"an opaque URL of another host", func(r *http.Request) { r.URL.Opaque = "//evil.example/me" }, "opaque part", defence.Target},
	{"a path that is a URL", func(r *http.Request) { r.URL.Path = "http://evil.example/me" }, "does not begin with a slash", defence.Target},
	{"a query that ends the line", func(r *http.Request) { r.URL.RawQuery = "a HTTP/1.1" }, "has a space", defence.Target},
	{"a query with a fragment", func(r *http.Request) { r.URL.RawQuery = "a#b" }, "has a space", ""},
	{"a query with a line break", func(r *http.Request) { r.URL.RawQuery = "a\r\nX-Evil: 1" }, "has a space", ""},
	{"a user in the URL", func(r *http.Request) { r.URL.User = url.UserPassword("eve", "x") }, "names a user", ""},

	{"a body without a length", func(r *http.Request) {
		bodied(r, -1, smuggled)
		r.TransferEncoding = []string{"identity"}
	}, "transfer encoding other than chunked", defence.Framed},
	{"a trailer", func(r *http.Request) {
		bodied(r, -1, "x")
		r.Trailer = http.Header{"X-Api-Key": {"evil"}}
	}, "trailers", defence.Framed},

	{"a header in a name", set("X-A: b\r\nX-Evil", "1"), "a name that HTTP does not allow", ""},
	{"a pseudo-header", set(":authority", "evil.example"), "a name that HTTP does not allow", ""},
	{"a name with a space", set("X-Api-Key ", "evil"), "a name that HTTP does not allow", ""},
	{"a name beyond ASCII", set("X-Äpi-Key", "evil"), "a name that HTTP does not allow", ""},
	{"a line break in a value", set("X-A", "b\r\nX-Evil: 1"), "header X-A has a value", ""},
	{"a zero in a value", set("X-A", "b\x00"), "header X-A has a value", ""},

	{"Connection that takes the key off", set("Connection", "close, X-Api-Key"), "Connection names another header", defence.OwnHop},
	{"connection that takes the key off", set("connection", "x-api-key"), "Connection names another header", defence.OwnHop},
	{"Upgrade", set("Upgrade", "h2c"), "upgrade the connection", defence.OwnHop},
	{"HTTP2-Settings", set("Http2-Settings", "AAMAAABkAAQAAP__"), "upgrade the connection", defence.OwnHop},
	{"Proxy", set("Proxy", "http://evil.example"), "header Proxy", defence.OwnHop},
	{"another Host", set("host", "evil.example"), "Host is not that of its URL", defence.OwnHop},

	{"a second encoding", func(r *http.Request) {
		bodied(r, 3, "0\r\n")
		r.Header["transfer-encoding"] = []string{"chunked"}
	}, "", defence.OwnHop},
	{"a second encoding, to some", func(r *http.Request) {
		bodied(r, 3, "abc")
		r.Header["Transfer_Encoding"] = []string{"chunked"}
	}, "", defence.OwnHop},
	{"a second length", func(r *http.Request) {
		bodied(r, 3, "abc")
		r.Header["content-length"] = []string{"0"}
	}, "", defence.OwnHop},
	{"Expect", set("expect", "y 100-continue"), "", defence.OwnHop},
	{"Keep-Alive", set("Keep-Alive", "timeout=1"), "", defence.OwnHop},
	{"Proxy-Authorization", set("Proxy-Authorization", "Basic eDp5"), "", defence.OwnHop},
	{"Proxy-Connection", set("Proxy-Connection", "keep-alive"), "", defence.OwnHop},

	{"the caller's own key", set("X-Api-Key", "evil", "evil"), "", ""},
	{"the caller's own key, in small letters", set("x-api-key", "evil"), "", defence.Folded},
	{"the caller's own key, to some", set("X_Api_Key", "evil"), "", defence.Folded},
	{"the caller's own key, to few", set("X.Api.Key", "evil"), "", defence.Folded},
}

// TestRequests shows for every trial that either nothing is sent, or exactly one
// request with exactly one key; by the client, and by a caller who authenticates
// a request and sends it.
func TestRequests(t *testing.T) {
	t.Parallel()
	ws, id, s := sending(t, nil)
	for _, trial := range trials {
		resp, err := ws.Client(id).Transport.RoundTrip(trial.request(t))
		trial.judge(t, s, resp, err)
		r := trial.request(t)
		if err = ws.Authenticate(t.Context(), id, r); err == nil {
			resp, err = bare(s, r)
		} else if r.Header.Get("X-Api-Key") != "" && !strings.Contains(trial.name, "own key") {
			t.Errorf("%s: a request that was refused was given the key", trial.name)
		}
		trial.judge(t, s, resp, err)
	}
}

func (trial trial) request(t *testing.T) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://placed.example/me", nil)
	if err != nil {
		t.Fatal(err)
	}
	trial.make(r)
	return r
}

func (trial trial) judge(t *testing.T, s *rawService, resp *http.Response, err error) {
	t.Helper()
	if trial.says != "" {
		if refused(t, err, sdk.Invalid, ""); err != nil && !strings.Contains(err.Error(), trial.says) {
			t.Errorf("%s: %v, want an error that says %q", trial.name, err, trial.says)
		}
		if came := s.take(0); len(came) > 0 {
			t.Errorf("%s: this was sent:\n%s", trial.name, came)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: %v", trial.name, err)
		return
	}
	resp.Body.Close()
	came := s.take(1)
	if len(came) != 1 {
		t.Errorf("%s: %d requests came", trial.name, len(came))
		return
	}
	if err := wellFormed(came[0], false); err != nil {
		t.Errorf("%s: %v:\n%s", trial.name, err, came[0])
	}
}

// TestRequestsWithoutDefence shows that the trials are worth something: each
// succeeds at a host that does without the defence. Those that name none fail
// there, too: net/http does not send them.
func TestRequestsWithoutDefence(t *testing.T) {
	t.Parallel()
	for _, off := range []defence.Defence{defence.Methods, defence.Target, defence.Framed, defence.OwnHop, defence.Folded} {
		t.Run(string(off), func(t *testing.T) {
			t.Parallel()
			ws, id, s := sending(t, nil, off)
			for _, trial := range trials {
				if trial.off != off {
					continue
				}
				resp, err := ws.Client(id).Transport.RoundTrip(trial.request(t))
				if err == nil {
					resp.Body.Close()
				}
				if came := s.take(1); len(came) != 1 {
					t.Errorf("%s: nothing came: %v", trial.name, err)
				} else if wellFormed(came[0], false) == nil {
					t.Errorf("%s: what came is in order:\n%s", trial.name, came[0])
				}
			}
		})
	}
}
