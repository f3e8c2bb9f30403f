// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/proxy"
	"github.com/credhost/credhost/internal/ground"
)

// BenchmarkProxy measures the proxy against a bare [httputil.ReverseProxy] with
// the same settings of its connections. Both run in this process, in turns of a
// fraction of a second, so that both meet the same machine; the service and the
// callers are processes of their own, so that what the proxies cost is not theirs
// to pay. Each turn is as many connections as the name says, each of which asks
// as soon as it is answered.
//
// The ratio is the median over the turns, each against the turn beside it. The
// latencies of all turns are taken together. What each request costs in time of
// the processor says the same on a machine that has more to do besides.
func BenchmarkProxy(b *testing.B) {
	service := startProcess(b, "service")
	s := newScene(b, setting{ground: unlimited(), proxy: func(c *proxy.Config) {
		c.Limits.PerKey, c.Limits.PerCredential = 4096, 4096
	}})
	id := s.createAt(b, "http://"+service)
	bare := httptest.NewServer(bareProxy(service))
	b.Cleanup(bare.Close)
	for _, conns := range []int{1, 64, 1000} {
		turn := 400 * time.Millisecond
		if conns == 1000 {
			turn = 1500 * time.Millisecond // so that each is answered often
		}
		for _, size := range []int{100, 64 << 10} {
			name := map[int]string{100: "small", 64 << 10: "64k"}[size]
			b.Run(fmt.Sprintf("%s-%d", name, conns), func(b *testing.B) {
				path := "/" + strconv.Itoa(size)
				mine := newLoad(b, s.front.URL+"/proxy/"+id+"/http/"+service+path, s.key, conns)
				base := newLoad(b, bare.URL+path, "", conns)
				compare(b, mine, base, turn)
			})
		}
	}
}

// unlimited is ground whose callers may ask as often as they like.
func unlimited() ground.Config {
	return ground.Config{
		Access: func(c *access.Config) {
			c.Rates = access.Rates{Key: access.Rate{PerSecond: -1}, Workspace: access.Rate{PerSecond: -1}}
		},
		Host: func(c *host.Config) { c.Logger = slog.New(slog.DiscardHandler) },
	}
}

func bareProxy(service string) http.Handler {
	p := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: service})
	p.Transport = &http.Transport{MaxIdleConns: 2048, MaxIdleConnsPerHost: 1024, IdleConnTimeout: 4 * time.Second, DisableCompression: true}
	p.ErrorLog = log.New(io.Discard, "", 0)
	return p
}

// compare lets two loads take turns.
func compare(b *testing.B, mine, base *load, turn time.Duration) {
	const pairs = 10
	mine.run(turn)
	base.run(turn)
	mine.reset()
	base.reset()
	var ratios []float64
	for b.Loop() {
		for i := range pairs {
			m, o := 0.0, 0.0
			if i%2 == 0 {
				m, o = mine.run(turn), base.run(turn)
			} else {
				o, m = base.run(turn), mine.run(turn)
			}
			ratios = append(ratios, m/o)
		}
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "throughput-ratio")
	b.ReportMetric(mine.rate(), "req/s")
	b.ReportMetric(base.rate(), "bare-req/s")
	b.ReportMetric(float64(mine.cpu)/float64(mine.count), "cpu-ns/req")
	b.ReportMetric(float64(base.cpu)/float64(base.count), "bare-cpu-ns/req")
	for _, q := range []int{50, 99} {
		b.ReportMetric(mine.quantile(q), fmt.Sprintf("p%d-ns", q))
		b.ReportMetric(base.quantile(q), fmt.Sprintf("bare-p%d-ns", q))
	}
	b.ReportMetric(0, "ns/op")
}

// A load is a process with so many connections to one address.
type load struct {
	b     testing.TB
	in    io.Writer
	out   *bufio.Scanner
	took  []float64
	count int
	spent time.Duration
	cpu   time.Duration // of the proxy
}

func newLoad(b testing.TB, address, key string, conns int) *load {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CREDHOST_PROXY_PROCESS=load", "LOAD_URL="+address, "LOAD_KEY="+key, "LOAD_CONNS="+strconv.Itoa(conns))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); cmd.Wait() })
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	return &load{b: b, in: in, out: lines}
}

// run asks for some time, and returns how often it was answered in a second.
func (l *load) run(d time.Duration) float64 {
	began, cpu := time.Now(), cpuTime()
	fmt.Fprintln(l.in, d)
	if !l.out.Scan() {
		l.b.Fatal("the callers' process has ended")
	}
	words := strings.Fields(l.out.Text())
	if len(words) == 0 || strings.HasPrefix(words[0], "error") {
		l.b.Fatal(l.out.Text())
	}
	for _, w := range words {
		ns, _ := strconv.ParseFloat(w, 64)
		l.took = append(l.took, ns)
	}
	spent := time.Since(began)
	l.cpu += cpuTime() - cpu
	l.count += len(words)
	l.spent += spent
	return float64(len(words)) / spent.Seconds()
}

func (l *load) reset() { l.took, l.count, l.spent, l.cpu = nil, 0, 0, 0 }

func (l *load) rate() float64 { return float64(l.count) / l.spent.Seconds() }

func (l *load) quantile(q int) float64 {
	slices.Sort(l.took)
	return l.took[len(l.took)*q/100]
}

// startProcess starts this program as something else, and returns the address
// that it prints.
func startProcess(b testing.TB, what string) string {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "CREDHOST_PROXY_PROCESS="+what)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe() // which ends with us
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { in.Close(); cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// be is what such a program does. It reports false if this is none.
func be() bool {
	switch os.Getenv("CREDHOST_PROXY_PROCESS") {
	case "service":
		beService()
	case "load":
		beLoad()
	default:
		return false
	}
	return true
}

// beService answers /n with n bytes, with as little work as can be.
func beService() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(l.Addr())
	content := make([]byte, 1<<20)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		w.Header()["Content-Type"] = []string{"application/octet-stream"}
		w.Header()["Content-Length"] = []string{strconv.Itoa(n)}
		w.Write(content[:n])
	})}
	go srv.Serve(l)
	io.Copy(io.Discard, os.Stdin)
}

// beLoad asks for as long as each line of the input says, and prints how long
// each answer took. It writes requests and reads answers by hand: a client of
// net/http would cost more than what is measured.
func beLoad() {
	u, _ := url.Parse(os.Getenv("LOAD_URL"))
	request := "GET " + u.Path + " HTTP/1.1\r\nHost: " + u.Host + "\r\nAccept: application/json\r\nUser-Agent: load/1.0\r\nAccept-Encoding: gzip\r\n"
	if key := os.Getenv("LOAD_KEY"); key != "" {
		request += "Authorization: Bearer " + key + "\r\n"
	} else {
		request += "Authorization: Bearer chk_abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrstuvwxyz234567abcdefghijklmnopqrstuvwx\r\n"
	}
	request += "\r\n"
	n, _ := strconv.Atoi(os.Getenv("LOAD_CONNS"))
	conns := make([]*caller, n)
	for i := range conns {
		conns[i] = &caller{request: []byte(request), address: u.Host}
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		d, _ := time.ParseDuration(lines.Text())
		var failed atomic.Value
		var all sync.WaitGroup
		end := time.Now().Add(d)
		for _, c := range conns {
			all.Go(func() {
				if err := c.ask(end); err != nil {
					failed.Store(err.Error())
				}
			})
		}
		all.Wait()
		if text := failed.Load(); text != nil {
			fmt.Println("error:", text)
			return
		}
		out := bufio.NewWriter(os.Stdout)
		for _, c := range conns {
			for _, t := range c.took {
				fmt.Fprint(out, t.Nanoseconds(), " ")
			}
			c.took = c.took[:0]
		}
		fmt.Fprintln(out)
		out.Flush()
	}
}

// A caller has one connection.
type caller struct {
	request []byte
	address string
	conn    net.Conn
	br      *bufio.Reader
	took    []time.Duration
}

// ask asks until a time, and at least once.
func (c *caller) ask(end time.Time) error {
	if c.conn == nil {
		conn, err := net.Dial("tcp", c.address)
		if err != nil {
			return err
		}
		c.conn, c.br = conn, bufio.NewReaderSize(conn, 16<<10)
	}
	for {
		began := time.Now()
		if _, err := c.conn.Write(c.request); err != nil {
			return err
		}
		if err := c.answer(); err != nil {
			return err
		}
		now := time.Now()
		if c.took = append(c.took, now.Sub(began)); now.After(end) {
			return nil
		}
	}
}

func (c *caller) answer() error {
	length := -1
	for first := true; ; first = false {
		line, err := c.br.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !strings.HasPrefix(string(line), "HTTP/1.1 200") {
			return fmt.Errorf("answered %s", line)
		}
		if len(line) == 2 {
			break
		}
		if rest, ok := strings.CutPrefix(string(line), "Content-Length: "); ok {
			length, _ = strconv.Atoi(strings.TrimSpace(rest))
		}
	}
	_, err := c.br.Discard(length)
	return err
}
