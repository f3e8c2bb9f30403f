// SPDX-License-Identifier: Apache-2.0

package realoauth_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// secret is the clients' own.
const secret = "EXAMPLE-of-a-client's&secret:0123456789"

// A provider is a server that somebody else wrote. One process plays it for all
// tests, each of which has another issuer.
type provider struct {
	name   string
	need   func(t *testing.T)     // skips a test that cannot have it
	base   func() (string, error) // starts the process, and returns where it serves
	pushes bool                   // wants requests for approval to be pushed
}

var (
	oidcProvider = provider{name: "oidc-provider", pushes: true, need: needNode, base: sync.OnceValues(func() (string, error) {
		cmd := exec.Command("node", "provider.mjs")
		cmd.Dir = "node"
		return run(cmd)
	})}
	fosite = provider{name: "fosite", need: needFosite, base: sync.OnceValues(func() (string, error) {
		path, err := fositeProgram()
		if err != nil {
			return "", err
		}
		return run(exec.Command(path))
	})}
)

// A front is a provider as the world sees it: behind TLS, of an authority that
// only this test trusts. It notes what passes by the token endpoint.
type front struct {
	*httptest.Server // its URL is the issuer
	provider
	base *url.URL // where the process serves, which is not reachable from outside

	mu     sync.Mutex
	passed []passage
	lose   bool // the next answer to a renewal does not arrive
	pushed int
}

// A passage is a request to the token endpoint, and its answer.
type passage struct {
	Form   url.Values
	Status int
	Answer struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		Scope   string `json:"scope"`
		Error   string `json:"error"`
	}
}

// start starts a provider whose client has one redirect URI.
func (p provider) start(t *testing.T, redirect string) *front {
	t.Helper()
	p.need(t)
	base, err := p.base()
	if err != nil {
		t.Fatal(err)
	}
	f := &front{provider: p}
	if f.base, err = url.Parse(base); err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(f.base)
			r.Out.Host = r.In.Host
			r.SetXForwarded()
		},
		ModifyResponse: f.watch,
		ErrorHandler:   func(w http.ResponseWriter, _ *http.Request, _ error) { panic(http.ErrAbortHandler) },
	}
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/test/") {
			http.NotFound(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body) // what is lost, the provider will miss
		r.Body = io.NopCloser(bytes.NewReader(body))
		form, _ := url.ParseQuery(string(body))
		proxy.ServeHTTP(w, r.WithContext(withForm(r.Context(), form)))
	}))
	f.Config.ErrorLog = quiet()
	f.StartTLS()
	t.Cleanup(f.Close)
	f.begin(t, redirect, false)
	return f
}

// begin has the process play this provider, or one in its place whose keys are new.
func (f *front) begin(t *testing.T, redirect string, signIn bool) {
	t.Helper()
	f.operate(t, "new", map[string]any{"issuer": f.URL, "redirect": redirect, "secret": secret, "jwks": signingKeys, "signIn": signIn})
}

// running ends the processes that run.
var (
	runningMu sync.Mutex
	running   []func()
)

// run runs a provider's program until all tests are over, and returns where it
// serves. What it says is shown if it does not start.
func run(cmd *exec.Cmd) (string, error) {
	var said lines
	cmd.Stderr, cmd.WaitDelay = &said, 5*time.Second
	in, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	port, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
	end := func() {
		in.Close() // which ends it
		late := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		defer late.Stop()
		cmd.Wait()
	}
	if err != nil || !ok {
		end()
		return "", fmt.Errorf("%s did not start: %v\n%s", cmd.Path, err, said.String())
	}
	go io.Copy(io.Discard, out)
	runningMu.Lock()
	defer runningMu.Unlock()
	running = append(running, end)
	return "http://127.0.0.1:" + port, nil
}

// watch notes what passed by, and loses what shall be lost.
func (f *front) watch(resp *http.Response) error {
	form := formOf(resp.Request.Context())
	switch resp.Request.URL.Path {
	case "/request":
		f.mu.Lock()
		defer f.mu.Unlock()
		f.pushed++
	case "/token":
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		resp.Body = io.NopCloser(bytes.NewReader(body))
		p := passage{Form: form, Status: resp.StatusCode}
		json.Unmarshal(body, &p.Answer) // or it stays empty
		f.mu.Lock()
		defer f.mu.Unlock()
		f.passed = append(f.passed, p)
		if f.lose && form.Get("grant_type") == "refresh_token" {
			f.lose = false
			return io.ErrUnexpectedEOF
		}
	}
	return nil
}

// Passed returns the requests that had a grant type; "": all.
func (f *front) Passed(kind string) []passage {
	f.mu.Lock()
	defer f.mu.Unlock()
	var some []passage
	for _, p := range f.passed {
		if kind == "" || p.Form.Get("grant_type") == kind {
			some = append(some, p)
		}
	}
	return some
}

// Last returns the newest request that the provider answered with a token.
func (f *front) Last(t *testing.T) passage {
	t.Helper()
	all := f.Passed("")
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Answer.Access != "" {
			return all[i]
		}
	}
	t.Fatal("the provider has given no token")
	return passage{}
}

// LoseNext loses the next answer to a renewal, on its way from the provider.
func (f *front) LoseNext() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lose = true
}

// Pushed counts the requests for approval that were pushed.
func (f *front) Pushed() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.pushed
}

// Operate has an operator of the provider do something: "expire" ends all access
// tokens, "withdraw" all approvals, "lifetime?seconds=" sets that of tokens.
func (f *front) Operate(t *testing.T, what string) {
	t.Helper()
	f.operate(t, what, nil)
}

func (f *front) operate(t *testing.T, what string, settings map[string]any) {
	t.Helper()
	text, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.base.String()+"/test/"+what, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Host = strings.TrimPrefix(f.URL, "https://")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("/test/%s: status %d", what, resp.StatusCode)
	}
}

// Endpoint returns what the provider's metadata says.
func (f *front) Endpoint(t *testing.T, name string) string {
	t.Helper()
	for _, at := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		resp, err := f.Client().Get(f.URL + at)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var all map[string]any
		if resp.StatusCode == http.StatusOK && json.NewDecoder(resp.Body).Decode(&all) == nil {
			if text, _ := all[name].(string); text != "" {
				return text
			}
		}
	}
	t.Fatalf("the provider has no %s", name)
	return ""
}

// Post posts a form to an endpoint as the client of the code flow, and returns
// the status and the answer. The test itself sends it: what it sends is noted
// as all else.
func (f *front) Post(t *testing.T, endpoint string, form url.Values) (int, map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.Endpoint(t, endpoint), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape("web:app"), url.QueryEscape(secret))
	resp, err := f.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer map[string]any
	json.NewDecoder(resp.Body).Decode(&answer) // or it stays empty
	return resp.StatusCode, answer
}

// Active asks the provider whether a token works (RFC 7662).
func (f *front) Active(t *testing.T, token string) bool {
	t.Helper()
	status, answer := f.Post(t, "introspection_endpoint", url.Values{"token": {token}})
	active, ok := answer["active"].(bool)
	if status != http.StatusOK || !ok {
		t.Fatalf("the provider cannot be asked about a token: status %d", status)
	}
	return active
}
