// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"context"
	"crypto/rand"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/credhost/credhost/sdk"
)

const (
	mortalOrigin = "https://mortal.example"
	mortalKey    = "EXAMPLE-mortal-key"
)

var (
	mortalAPIKey    = sdk.Field{Name: "apiKey", Title: "API key", Secret: true, Help: "Any page of the service shows it."}
	mortalReconnect = sdk.Field{Name: "reconnectDays", Title: "Days until access ends", Kind: sdk.Number, Optional: true, Help: "Whether used or not."}
	mortalIdle      = sdk.Field{Name: "idleDays", Title: "Days until unused access ends", Kind: sdk.Number, Optional: true, Help: "Whether renewed or not."}
)

// Mortal is the type mortal: its plugin dies, half of the times, with the
// service's answer in its hands, if the service says so. It declares how long
// its tokens live, too, as its answers have it.
type Mortal struct{}

// Schema implements [sdk.Plugin].
func (Mortal) Schema() sdk.Schema {
	return sdk.Schema{Name: "mortal", Title: "Mortal", Fields: []sdk.Field{mortalAPIKey, mortalReconnect, mortalIdle}, Origins: []string{mortalOrigin}}
}

// mortalAnswer is what the service answers.
type mortalAnswer struct {
	Access  string `json:"access"`
	Refresh string `json:"refresh"`
	Die     bool   `json:"die,omitempty"`
}

// Grant implements [sdk.Plugin]. The key gives the first refresh token, and each
// refresh token the next.
func (Mortal) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	shown := string(in.State)
	if shown == "" {
		shown = in.Get(mortalAPIKey)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, mortalOrigin+"/token", strings.NewReader(shown))
	if err != nil {
		return sdk.Grant{}, err
	}
	var a mortalAnswer
	if err := sdk.Send(r, &a); err != nil {
		return sdk.Grant{}, err
	}
	if a.Die && mathrand.IntN(2) == 0 {
		os.Exit(3)
	}
	g := sdk.Bearer(a.Access, time.Time{}) // the service does not say
	g.State = []byte(a.Refresh)
	if days := mortalDays(in, mortalReconnect); days > 0 {
		g.Reconnect = time.Now().Add(days)
	}
	g.Idle = mortalDays(in, mortalIdle)
	return g, nil
}

func mortalDays(in sdk.Input, f sdk.Field) time.Duration {
	n, _ := strconv.Atoi(in.Get(f)) // none is 0
	return time.Duration(n) * 24 * time.Hour
}

// MortalStandin stands in for the service of mortal. A refresh token works once.
type MortalStandin struct {
	mu     sync.Mutex
	next   string // the refresh token that works
	access string // the access token that works
	spent  map[string]bool
	reused int
	asked  int
	die    bool
}

// NewMortalStandin returns a stand-in.
func NewMortalStandin() *MortalStandin { return &MortalStandin{spent: map[string]bool{}} }

// Die has plugins die of the answers from now on, half of the times.
func (m *MortalStandin) Die(die bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.die = die
}

// Expire makes the access token stale. The refresh token stays good.
func (m *MortalStandin) Expire() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.access = "stale"
}

// TokenRequests counts the requests for tokens.
func (m *MortalStandin) TokenRequests() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.asked
}

// Reused counts the refresh tokens that were shown again.
func (m *MortalStandin) Reused() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reused
}

// ServeHTTP implements [http.Handler].
func (m *MortalStandin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.URL.Path != "/token" {
		if r.Header.Get("Authorization") != "Bearer "+m.access {
			refuse(w, http.StatusUnauthorized, "bad token")
			return
		}
		reply(w, map[string]string{"name": "mortal"})
		return
	}
	m.asked++
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<10))
	if err != nil {
		refuse(w, http.StatusBadRequest, "too long")
		return
	}
	switch shown := string(body); {
	case m.spent[shown]:
		m.reused++
		m.next = ""
		fallthrough
	case shown != mortalKey && shown != m.next:
		refuse(w, http.StatusUnauthorized, "not good: "+shown)
		return
	default:
		m.spent[m.next] = m.next != ""
	}
	m.next, m.access = rand.Text(), rand.Text()
	reply(w, mortalAnswer{m.access, m.next, m.die})
}
