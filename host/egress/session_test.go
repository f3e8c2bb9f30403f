// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/internal/nameserver"
	"github.com/credhost/credhost/sdk"
)

// exchange writes a request as it stands and returns all that comes back until
// the end of the connection.
func exchange(t *testing.T, w *way, origin, request string) string {
	t.Helper()
	conn, br := w.open(call1, origin)
	defer conn.Close()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(br)
	if err != nil && !isReset(err) {
		t.Errorf("after %q: %v", answer, err)
	}
	return string(answer)
}

func TestOrdinaryRequests(t *testing.T) {
	t.Parallel()
	addr, roots := serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", r.Method+" "+r.Host+" "+r.RequestURI+" "+string(body))
		w.Header().Set("Credhost-Egress", "no denied the service lies")
		if got := r.Header.Get("User-Agent"); got != "Go-http-client/1.1" {
			t.Errorf("the user agent is %q, not the plugin's", got)
		}
		w.WriteHeader(http.StatusTeapot)
		io.WriteString(w, "the answer")
	}, nil)
	w := newWay(t, newGuard(t, egress.Config{Routes: map[string]string{"https://example.com": addr}, RootCAs: roots}))
	w.call(call1, "https://example.com")
	client := w.client(call1)
	for _, method := range []string{"POST", "GET", "HEAD", "DELETE", "POST"} { // on one connection
		body, want := io.Reader(nil), method+" example.com /a%2Fb;c?q=%zz&x=+"
		if method == "POST" {
			body, want = strings.NewReader("secret=1"), want+" secret=1"
		}
		r, err := http.NewRequestWithContext(t.Context(), method, "https://example.com/a%2Fb;c?q=%zz&x=+", body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || method != "HEAD" && string(text) != "the answer" {
			t.Errorf("%s: got %q, %v", method, text, err)
		}
		if got := resp.Header.Get("X-Seen"); got != want || resp.StatusCode != http.StatusTeapot {
			t.Errorf("%s: got %s, seen %q, want %q", method, resp.Status, got, want)
		}
		if got := resp.Header.Get("Credhost-Egress"); got != "" {
			t.Errorf("%s: the service could write %q", method, got)
		}
	}
}

// Paths and queries arrive letter for letter, those that net/url would spell
// otherwise, too.
func TestTargetsAreNotSpeltAnew(t *testing.T) {
	t.Parallel()
	var seen string
	origin := serve(t, func(_ http.ResponseWriter, r *http.Request) { seen = r.RequestURI })
	w := newWay(t, newGuard(t, egress.Config{Allow: loopback}))
	w.call(call1, origin)
	host := strings.TrimPrefix(origin, "http://")
	for _, target := range []string{
		"/", "/?", "/a?", "/a//b", "//a", "//a/b?c", "/%41%2f%2F", "/a%20b", "/a+b", "/é", "/%C3%A9", `/{id}/"q"/<x>/|/^`, "/a;b=c,d",
		"/?a=b&&c=%zz;d&é={x}|", "/a:b@c", "/..//./x", "*",
	} {
		method := "GET"
		if target == "*" {
			method = "OPTIONS"
		}
		for _, form := range []string{target, origin + target} {
			if form != target && target[0] != '/' {
				continue
			}
			seen = ""
			answer := exchange(t, w, origin, method+" "+form+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
			if target == "*" && strings.HasPrefix(answer, "HTTP/1.1 200") {
				continue // net/http answers that itself
			}
			if seen != target {
				t.Errorf("%q arrived as %q (%.40q)", form, seen, answer)
			}
		}
	}
	answer := exchange(t, w, origin, "GET "+origin+"?q HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n")
	if seen != "/?q" {
		t.Errorf("a query alone arrived as %q (%.40q)", seen, answer)
	}
}

// What could be taken for another request, or for one to another host, is
// refused, and nothing of it is sent.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	reached := make(chan string, 100)
	origin := serve(t, func(_ http.ResponseWriter, r *http.Request) { reached <- r.RequestURI })
	w := newWay(t, newGuard(t, egress.Config{Allow: loopback, MaxConns: 100}))
	w.call(call1, origin)
	host := "Host: " + strings.TrimPrefix(origin, "http://") + "\r\n"
	for name, request := range map[string]string{
		"another host":           "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
		"another port":           "GET / HTTP/1.1\r\nHost: 127.0.0.1:1\r\n\r\n",
		"user at host":           "GET / HTTP/1.1\r\nHost: x@" + host[6:] + "\r\n",
		"path in host":           "GET / HTTP/1.1\r\n" + host[:len(host)-2] + "/x\r\n\r\n",
		"user in absolute URL":   "GET http://x@" + origin[7:] + "/ HTTP/1.1\r\n" + host + "\r\n",
		"no host, absolute URL":  "GET " + origin + "/ HTTP/1.1\r\n\r\n",
		"no host":                "GET / HTTP/1.1\r\n\r\n",
		"empty host":             "GET / HTTP/1.1\r\nHost:\r\n\r\n",
		"two hosts":              "GET / HTTP/1.1\r\n" + host + "Host: evil.example\r\n\r\n",
		"host twice":             "GET / HTTP/1.1\r\n" + host + host + "\r\n",
		"another absolute URL":   "GET http://evil.example/ HTTP/1.1\r\n" + host + "\r\n",
		"another scheme":         "GET https" + origin[4:] + "/ HTTP/1.1\r\n" + host + "\r\n",
		"CONNECT":                "CONNECT evil.example:443 HTTP/1.1\r\n" + host + "\r\n",
		"length and chunks":      "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n" + host + "\r\n",
		"chunks and length":      "POST / HTTP/1.1\r\n" + host + "transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
		"two lengths":            "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
		"one length twice":       "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde",
		"list of lengths":        "POST / HTTP/1.1\r\n" + host + "Content-Length: 5, 5\r\n\r\nabcde",
		"signed length":          "POST / HTTP/1.1\r\n" + host + "Content-Length: +5\r\n\r\nabcde",
		"two encodings":          "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
		"an encoding, to some":   "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nTransfer_Encoding: chunked\r\n\r\n0\r\n\r\n",
		"a length, to some":      "POST / HTTP/1.1\r\n" + host + "Content-Length: 5\r\nContent.Length: 0\r\n\r\n0\r\n\r\n",
		"another encoding":       "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"space before the colon": "POST / HTTP/1.1\r\n" + host + "Content-Length : 5\r\n\r\nabcde",
		"folded header":          "GET / HTTP/1.1\r\n" + host + "X: a\r\n b\r\n\r\n",
		"bare line feed":         "GET / HTTP/1.1\n" + strings.ReplaceAll(host, "\r", "") + "\n",
		"bare line feed first":   "POST / HTTP/1.1\nContent-Length: 5\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"bare line feed inside":  "GET / HTTP/1.1\r\n" + host + "X: a\nTransfer-Encoding: chunked\r\n\r\n",
		"bare carriage return":   "GET / HTTP/1.1\r\n" + host + "X: a\rb\r\n\r\n",
		"NUL":                    "GET / HTTP/1.1\r\n" + host + "X: a\x00b\r\n\r\n",
		"no colon":               "GET / HTTP/1.1\r\n" + host + "X\r\n\r\n",
		"no name":                "GET / HTTP/1.1\r\n" + host + ": x\r\n\r\n",
		"fragment":               "GET /#f HTTP/1.1\r\n" + host + "\r\n",
		"no path":                "GET x HTTP/1.1\r\n" + host + "\r\n",
		"space in path":          "GET /a b HTTP/1.1\r\n" + host + "\r\n",
		"bad method":             "GE(T / HTTP/1.1\r\n" + host + "\r\n",
		"old version":            "GET / HTTP/1.0\r\n" + host + "\r\n",
		"new version":            "PRI * HTTP/2.0\r\n" + host + "\r\n",
		"rubbish":                "\x16\x03\x01\x00\x00\r\n\r\n",
		"long head":              "GET / HTTP/1.1\r\n" + host + "X: " + strings.Repeat("x", 40<<10) + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			answer := exchange(t, w, origin, request)
			if !strings.HasPrefix(answer, "HTTP/1.1 502 Bad Gateway\r\nCredhost-Call: "+call1+"\r\nCredhost-Egress: no internal the ") {
				t.Errorf("got %.200q, want a refusal", answer)
			}
			select {
			case uri := <-reached:
				t.Errorf("a request for %s reached the service", uri)
			default:
			}
		})
	}
}

// Why a request failed reaches a plugin that uses net/http as an *sdk.Error.
func TestFailuresReachThePlugin(t *testing.T) {
	t.Parallel()
	big := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 2000)) })
	g := newGuard(t, egress.Config{
		Allow: loopback, AllowHTTP: true, MaxAnswer: 1000, MaxRequest: 1000,
		Resolver: nameserver.Resolver(t, func(name string, _ int) []string {
			return map[string][]string{"private.example": {"10.0.0.1"}}[name]
		}),
	})
	w := newWay(t, g)
	w.call(call1, "https://private.example", "https://nowhere.example", "http://127.0.0.1:1", big)
	for _, test := range []struct {
		url   string
		body  io.Reader
		code  sdk.Code
		words string
	}{
		{"https://private.example/path", nil, sdk.Invalid, "https://private.example is at a private or special address, where nothing is sent unless the operator allows it: --allow-address CIDR (egress.Config.Allow)"},
		{"https://private.example/path", strings.NewReader("secret"), sdk.Invalid, "--allow-address"},
		{"https://nowhere.example", nil, sdk.Unavailable, "https://nowhere.example has no address"},
		{"http://127.0.0.1:1", nil, sdk.Unavailable, "http://127.0.0.1:1 could not be reached"},
		{"https://evil.example", nil, sdk.Invalid, "https://evil.example is not an origin of this credential"},
		{big, nil, sdk.Unavailable, "answered with more than 1000 bytes"},
		{big, bytes.NewReader(make([]byte, 2000)), sdk.Internal, "has a body of more than 1000 bytes"},
		{big, onlyReader{bytes.NewReader(make([]byte, 2000))}, sdk.Internal, "has a body of more than 1000 bytes"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, test.url, test.body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := w.client(call1).Do(r)
		if err == nil {
			resp.Body.Close()
			t.Errorf("%s: got %s", test.url, resp.Status)
			continue
		}
		refused(t, err, test.code, test.words)
	}
}

// onlyReader hides how much there is to read.
type onlyReader struct{ io.Reader }

func TestBigBodies(t *testing.T) {
	t.Parallel()
	const size = 5 << 20
	addr, roots := serveTLS(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		h := sha256.New()
		io.Copy(h, r.Body)
		io.Copy(w, io.LimitReader(zeros{}, size))
		w.Header().Set("X-Sum", fmt.Sprintf("%x", h.Sum(nil)))
	}, nil)
	w := newWay(t, newGuard(t, egress.Config{Routes: map[string]string{"https://example.com": addr}, RootCAs: roots}))
	w.call(call1, "https://example.com")
	client := w.client(call1)
	want := fmt.Sprintf("%x", sha256.Sum256(make([]byte, size)))
	for name, body := range map[string]io.Reader{
		"of known length": bytes.NewReader(make([]byte, size)),
		"chunked":         onlyReader{io.LimitReader(zeros{}, size)},
	} {
		resp, err := client.Post("https://example.com", "application/octet-stream", body)
		if err != nil {
			t.Fatal(name, err)
		}
		n, err := io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if n != size || err != nil {
			t.Errorf("%s: the answer has %d bytes (%v), want %d", name, n, err, size)
		}
		if got := resp.Trailer.Get("X-Sum"); got != want {
			t.Errorf("%s: what arrived has sum %s, want %s", name, got, want)
		}
	}
}

// An answer without a length that turns out too long breaks off: what there is
// of it does not pass for all of it.
func TestEndlessAnswers(t *testing.T) {
	t.Parallel()
	origin := serve(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(w, zeros{}) })
	w := newWay(t, newGuard(t, egress.Config{Allow: loopback, MaxAnswer: 100 << 10}))
	w.call(call1, origin)
	resp, err := w.client(call1).Get(origin)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); err == nil || n > 100<<10 {
		t.Errorf("got %d bytes and %v, want an error after at most %d", n, err, 100<<10)
	}
}

// An answer is passed on as it comes, not when there is enough of it, and a
// request's body likewise.
func TestStreaming(t *testing.T) {
	t.Parallel()
	origin := serve(t, func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		c.EnableFullDuplex()
		c.Flush()
		line := make([]byte, 5)
		for {
			if _, err := io.ReadFull(r.Body, line); err != nil {
				return
			}
			w.Write(line)
			c.Flush()
		}
	})
	w := newWay(t, newGuard(t, egress.Config{Allow: loopback}))
	w.call(call1, origin)
	body, feed := io.Pipe()
	defer feed.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, origin, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := w.client(call1).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for i := range 3 {
		want := fmt.Sprintf("ping%d", i)
		io.WriteString(feed, want)
		got := make([]byte, 5)
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != want {
			t.Fatalf("got %q, %v, want %q", got, err, want)
		}
	}
	feed.Close()
	if rest, err := io.ReadAll(resp.Body); len(rest) > 0 || err != nil {
		t.Errorf("got %q, %v, want the end", rest, err)
	}
}

// A plugin that gives up on a request takes the request back.
func TestPluginHangsUp(t *testing.T) {
	t.Parallel()
	started, aborted := make(chan bool, 1), make(chan bool, 1)
	origin := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		started <- true
		<-r.Context().Done()
		aborted <- true
	})
	w := newWay(t, newGuard(t, egress.Config{Allow: loopback}))
	w.call(call1, origin)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, origin, strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := w.client(call1).Do(r); err == nil {
		resp.Body.Close()
		t.Error("got an answer")
	}
	select {
	case <-aborted:
	case <-time.After(10 * time.Second):
		t.Error("the service is still asked")
	}
}

// The service answers before it has the whole request, and wants no more of it.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	origin := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "too large", http.StatusRequestEntityTooLarge)
	})
	w := newWay(t, newGuard(t, egress.Config{Allow: loopback}))
	w.call(call1, origin)
	host := strings.TrimPrefix(origin, "http://")
	answer := exchange(t, w, origin, "POST / HTTP/1.1\r\nHost: "+host+"\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat("x", 1000))
	if !strings.HasPrefix(answer, "HTTP/1.1 413 ") {
		t.Errorf("got %.100q, want the early answer, and then the end", answer)
	}
}

func TestExpectContinue(t *testing.T) {
	t.Parallel()
	origin := serve(t, func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
	w := newWay(t, newGuard(t, egress.Config{Allow: loopback}))
	w.call(call1, origin)
	continued := false
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { continued = true }})
	client := w.client(call1)
	client.Transport.(*http.Transport).ExpectContinueTimeout = time.Minute
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, origin, strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Expect", "100-continue")
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); string(body) != "body" || err != nil || !continued {
		t.Errorf("got %q, %v, continued=%v", body, err, continued)
	}
}

// A POST through the socket is sent at most once, too: not again by the host.
func TestPluginsRequestsAreSentOnce(t *testing.T) {
	t.Parallel()
	origin, requests := once(t)
	w := newWay(t, newGuard(t, egress.Config{Allow: loopback, IdleTimeout: time.Minute}))
	w.call(call1, origin)
	client := w.client(call1)
	resp, err := client.Get(origin + "/first")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, origin+"/second", strings.NewReader("refresh"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Idempotency-Key", "k")
	r.GetBody = nil // the plugin's own net/http must not repeat it either
	_, err = client.Do(r)
	refused(t, err, sdk.Unavailable, origin)
	if n := requests("/second"); n != 1 {
		t.Errorf("it was sent %d times, want 1", n)
	}
}

// What is between the plugin and the host goes no further.
func TestHopsEnd(t *testing.T) {
	t.Parallel()
	var seen http.Header
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if seen = r.Header.Clone(); r.Close {
			t.Error("the host's connection ends with the plugin's")
		}
		w.Header().Set("Connection", "X-Hop")
		w.Header().Set("X-Hop", "1")
		w.Header().Set("Keep-Alive", "timeout=5")
	}))
	defer s.Close()
	w := newWay(t, newGuard(t, egress.Config{Allow: loopback}))
	w.call(call1, s.URL)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	answer := exchange(t, w, s.URL, "GET / HTTP/1.1\r\nHost: "+u.Host+"\r\nConnection: close, X-Hop, upgrade\r\nX-Hop: 1\r\nUpgrade: websocket\r\n"+
		"Proxy-Connection: keep-alive\r\nKeep-Alive: 1\r\nTE: trailers\r\nproxy_authorization: Basic eA==\r\nHTTP2-Settings: AAMA\r\nKeep_Alive: 1\r\nX-End: 1\r\n\r\n")
	if diff := cmp.Diff(http.Header{"X-End": {"1"}}, seen); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if strings.Contains(answer, "X-Hop") || strings.Contains(answer, "Keep-Alive") || !strings.Contains(answer, "\r\nConnection: close\r\n") {
		t.Errorf("got %q, want nothing of the host's connection, and the end of the plugin's", answer)
	}
}

// What a plugin sends after a body, a service might take for headers.
func TestNoTrailersAreSent(t *testing.T) {
	t.Parallel()
	var seen *http.Request
	origin := serve(t, func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); seen = r })
	w := newWay(t, newGuard(t, egress.Config{Allow: loopback}))
	w.call(call1, origin)
	_, host, _ := strings.Cut(origin, "://")
	exchange(t, w, origin, "POST / HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-Role\r\n\r\n2\r\nok\r\n0\r\nX-Role: admin\r\n\r\n")
	if seen == nil || len(seen.Trailer) > 0 || seen.Header.Get("Trailer") != "" {
		t.Errorf("the service got %+v", seen)
	}
}

// HTTP/1.1 has room for a trailer only after chunks.
func TestTrailerWithLength(t *testing.T) {
	t.Parallel()
	addr, roots := serveTLS(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		w.Header().Set("Content-Length", "2")
		io.WriteString(w, "ok")
		w.Header().Set("X-Sum", "1")
	}, nil)
	w := newWay(t, newGuard(t, egress.Config{Routes: map[string]string{"https://example.com": addr}, RootCAs: roots}))
	w.call(call1, "https://example.com")
	answer := exchange(t, w, "https://example.com", "GET / HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n")
	if !strings.HasSuffix(answer, "\r\n\r\nok") || strings.Contains(answer, "X-Sum") {
		t.Errorf("got %q, want ok without a trailer", answer)
	}
}

// A host may put itself between the plugin and the guard, and answer itself.
func TestThrough(t *testing.T) {
	t.Parallel()
	served := 0
	origin := serve(t, func(w http.ResponseWriter, _ *http.Request) { served++; io.WriteString(w, "fresh") })
	g := newGuard(t, egress.Config{Allow: loopback})
	w := newWay(t, g)
	ctx, end := context.WithCancel(t.Context())
	defer end()
	w.calls[call1] = egress.NewCall(ctx, egress.Policy{Origins: []string{origin}, Through: roundTrip(func(r *http.Request) (*http.Response, error) {
		if p, ok := egress.PolicyFrom(r.Context()); !ok || len(p.Origins) != 1 {
			t.Error("the request's context is not the call's")
		}
		if r.URL.Path == "/journalled" {
			return &http.Response{StatusCode: http.StatusOK, ContentLength: 4, Body: io.NopCloser(strings.NewReader("kept"))}, nil
		}
		return g.RoundTrip(r)
	})})
	for path, want := range map[string]string{"/journalled": "kept", "/": "fresh"} {
		resp, err := w.client(call1).Post(origin+path, "text/plain", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(body) != want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", path, body, err, want)
		}
	}
	if served != 1 {
		t.Errorf("the service was asked %d times, want 1", served)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
