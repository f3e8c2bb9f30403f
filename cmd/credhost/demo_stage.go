// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/credhost/credhost/internal/standin"
)

// A stage is the stand-ins of the services, each on an address of its own.
type stage struct {
	onPremise, hosted *standin.Halo
	cloud             *standin.HelloCloud
	fax               *standin.FaxPlus
	urls              map[standin.Service]string
	servers           []*http.Server
}

func newStage(now func() time.Time) (*stage, error) {
	s := &stage{
		onPremise: standin.NewHalo(standin.HaloConfig{Now: now, Behaviour: standin.HaloBehaviour{OnPremise: true}}),
		hosted:    standin.NewHalo(standin.HaloConfig{Now: now}),
		cloud:     standin.NewHelloCloud(standin.HelloCloudConfig{Now: now}),
		fax:       standin.NewFaxPlus(standin.FaxPlusConfig{Now: now, Behaviour: standin.FaxPlusBehaviour{Rotate: true, RevokeOnReuse: true}}),
		urls:      map[standin.Service]string{},
	}
	for _, one := range s.services() {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		server := &http.Server{Handler: one, ReadHeaderTimeout: 10 * time.Second}
		s.servers = append(s.servers, server)
		s.urls[one] = "http://" + l.Addr().String()
		go server.Serve(l) // until Close
	}
	return s, nil
}

func (s *stage) services() []standin.Service {
	return []standin.Service{s.onPremise, s.hosted, s.cloud, s.fax}
}

// Close ends the stand-ins.
func (s *stage) Close() error {
	var errs []error
	for _, server := range s.servers {
		errs = append(errs, server.Close())
	}
	return errors.Join(errs...)
}

// settings are those of a host that reaches the stand-ins and has its files in
// folder. Of the settings that the program was given, only those count that
// say where plugins are and how much is logged.
func (s *stage) settings(folder string, given settings) settings {
	return settings{
		data: folder, store: filepath.Join(folder, "credhost.db"), key: filepath.Join(folder, "credhost.key"),
		lock: filepath.Join(folder, "credhost.lock"), plugins: given.plugins, workspace: "demo", logLevel: given.logLevel,
		allowAddress: prefixes{netip.MustParsePrefix("127.0.0.0/8")},
		routes:       s.routes(), quiet: true,
	}
}

// routes lead to the stand-in of Fax.Plus, which has fixed addresses.
func (s *stage) routes() routes {
	return routes{"https://" + standin.FaxPlusAccountsHost: s.urls[s.fax], "https://" + standin.FaxPlusAPIHost: s.urls[s.fax]}
}

// RoundTrip implements [http.RoundTripper], for the demonstration's browser:
// it goes to the stand-in where a browser would go to the service.
func (s *stage) RoundTrip(r *http.Request) (*http.Response, error) {
	if to, ok := s.routes()[r.URL.Scheme+"://"+r.URL.Host]; ok {
		out := r.Clone(r.Context())
		out.Host = r.URL.Host
		out.URL.Scheme, out.URL.Host = "http", to[len("http://"):]
		r = out
	}
	return http.DefaultTransport.RoundTrip(r)
}
