// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync"
)

// Standins are the stand-ins of all types that speak HTTP, behind one handler
// that tells them apart by the Host of a request. Any of them can be used on
// its own. They are safe for concurrent use.
type Standins struct {
	SigV4   *SigV4Standin
	Digest  *DigestStandin
	Homed   *HomedStandin
	Device  *DeviceStandin
	Sites   SitesStandin
	Renamed RenamedStandin
	Placed  PlacedStandin
	Unruly  UnrulyStandin
	Many    ManyStandin

	Clients   *ClientsStandin
	Account   *AccountStandin
	Exchanged *ExchangedStandin
	Pushed    *PushedStandin
	Mortal    *MortalStandin

	mu    sync.Mutex
	count map[string]int
}

// NewStandins returns all stand-ins.
func NewStandins() *Standins {
	return &Standins{
		SigV4: NewSigV4Standin(), Digest: NewDigestStandin(), Homed: NewHomedStandin(), Device: NewDeviceStandin(),
		Clients: NewClientsStandin(), Account: NewAccountStandin(), Exchanged: NewExchangedStandin(), Pushed: NewPushedStandin(), Mortal: NewMortalStandin(),
		count: map[string]int{},
	}
}

// ServeHTTP implements [http.Handler].
func (s *Standins) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	s.mu.Lock()
	s.count[host]++
	s.mu.Unlock()
	if h := s.handler(host); h != nil {
		h.ServeHTTP(w, r)
		return
	}
	http.Error(w, "there is no stand-in for this host", http.StatusMisdirectedRequest)
}

func (s *Standins) handler(host string) http.Handler {
	switch {
	case strings.HasSuffix(host, ".amazonaws.com"):
		return s.SigV4
	case strings.HasSuffix(host, ".homed.example"):
		return s.Homed
	case strings.HasPrefix(host, "many"):
		return s.Many
	}
	return map[string]http.Handler{
		hostOf(digestOrigin): s.Digest, hostOf(deviceOrigin): s.Device, hostOf(sitesOrigin): s.Sites,
		hostOf(renamedOrigin): s.Renamed, hostOf(placedOrigin): s.Placed, hostOf(unrulyOrigin): s.Unruly,
		hostOf(ClientsOrigin): s.Clients, hostOf(accountOrigin): s.Account, hostOf(exchangedOrigin): s.Exchanged, hostOf(pushedOrigin): s.Pushed, hostOf(mortalOrigin): s.Mortal,
	}[host]
}

// Requests returns how many requests have come for a host.
func (s *Standins) Requests(host string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count[host]
}

// Routes returns where a host finds the stand-ins, which serve at base: a base
// URL for every origin that [Answers] leads to. The egress keeps the Host of
// what it routes.
func (s *Standins) Routes(base string) map[string]string {
	routes := map[string]string{
		"https://sts.eu-central-1.amazonaws.com": base, "https://s3.eu-central-1.amazonaws.com": base,
		homedLogin: base, HomedInstance: base,
	}
	for _, origin := range []string{digestOrigin, deviceOrigin, sitesOrigin, renamedOrigin, placedOrigin, unrulyOrigin,
		ClientsOrigin, accountOrigin, exchangedOrigin, pushedOrigin, mortalOrigin} {
		routes[origin] = base
	}
	for i := range manyTypes {
		routes[Many(i+1).origin()] = base
	}
	return routes
}

// hostOf returns the host of an origin.
func hostOf(origin string) string {
	_, host, _ := strings.Cut(origin, "://")
	return host
}

// reply answers with JSON.
func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	encode(w, v)
}

func encode(w http.ResponseWriter, v any) {
	json.NewEncoder(w).Encode(v) // a client that left needs no answer
}

// refuse answers with an error. The stand-ins echo what they refuse: services
// do, and no error of a plugin may.
func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"error": "refused", "error_description": message})
}

// refuseToken answers as a token endpoint does (RFC 6749, section 5.2).
func refuseToken(w http.ResponseWriter, status int, code, description string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": description})
}
