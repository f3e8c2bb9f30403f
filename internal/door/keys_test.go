// SPDX-License-Identifier: Apache-2.0

package door_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/internal/ground"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	tries(t, map[string]attempt{
		"a key that makes a wider one": {func(x *try) (bool, string) {
			scopes := `["use","release"]`
			if x.easy {
				scopes = `["read"]`
			}
			got := x.ask(x.key(ground.Workspace, access.Admin, access.Read), "POST", "/v1/keys", `{"scopes":`+scopes+`}`)
			return got.status == 201, got.String()
		}, "more than"},
		"an administrator who is derived": {func(x *try) (bool, string) {
			scopes := `["admin"]`
			if x.easy {
				scopes = `["read"]`
			}
			got := x.ask(x.key(ground.Workspace, access.Admin, access.Read), "POST", "/v1/keys/derive", `{"seconds":60,"scopes":`+scopes+`}`)
			return got.status < 300, got.String()
		}, "422"},
		"a derived key of wider limits": {func(x *try) (bool, string) {
			key := x.key(ground.Workspace, access.Use)
			if !x.easy {
				key = x.narrowed(key, access.Limits{URLs: []string{"/v1/public"}})
			}
			wide := member(x.ask(key, "POST", "/v1/keys/derive", `{"seconds":60,"limits":{"urls":["/v1/*"],"methods":["GET","DELETE"]}}`), "token")
			got := x.through(wide, x.credential(ground.Workspace), "/v1/wider")
			return got.status == 200, got.String()
		}, "403"},
		"a derived key that is written anew": {func(x *try) (bool, string) {
			key := x.narrowed(x.key(ground.Workspace, access.Read), access.Limits{Methods: []string{"GET"}})
			if !x.easy {
				parts := strings.Split(key, ".")
				claims, err := base64.RawURLEncoding.DecodeString(parts[1])
				must(x.t, err)
				parts[1] = base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(claims), `"e":1`, `"e":9`, 1)))
				if strings.Join(parts, ".") == key {
					x.t.Fatalf("nothing was changed in %s", claims)
				}
				key = strings.Join(parts, ".")
			}
			got := x.ask(key, "GET", "/v1/keys/current", "")
			return got.status == 200, got.String()
		}, "401"},
		"a derived key without what it is of": {func(x *try) (bool, string) {
			of := x.key(ground.Workspace, access.Read)
			key := x.narrowed(of, access.Limits{})
			if !x.easy {
				x.end(of)
			}
			got := x.ask(key, "GET", "/v1/keys/current", "")
			return got.status == 200, got.String()
		}, "401"},
		"a key that has ended": {func(x *try) (bool, string) {
			key := x.KeyOf(access.NewKey{Workspace: ground.Workspace, Name: "short", Scopes: []access.Scope{access.Read}, Expires: x.now().Add(20 * time.Second)})
			if before := x.ask(key, "GET", "/v1/keys/current", ""); before.status != 200 {
				x.t.Errorf("before its end: %v", before)
			}
			if !x.easy {
				x.advance(21 * time.Second)
			}
			got := x.ask(key, "GET", "/v1/keys/current", "")
			return got.status == 200, got.String()
		}, "401"},
		"a key that was deleted, on an open connection": {func(x *try) (bool, string) {
			only := new(http.Protocols)
			only.SetUnencryptedHTTP2(true)
			c := &http.Client{Transport: &http.Transport{Protocols: only}, Timeout: 20 * time.Second}
			defer c.CloseIdleConnections()
			key := x.key(ground.Workspace, access.Read)
			ask := func() answer {
				r, _ := http.NewRequest("GET", x.url("/v1/keys/current"), nil)
				r.Header.Set("Authorization", "Bearer "+key)
				return x.send(c, r)
			}
			if before := ask(); before.status != 200 {
				x.t.Errorf("before its end: %v", before)
			}
			if !x.easy {
				x.end(key)
			}
			got := ask()
			return got.status == 200, got.String()
		}, "401"},
		"a WebSocket that outlives its key": {func(x *try) (bool, string) {
			key := x.key(ground.Workspace, access.Use)
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			c, _, err := websocket.Dial(ctx, strings.Replace(x.url(x.echo(x.credential(ground.Workspace))), "http", "ws", 1)+"/v1/socket", &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + key}}})
			must(x.t, err)
			defer c.CloseNow()
			says := func() bool {
				err := c.Write(ctx, websocket.MessageText, []byte("hello"))
				if err == nil {
					_, _, err = c.Read(ctx)
				}
				return err == nil
			}
			if !says() {
				x.t.Error("nothing can be said before its end")
			}
			if x.easy {
				return says(), ""
			}
			x.end(key)
			return !eventually(func() bool { return !says() }), ""
		}, ""},
		"a stream that outlives its key": {func(x *try) (bool, string) {
			key := x.key(ground.Workspace, access.Read)
			r, _ := http.NewRequest("GET", x.url("/v1/events"), nil)
			r.Header.Set("Authorization", "Bearer "+key)
			r.Header.Set("Accept", "text/event-stream")
			resp, err := http.DefaultTransport.RoundTrip(r)
			must(x.t, err)
			defer resp.Body.Close()
			heard, over := make(chan string, 100), make(chan bool)
			go func() {
				defer close(over)
				for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
					select {
					case heard <- lines.Text():
					default:
					}
				}
			}()
			if !x.easy {
				x.end(key)
				select {
				case <-over:
					return false, ""
				case <-time.After(25 * time.Second):
					return true, "the stream goes on"
				}
			}
			id := member(x.create(x.key(ground.Workspace, access.Write), "heard of"), "id")
			for {
				select {
				case line := <-heard:
					if strings.Contains(line, id) {
						return true, ""
					}
				case <-over:
					return false, "the stream is over"
				case <-time.After(20 * time.Second):
					return false, "nothing is heard"
				}
			}
		}, ""},
		"a credential beyond the limits": {func(x *try) (bool, string) {
			id, asked := x.credential(ground.Workspace), x.credential(ground.Workspace)
			if x.easy {
				asked = id
			}
			key := x.KeyOf(access.NewKey{Workspace: ground.Workspace, Name: "narrow", Scopes: access.Scopes, Limits: access.Limits{Credentials: []string{id}}})
			got, used := x.ask(key, "GET", "/v1/credentials/"+asked, ""), x.through(key, asked, "/v1/beyond")
			listed := strings.Contains(x.ask(key, "GET", "/v1/credentials?limit=200", "").body, asked)
			return got.status == 200 || used.status == 200 || listed, fmt.Sprint(got, used)
		}, "404"},
		"a key in the address": {func(x *try) (bool, string) {
			key := x.key(ground.Workspace, access.Read)
			if x.easy {
				return x.ask(key, "GET", "/v1/keys/current", "").status == 200, ""
			}
			got := x.ask("", "GET", "/v1/keys/current?access_token="+key+"&key="+key+"&token="+key, "")
			return got.status == 200, got.String()
		}, "401"},
	})
}

// end deletes a key.
func (x *try) end(key string) {
	x.t.Helper()
	ctx := access.With(context.Background(), operator)
	caller, err := x.Access.Caller(ctx, key)
	if err == nil {
		err = x.Access.DeleteKey(ctx, ground.Workspace, caller.Key)
	}
	must(x.t, err)
}

// echo is the path at which a credential's echo is found by path.
func (x *try) echo(id string) string { return x.place(id, x.Echo.URL) }

// place is the path of an origin in path mode.
func (x *try) place(id, origin string) string {
	return "/proxy/" + id + "/" + strings.Replace(origin, "://", "/", 1)
}

// through asks the echo with a credential, through the proxy.
func (x *try) through(key, id, path string, headers ...string) answer {
	x.t.Helper()
	return x.ask(key, "GET", x.echo(id)+path, "", headers...)
}
