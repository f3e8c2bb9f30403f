// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

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

// In a device flow nobody comes back: the person enters a code elsewhere.
func TestConnectShowsTheCodeOfADevice(t *testing.T) {
	server := httptest.NewServer(testplugin.NewStandins())
	defer server.Close()
	settings := []string{"--json", "--data", t.TempDir(), "--lock", filepath.Join(plugins.data, "credhost.lock"),
		"--plugins", plugins.others, "--route", "https://device.example=" + server.URL}
	run := func(out *said, args ...string) int {
		return (&program{in: os.Stdin, out: out, err: &said{}}).run(append(args, settings...))
	}
	var made said
	if code := run(&made, "create", "device", "--set", "clientId=EXAMPLE-device-client"); code != 0 {
		t.Fatalf("create exited with %d: %s", code, made.String())
	}
	id := made.documents()[0]["id"].(string)

	var out said
	ended := make(chan int, 1)
	go func() { ended <- run(&out, "connect", id, "--port", "0", "--no-browser") }()
	var first map[string]any
	for end := time.Now().Add(20 * time.Second); first == nil && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if all := out.documents(); len(all) > 0 {
			first = all[0]
		}
	}
	code, _ := first["userCode"].(string)
	if code == "" || first["url"] != "https://device.example/activate" || first["redirectUrl"] != nil {
		t.Fatalf("connect printed %v", first)
	}
	activate(t, server.URL, code)
	if code := <-ended; code != 0 {
		t.Fatalf("connect exited with %d: %s", code, out.String())
	}
	if all := out.documents(); len(all) != 2 || all[1]["id"] != id {
		t.Errorf("connect printed %v", all)
	}
	if code := run(&said{}, "test", id); code != 0 {
		t.Errorf("test exited with %d", code)
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
