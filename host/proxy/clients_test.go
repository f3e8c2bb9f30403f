// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host/proxy"
	"github.com/credhost/credhost/internal/tools"
)

var need = tools.Need{Name: "PROXY", Untested: "the proxy is not tested with real clients"}

func runs(name string, args ...string) bool { return exec.Command(name, args...).Run() == nil }

// output runs a program that knows of no proxy but the one it is told, and
// returns what it prints.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	for _, v := range os.Environ() {
		if !strings.Contains(strings.ToLower(v[:strings.IndexByte(v, '=')]), "_proxy") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%s: %v\n%s", name, err, err.(*exec.ExitError).Stderr)
	}
	return string(out)
}

// proxyURL is the front as clients are told of a proxy.
func (s *scene) proxyURL() string {
	return strings.Replace(s.front.URL, "://", "://"+s.id+":"+s.key+"@", 1)
}

func TestCurl(t *testing.T) {
	t.Parallel()
	if !runs("curl", "--version") {
		need.Lacks(t, "curl is")
	}
	s := newScene(t, setting{})
	const target = "/v1/a%2Fb//c/?x=%41&"
	want := "from curl 200 " + target
	common := []string{"-s", "--max-time", "20", "--path-as-is", "-d", "from curl", "-w", " %{http_code} %header{echo-target}"}
	for name, args := range map[string][]string{
		"path":                {"-H", "Authorization: Bearer " + s.key, s.base() + target},
		"forward, by user":    {"-x", s.proxyURL(), s.Echo.URL + target},
		"forward, by header":  {"-x", s.front.URL, "--proxy-user", "x:" + s.key, "-H", "Credhost-Credential: " + s.id, s.Echo.URL + target},
		"forward, challenged": {"-x", s.front.URL, "--proxy-anyauth", "--proxy-user", s.id + ":" + s.key, s.Echo.URL + target},
	} {
		if got := output(t, "curl", append(common, args...)...); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	refused := exec.Command("curl", "-s", "--max-time", "20", "-v", "-x", s.proxyURL(), "https://example.com/")
	if said, err := refused.CombinedOutput(); err == nil || !strings.Contains(string(said), "405") {
		t.Errorf("https through a tunnel: %v\n%s", err, said)
	}
}

// said is what the programs for Python and Node.js print.
type said struct {
	Status       int
	Target, Text string
	Error        string
}

func decode(t *testing.T, text string) (a said) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	return a
}

func TestPythonRequests(t *testing.T) {
	t.Parallel()
	const python = "/usr/bin/python3" // which has Debian's requests
	if !runs(python, "-Esc", "import requests") {
		need.Lacks(t, "Python's requests is")
	}
	s := newScene(t, setting{})
	want := said{Status: 200, Target: "/v1/things?a=%2F", Text: "from python"}
	for name, args := range map[string][]string{
		"path":    {"path", s.base() + "/v1/things?a=%2F", s.key},
		"forward": {"forward", s.Echo.URL + "/v1/things?a=%2F", s.key, s.proxyURL()},
	} {
		if got := decode(t, output(t, python, append([]string{"-E", "requests_client.py"}, args...)...)); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	got := decode(t, output(t, python, "-E", "requests_client.py", "forward", "https://example.com/", s.key, s.proxyURL()))
	if !strings.Contains(got.Error, "405 Method Not Allowed") {
		t.Errorf("https through a tunnel: %+v", got)
	}
}

func TestNodeFetch(t *testing.T) {
	t.Parallel()
	need.Node(t)
	need.Packages(t, "node")
	s := newScene(t, setting{})
	want := said{Status: 200, Target: "/v1/things?a=%2F", Text: "from node"}
	for name, args := range map[string][]string{
		"path":    {"path", s.base() + "/v1/things?a=%2F", s.key},
		"forward": {"forward", s.Echo.URL + "/v1/things?a=%2F", s.id + ":" + s.key, s.front.URL},
	} {
		if got := decode(t, output(t, "node", append([]string{"node/client.mjs"}, args...)...)); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

// page is of another origin than the proxy. It reads a stream as it comes, tries
// what it may not, and says what it saw.
const page = `<!doctype html><script type="module">
const seen = {};
const ask = async (name, base, key, init) => {
	try {
		const resp = await fetch(base + "/v1/stream", {...init, headers: {Authorization: "Bearer " + key, "Content-Type": "application/json"}});
		const parts = [];
		const reader = resp.body.pipeThrough(new TextDecoderStream()).getReader();
		for (let r; !(r = await reader.read()).done;) {
			parts.push(r.value);
			if (resp.ok) await fetch("/read", {method: "POST", body: r.value});
		}
		seen[name] = [resp.status, resp.headers.get("X-Seen"), parts.join("")];
	} catch (e) {
		seen[name] = [e.name];
	}
};
await ask("allowed", %q, %q, {method: "PATCH", body: "{}"});
await ask("with cookies", %q, %q, {method: "PATCH", body: "{}", credentials: "include"});
await ask("wrong key", %q, "chk_wrong", {method: "GET"});
const talk = (name, base, key, ...protocols) => new Promise((done) => {
	const ws = new WebSocket(base.replace("http", "ws") + "/v1/socket", ["credhost", "credhost.key." + key, ...protocols]);
	ws.onopen = () => ws.send("hello");
	ws.onmessage = (m) => { seen[name] = [ws.protocol, m.data]; ws.close(); };
	ws.onclose = () => { seen[name] ??= ["TypeError"]; done(); };
});
await talk("socket", %q, %q, "lines");
await talk("socket without a choice", %q, %q);
await talk("socket with a key that lasts", %q, %q);
await fetch("/done", {method: "POST", body: JSON.stringify(seen)});
</script>`

// A page in a real browser calls through the proxy, if its origin may, and reads
// each piece of the answer as it comes; a page of another origin gets nothing.
func TestChromium(t *testing.T) {
	t.Parallel()
	browser := need.Chromium(t)
	read, done := make(chan string), make(chan map[string][]any, 2)
	var html string
	pages := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/read":
			select {
			case read <- string(body):
			case <-r.Context().Done():
			}
		case "/done":
			var seen map[string][]any
			json.Unmarshal(body, &seen)
			done <- seen
		case "/":
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, html)
		}
	})
	mine, other := httptest.NewServer(pages), httptest.NewServer(pages)
	t.Cleanup(mine.Close)
	t.Cleanup(other.Close)
	s := newScene(t, setting{proxy: func(c *proxy.Config) { c.Origins = []string{mine.URL} }})
	asked, short := 0, s.derived(t)
	s.Echo.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Header["Upgrade"] != nil {
			sockets(w, r)
			return
		}
		w.Header().Set("X-Seen", r.Method+" "+r.Header.Get("Origin"))
		for _, part := range []string{"one ", "two ", "three"} {
			io.WriteString(w, part)
			w.(http.Flusher).Flush()
			select {
			case got := <-read: // only then comes the next
				if got != part {
					t.Errorf("the page read %q, want %q", got, part)
				}
			case <-time.After(20 * time.Second):
				t.Error("the page reads nothing")
				return
			}
		}
	})
	html = fmt.Sprintf(page, s.base(), s.key, s.base(), s.key, s.base(), s.base(), short, s.base(), short, s.base(), s.key)
	visit := func(address string) map[string][]any {
		ctx, leave := context.WithTimeout(t.Context(), time.Minute)
		defer leave()
		home := t.TempDir()
		cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-component-update", "--no-proxy-server",
			"--disable-background-networking", "--disable-sync", "--disable-extensions", "--disable-default-apps", "--no-first-run", "--user-data-dir="+home, "--remote-debugging-port=0", address)
		cmd.Env = append(os.Environ(), "HOME="+home)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { leave(); cmd.Wait(); time.Sleep(100 * time.Millisecond) }() // its children write to its home until they notice
		select {
		case seen := <-done:
			return seen
		case <-ctx.Done():
			t.Fatal("the page never came to its end")
			return nil
		}
	}
	seen := visit(mine.URL)
	if got := fmt.Sprint(seen["allowed"]); got != "[200 PATCH one two three]" {
		t.Errorf("a page that may: %s", got)
	}
	if got := fmt.Sprint(seen["with cookies"]); got != "[TypeError]" {
		t.Errorf("with cookies, which are of no use here: %s", got)
	}
	if got := fmt.Sprint(seen["wrong key"]); !strings.HasPrefix(got, "[401 ") {
		t.Errorf("a page that shows a wrong key: %s", got)
	}
	for name, want := range map[string]string{"socket": "[lines hello]", "socket without a choice": "[credhost hello]", "socket with a key that lasts": "[TypeError]"} {
		if got := fmt.Sprint(seen[name]); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	for _, r := range s.Echo.Requests() {
		if text := fmt.Sprint(r.Header); strings.Contains(text, short) || strings.Contains(text, "credhost") {
			t.Errorf("the service was sent %s", text)
		}
	}
	before := asked
	for name, got := range visit(other.URL) {
		if fmt.Sprint(got) != "[TypeError]" {
			t.Errorf("a page that may not, %s: %v", name, got)
		}
	}
	if asked != before {
		t.Error("the service was asked for a page that may not")
	}
}
