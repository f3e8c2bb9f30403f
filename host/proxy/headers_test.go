// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/credhost/credhost/host/proxy"
	"github.com/credhost/credhost/internal/ground"
)

// Nothing of the connection, of the key or of who passed the request on reaches
// the service, however it is spelt; everything else does.
func TestHeadersThatAreSent(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	service := newByteService(t, says(ok))
	id, host := s.createAt(t, service.url()), service.Addr().String()
	send := func(header string) string {
		t.Helper()
		got := s.raw(t, "GET /proxy/"+id+"/http/"+host+"/ HTTP/1.1\r\nHost: front\r\n"+header+"\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Errorf("%q: %q", header, got)
		}
		return service.head()
	}
	bearer := "Authorization: Bearer " + s.key + "\r\n"
	if got, want := send(bearer), "GET / HTTP/1.1\r\nHost: "+host+"\r\nX-Api-Key: "+ground.EchoKey+"\r\n"; got != want {
		t.Errorf("the service was sent %q, want %q", got, want)
	}
	for _, header := range []string{
		"Proxy-Authorization: Bearer other", "Proxy-Connection: keep-alive", "Proxy: http://evil.example", "Keep-Alive: timeout=5",
		"X-Forwarded-For: 1.2.3.4", "X-Forwarded-Host: evil.example", "X_Forwarded_For: 1.2.3.4", "Forwarded: for=1.2.3.4", "X-Real-IP: 1.2.3.4", "Via: 1.1 x",
		"Credhost-Workspace: " + ground.Workspace, "Credhost_Key: x", "Credhost-Scheme: https", "Credhost-Request: r-2",
		"Connection: X-Secret\r\nX-Secret: 1", "Connection: close, x_secret\r\nX-Secret: 1", "Connection: keep-alive\r\nKeep-Alive: 1",
		"TE: gzip", "Trailer: X-Sum", "Cookie: __Host-credhost=session; credhost=session",
		"X-Debug: key=" + s.key + ";", "Referer: http://front/?key=" + s.key,
	} {
		got := send(bearer + header + "\r\n")
		lines := strings.Split(strings.TrimSpace(got), "\r\n")
		if len(lines) != 3 && !(len(lines) == 4 && strings.Contains(got, "\r\nConnection: close\r\n")) {
			t.Errorf("%q: the service was sent %q", header, got)
		}
	}
	for _, header := range []string{"Accept: a", "X-Api: b", "Cookie: theme=dark", "Te: trailers", "User-Agent: curl", "Origin: https://elsewhere.example", "X-HTTP-Method-Override: PUT", "Range: bytes=1-"} {
		if got := send(bearer + header + "\r\n"); !strings.Contains(got, "\r\n"+header+"\r\n") && !strings.Contains(got, "\r\n"+http.CanonicalHeaderKey(strings.SplitN(header, ":", 2)[0])+":"+strings.SplitN(header, ":", 2)[1]+"\r\n") {
			t.Errorf("%q: the service was sent %q", header, got)
		}
	}
	got := send("Credhost-Key: " + s.key + "\r\nAuthorization: Bearer mine\r\nCookie: a=b; __Host-credhost=session; c=d\r\n")
	if !strings.Contains(got, "Authorization: Bearer mine\r\n") || !strings.Contains(got, "Cookie: a=b; c=d\r\n") || strings.Contains(got, s.key) {
		t.Errorf("with Credhost-Key, the service was sent %q", got)
	}
	if got := send("Credhost-Key: " + s.key + "\r\nAuthorization: Bearer " + s.key + "\r\n"); strings.Contains(got, s.key) {
		t.Errorf("a key that is shown twice was sent: %q", got)
	}
	refused := s.raw(t, "GET /proxy/"+id+"/http/"+host+"/?k="+s.key+" HTTP/1.1\r\nHost: front\r\n"+bearer+"\r\n")
	if !strings.HasPrefix(refused, "HTTP/1.1 400") {
		t.Errorf("a key in the query: %q", refused)
	}
}

// What a service says of its own site, or as if it were the proxy, does not reach
// the caller where it would be taken for ours.
func TestHeadersThatAreAnswered(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	const said = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 1\r\nProxy-Authenticate: Basic\r\nCredhost-Error: internal\r\n" +
		"Credhost-Request: r-9\r\nCredhost_Error: x\r\nAlt-Svc: h3=\":443\"\r\nStrict-Transport-Security: max-age=1\r\nClear-Site-Data: \"*\"\r\n" +
		"Access-Control-Allow-Origin: *\r\nService-Worker-Allowed: /\r\nRefresh: 0; url=/v1/keys\r\nX-Kept: 1\r\nEtag: \"e\"\r\nWww-Authenticate: Basic\r\n\r\n"
	service := newByteService(t, says(said))
	id, host := s.createAt(t, service.url()), service.Addr().String()
	path := s.raw(t, "GET /proxy/"+id+"/http/"+host+"/ HTTP/1.1\r\nHost: front\r\nAuthorization: Bearer "+s.key+"\r\n\r\n")
	forward := s.raw(t, "GET http://"+host+"/ HTTP/1.1\r\nHost: x\r\nCredhost-Credential: "+id+"\r\nProxy-Authorization: Bearer "+s.key+"\r\n\r\n")
	bare := newByteService(t, says(ok))
	untyped := s.createAt(t, bare.url())
	if got := s.raw(t, "GET /proxy/"+untyped+"/http/"+bare.Addr().String()+"/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.key+"\r\n\r\n"); strings.Contains(got, "Content-Type") {
		t.Errorf("the type of the service's answer is guessed: %q", got)
	}
	for _, name := range []string{"X-Hop", "Keep-Alive", "Proxy-Authenticate", "Credhost-Error", "Credhost_error", "Connection"} {
		for mode, got := range map[string]string{"path": path, "forward": forward} {
			if strings.Contains(got, "\r\n"+name+":") {
				t.Errorf("%s: %s reached the caller: %q", mode, name, got)
			}
		}
	}
	for _, name := range []string{"Alt-Svc", "Strict-Transport-Security", "Clear-Site-Data", "Access-Control-Allow-Origin", "Service-Worker-Allowed", "Refresh"} {
		if strings.Contains(path, "\r\n"+name+":") || !strings.Contains(forward, "\r\n"+name+":") {
			t.Errorf("%s: by path %q, forwarded %q", name, path, forward)
		}
	}
	for _, got := range []string{path, forward} {
		if !strings.Contains(got, "X-Kept: 1\r\n") || !strings.Contains(got, "Etag: \"e\"\r\n") || !strings.Contains(got, "Www-Authenticate: Basic\r\n") || !strings.Contains(got, "Credhost-Request: r-1\r\n") {
			t.Errorf("something is lost: %q", got)
		}
	}
	if !strings.Contains(path, "Content-Security-Policy: sandbox\r\n") || strings.Contains(forward, "Content-Security-Policy") {
		t.Errorf("a page: by path %q, forwarded %q", path, forward)
	}
}

// A client that follows a redirect shows its key to nobody else, and asks nothing
// of the host's own API.
func TestRedirects(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	var to string
	s.Echo.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Location"] = []string{to}
		w.WriteHeader(307)
	})
	here := s.at(s.Echo.URL)
	for _, c := range []struct{ said, location, address string }{
		{"/v1/keys", here + "/v1/keys", s.Echo.URL + "/v1/keys"},
		{"../up?a=%2F#x", here + "/up?a=%2F#x", s.Echo.URL + "/up?a=%2F#x"},
		{"?b", here + "/a/b?b", s.Echo.URL + "/a/b?b"},
		{"//" + strings.TrimPrefix(s.Echo.URL, "http://") + "/x", here + "/x", s.Echo.URL + "/x"},
		{s.Echo.URL, here + "/", s.Echo.URL},
		{"https://elsewhere.example/x", "https://elsewhere.example/x", "https://elsewhere.example/x"},
		{"//elsewhere.example", "http://elsewhere.example", "http://elsewhere.example"},
		{"app:done", "app:done", "app:done"},
		{strings.Replace(s.Echo.URL, "http://", "http://u:p@", 1) + "/x", strings.Replace(s.Echo.URL, "http://", "http://u:p@", 1) + "/x", strings.Replace(s.Echo.URL, "http://", "http://u:p@", 1) + "/x"},
		{":%zz", "", ""},
	} {
		to = c.said
		a := s.do(t, s.request(t, "POST", "/a/b", nil))
		if a.StatusCode != 307 || a.Header.Get("Location") != c.location || a.Header.Get("Credhost-Location") != c.address {
			t.Errorf("%q: %d to %q (%q), want %q (%q)", c.said, a.StatusCode, a.Header.Get("Location"), a.Header.Get("Credhost-Location"), c.location, c.address)
		}
	}
	to = "https://elsewhere.example/x"
	r := s.request(t, "GET", "/", nil)
	r.Header.Del("Authorization")
	r.Header.Set("Credhost-Key", s.key)
	if a := s.do(t, r); a.Header.Get("Location") != "" || a.Header.Get("Credhost-Location") != to {
		t.Errorf("a client would repeat Credhost-Key at %q", a.Header.Get("Location"))
	}
	to = "/there"
	f, _ := http.NewRequestWithContext(t.Context(), "GET", s.Echo.URL+"/a/b", nil)
	if a := do(t, s.forwarder(s.id, s.key), f); a.Header.Get("Location") != "/there" || a.Header.Get("Credhost-Location") != "" {
		t.Errorf("forwarded: %v", a.Header)
	}
}

// Cookies of a service are for that service alone, though all have one address.
func TestCookies(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	s.Echo.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Set-Cookie"] = []string{"a=1", "b=2; Path=/; Secure; HttpOnly", "c=3; Domain=127.0.0.1; Path=/v1; Max-Age=9", "__Host-credhost=x; Path=/; Secure", "d=4;path=relative"}
	})
	below := s.at(s.Echo.URL)
	want := []string{"a=1", "b=2; Path=" + below + "/; Secure; HttpOnly", "c=3; Path=" + below + "/v1; Max-Age=9", "__Host-credhost=x; Path=" + below + "/; Secure", "d=4"}
	if got := s.do(t, s.request(t, "GET", "/", nil)).Header["Set-Cookie"]; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	f, _ := http.NewRequestWithContext(t.Context(), "GET", s.Echo.URL+"/", nil)
	if got := do(t, s.forwarder(s.id, s.key), f).Header["Set-Cookie"]; got[1] != "b=2; Path=/; Secure; HttpOnly" {
		t.Errorf("forwarded: %q", got)
	}
}

// What a page may do is said by the proxy, and to pages that its operator names.
func TestPages(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{proxy: func(c *proxy.Config) { c.Origins = []string{"https://app.example"} }})
	var sent http.Header
	s.Echo.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = r.Header
		w.Header().Set("Access-Control-Allow-Origin", "https://evil.example")
		w.Header().Set("Access-Control-Allow-Credentials", "true")
	})
	ask := func(method, origin string) answer {
		r := s.request(t, method, "/v1", nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Referer", origin+"/page")
		if method == "OPTIONS" {
			r.Header.Del("Authorization")
			r.Header.Set("Access-Control-Request-Method", "PATCH")
			r.Header.Set("Access-Control-Request-Headers", "authorization,content-type")
		}
		return s.do(t, r)
	}
	a := ask("OPTIONS", "https://app.example")
	h := a.Header
	if a.StatusCode != 204 || h.Get("Access-Control-Allow-Origin") != "https://app.example" || h.Get("Access-Control-Allow-Methods") != "PATCH" ||
		h.Get("Access-Control-Allow-Headers") != "authorization,content-type" || h.Get("Access-Control-Allow-Credentials") != "" || !strings.Contains(fmt.Sprint(h["Vary"]), "Origin") {
		t.Errorf("asked for leave: %d %v", a.StatusCode, h)
	}
	if sent != nil {
		t.Error("the service was asked")
	}
	h = ask("GET", "https://app.example").Header
	if h.Get("Access-Control-Allow-Origin") != "https://app.example" || len(h["Access-Control-Allow-Origin"]) != 1 || h.Get("Access-Control-Allow-Credentials") != "" || sent.Get("Origin")+sent.Get("Referer") != "" {
		t.Errorf("answered %v, and the service was sent %v", h, sent)
	}
	for _, origin := range []string{"https://evil.example", "null", "https://app.example.evil.example", "http://app.example", "https://app.example/"} {
		ask("OPTIONS", origin).failure(t, 403, "origin", "may not call")
		if h := ask("GET", origin).Header; h.Get("Access-Control-Allow-Origin") != "" || sent.Get("Origin") != origin {
			t.Errorf("%s: answered %v", origin, h)
		}
	}
	ask("GET", "https://app.example")
	r := s.request(t, "GET", "/v1", nil)
	r.Header.Set("Origin", "https://app.example")
	r.Header.Set("Authorization", "Bearer chk_wrong")
	if wrong := s.do(t, r); wrong.StatusCode != 401 || wrong.Header.Get("Access-Control-Allow-Origin") != "https://app.example" {
		t.Errorf("a page cannot read why: %d %v", wrong.StatusCode, wrong.Header)
	}
	for _, o := range []string{"*", "https://*.example", "https://app.example/", "app.example", "HTTPS://app.example", "null", "file://x"} {
		if _, err := proxy.New(proxy.Config{Host: s.Host, Access: s.Access, Origins: []string{o}}); err == nil {
			t.Errorf("%q is taken for an origin", o)
		}
	}
}
