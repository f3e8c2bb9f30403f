// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
)

// kindProbe is of no record: to ask for one shows whether the store answers.
const kindProbe host.Kind = "probe"

type health struct {
	Body struct {
		Status string `json:"status" enum:"ok" doc:"The process answers."`
	}
}

type readiness struct {
	Status int
	Body   struct {
		Status string  `json:"status" enum:"ready,not ready"`
		Checks []Check `json:"checks" doc:"What was looked at."`
	}
}

// A Check is one thing that a host must have to be ready.
type Check struct {
	Name   string `json:"name" enum:"serving,store,changes,seal"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty" doc:"What lacks, and what to do about it."`
}

type version struct {
	Body struct {
		Version string `json:"version" doc:"Of the program; empty if it was built without one."`
		API     string `json:"api" enum:"v1"`
	}
}

func (s *server) registerHealth() {
	register(s, operation{id: "getHealth", method: http.MethodGet, path: "/health", tag: tagOperating,
		summary: "Is the process alive?", text: "For a supervisor that restarts what hangs. It looks at nothing else: see getReadiness."},
		func(context.Context, *struct{}) (*health, error) {
			out := &health{}
			out.Body.Status = "ok"
			return out, nil
		})
	register(s, operation{id: "getReadiness", method: http.MethodGet, path: "/ready", tag: tagOperating, also: http.StatusServiceUnavailable, patience: 5 * time.Second,
		summary: "Can it serve?", text: "For a load balancer: 200 if requests can be sent here, 503 with the same body if not."},
		s.ready)
	register(s, operation{id: "getVersion", method: http.MethodGet, path: "/version", tag: tagOperating, action: access.SeeSelf,
		summary: "Which version is this?"},
		func(context.Context, *struct{}) (*version, error) {
			out := &version{}
			out.Body.Version, out.Body.API = s.cfg.Version, "v1"
			return out, nil
		})
}

// ready looks whether what every request needs is there: nobody without a key
// learns more of it than that.
func (s *server) ready(ctx context.Context, _ *struct{}) (*readiness, error) {
	out := &readiness{Status: http.StatusOK}
	out.Body.Status = "ready"
	check := func(name string, ok bool, detail string) {
		c := Check{Name: name, OK: ok}
		if !ok {
			c.Detail, out.Status, out.Body.Status = detail, http.StatusServiceUnavailable, "not ready"
		}
		out.Body.Checks = append(out.Body.Checks, c)
	}
	check("serving", s.cfg.Draining == nil || !s.cfg.Draining(), "this host is about to stop")
	_, err := s.h.Shelf(kindProbe).List(ctx, host.Query{Limit: 1})
	check("store", err == nil, "the store cannot be read: look whether it is up and reachable")
	check("changes", s.h.Sees(), "the store's changes were not seen for 30 s: what is remembered of it is not used")
	check("seal", s.h.Opens(ctx) == nil, "records cannot be sealed and opened: look for the key file")
	return out, nil
}
