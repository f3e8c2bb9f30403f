// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"cmp"
	"net/http"
	"strings"
	"sync"
	"time"
)

// What [NewHalo] registers when its config names nothing else.
const (
	HaloClientID     = "EXAMPLE-halo-client-id"
	HaloClientSecret = "EXAMPLE-halo-client-secret"
	HaloTenant       = "example"
)

// Halo stands in for HaloPSA: the authorisation server at /auth and the
// resource server at /api of one host. It knows the client credentials grant
// only. Paths are matched in any case, as Halo does.
type Halo struct {
	front
	switches[HaloBehaviour]
	clients map[string]HaloClient
	tenant  string

	mu     sync.Mutex
	tokens map[string]*haloToken
}

// HaloConfig is what a [Halo] is made from. The zero value works.
type HaloConfig struct {
	Clients   []HaloClient     // nil: one with HaloClientID and HaloClientSecret
	Tenant    string           // empty: HaloTenant
	Now       func() time.Time // nil: time.Now
	Behaviour HaloBehaviour
}

// HaloClient is an application registered in Halo's API settings.
type HaloClient struct {
	ID, Secret string
	Scopes     []string  // the permissions ticked on it; nil: every scope there is
	Agent      HaloAgent // whom it logs in as; zero: an agent called Example Agent
}

// HaloAgent is a member of the support staff.
type HaloAgent struct {
	ID    int    `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
}

// HaloBehaviour is how a Halo behaves. The zero value is a hosted one that
// does everything right.
type HaloBehaviour struct {
	// OnPremise asks for no tenant and ignores one that is sent. Otherwise
	// the right tenant must come with the token request, in the query or, as
	// some clients do it, in the form.
	OnPremise bool

	// ExpiresIn is how long access tokens live; 0: an hour.
	ExpiresIn time.Duration

	// JWT makes access tokens JWTs. Both these and opaque ones have been seen.
	JWT bool

	// RefuseClients answers every client with invalid_client, as Halo does
	// once a new secret has been generated.
	RefuseClients bool

	// ClientStatus is the status of invalid_client; 0: 401. Some report 400.
	ClientStatus int

	// EchoSecret repeats the client secret in the description of invalid_client.
	EchoSecret bool

	// RefuseTokens answers 401 to every access token, however fresh: the agent
	// has lost its access.
	RefuseTokens bool

	// Forbidden answers 403 to every call with a good access token.
	Forbidden bool

	// WrapAgent answers {"agents":[…]} where a bare agent is expected.
	WrapAgent bool
}

// haloToken is an access token that was issued.
type haloToken struct {
	client HaloClient
	scopes []string
	expiry time.Time
}

// NewHalo makes a Halo.
func NewHalo(cfg HaloConfig) *Halo {
	h := &Halo{
		clients: map[string]HaloClient{},
		tenant:  cmp.Or(cfg.Tenant, HaloTenant),
		tokens:  map[string]*haloToken{},
	}
	if cfg.Clients == nil {
		cfg.Clients = []HaloClient{{ID: HaloClientID, Secret: HaloClientSecret}}
	}
	for _, c := range cfg.Clients {
		c.Agent = cmp.Or(c.Agent, HaloAgent{1, "Example Agent", "agent@example.com"})
		h.clients[c.ID] = c
	}
	h.b = cfg.Behaviour
	h.open(cfg.Now, h.secrets, empty) // the bodies of 429 and 5xx are unpublished
	return h
}

// ServeHTTP implements [http.Handler].
func (h *Halo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.ToLower(r.URL.Path)
	part := API
	if path == "/auth/token" {
		part = Token
	}
	h.serve(w, r, part, func(w http.ResponseWriter, r *http.Request) {
		switch rest, isAPI := strings.CutPrefix(path, "/api/"); {
		case part == Token:
			h.token(w, r)
		case isAPI:
			h.api(rest, r).write(w)
		case strings.HasPrefix(path, "/auth/"):
			htmlPage(http.StatusNotFound, "Not Found").write(w)
		default: // the web application takes every other path for a page of its own
			htmlPage(http.StatusOK, "HaloPSA").write(w)
		}
	})
}

// Expire is described at [Service].
func (h *Halo) Expire() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.tokens {
		t.expiry = time.Time{}
	}
}

func (h *Halo) secrets() map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	known := map[string]string{}
	for _, c := range h.clients {
		known[c.Secret] = "client secret"
	}
	for t := range h.tokens {
		known[t] = "access token"
	}
	return known
}
