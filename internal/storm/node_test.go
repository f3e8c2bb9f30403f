// SPDX-License-Identifier: Apache-2.0

package storm

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/pgstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/host/sqlitestore"
	"github.com/credhost/credhost/internal/postgres"
	"github.com/credhost/credhost/internal/testplugin"
)

// nodeRole is the environment variable that makes this test binary a node; it
// holds the node's settings.
const nodeRole = "CREDHOST_STORM_NODE"

// settings are what a node must know.
type settings struct {
	Store, Keys, Plugins, Lock, Runtime, Services string
	ID                                            string // of the credential
}

func TestMain(m *testing.M) {
	if text := os.Getenv(nodeRole); text != "" {
		if err := serve(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(postgres.Main(m))
}

// open opens a host as the settings say.
func (s settings) open(ctx context.Context) (*host.Host, error) {
	store, err := s.store(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := sealer.OpenFile(ctx, sealer.FileConfig{Path: s.Keys, Create: true})
	if err != nil {
		return nil, err
	}
	return host.Open(ctx, host.Config{
		Plugins: []string{s.Plugins}, Lock: s.Lock, Dev: true, Runtime: s.Runtime,
		Store: store, Sealer: sealer.New(keys), CallbackURL: "https://host.example/callback",
		Egress: egress.Config{Routes: testplugin.NewStandins().Routes(s.Services), // which are not what is tried: thousands wait for them at once
			DialTimeout: 5 * time.Minute, TLSTimeout: 5 * time.Minute, ResponseHeaderTimeout: 5 * time.Minute},
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
}

// store opens a database, or a file.
func (s settings) store(ctx context.Context) (host.Store, error) {
	if strings.Contains(s.Store, "://") {
		return pgstore.Open(ctx, pgstore.Config{URL: s.Store})
	}
	return sqlitestore.Open(ctx, sqlitestore.Config{Path: s.Store})
}

// A tally is what became of many requests.
type tally struct {
	OK     int
	Failed map[string]int // by what they say
}

func (t *tally) add(o tally) {
	t.OK += o.OK
	for what, n := range o.Failed {
		if t.Failed == nil {
			t.Failed = map[string]int{}
		}
		t.Failed[what] += n
	}
}

// serve is a node: a host process that sends as many requests at once as it is
// told to.
func serve(text string) error {
	var s settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return err
	}
	h, err := s.open(context.Background())
	if err != nil {
		return err
	}
	client := h.Workspace("acme").Client(s.ID)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.FormValue("n"))
		json.NewEncoder(w).Encode(burst(client, n))
	}))
}

// burst sends n requests at once.
func burst(client *http.Client, n int) (sum tally) {
	var mu sync.Mutex
	var all sync.WaitGroup
	start := make(chan struct{})
	for range n {
		all.Go(func() {
			<-start
			one := tally{OK: 1}
			resp, err := client.Get(testplugin.HomedInstance + "/me")
			switch {
			case err != nil:
				one = tally{Failed: map[string]int{err.Error(): 1}}
			default:
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					one = tally{Failed: map[string]int{resp.Status: 1}}
				}
			}
			mu.Lock()
			defer mu.Unlock()
			sum.add(one)
		})
	}
	close(start)
	all.Wait()
	return sum
}

// A node is such a process, as the test sees it.
type node struct {
	cmd *exec.Cmd
	at  string
}

// start starts a node with a folder of its own for sockets.
func (s settings) start(t *testing.T, name string) (*node, error) {
	s.Runtime = filepath.Join(s.Runtime, name)
	if err := os.MkdirAll(s.Runtime, 0o700); err != nil {
		return nil, err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	n := &node{cmd: exec.Command(os.Args[0])}
	n.cmd.Env = append(os.Environ(), nodeRole+"="+string(text))
	n.cmd.Stderr = os.Stderr
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	t.Cleanup(n.kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	n.at = strings.TrimSpace(line)
	return n, err
}

// kill ends the node as a power cut would.
func (n *node) kill() {
	n.cmd.Process.Kill()
	n.cmd.Wait()
}

// burst has the node send n requests at once.
func (n *node) burst(count int) (t tally, err error) {
	resp, err := http.Get(fmt.Sprintf("http://%s/?n=%d", n.at, count))
	if err != nil {
		return t, err
	}
	defer resp.Body.Close()
	return t, json.NewDecoder(resp.Body).Decode(&t)
}
