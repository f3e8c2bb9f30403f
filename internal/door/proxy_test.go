// SPDX-License-Identifier: Apache-2.0

package door_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/internal/ground"
)

func TestProxy(t *testing.T) {
	t.Parallel()
	tries(t, map[string]attempt{
		"a credential of another workspace, to use": {func(x *try) (bool, string) {
			got := x.through(x.owners(access.Use), x.credential(ground.Workspace), "/v1/foreign")
			return got.status == 200 || !x.easy && len(x.arrived("/v1/foreign")) > 0, got.String()
		}, "404"},
		"the key in the service's hands": sentOn(func(x *try, key string) []string {
			word := key
			if x.easy {
				word = "another word"
			}
			return []string{"X-Debug", "it is " + word + ".", "X-Api-Token", word, "Cookie", "key=" + word, "Referer", "https://app.example/?key=" + word, "Credhost_key", word, "User-Agent", "app (" + word + ")"}
		}, func(x *try, key string) string {
			if x.easy {
				return "another word"
			}
			return key
		}),
		"the key as a proxy's": sentOn(func(x *try, _ string) []string {
			if x.easy {
				return []string{"Authorization-For", "Basic bWluZTptaW5l"}
			}
			return []string{"Proxy-Authorization", "Basic bWluZTptaW5l", "Proxy_Authorization", "Basic bWluZTptaW5l"}
		}, func(*try, string) string { return "bWluZTptaW5l" }),
		"the key in the query": {func(x *try) (bool, string) {
			key := x.key(ground.Workspace, access.Use)
			word := key
			if x.easy {
				word = "another"
			}
			got := x.through(key, x.credential(ground.Workspace), "/v1/query?key="+word)
			return got.status == 200, got.String()
		}, "400"},
		"the page's cookie in the service's hands": sentOn(func(x *try, _ string) []string {
			if x.easy {
				return []string{"Cookie", "theirs=EXAMPLE-session"}
			}
			return []string{"Cookie", "theme=dark; credhost=EXAMPLE-session; __Host-credhost=EXAMPLE-session"}
		}, func(*try, string) string { return "EXAMPLE-session" }),
		"the grant's header, by Connection": {func(x *try) (bool, string) {
			name := "X-Api-Key"
			if x.easy {
				name = "X-Mine"
			}
			got := x.through(x.key(ground.Workspace, access.Use), x.credential(ground.Workspace), "/v1/named", "Connection", name, "X-Mine", "1")
			for _, r := range x.arrived("/v1/named") {
				if r.Header.Get(name) == "" {
					return true, got.String()
				}
			}
			return got.status != 200, got.String()
		}, "200"},
		"an origin of the proxy's own": sentOn(func(x *try, _ string) []string {
			if x.easy {
				return []string{"X-Told", "203.0.113.9"}
			}
			return []string{"Via", "1.1 203.0.113.9", "Forwarded", "for=203.0.113.9", "X-Real-Ip", "203.0.113.9", "X-Forwarded-For", "203.0.113.9", "X_forwarded_for", "203.0.113.9"}
		}, func(*try, string) string { return "203.0.113.9" }),
		"Content-Length and chunks":   smuggled("POST", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nSECOND"),
		"chunks and Content-Length":   smuggled("POST", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n1a\r\nSECOND0\r\n\r\n"),
		"chunks by another name":      smuggled("POST", "Content-Length: 4\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\nSECOND", "Content-Length: 4\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\nSECOND", "Content-Length: 4\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\nSECOND", "Content-Length: 4\r\nTransfer_Encoding: chunked\r\n\r\n0\r\n\r\nSECOND", "Content-Length: 4\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\nSECOND"),
		"two lengths":                 smuggled("POST", "Content-Length: 0\r\nContent-Length: 60\r\n\r\nSECOND", "Content-Length: 0, 60\r\n\r\nSECOND", "Content-Length: +0\r\n\r\nSECOND"),
		"a chunk's size that is none": smuggled("POST", "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\nSECOND", "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\nSECOND", "Transfer-Encoding: chunked\r\n\r\n1 0\r\n\r\nSECOND", "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\nSECOND"),
		"a line that ends early":      smuggled("GET", "X-A: b\n\nSECOND", "X-A: b\r\rSECOND", "X-A: b\r\n\rSECOND", "X-A: b\nContent-Length: 9\n\nSECOND"),
		"a line break by HTTP/2":      {brokenByHTTP2, ""},
		"a trailer for a header":      {trailer, ""},
		"a tunnel to the secrets of a machine": {func(x *try) (bool, string) {
			key, id := x.key(ground.Workspace, access.Use), x.credential(ground.Workspace)
			if x.easy {
				return x.through(key, id, "/v1/plain").status == 200, ""
			}
			got := x.raw("CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254:80\r\nProxy-Authorization: Bearer " + key + "\r\nCredhost-Credential: " + id + "\r\nConnection: close\r\n\r\n")
			return strings.HasPrefix(got, "HTTP/1.1 2"), got
		}, "405"},
		"the API through the proxy": {func(x *try) (bool, string) {
			key := x.key(ground.Workspace, access.Scopes...)
			if x.easy {
				return x.ask(key, "GET", "/v1/keys/current", "").status == 200, ""
			}
			got := x.raw("GET http://@at/v1/keys/current HTTP/1.1\r\nHost: @at\r\nAuthorization: Bearer " + key + "\r\nConnection: close\r\n\r\n")
			more := x.raw("GET http://@at/v1/keys/current HTTP/1.1\r\nHost: @at\r\nAuthorization: Bearer " + key + "\r\nProxy-Authorization: Bearer " + key + "\r\nCredhost-Credential: " + x.credential(ground.Workspace) + "\r\nConnection: close\r\n\r\n")
			return !strings.HasPrefix(got, "HTTP/1.1 407") || !strings.HasPrefix(more, "HTTP/1.1 403"), got + more
		}, "is not for"},
		"a proxy that asks itself": {func(x *try) (bool, string) {
			key := x.key(ground.Workspace, access.Use)
			if x.easy {
				return x.through(key, x.credential(ground.Workspace), "/v1/plain").status == 200, ""
			}
			id := x.credential(ground.Workspace, x.url(""))
			step := x.place(id, x.url(""))
			got := x.ask(key, "GET", strings.Repeat(step, 50)+"/v1/keys/current", "", "Credhost-Key", key)
			return got.status == 200, got.String()
		}, "401"},
	})
}

// sentOn reports whether something in headers that a caller sends comes to the
// service.
func sentOn(headers func(x *try, key string) []string, what func(x *try, key string) string) attempt {
	return attempt{func(x *try) (bool, string) {
		key, path := x.key(ground.Workspace, access.Use), "/v1/sent/"+fmt.Sprint(time.Now().UnixNano())
		all := headers(x, key)
		got := x.through(key, x.credential(ground.Workspace), path, all...)
		for _, r := range x.arrived(path) {
			if strings.Contains(fmt.Sprint(r.Header, r.Host, r.Trailer), what(x, key)) {
				return true, fmt.Sprint(r.Header)
			}
		}
		return false, got.String()
	}, "200"}
}

// smuggled sends requests with a second one in each, which says SECOND.
func smuggled(method string, rests ...string) attempt {
	return attempt{func(x *try) (bool, string) {
		key, id, path := x.key(ground.Workspace, access.Use), x.credential(ground.Workspace), fmt.Sprint("/v1/second/", time.Now().UnixNano())
		if x.easy {
			x.through(key, id, path)
			return len(x.arrived(path)) > 0, ""
		}
		said := ""
		for _, rest := range rests {
			for _, second := range []string{
				"GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n",                                                                     // as the service would read it
				"GET " + x.echo(id) + path + " HTTP/1.1\r\nHost: " + x.at + "\r\nX-A: b\r\n\r\n",                                   // as the proxy would, without a key
				"GET http://" + x.at + path + " HTTP/1.1\r\nHost: " + x.at + "\r\nProxy-Authorization: Bearer " + key + "\r\n\r\n", // as a proxy would
			} {
				said += x.raw(method + " " + x.echo(id) + "/v1/first HTTP/1.1\r\nHost: @at\r\nAuthorization: Bearer " + key + "\r\n" +
					strings.ReplaceAll(rest, "SECOND", second))
			}
		}
		return len(x.arrived(path)) > 0, said
	}, ""}
}

// brokenByHTTP2 writes frames with a header that is two.
func brokenByHTTP2(x *try) (bool, string) {
	key, id, path := x.key(ground.Workspace, access.Use), x.credential(ground.Workspace), fmt.Sprint("/v1/broken/", time.Now().UnixNano())
	value := "a\r\nX-Admin: yes"
	if x.easy {
		value = "a"
	}
	conn, err := net.Dial("tcp", x.at)
	must(x.t, err)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	conn.Write([]byte(http2.ClientPreface))
	f := http2.NewFramer(conn, conn)
	must(x.t, f.WriteSettings())
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, h := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", x.at}, {":path", x.echo(id) + path}, {"authorization", "Bearer " + key}, {"x-broken", value}} {
		e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]})
	}
	must(x.t, f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}))
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return false, err.Error()
		}
		switch frame.(type) {
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return len(x.arrived(path)) > 0, frame.Header().String()
		case *http2.HeadersFrame:
			return len(x.arrived(path)) > 0, frame.Header().String()
		}
	}
}

// trailer sends a request with trailers.
func trailer(x *try) (bool, string) {
	key, id, path := x.key(ground.Workspace, access.Use), x.credential(ground.Workspace), fmt.Sprint("/v1/trailer/", time.Now().UnixNano())
	trailers := []string{"Authorization: Bearer mine", "X-Api-Key: mine", "X_Api_Key: mine", "Cookie: a=mine", "Host: mine", "Content-Length: 4"}
	if x.easy {
		trailers = []string{"X-Sum: mine"}
	}
	said := ""
	for _, line := range trailers {
		name, _, _ := strings.Cut(line, ":")
		said += x.raw("POST " + x.echo(id) + path + " HTTP/1.1\r\nHost: @at\r\nConnection: close\r\nAuthorization: Bearer " + key +
			"\r\nTrailer: " + name + "\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n" + line + "\r\n\r\n")
	}
	for _, r := range x.arrived(path) {
		if strings.Contains(fmt.Sprint(r.Header, r.Host), "mine") {
			return true, said
		}
	}
	return strings.Contains(said, "mine"), said
}

func TestTargets(t *testing.T) {
	t.Parallel()
	thief := ground.NewEcho(t)
	tries(t, map[string]attempt{
		"another port":                      reached(thief, "403", func(_, evil string) string { return evil }),
		"a user before the host":            reached(thief, "400", func(good, evil string) string { return good + "@" + evil }),
		"a user, escaped":                   reached(thief, "400", func(good, evil string) string { return good + "%40" + evil }),
		"a backslash in the host":           reached(thief, "400", func(good, evil string) string { return good + "\\@" + evil }),
		"a fragment in the host":            reached(thief, "400", func(good, evil string) string { return good + "%23@" + evil }),
		"a final dot":                       reached(thief, "400", func(_, evil string) string { return strings.Replace(evil, "127.0.0.1", "localhost.", 1) }),
		"a slash, escaped, in the host":     reached(thief, "400", func(good, evil string) string { return good + "%2f@" + evil }),
		"letters that look alike":           reached(thief, "400", func(_, evil string) string { return strings.Replace(evil, "127.0.0.1", "loc%E2%84%93lhost", 1) }),
		"a host in capitals":                reached(thief, "403", func(_, evil string) string { return strings.Replace(evil, "127.0.0.1", "LOCALHOST", 1) }),
		"a number for an address":           reached(thief, "40", func(_, evil string) string { return strings.Replace(evil, "127.0.0.1", "2130706433", 1) }),
		"another scheme":                    {otherSchemes(thief), "400"},
		"a path that climbs":                beyond("/v1/public/../beyond"),
		"a path that climbs, escaped":       beyond("/v1/public/%2e%2e/beyond", "/v1/public/.%2E/beyond"),
		"a path that climbs, escaped twice": beyond("/v1/public/%252e%252e/beyond", "/v1/public/%25%32%65%252e/beyond"),
		"a path with a parameter":           beyond("/v1/public/..;/beyond", "/v1/public/..;a=b/beyond", "/v1/public;/../beyond"),
		"a slash, escaped":                  beyond("/v1/public/..%2fbeyond", "/v1/public%2f..%2fbeyond"),
		"a backslash":                       beyond("/v1/public/..\\beyond", "/v1/public/..%5cbeyond"),
		"two slashes":                       beyond("//v1/public/beyond", "/v1//public/x/beyond", "/v1/public//beyond"),
		"a path in capitals":                beyond("/V1/PUBLIC/beyond", "/v1/Public/beyond"),
		"a method by a header":              overridden("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X_HTTP_Method_Override", "x-http_method-override", "X.HTTP.Method.Override"),
		"a method by a parameter":           beyond("/v1/public/x?_method=DELETE&beyond", "/v1/public/x?%5fmethod=DELETE&beyond", "/v1/public/x?a;_method=DELETE&beyond"),
		"a URL by a header":                 overridden("X-Original-URL", "X-Rewrite-URL", "X_Original_URL", "X.Rewrite.URL"),
		"a method in small letters": {func(x *try) (bool, string) {
			got := x.limitedTo("delete", "/v1/public/x")
			return got.status == 200, got.String()
		}, "403"},
	})
}

// reached has a credential of the echo be sent to a thief, by another spelling of
// the address. Where it is allowed, the credential is one of the thief's.
func reached(thief *ground.Echo, says string, spelt func(good, evil string) string) attempt {
	return attempt{func(x *try) (bool, string) {
		key, path := x.key(ground.Workspace, access.Use), fmt.Sprint("/v1/at/", time.Now().UnixNano())
		good, evil := strings.TrimPrefix(x.Echo.URL, "http://"), strings.TrimPrefix(thief.URL, "http://")
		id, host := x.credential(ground.Workspace), spelt(good, evil)
		if x.easy {
			id, host = x.credential(ground.Workspace, thief.URL), evil
		}
		said := x.raw("GET /proxy/" + id + "/http/" + host + path + " HTTP/1.1\r\nHost: @at\r\nConnection: close\r\nAuthorization: Bearer " + key + "\r\n\r\n")
		asProxy := x.raw("GET http://" + host + path + " HTTP/1.1\r\nHost: " + evil + "\r\nConnection: close\r\nCredhost-Credential: " + id + "\r\nProxy-Authorization: Bearer " + key + "\r\n\r\n")
		for _, r := range thief.Requests() {
			if strings.HasPrefix(r.RequestURI, path) {
				return true, said + asProxy
			}
		}
		if !strings.HasPrefix(asProxy, "HTTP/1.1 4") {
			x.t.Errorf("as a proxy it was answered %.300s", asProxy)
		}
		return false, strings.TrimPrefix(said, "HTTP/1.1 ")[:3] + " " + said
	}, says}
}

func otherSchemes(thief *ground.Echo) func(x *try) (bool, string) {
	return func(x *try) (bool, string) {
		if x.easy {
			return reached(thief, "", func(_, evil string) string { return evil }).run(x)
		}
		key, id, said := x.key(ground.Workspace, access.Use), x.credential(ground.Workspace), ""
		for _, scheme := range []string{"file", "gopher", "ftp", "unix", "javascript", "HTTP:", "http%3a", ""} {
			got := x.ask(key, "GET", "/proxy/"+id+"/"+scheme+"/"+strings.TrimPrefix(x.Echo.URL, "http://")+"/v1/x", "")
			if said += got.String(); got.status == 200 {
				return true, scheme
			}
		}
		return false, said
	}
}

// limitedTo sends a request with a key that may GET what is below /v1/public, or,
// where that is allowed, all.
func (x *try) limitedTo(method, path string, headers ...string) answer {
	x.t.Helper()
	key := x.key(ground.Workspace, access.Use)
	if !x.easy {
		key = x.narrowed(key, access.Limits{Methods: []string{"GET"}, URLs: []string{"/v1/public/*"}})
	}
	head := method + " " + x.echo(x.credential(ground.Workspace)) + path + " HTTP/1.1\r\nHost: @at\r\nConnection: close\r\nAuthorization: Bearer " + key + "\r\n"
	for i := 0; i < len(headers); i += 2 {
		head += headers[i] + ": " + headers[i+1] + "\r\n"
	}
	got := x.raw(head + "\r\n")
	var status int
	fmt.Sscanf(got, "HTTP/1.1 %d", &status)
	return answer{status, http.Header{}, got}
}

// beyond asks for paths beyond a key's limits.
func beyond(paths ...string) attempt {
	return attempt{func(x *try) (bool, string) {
		said, all := "", x.easy
		for _, path := range paths {
			got := x.limitedTo("GET", path)
			said += path + ": " + got.body + "\n"
			if all = all && got.status == 200; !x.easy && got.status != 403 {
				return true, said
			}
		}
		return all, said
	}, "403"}
}

// overridden asks for what is within a key's limits, with a header that says
// otherwise.
func overridden(names ...string) attempt {
	return attempt{func(x *try) (bool, string) {
		said, all := "", x.easy
		for _, name := range names {
			got := x.limitedTo("GET", "/v1/public/x", name, "DELETE")
			said += name + ": " + got.body + "\n"
			if all = all && got.status == 200; !x.easy && got.status != 403 {
				return true, said
			}
		}
		return all, said
	}, "403"}
}
