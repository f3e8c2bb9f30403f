// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// What [NewHelloCloud] registers when its config names nothing else.
const (
	HelloCloudClientID       = "EXAMPLE-hellocloud-machine"       // for client credentials, on behalf of the user
	HelloCloudPasswordClient = "EXAMPLE-hellocloud-person"        // for the password grant
	HelloCloudClientSecret   = "EXAMPLE-hellocloud-client-secret" // of both
	HelloCloudUsername       = "example"
	HelloCloudPassword       = "EXAMPLE-hellocloud-password"
)

// HelloCloud stands in for HelloCloud, which is SuiteCRM underneath: Apache's
// rewriting, the Slim application at /Api, league/oauth2-server and
// SuiteCRM's own code, each with its own way of saying no. What differs from
// one SuiteCRM release to the next follows [HelloCloudBehaviour].Version.
type HelloCloud struct {
	front
	switches[HelloCloudBehaviour]
	prefix  string
	clients map[string]HelloCloudClient
	users   []HelloCloudUser

	mu      sync.Mutex
	rows    map[string]*tokenRow // by jti
	refresh map[string]*refreshToken
}

// HelloCloudConfig is what a [HelloCloud] is made from. The zero value works.
type HelloCloudConfig struct {
	Prefix    string             // sub-path, such as "/legacy" on SuiteCRM 8
	Clients   []HelloCloudClient // nil: HelloCloudClientID and HelloCloudPasswordClient
	Users     []HelloCloudUser   // nil: HelloCloudUsername with HelloCloudPassword
	Now       func() time.Time   // nil: time.Now
	Behaviour HelloCloudBehaviour
}

// HelloCloudClient is a client made in "OAuth2 Clients and Tokens".
type HelloCloudClient struct {
	ID, Secret string
	Grant      string // "password" or "client_credentials": which of the two menu items made it
	Public     bool   // "Is Confidential" is not ticked
	User       string // name of the associated user; empty: none
}

// HelloCloudUser is a user of the CRM.
type HelloCloudUser struct{ ID, Name, Password string }

// HelloCloudBehaviour is how a HelloCloud behaves. The zero value is the last
// release of the 7.10 series, installed well.
type HelloCloudBehaviour struct {
	// Version is the SuiteCRM release, such as "7.10.2" or "7.14.6"; a "+" at
	// its end is ignored; empty: 7.10.36. It decides which grants there are,
	// which of league's dialects errors are in, which routes exist, and whom a
	// token belongs to. Set panics if it is not a release from 7.10.0 on.
	Version string

	// ExpiresIn is how long access tokens live; 0: an hour, as in every release.
	ExpiresIn time.Duration

	// RefuseClients answers every known client with invalid_client: its secret
	// has been changed.
	RefuseClients bool

	// NoRewrite has Apache's rewriting off: only the long form of a path,
	// /Api/index.php/…, reaches the application.
	NoRewrite bool

	// Authorization is what the web server does with that header.
	Authorization HeaderLoss

	// BrokenKeys has an unreadable signing key, so no token can be issued.
	BrokenKeys bool
}

// HeaderLoss is what a web server does with the Authorization header before
// PHP sees it.
type HeaderLoss int

// The ways in which Authorization gets lost.
const (
	HeaderKept    HeaderLoss = iota
	HeaderDropped            // PHP sees none
	HeaderEmptied            // PHP sees an empty one, by a rewrite rule
)

// tokenRow is a row of SuiteCRM's table of tokens: one access token and the
// refresh token that came with it. Deleting it ends both.
type tokenRow struct {
	jwt     string
	client  HelloCloudClient
	owner   string // ID of the user; empty: none
	deleted bool
	stale   bool // by Expire
}

// refreshToken is what is encrypted into one.
type refreshToken struct {
	client, user string // user: ID
	row          *tokenRow
	expiry       time.Time
	spent        bool
}

// NewHelloCloud makes a HelloCloud. It panics if the config names a version
// that is not a SuiteCRM release.
func NewHelloCloud(cfg HelloCloudConfig) *HelloCloud {
	h := &HelloCloud{
		prefix:  strings.TrimRight(cfg.Prefix, "/"),
		clients: map[string]HelloCloudClient{},
		users:   cfg.Users,
		rows:    map[string]*tokenRow{},
		refresh: map[string]*refreshToken{},
	}
	if cfg.Clients == nil {
		cfg.Clients = []HelloCloudClient{
			{ID: HelloCloudClientID, Secret: HelloCloudClientSecret, Grant: "client_credentials", User: HelloCloudUsername},
			{ID: HelloCloudPasswordClient, Secret: HelloCloudClientSecret, Grant: "password"},
		}
	}
	if cfg.Users == nil {
		h.users = []HelloCloudUser{{"1", HelloCloudUsername, HelloCloudPassword}}
	}
	for _, c := range cfg.Clients {
		h.clients[c.ID] = c
	}
	h.Set(func(b *HelloCloudBehaviour) { *b = cfg.Behaviour })
	h.open(cfg.Now, h.secrets, func(status int) answer { return htmlPage(status, http.StatusText(status)) })
	return h
}

// Set changes the behaviour. Requests that arrive later meet the change whole.
func (h *HelloCloud) Set(change func(*HelloCloudBehaviour)) {
	h.switches.Set(func(b *HelloCloudBehaviour) {
		change(b)
		releaseOf(b.Version) // panics here rather than in a request
	})
}

// Expire is described at [Service].
func (h *HelloCloud) Expire() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, row := range h.rows {
		row.stale = true
	}
}

// Revoke ends every access token and refresh token issued until now, as an
// administrator does in "OAuth2 Clients and Tokens".
func (h *HelloCloud) Revoke() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, row := range h.rows {
		row.deleted = true
	}
}

func (h *HelloCloud) secrets() map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	known := map[string]string{}
	for _, c := range h.clients {
		known[c.Secret] = "client secret"
	}
	for _, u := range h.users {
		known[u.Password] = "password"
	}
	for _, row := range h.rows {
		known[row.jwt] = "access token"
	}
	for t := range h.refresh {
		known[t] = "refresh token"
	}
	return known
}

// user returns the user with a name; without one its ID is empty.
func (h *HelloCloud) user(name string) HelloCloudUser {
	for _, u := range h.users {
		if u.Name == name {
			return u
		}
	}
	return HelloCloudUser{}
}

// call is one request, with all that decides its answer.
type call struct {
	*http.Request
	b       HelloCloudBehaviour
	release release
	path    string // as Slim sees it: without the prefix and /Api
	row     *tokenRow
}

// ServeHTTP implements [http.Handler].
func (h *HelloCloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	part := API
	if strings.HasSuffix(strings.TrimRight(r.URL.Path, "/"), "/access_token") {
		part = Token
	}
	h.serve(w, r, part, func(w http.ResponseWriter, r *http.Request) {
		b := h.Behaviour()
		c := call{Request: r, b: b, release: releaseOf(b.Version)}
		path, within := strings.CutPrefix(r.URL.Path, h.prefix)
		if c.path = c.rewrite(path); !within || c.path == "" {
			htmlPage(http.StatusNotFound, "404 Not Found").write(w) // the web server's own
			return
		}
		h.slim(w, c)
	})
}

// rewrite is what the web server makes of a path below the prefix: the path
// that Slim sees, or "" if the request does not reach it. A trailing slash
// after access_token does not.
func (c call) rewrite(path string) string {
	if long, ok := strings.CutPrefix(path, "/Api/index.php/"); ok {
		return "/" + long
	}
	switch {
	case c.b.NoRewrite:
		return ""
	case path == "/Api/access_token", path == "/api/oauth/access_token" && c.release.old:
		return "/access_token"
	case strings.HasPrefix(path, "/Api/V8/"):
		return strings.TrimPrefix(path, "/Api")
	}
	return ""
}
