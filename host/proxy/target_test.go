// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/internal/ground"
)

const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

// The path and the query arrive letter for letter, in both modes, whatever
// net/url or a proxy would make of them.
func TestTargetsAreSentAsTheyCame(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	service := newByteService(t, says(ok))
	id := s.createAt(t, service.url())
	host := service.Addr().String()
	for target, sent := range map[string]string{
		"":                         "/",
		"/":                        "/",
		"/a%2Fb":                   "",
		"/a%2fb%41":                "",
		"//a//b/":                  "",
		"/a/../b/./c/..":           "",
		"/a/%2e%2e/b":              "",
		"/a;b=c,d:e@f/!$&'()*+=~":  "",
		"/{x}|y^z`\"<>\\":          "",
		"/?":                       "",
		"?":                        "/?",
		"?a=b":                     "/?a=b",
		"/a??b=c?":                 "",
		"/a?b=%zz&c=%2F+;&&d&=e/?": "",
		"/a?b=é":                   "",
		"/proxy/c-1/https/h/":      "",
		"/%25":                     "",
	} {
		if sent == "" {
			sent = target
		}
		for mode, line := range map[string]string{
			"path":    "GET /proxy/" + id + "/http/" + host + target + " HTTP/1.1\r\nHost: front\r\nAuthorization: Bearer " + s.key,
			"forward": "GET http://" + host + target + " HTTP/1.1\r\nHost: front\r\nCredhost-Credential: " + id + "\r\nProxy-Authorization: Bearer " + s.key,
		} {
			got := s.raw(t, line+"\r\n\r\n")
			want := "GET " + sent + " HTTP/1.1\r\nHost: " + host + "\r\n"
			if !strings.HasPrefix(service.head(), want) || !strings.HasSuffix(got, "\r\n\r\nok") {
				t.Errorf("%s: for %q the service was sent %q, and the caller %q", mode, target, service.head(), got)
			}
		}
	}
	if s.raw(t, "OPTIONS http://"+host+" HTTP/1.1\r\nHost: front\r\nCredhost-Credential: "+id+"\r\nProxy-Authorization: Bearer "+s.key+"\r\n\r\n"); !strings.HasPrefix(service.head(), "OPTIONS * HTTP/1.1\r\n") {
		t.Errorf("OPTIONS of the whole server became %q", service.head())
	}
}

func TestTargetsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	service := newByteService(t, says(ok))
	id, host := s.createAt(t, service.url()), service.Addr().String()
	for target, want := range map[string]string{
		"/proxy/":                                  "malformed",
		"/proxy//http/" + host + "/":               "malformed",
		"/proxy/" + id:                             "malformed",
		"/proxy/" + id + "/http":                   "malformed",
		"/proxy/" + id + "/ftp/" + host + "/":      "malformed",
		"/proxy/" + id + "/http/":                  "malformed",
		"/proxy/" + id + "/http//" + host:          "malformed",
		"/proxy/" + id + "/http/u:p@" + host:       "malformed",
		"/proxy/" + id + "/http/2130706433/":       "malformed",
		"/proxy/" + id + "/http/127.1/":            "malformed",
		"/proxy/" + id + "/http/%31.example/":      "malformed",
		"/proxy/" + id + "/http/a.example./":       "malformed",
		"/proxy/" + id + "/http/" + host + "/é":    "malformed",
		"/proxy/" + id + "/http/" + host + "/#x":   "malformed",
		"/proxy/" + id + "/http/" + host + "#x":    "malformed",
		"/proxy/" + id + "/http/" + host + "#/x":   "malformed",
		"http://" + host + "#.evil.example/":       "", // as net/http has it
		"//proxy/" + id + "/http/" + host + "/":    "",
		"ftp://" + host + "/":                      "malformed",
		"http://u:p@" + host + "/":                 "malformed",
		"http:///a":                                "",
		"/proxy/" + id + "/http/" + host + "//a|b": "invalid", // which net/url would take for a host
	} {
		got := s.raw(t, "GET "+target+" HTTP/1.1\r\nHost: front\r\nCredhost-Credential: "+id+"\r\nProxy-Authorization: Bearer "+s.key+"\r\nAuthorization: Bearer "+s.key+"\r\n\r\n")
		if want != "" && !strings.Contains(got, "urn:credhost:problem:"+want+`"`) || strings.HasPrefix(got, "HTTP/1.1 2") {
			t.Errorf("%s: answered %q, want %s", target, got, want)
		}
	}
	if service.head() != "" {
		t.Errorf("the service was sent %q", service.head())
	}
}

// A key that is limited to some URLs gets to no others by the way in which they
// are written, or by what servers take for the address.
func TestLimitsHoldForWhatIsSent(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	limits := access.Limits{Methods: []string{"POST"}, URLs: []string{s.Echo.URL + "/v1/*"}}
	key := s.KeyOf(access.NewKey{Workspace: ground.Workspace, Name: "n", Scopes: access.Scopes, Limits: limits})
	send := func(path, header string) string {
		return s.raw(t, "POST "+s.at(s.Echo.URL)+path+" HTTP/1.1\r\nHost: front\r\nAuthorization: Bearer "+key+"\r\n"+header+"Content-Length: 0\r\n\r\n")
	}
	if got := send("/v1/things", ""); !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Fatalf("what it may: %q", got)
	}
	before := len(s.Echo.Requests())
	for _, path := range []string{"/v2/x", "/v1/../v2", "/v1/%2e%2e/v2", "/v1/..%2fv2", "/v1/..\\v2", "//v1/x", "/v1//x", "/v1", "/V1/x", "/v1/%2E./x", ""} {
		if got := send(path, ""); !strings.HasPrefix(got, "HTTP/1.1 403") {
			t.Errorf("%s: %q", path, got)
		}
	}
	for _, header := range []string{"X-HTTP-Method-Override: DELETE\r\n", "x_http_method_override: DELETE\r\n", "X-Original-URL: /v2\r\n", "X-Rewrite-URL: /v2\r\n"} {
		if got := send("/v1/things", header); !strings.HasPrefix(got, "HTTP/1.1 403") {
			t.Errorf("%s: %q", header, got)
		}
	}
	if n := len(s.Echo.Requests()) - before; n > 0 {
		t.Errorf("the service was asked %d times", n)
	}
}

// A caller cannot ask a proxy for https, so the proxy takes the scheme that the
// credential is for; it speaks HTTP/2 where the service does.
func TestForwardModeBecomesSecure(t *testing.T) {
	t.Parallel()
	set, _ := secure(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			w.Header().Set("Location", "https://example.com/there?a=b")
			w.WriteHeader(302)
			return
		}
		fmt.Fprint(w, r.Proto, r.Header.Get("X-Api-Key"), r.Host, r.RequestURI)
	}))
	s := newScene(t, set)
	id := s.createAt(t, "https://example.com")
	want := "HTTP/2.0" + ground.EchoKey + "example.com/v1?q"
	get := func(rawURL, scheme string) answer {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", rawURL, nil)
		if scheme != "" {
			r.Header.Set("Credhost-Scheme", scheme)
		}
		return do(t, s.forwarder(id, s.key), r)
	}
	for rawURL, scheme := range map[string]string{"http://example.com/v1?q": "", "http://example.com:80/v1?q": "https", "http://EXAMPLE.com/v1?q": "https"} {
		if a := get(rawURL, scheme); a.body != want {
			t.Errorf("%s, %q: %d %q, want %q", rawURL, scheme, a.StatusCode, a.body, want)
		}
	}
	get("http://example.com/v1", "http").failure(t, 403, "elsewhere", "not for http://example.com")
	get("http://example.com/v1", "gopher").failure(t, 400, "malformed", "Credhost-Scheme")
	get("http://example.com:8443/v1", "").failure(t, 403, "elsewhere", "not for http://example.com:8443")
	if got := get("http://example.com/moved", "").Header.Get("Location"); got != "http://example.com/there?a=b" {
		t.Errorf("Location is %q: the client would ask for a tunnel", got)
	}
	got := s.raw(t, "GET https://example.com/v1?q HTTP/1.1\r\nHost: x\r\nCredhost-Credential: "+id+"\r\nProxy-Authorization: Bearer "+s.key+"\r\n\r\n")
	if !strings.HasSuffix(got, want) {
		t.Errorf("https in absolute form: %q", got)
	}
}

// FuzzTarget holds that whatever the target, what a service is sent is one
// request for the credential's host, with the path that the target has.
func FuzzTarget(f *testing.F) {
	s := newScene(f, setting{ground: ground.Config{Host: func(c *host.Config) { c.Logger = slog.New(slog.DiscardHandler) }}})
	service := newByteService(f, func(conn net.Conn, _ *bufio.Reader) {
		io.WriteString(conn, ok)
	})
	id, at := s.createAt(f, service.url()), service.Addr().String()
	for _, seed := range []string{"/", "/a%2Fb?c", "//a/../b", "?x", "/{a}|\\", "/a b", "@evil.example/", "/%00", ":80/", "/#x", "#", "#.evil.example/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, after string) {
		if strings.ContainsAny(after, "\r\n") {
			return // of another line
		}
		service.mu.Lock()
		service.heads = nil
		service.mu.Unlock()
		got := s.raw(t, "GET /proxy/"+id+"/http/"+at+after+" HTTP/1.1\r\nHost: front\r\nAuthorization: Bearer "+s.key+"\r\nConnection: close\r\n\r\n")
		head := service.head()
		if head == "" {
			if strings.HasPrefix(got, "HTTP/1.1 2") {
				t.Errorf("%q: %q, and the service was asked nothing", after, got)
			}
			return
		}
		line, rest, _ := strings.Cut(head, "\r\n")
		want := after
		if !strings.HasPrefix(want, "/") {
			want = "/" + want
		}
		if line != "GET "+want+" HTTP/1.1" || !strings.HasPrefix(rest, "Host: "+at+"\r\n") {
			t.Errorf("%q became %q", after, head)
		}
		if _, err := url.ParseRequestURI(want); err != nil {
			t.Errorf("%q was sent: %v", want, err)
		}
	})
}
