// SPDX-License-Identifier: Apache-2.0

package door_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/internal/ground"
)

func TestWebhooks(t *testing.T) {
	t.Parallel()
	tries(t, map[string]attempt{
		"a webhook inside": {func(x *try) (bool, string) {
			heard := newReceiver(x, nil)
			said := heard.register(x, heard.URL)
			return heard.times() > 0, said
		}, "address"},
		"a webhook whose name leads inside": {func(x *try) (bool, string) {
			heard := newReceiver(x, nil)
			at := strings.Replace(heard.URL, "127.0.0.1", "rebound.example", 1)
			heard.register(x, at)
			said := heard.register(x, at) // when the name leads inside
			return heard.times() > 0, said
		}, "private or special address"},
		"a webhook to the secrets of a machine": {func(x *try) (bool, string) {
			at := "https://169.254.169.254/latest/meta-data"
			if x.easy {
				at = "https://127.0.0.1/hook"
			}
			got := x.ask(x.key(ground.Workspace, access.Admin), "POST", "/v1/webhooks", `{"url":"`+at+`"}`)
			return got.status == 201, got.String()
		}, "422"},
		"a receiver that leads elsewhere": {func(x *try) (bool, string) {
			inside := newReceiver(x, nil)
			at := inside
			if !x.easy {
				x = x.lax()
				at = newReceiver(x, func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, inside.URL, http.StatusTemporaryRedirect)
				})
			}
			said := at.register(x, at.URL)
			return inside.times() > 0, said
		}, "307"},
		"a message that somebody else made": {func(x *try) (bool, string) {
			m := x.lax().message()
			if !x.easy {
				m.body = strings.Replace(m.body, `"type"`, `"of":"somebody else","type"`, 1)
			}
			return m.verifies(), ""
		}, ""},
		"a message that comes late": {func(x *try) (bool, string) {
			m := x.lax().message()
			if !x.easy {
				m.header.Set("Webhook-Timestamp", "4102444800")
			}
			return m.verifies(), ""
		}, ""},
		"a receiver without end": {func(x *try) (bool, string) {
			sent := 0
			heard := newReceiver(x, func(w http.ResponseWriter, r *http.Request) {
				if x.easy {
					io.WriteString(w, "thanks")
					return
				}
				for part := make([]byte, 64<<10); sent < 64<<20; {
					n, err := w.Write(part)
					if sent += n; err != nil {
						return
					}
				}
			})
			said := heard.register(x.lax(), heard.URL)
			return x.easy && heard.times() > 0 || sent >= 64<<20, said
		}, ""},
	})
}

// lax returns the try at the door that lets webhooks reach this machine, without
// which nothing is heard at all.
func (x *try) lax() *try {
	if x.easy {
		return x
	}
	return &try{x.open, x.t, false, x.open}
}

// A receiver is somebody who is told.
type receiver struct {
	*httptest.Server
	mu  sync.Mutex
	all []message
}

// A message is what a receiver was sent.
type message struct {
	header http.Header
	body   string
	secret string
}

func newReceiver(x *try, then http.HandlerFunc) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.all = append(r.all, message{header: req.Header, body: string(body)})
		r.mu.Unlock()
		if then != nil {
			then(w, req)
		}
	}))
	x.t.Cleanup(func() { r.CloseClientConnections(); r.Close() })
	return r
}

func (r *receiver) times() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.all)
}

// register has a workspace's administrator tell the receiver, at one of its URLs,
// and returns what that is told of it.
func (r *receiver) register(x *try, url string) string {
	x.t.Helper()
	key := x.key(ground.Workspace, access.Admin)
	got := x.ask(key, "POST", "/v1/webhooks", `{"url":"`+url+`"}`)
	if got.status != 201 {
		return got.String()
	}
	id := member(got, "id")
	defer x.ask(key, "DELETE", "/v1/webhooks/"+id, "")
	said := x.ask(key, "POST", "/v1/webhooks/"+id+"/test", "")
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.all {
		r.all[i].secret = member(got, "secret")
	}
	return said.String()
}

// message returns what a receiver was sent.
func (x *try) message() message {
	x.t.Helper()
	r := newReceiver(x, nil)
	said := r.register(x, r.URL)
	if r.times() == 0 {
		x.t.Fatalf("nothing was heard: %s", said)
	}
	return r.all[0]
}

// verifies does what Standard Webhooks has receivers do, but for a look at a clock.
func (m message) verifies() bool {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.secret, "whsec_"))
	if err != nil || m.secret == "" {
		panic(fmt.Sprint("no secret: ", err))
	}
	mac := hmac.New(sha256.New, key)
	io.WriteString(mac, m.header.Get("Webhook-Id")+"."+m.header.Get("Webhook-Timestamp")+"."+m.body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return strings.Contains(m.header.Get("Webhook-Signature"), want)
}
