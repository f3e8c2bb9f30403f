// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Each piece of a stream arrives when it is sent, in both directions at once:
// each end waits for the other's last piece before it sends the next.
func TestBothDirectionsStream(t *testing.T) {
	t.Parallel()
	set, _ := secure(t, http.HandlerFunc(echoLines))
	set.tls = true
	s := newScene(t, set)
	s.Echo.Handler = http.HandlerFunc(echoLines)
	id := s.createAt(t, "https://example.com")
	plain := http.Client{Transport: &http.Transport{TLSClientConfig: s.front.Client().Transport.(*http.Transport).TLSClientConfig.Clone()}}
	plain.Transport.(*http.Transport).TLSNextProto = nil
	for name, through := range map[string]struct {
		client *http.Client
		url    string
	}{
		"HTTP/1.1 in and out": {&plain, s.base() + "/lines"},
		"HTTP/2 in and out":   {s.client(), s.front.URL + "/proxy/" + id + "/https/example.com/lines"},
		"HTTP/2 in, 1.1 out":  {s.client(), s.base() + "/lines"},
	} {
		t.Run(name, func(t *testing.T) {
			in, out := io.Pipe()
			r, _ := http.NewRequestWithContext(t.Context(), "POST", through.url, in)
			r.Header.Set("Authorization", "Bearer "+s.key)
			go io.WriteString(out, "0\n") // some servers answer only when something has come
			resp, err := through.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			lines := bufio.NewReader(resp.Body)
			for i := range 20 {
				if i > 0 {
					fmt.Fprintln(out, i)
				}
				line, err := lines.ReadString('\n')
				if err != nil || line != strconv.Itoa(i)+"\n" {
					t.Fatalf("line %d is %q, %v", i, line, err)
				}
			}
			out.Close()
			if rest, err := io.ReadAll(lines); err != nil || len(rest) > 0 {
				t.Errorf("after the last line: %q, %v", rest, err)
			}
		})
	}
}

func echoLines(w http.ResponseWriter, r *http.Request) {
	rc := http.NewResponseController(w)
	rc.EnableFullDuplex()
	rc.Flush()
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		fmt.Fprintln(w, lines.Text())
		rc.Flush()
	}
}

// Events arrive one by one, the head before the first of them.
func TestEventsArriveAtOnce(t *testing.T) {
	t.Parallel()
	next := make(chan string)
	s := newScene(t, setting{})
	s.Echo.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		for event := range next {
			io.WriteString(w, event)
			w.(http.Flusher).Flush()
		}
	})
	resp, err := s.client().Do(s.request(t, "GET", "/events", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for i := range 3 {
		next <- fmt.Sprintf("data: %d\n", i)
		if line, err := lines.ReadString('\n'); err != nil || line != fmt.Sprintf("data: %d\n", i) {
			t.Fatalf("event %d is %q, %v", i, line, err)
		}
	}
	close(next)
}

// A body whose length is known is not kept until it is whole, either.
func TestPiecesOfKnownLengthArriveAtOnce(t *testing.T) {
	t.Parallel()
	next := make(chan bool)
	s := newScene(t, setting{})
	s.Echo.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "6")
		for _, part := range []string{"ab", "cd", "ef"} {
			io.WriteString(w, part)
			w.(http.Flusher).Flush()
			<-next
		}
	})
	resp, err := s.client().Do(s.request(t, "GET", "/parts", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	part := make([]byte, 2)
	for range 3 {
		if _, err := io.ReadFull(resp.Body, part); err != nil {
			t.Fatal(err)
		}
		next <- true
	}
	if resp.ContentLength != 6 {
		t.Errorf("the length became %d", resp.ContentLength)
	}
}

func TestTrailers(t *testing.T) {
	t.Parallel()
	trailers := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum, Credhost-Error")
		io.Copy(w, r.Body)
		w.Header().Set("X-Sum", "sum "+r.Trailer.Get("X-Sum")+r.Trailer.Get("X-Unsaid"))
		w.Header().Set("Credhost-Error", "internal")
		w.Header().Set(http.TrailerPrefix+"X-Late", "late")
		w.Header().Set(http.TrailerPrefix+"X-Echo", "Bearer "+r.Header.Get("X-Api-Key"))
	}
	set, _ := secure(t, http.HandlerFunc(trailers))
	set.tls = true
	s := newScene(t, set)
	s.Echo.Handler = http.HandlerFunc(trailers)
	id := s.createAt(t, "https://example.com")
	for _, url := range []string{s.base() + "/", s.front.URL + "/proxy/" + id + "/https/example.com/"} {
		r, _ := http.NewRequestWithContext(t.Context(), "POST", url, io.MultiReader(strings.NewReader("body")))
		r.Header.Set("Authorization", "Bearer "+s.key)
		r.Trailer = http.Header{"X-Sum": {"7"}}
		a := s.do(t, r)
		if a.body != "body" || a.Trailer.Get("X-Sum") != "sum 7" || a.Trailer.Get("X-Late") != "late" {
			t.Errorf("%q with the trailer %v", a.body, a.Trailer)
		}
		if got := a.Trailer.Get("X-Echo"); got != "Bearer [secret]" {
			t.Errorf("the service repeats the grant in a trailer: %q", got)
		}
		if a.Trailer.Get("Credhost-Error") != "" {
			t.Error("the service speaks for the proxy")
		}
		r, _ = http.NewRequestWithContext(t.Context(), "POST", url, io.MultiReader(strings.NewReader("body")))
		r.Header.Set("Authorization", "Bearer "+s.key)
		r.Trailer = http.Header{"X-Sum": {"key=" + s.key}}
		if a := s.do(t, r); strings.TrimSpace(a.Trailer.Get("X-Sum")) != "sum" {
			t.Errorf("the key in a trailer: %v", a.Trailer)
		}
		for _, name := range []string{"X-Api-Key", "Authorization", "X_api_key", "Content-Length", "Cookie", "Credhost-Workspace", "Via", "X-Forwarded-For", "Proxy-Authorization"} {
			r, _ := http.NewRequestWithContext(t.Context(), "POST", url, io.MultiReader(strings.NewReader("body")))
			r.Header.Set("Authorization", "Bearer "+s.key)
			r.Trailer = http.Header{name: {"7"}}
			resp, err := s.client().Do(r)
			if err == nil {
				resp.Body.Close()
			}
			if err == nil && resp.StatusCode != 400 {
				t.Errorf("a trailer %s: status %d", name, resp.StatusCode)
			}
		}
	}
}

// Of what comes after a body, only what was announced is sent.
func TestUnannouncedTrailersAreNotSent(t *testing.T) {
	t.Parallel()
	came := make(chan string, 1)
	service := newByteService(t, func(conn net.Conn, br *bufio.Reader) {
		var b strings.Builder
		for !strings.HasSuffix(b.String(), "0\r\n\r\n") && !strings.Contains(b.String(), "X-Sum: 1\r\n\r\n") {
			c, err := br.ReadByte()
			if err != nil {
				break
			}
			b.WriteByte(c)
		}
		came <- b.String()
		io.WriteString(conn, ok)
	})
	s := newScene(t, setting{})
	id := s.createAt(t, service.url())
	s.raw(t, "POST /proxy/"+id+"/http/"+service.Addr().String()+"/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.key+
		"\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 1\r\nX-Api-Key: mine\r\n\r\n")
	if got := <-came; got != "2\r\nab\r\n0\r\nX-Sum: 1\r\n\r\n" {
		t.Errorf("the service was sent %q", got)
	}
}

func TestWhatAnnouncesAnAnswer(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	s.Echo.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.Header().Set("X-Echo", r.Header.Get("X-Api-Key"))
		w.Header().Set("Credhost-Error", "internal")
		w.WriteHeader(103)
		w.Header().Del("X-Echo")
		w.Header().Del("Link")
		w.Header().Del("Credhost-Error")
		io.WriteString(w, "final")
	})
	var early []textproto.MIMEHeader
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		early = append(early, h)
		if code != 103 {
			t.Errorf("announced by %d", code)
		}
		return nil
	}})
	a := s.do(t, s.request(t, "GET", "/page", nil).WithContext(ctx))
	if len(early) != 1 || early[0].Get("Link") != "</style.css>; rel=preload" || early[0].Get("X-Echo") != "[secret]" || early[0].Get("Credhost-Error") != "" {
		t.Errorf("announced with %v", early)
	}
	if a.body != "final" || a.Header.Get("Link") != "" || a.Header.Get("Credhost-Request") != "r-1" {
		t.Errorf("then %v, %q", a.Header, a.body)
	}
	service := newByteService(t, says(strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n", 1000)+ok))
	id := s.createAt(t, service.url())
	r, _ := http.NewRequestWithContext(t.Context(), "GET", s.front.URL+"/proxy/"+id+"/http/"+service.Addr().String()+"/", nil)
	r.Header.Set("Authorization", "Bearer "+s.key)
	s.do(t, r).failure(t, 502, "unreachable", "without end")
}

// A caller that waits to be told to go on is told so when the service is, and
// sends nothing to one that does not want it.
func TestExpect(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	s.Echo.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/no" {
			w.WriteHeader(413)
			return
		}
		if r.Header.Get("Expect") != "100-continue" {
			t.Errorf("Expect is %q", r.Header.Get("Expect"))
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%d bytes", len(body))
	})
	head := func(path string) string {
		return "POST " + s.at(s.Echo.URL) + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + s.key + "\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
	}
	conn, err := net.Dial("tcp", s.front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, head("/yes"))
	br := bufio.NewReader(conn)
	if line, err := br.ReadString('\n'); err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("told %q, %v", line, err)
	}
	br.ReadString('\n')
	io.WriteString(conn, "12345")
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(resp.Body); string(body) != "5 bytes" {
		t.Errorf("answered %q", body)
	}
	if got := s.raw(t, head("/no")); !strings.HasPrefix(got, "HTTP/1.1 413") {
		t.Errorf("without a body: %q", got)
	}
}

func TestAnswersWithoutABody(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	for _, c := range []struct{ method, answer, status, length string }{
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", "200", "1234"},
		{"GET", "HTTP/1.1 204 No Content\r\n\r\n", "204", ""},
		{"GET", "HTTP/1.1 304 Not Modified\r\nEtag: \"1\"\r\n\r\n", "304", ""},
		{"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200", "0"},
		{"GET", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "404", "0"},
		{"GET", "HTTP/1.1 599 Whatever\r\nContent-Length: 0\r\n\r\n", "599", "0"},
	} {
		service := newByteService(t, says(c.answer))
		id := s.createAt(t, service.url())
		got := s.raw(t, c.method+" /proxy/"+id+"/http/"+service.Addr().String()+"/ HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.key+"\r\n\r\n")
		length := ""
		if _, rest, found := strings.Cut(got, "Content-Length: "); found {
			length, _, _ = strings.Cut(rest, "\r\n")
		}
		if !strings.HasPrefix(got, "HTTP/1.1 "+c.status) || length != c.length || !strings.HasSuffix(got, "\r\n\r\n") {
			t.Errorf("%s of %q: %q", c.method, c.answer, got)
		}
	}
}

// A caller that goes takes its request with it.
func TestCallerGoes(t *testing.T) {
	t.Parallel()
	came, gone := make(chan bool, 1), make(chan bool, 1)
	s := newScene(t, setting{tls: true})
	s.Echo.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/answered" {
			w.(http.Flusher).Flush()
		}
		came <- true
		<-r.Context().Done()
		gone <- true
	})
	one := &http.Client{Transport: &http.Transport{TLSClientConfig: s.front.Client().Transport.(*http.Transport).TLSClientConfig.Clone()}}
	for name, c := range map[string]*http.Client{"HTTP/1.1": one, "HTTP/2": s.client()} {
		for _, path := range []string{"/before", "/answered"} {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				resp, err := c.Do(s.request(t, "POST", path, strings.NewReader("body")).WithContext(ctx))
				if err == nil {
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
			}()
			<-came
			began := time.Now()
			cancel()
			<-gone
			if d := time.Since(began); d > time.Second {
				t.Errorf("%s, %s: the service learnt it after %v", name, path, d)
			}
		}
	}
	eventually(t, "nothing under way", func() bool { return s.proxy.Stats().Active == 0 })
}

// An answer that breaks off is not taken for a whole one.
func TestServiceGoes(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
	} {
		service := newByteService(t, says(answer))
		id := s.createAt(t, service.url())
		r, _ := http.NewRequestWithContext(t.Context(), "GET", s.front.URL+"/proxy/"+id+"/http/"+service.Addr().String()+"/", nil)
		r.Header.Set("Authorization", "Bearer "+s.key)
		resp, err := s.client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err == nil || string(body) != "half" {
			t.Errorf("%q: read %q, %v", answer, body, err)
		}
		resp.Body.Close()
	}
	service := newByteService(t, says(""))
	id := s.createAt(t, service.url())
	r, _ := http.NewRequestWithContext(t.Context(), "POST", s.front.URL+"/proxy/"+id+"/http/"+service.Addr().String()+"/", strings.NewReader("x"))
	r.Header.Set("Authorization", "Bearer "+s.key)
	a := s.do(t, r)
	a.failure(t, 502, "unreachable", "could not be reached")
	if a.Header.Get("Retry-After") == "" {
		t.Error("nobody says when to try again")
	}
}

// A service that answers before it has read the body is heard at once.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	s := newScene(t, setting{})
	s.Echo.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set("Connection", "close")
		w.WriteHeader(413)
		io.WriteString(w, "too much")
	})
	in, out := io.Pipe()
	defer out.Close()
	go out.Write([]byte("the first of many"))
	a := s.do(t, s.request(t, "POST", "/upload", in))
	if a.StatusCode != 413 || a.body != "too much" {
		t.Errorf("%d %q", a.StatusCode, a.body)
	}
	eventually(t, "nothing under way", func() bool { return s.proxy.Stats().Active == 0 })
}

// hugeBytes is how much goes through in each direction.
func hugeBytes() int64 {
	if n, err := strconv.ParseInt(os.Getenv("CREDHOST_HUGE"), 10, 64); err == nil {
		return n
	}
	return 256 << 20
}

// A body of any size takes no memory.
func TestLargeBodiesAreNotKept(t *testing.T) {
	s := newScene(t, setting{})
	s.Echo.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil || n != hugeBytes() {
			t.Errorf("the service got %d bytes, %v", n, err)
		}
		io.CopyN(w, zeros{}, hugeBytes())
	})
	most := make(chan uint64)
	stop := make(chan bool)
	go func() {
		var m runtime.MemStats
		var peak uint64
		for {
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapInuse+m.StackInuse)
			select {
			case <-stop:
				most <- peak
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	resp, err := s.client().Do(s.request(t, "POST", "/huge", io.LimitReader(zeros{}, hugeBytes())))
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	close(stop)
	if err != nil || n != hugeBytes() {
		t.Errorf("%d bytes came back, %v", n, err)
	}
	if grown := int64(<-most) - int64(before.HeapInuse+before.StackInuse); grown > 16<<20 {
		t.Errorf("memory grew by %d KiB for %d MiB each way", grown>>10, hugeBytes()>>20)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
