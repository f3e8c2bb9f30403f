// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/sqlitestore"
	"github.com/credhost/credhost/internal/testplugin"
)

// said is what a run has printed so far.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// documents returns the JSON documents that have been printed so far.
func (s *said) documents() (all []map[string]any) {
	d := json.NewDecoder(bytes.NewReader([]byte(s.String())))
	for {
		var one map[string]any
		if d.Decode(&one) != nil {
			return all
		}
		all = append(all, one)
	}
}

// A desk is where somebody runs credhost, with the stand-ins of the test types.
type desk struct {
	t        *testing.T
	services *testplugin.Standins
	server   *httptest.Server
	settings []string
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, services: testplugin.NewStandins()}
	d.server = httptest.NewServer(d.services)
	t.Cleanup(d.server.Close)
	d.settings = []string{"--data", t.TempDir(), "--lock", filepath.Join(plugins.data, "credhost.lock"), "--plugins", plugins.others}
	for _, origin := range []string{"https://device.example", "https://login.homed.example", testplugin.HomedInstance} {
		d.settings = append(d.settings, "--route", origin+"="+d.server.URL)
	}
	return d
}

// run runs credhost with --json, and returns its exit code, and what it printed
// and said.
func (d *desk) run(in *os.File, out *said, args ...string) (int, string) {
	var err said
	code := (&program{in: in, out: out, err: &err}).run(append(append(args, "--json"), d.settings...))
	return code, err.String()
}

// create makes a credential with good answers.
func (d *desk) create(typ string) string {
	d.t.Helper()
	args := []string{"create", typ}
	for name, v := range testplugin.Answers(typ) {
		args = append(args, "--set", name+"="+v)
	}
	var made said
	if code, _ := d.run(os.Stdin, &made, args...); code != 0 {
		d.t.Fatalf("create exited with %d: %s", code, made.String())
	}
	return made.documents()[0]["id"].(string)
}

// A connecting is a run of connect that waits.
type connecting struct {
	first map[string]any // what it printed first
	out   said
	said  string // when it has ended
	ended chan int
}

// connect runs connect until it waits.
func (d *desk) connect(in *os.File, id string) *connecting {
	d.t.Helper()
	c := &connecting{ended: make(chan int, 1)}
	go func() {
		code, text := d.run(in, &c.out, "connect", id, "--port", "0", "--no-browser")
		c.said = text
		c.ended <- code
	}()
	for end := time.Now().Add(20 * time.Second); c.first == nil && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if all := c.out.documents(); len(all) > 0 {
			c.first = all[0]
		}
	}
	if c.first == nil {
		d.t.Fatalf("connect printed %s", c.out.String())
	}
	return c
}

// last waits for the end of a run, and returns what it printed last.
func (c *connecting) last(t *testing.T, code int) map[string]any {
	t.Helper()
	if got := <-c.ended; got != code {
		t.Fatalf("connect exited with %d, not %d: %s %s", got, code, c.out.String(), c.said)
	}
	all := c.out.documents()
	if len(all) != 2 {
		t.Fatalf("connect printed %v", all)
	}
	return all[1]
}

// In a device flow nobody comes back: the person enters a code elsewhere.
func TestConnectShowsTheCodeOfADevice(t *testing.T) {
	d := newDesk(t)
	id := d.create("device")
	c := d.connect(os.Stdin, id)
	code, _ := c.first["userCode"].(string)
	if code == "" || c.first["url"] != "https://device.example/activate" || c.first["redirectUrl"] != nil || c.first["elsewhereUrl"] != nil {
		t.Fatalf("connect printed %v", c.first)
	}
	activate(t, d.server.URL, code)
	if done := c.last(t, 0); done["id"] != id {
		t.Errorf("connect printed %v", done)
	}
	if code, _ := d.run(os.Stdin, &said{}, "test", id); code != 0 {
		t.Errorf("test exited with %d", code)
	}
}

// elsewhere is a browser on another machine: it returns the address that it
// cannot show.
func (d *desk) elsewhere(c *connecting) string {
	d.t.Helper()
	u, err := url.Parse(c.first["elsewhereUrl"].(string))
	if err != nil {
		d.t.Fatal(err)
	}
	r, _ := http.NewRequest(http.MethodGet, d.server.URL+u.RequestURI(), nil)
	r.Host = u.Host
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.Header.Get("Location")
}

// Over SSH the browser is on another machine, and what it shows is pasted. That
// another account came back than before is said where nobody overlooks it.
func TestConnectFromAnotherMachine(t *testing.T) {
	d := newDesk(t)
	id := d.create("homed")
	connect := func() (map[string]any, string) {
		in, keyboard, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer keyboard.Close()
		defer in.Close()
		c := d.connect(in, id)
		back := d.elsewhere(c)
		fmt.Fprintln(keyboard, "what?")
		fmt.Fprintln(keyboard, strings.Replace(back, "code=", "code=x&code=", 1))
		fmt.Fprintln(keyboard, back)
		return c.last(t, 0), c.said
	}
	done, text := connect()
	if done["account"] != "person@homed.example" || done["was"] != nil {
		t.Errorf("connect printed %v", done)
	}
	for _, sentence := range []string{"the whole address begins with http://127.0.0.1:", "/callback/default/homed?", "was refused; still waiting"} {
		if !strings.Contains(text, sentence) {
			t.Errorf("%q was not said, but %s", sentence, text)
		}
	}
	d.services.Homed.Move(testplugin.HomedInstance, "eve@homed.example")
	done, text = connect()
	if done["was"] != "person@homed.example" || !strings.Contains(text, "warning: this is another account than before: the credential was that of person@homed.example, and is now that of eve@homed.example.") {
		t.Errorf("connect printed %v, and said %s", done, text)
	}
	if r, _ := done["replaced"].(map[string]any); r["told"] != true || r["grant"] != "dead" {
		t.Errorf("connect printed %v", done)
	}
	var shown said
	if d.run(os.Stdin, &shown, "show", id); shown.documents()[0]["was"] != "person@homed.example" {
		t.Errorf("show printed %s", shown.String())
	}
}

// Who gives up leaves no flow that somebody could finish.
func TestConnectIsGivenUp(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no signal that a program can send to itself alone")
	}
	d := newDesk(t)
	for _, typ := range []string{"homed", "device"} {
		id := d.create(typ)
		c := d.connect(os.Stdin, id)
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			err = self.Signal(os.Interrupt)
		}
		if err != nil {
			t.Fatal(err)
		}
		if done := c.last(t, 130); done["error"] == nil {
			t.Errorf("connect printed %v", done)
		}
		store, err := sqlitestore.Open(t.Context(), sqlitestore.Config{Path: filepath.Join(d.settings[1], "credhost.db")})
		if err != nil {
			t.Fatal(err)
		}
		flows, err := store.List(t.Context(), host.Query{Workspace: "default", Kind: host.KindFlow})
		if err != nil || len(flows) != 0 {
			t.Errorf("%s: %d flows are left, %v", typ, len(flows), err)
		}
		store.Close()
	}
}

func TestThePortIsTaken(t *testing.T) {
	l, err := listen(0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	_, err = listen(port)
	r := (&program{}).explain(err)
	if r.Exit != 8 || r.Message != fmt.Sprintf("port %d is taken by another program, perhaps by another credhost connect", port) || !strings.Contains(r.Next, "--port") {
		t.Errorf("listen: %+v", r)
	}
}

// activate enters a code at the service's page.
func activate(t *testing.T, server, code string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, server+"/activate?user_code="+url.QueryEscape(code), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "device.example"
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the service's page answered %s", resp.Status)
	}
}
