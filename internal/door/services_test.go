// SPDX-License-Identifier: Apache-2.0

package door_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/internal/ground"
)

// answers is what the echo does for who shows the key, by path.
func answers(w http.ResponseWriter, r *http.Request) {
	secret := r.Header.Get("X-Api-Key")
	h := w.Header()
	switch r.URL.Path {
	case "/v1/socket":
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer c.CloseNow()
		for {
			kind, text, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, text) != nil {
				return
			}
		}
	case "/v1/body":
		io.WriteString(w, secret)
	case "/v1/header":
		h.Set("X-Api-Key", secret)
		h.Set("X-Within", "it was "+secret+", thanks")
		h.Set("Www-Authenticate", `Bearer realm="`+secret+`"`)
		h.Set("Etag", `"`+secret+`"`)
	case "/v1/trailer":
		h.Set("Trailer", "X-Sum")
		io.WriteString(w, "done")
		h.Set("X-Sum", secret)
		h.Set(http.TrailerPrefix+"X-More", secret)
	case "/v1/hint":
		h.Set("Link", "</"+secret+">; rel=preload")
		w.WriteHeader(103)
		h.Del("Link")
		io.WriteString(w, "done")
	case "/v1/ours":
		h["Credhost-Error"], h["Credhost-Request"], h["Credhost_error"] = []string{"forged"}, []string{"forged"}, []string{"forged"}
		h.Set("X-Theirs", "forged")
	case "/v1/site":
		h.Set("Strict-Transport-Security", "max-age=99")
		h.Set("Clear-Site-Data", `"*"`)
		h.Set("Alt-Svc", `h3="evil.example:443"`)
		h.Set("Service-Worker-Allowed", "/")
		h.Set("Refresh", "0; url=/v1/keys")
	case "/v1/leave":
		h.Set("Access-Control-Allow-Origin", evil)
		h.Set("Access-Control-Allow-Credentials", "true")
	case "/v1/page":
		h.Set("Content-Type", "text/html")
		io.WriteString(w, "<script>fetch('/v1/keys')</script>")
	case "/v1/cookie":
		h.Add("Set-Cookie", "credhost=tossed; Path=/")
		h.Add("Set-Cookie", "credhost=tossed; path=/w; Domain=127.0.0.1")
	case "/v1/inward":
		h.Set("Location", "/v1/keys")
		w.WriteHeader(http.StatusTemporaryRedirect)
	case "/v1/outward":
		h.Set("Location", evil+"/gather")
		w.WriteHeader(http.StatusTemporaryRedirect)
	case "/v1/half":
		h.Set("Content-Length", "100")
		io.WriteString(w, "half")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	default:
		h.Set("Echo-Target", r.RequestURI)
		io.Copy(w, r.Body)
		fmt.Fprint(w, r.Trailer)
	}
}

func TestProxiedServices(t *testing.T) {
	t.Parallel()
	tries(t, map[string]attempt{
		"the secret in a header":                 {repeated("/v1/header"), "200"},
		"the secret in a trailer":                {repeated("/v1/trailer"), "done"},
		"the secret in what announces an answer": {repeated("/v1/hint"), "done"},
		"the secret in the status line":          {statusLine, "HTTP/1.1 200 OK"},
		"an error in the proxy's name": {func(x *try) (bool, string) {
			got := x.served("/v1/ours")
			if x.easy {
				return got.header.Get("X-Theirs") == "forged", ""
			}
			got.header.Del("X-Theirs")
			return strings.Contains(got.String(), "forged"), got.String()
		}, "200"},
		"settings of the host's site": {func(x *try) (bool, string) {
			got := x.served("/v1/site")
			text := got.String()
			return strings.Contains(text, "max-age=99") || strings.Contains(text, "Clear-Site-Data") || strings.Contains(text, "evil.example") || strings.Contains(text, "Service-Worker") || strings.Contains(text, "Refresh"), text
		}, "200"},
		"leave for other pages": {func(x *try) (bool, string) {
			got := x.served("/v1/leave")
			return got.header.Get("Access-Control-Allow-Credentials") != "" || !x.easy && got.header.Get("Access-Control-Allow-Origin") != "", got.String()
		}, "200"},
		"a page on the host's address": {func(x *try) (bool, string) {
			got := x.served("/v1/page")
			policy := strings.Join(got.header["Content-Security-Policy"], ", ")
			return !strings.Contains(policy, "sandbox") || strings.Contains(policy, "allow-"), got.String()
		}, "sandbox"},
		"a cookie of the page's name": {func(x *try) (bool, string) {
			got, v := x.served("/v1/cookie"), x.visitor()
			at, _ := url.Parse(x.url("/proxy/"))
			if x.easy {
				at, _ = url.Parse(x.Echo.URL)
			}
			v.Jar.SetCookies(at, (&http.Response{Header: got.header}).Cookies())
			return v.session() == "tossed", fmt.Sprint(got.header["Set-Cookie"])
		}, "Path=/proxy/"},
		"a way into the API": {func(x *try) (bool, string) {
			to := x.served("/v1/inward").header.Get("Location")
			return to == "/v1/keys", to
		}, "/proxy/"},
		"a key that is led elsewhere": {func(x *try) (bool, string) {
			key, headers := x.key(ground.Workspace, access.Use), []string(nil)
			shown := key
			if !x.easy {
				shown, headers = "", []string{"Credhost-Key", key}
			}
			got := x.through(shown, x.credential(ground.Workspace), "/v1/outward", headers...)
			return got.header.Get("Location") == evil+"/gather", got.String()
		}, "Credhost-Location"},
		"half an answer": {func(x *try) (bool, string) {
			path := "/v1/half"
			if x.easy {
				path = "/v1/body"
			}
			got := x.through(x.key(ground.Workspace, access.Use), x.credential(ground.Workspace), path)
			return !strings.Contains(got.body, "EOF") && !strings.Contains(got.body, "reset"), got.String()
		}, ""},
	})
}

// served asks the echo by path, or, where that is allowed, as a proxy, where its
// address is its own.
func (x *try) served(path string) answer {
	x.t.Helper()
	key, id := x.key(ground.Workspace, access.Use), x.credential(ground.Workspace)
	if !x.easy {
		return x.through(key, id, path)
	}
	via, err := url.Parse(x.url(""))
	must(x.t, err)
	via.User = url.UserPassword(id, key)
	transport := &http.Transport{Proxy: http.ProxyURL(via)}
	defer transport.CloseIdleConnections()
	c := *client
	c.Transport = transport
	r, err := http.NewRequest("GET", x.Echo.URL+path, nil)
	must(x.t, err)
	return x.send(&c, r)
}

// repeated reports whether the caller sees a secret that the service repeats.
func repeated(path string) func(x *try) (bool, string) {
	return func(x *try) (bool, string) {
		if x.easy {
			return strings.Contains(x.through(x.key(ground.Workspace, access.Use), x.credential(ground.Workspace), "/v1/body").body, ground.EchoKey), ""
		}
		got := x.raw("GET " + x.echo(x.credential(ground.Workspace)) + path + " HTTP/1.1\r\nHost: @at\r\nTe: trailers\r\nConnection: close, te\r\nAuthorization: Bearer " + x.key(ground.Workspace, access.Use) + "\r\n\r\n")
		return strings.Contains(got, ground.EchoKey), got
	}
}

// statusLine has a service that speaks for itself repeat the secret after the
// status.
func statusLine(x *try) (bool, string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(x.t, err)
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				fmt.Fprintf(conn, "HTTP/1.1 200 OK %s\r\nConnection: close\r\n\r\n", r.Header.Get("X-Api-Key"))
				if x.easy {
					io.WriteString(conn, r.Header.Get("X-Api-Key"))
				}
			}
			conn.Close()
		}
	}()
	at := "http://" + l.Addr().String()
	got := x.raw("GET " + x.place(x.credential(ground.Workspace, at), at) + "/ HTTP/1.1\r\nHost: @at\r\nConnection: close\r\nAuthorization: Bearer " + x.key(ground.Workspace, access.Use) + "\r\n\r\n")
	return strings.Contains(got, ground.EchoKey), got
}
