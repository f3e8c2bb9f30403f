// SPDX-License-Identifier: Apache-2.0

package web

import (
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/audit"
)

// A RouteView is what a test may know of a route.
type RouteView struct {
	Pattern string
	Action  access.Action
	Open    bool
}

// Routes returns all routes.
func (h *Handler) Routes() []RouteView {
	var all []RouteView
	for _, one := range h.routes {
		all = append(all, RouteView{one.pattern, one.action, one.open})
	}
	return all
}

// TokenOf and OwnPath are for tests.
var (
	TokenOf = tokenOf
	OwnPath = ownPath
)

// ReasonOf is for tests: see visit.reasonOf. It speaks Russian.
func ReasonOf(flaw audit.Flaw) (string, error) {
	all, err := loadWords()
	return (&visit{words: all["ru"]}).reasonOf(audit.Broken{Flaw: flaw, Reason: "it is as nobody has foreseen"}), err
}
