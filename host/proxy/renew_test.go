// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/internal/ground"
)

// renewing is a scene with a credential whose grants end, and what moves its
// clock. Its service is https://example.com, if that is api, or else the stand-in.
func renewing(t *testing.T, api http.Handler) (s *scene, id string, pass func(time.Duration)) {
	t.Helper()
	var ahead atomic.Int64
	var set setting
	if api != nil {
		set, _ = secure(t, api)
	}
	set.ground.Types = []string{"acme", "halopsa"}
	set.ground.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	s = newScene(t, set)
	values := s.Values("halopsa")
	if api != nil {
		values["resourceUrl"] = "https://example.com"
	}
	id, err := s.Host.Workspace(ground.Workspace).Create(t.Context(), "halopsa", values)
	if err != nil {
		t.Fatal(err)
	}
	return s, id, func(d time.Duration) { ahead.Add(int64(d)) }
}

// What a service refuses is sent once more with a better grant, the body, too, as
// long as it is little. A caller whose body is too much sees the refusal, and the
// next one does not.
func TestRefusedGrantsAreRenewed(t *testing.T) {
	t.Parallel()
	s, id, pass := renewing(t, nil)
	at := strings.TrimPrefix(s.HaloURL, "http://")
	send := func(method string, body io.Reader) answer {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), method, s.front.URL+"/proxy/"+id+"/http/"+at+"/api/tickets", body)
		r.Header.Set("Authorization", "Bearer "+s.key)
		r.Header.Set("Content-Type", "application/json")
		return s.do(t, r)
	}
	ticket := `[{"summary":"s","details":"d"}]`
	if a := send("GET", nil); a.StatusCode != 200 {
		t.Fatalf("at first: %d %s", a.StatusCode, a.body)
	}
	for name, body := range map[string]io.Reader{"known length": strings.NewReader(ticket), "chunks": io.MultiReader(strings.NewReader(ticket))} {
		pass(2 * time.Minute)
		s.Halo.Expire()
		if a := send("POST", body); a.StatusCode >= 400 {
			t.Errorf("%s: %d %s", name, a.StatusCode, a.body)
		}
	}
	pass(2 * time.Minute)
	s.Halo.Expire()
	if a := send("POST", bytes.NewReader(make([]byte, 1<<20))); a.StatusCode != 401 || a.Header.Get("Credhost-Error") != "" {
		t.Errorf("a body that is too much: %d %s", a.StatusCode, a.body)
	}
	eventually(t, "a better grant", func() bool {
		r, _ := http.NewRequest("GET", s.HaloURL+"/api/agent/me", nil)
		if s.Host.Workspace(ground.Workspace).Authenticate(t.Context(), id, r) != nil {
			return false
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == 200
	})
}

// A refusal that comes while the caller's body is still on its way is followed by
// the whole body: not a byte is lost between the two attempts.
func TestRefusalDuringABody(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	good := ""
	heard := make(chan string, 2)
	refused := make(chan bool, 1)
	s, id, pass := renewing(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		old := r.Header.Get("Authorization") == good
		good = r.Header.Get("Authorization")
		mu.Unlock()
		if old && r.Method == "POST" {
			w.WriteHeader(401)
			w.(http.Flusher).Flush()
			refused <- true
			return
		}
		body, _ := io.ReadAll(r.Body)
		heard <- string(body)
	}))
	send := func(method string, body io.Reader) answer {
		r, _ := http.NewRequestWithContext(t.Context(), method, s.front.URL+"/proxy/"+id+"/https/example.com/x", body)
		r.Header.Set("Authorization", "Bearer "+s.key)
		return s.do(t, r)
	}
	send("GET", nil)
	<-heard
	pass(2 * time.Minute)
	in, out := io.Pipe()
	go func() {
		io.WriteString(out, "first ")
		<-refused
		time.Sleep(50 * time.Millisecond) // so that the second attempt waits for more
		io.WriteString(out, "second ")
		io.WriteString(out, "third")
		out.Close()
	}()
	if a := send("POST", in); a.StatusCode != 200 {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if got := <-heard; got != "first second third" {
		t.Errorf("the service heard %q", got)
	}
}
