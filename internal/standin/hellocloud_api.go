// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"net/http"
	"strings"
)

// slim is the application behind the web server: routes, then authentication,
// then the route's own work. An unknown route asks for no token.
func (h *HelloCloud) slim(w http.ResponseWriter, c call) {
	if !c.release.old {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Methods", "POST, GET, OPTIONS, PUT, DELETE")
		w.Header().Set("Access-Control-Allow-Headers",
			"Content-Type, Access-Control-Allow-Headers, Authorization, X-Requested-With")
	}
	method, serve := h.route(c)
	switch {
	case serve == nil:
		c.slimNotFound(w)
		return
	case c.Method != method && !(c.Method == http.MethodHead && method == http.MethodGet):
		c.slimNotAllowed(w, method)
		return
	}
	if c.path != "/access_token" {
		row, err := h.authenticate(c)
		if err != nil {
			c.refuse(w, err)
			return
		}
		c.row = row
	}
	serve(w, c)
}

// route is the method and the work of a path, or nothing.
func (h *HelloCloud) route(c call) (string, func(http.ResponseWriter, call)) {
	switch {
	case c.path == "/access_token":
		return http.MethodPost, h.token
	case c.path == "/V8/logout":
		return http.MethodPost, h.logout
	case c.path == "/V8/current-user" && c.release.currentUser:
		return http.MethodGet, h.currentUser
	case c.path == "/V8/meta/modules" && c.release.metaModules:
		return http.MethodGet, metaModules
	}
	if name, ok := strings.CutPrefix(c.path, "/V8/module/"); ok && name != "" && !strings.Contains(name, "/") {
		return http.MethodGet, func(w http.ResponseWriter, c call) { h.module(w, c, name) }
	}
	return "", nil
}

// resource is a JSON:API resource as SuiteCRM writes it; what is empty is left out.
type resource struct {
	Type          string `json:"type"`
	ID            string `json:"id,omitempty"`
	Attributes    any    `json:"attributes"`
	Relationships any    `json:"relationships,omitempty"`
}

type document struct {
	Meta any `json:"meta,omitempty"`
	Data any `json:"data"`
}

// jsonAPI answers as SuiteCRM's controllers do, with an Accept header in the
// response and the body laid out over many lines.
func jsonAPI(w http.ResponseWriter, status int, v any) {
	const kind = "application/vnd.api+json"
	w.Header().Set("Accept", kind)
	answer{status, kind, encode(v, "    ")}.write(w)
}

// apiError answers an error of a controller. errors is an object there, not
// the array of JSON:API.
func apiError(w http.ResponseWriter, detail string) {
	type apiErr struct {
		Status int     `json:"status"`
		Title  *string `json:"title"`
		Detail string  `json:"detail"`
	}
	jsonAPI(w, http.StatusBadRequest, map[string]apiErr{"errors": {http.StatusBadRequest, nil, detail}})
}

// actor is the user as whom a token acts, if the release can tell.
func (h *HelloCloud) actor(c call) (HelloCloudUser, bool) {
	if c.release.owner == ownerNone { // whoever signed in, it is the client's user
		u := h.user(c.row.client.User)
		return u, u.ID != ""
	}
	for _, u := range h.users {
		if u.ID == c.row.owner {
			return u, true
		}
	}
	return HelloCloudUser{}, false
}

const noActor = "Module id is empty when trying to get Users"

func (h *HelloCloud) currentUser(w http.ResponseWriter, c call) {
	u, ok := h.actor(c)
	if !ok {
		apiError(w, noActor)
		return
	}
	attributes := struct {
		ID       string `json:"id"`
		UserName string `json:"user_name"`
		FullName string `json:"full_name"`
		Status   string `json:"status"`
		Email    string `json:"email1"`
	}{u.ID, u.Name, "Example User", "Active", u.Name + "@example.com"}
	jsonAPI(w, http.StatusOK, document{Data: resource{"User", u.ID, attributes, related("V8/current-user", "Calls", "Contacts")}})
}

// related are the links to a record's relationships.
func related(path string, modules ...string) any {
	links := map[string]map[string]map[string]string{}
	for _, m := range modules {
		links[m] = map[string]map[string]string{"links": {"related": path + "/relationships/" + strings.ToLower(m)}}
	}
	return links
}

func metaModules(w http.ResponseWriter, _ call) {
	type module struct {
		Label  string   `json:"label"`
		Access []string `json:"access"`
	}
	modules := map[string]module{"Accounts": {"Accounts", []string{"access", "view", "list", "edit", "delete", "import", "export"}}}
	jsonAPI(w, http.StatusOK, document{Data: resource{Type: "modules", Attributes: modules}})
}

// module lists a module's records; Accounts is the only one with any.
func (h *HelloCloud) module(w http.ResponseWriter, c call, name string) {
	if _, ok := h.actor(c); !ok && c.release.owner != ownerNone {
		apiError(w, noActor)
		return
	}
	if name != "Accounts" {
		apiError(w, "Module "+name+" does not exist")
		return
	}
	const id = "e8a3a1a0-0000-4000-8000-00000example"
	attributes := map[string]string{"name": "Example Ltd", "account_type": "Customer"}
	jsonAPI(w, http.StatusOK, document{Data: []resource{{"Account", id, attributes, related("V8/module/Accounts/"+id, "Contacts")}}})
}

// logout deletes the token's row, and with it the refresh token.
func (h *HelloCloud) logout(w http.ResponseWriter, c call) {
	h.mu.Lock()
	c.row.deleted = true
	h.mu.Unlock()
	jsonAPI(w, http.StatusOK, document{
		Meta: map[string]string{"message": "You have been successfully logged out"},
		Data: []resource{},
	})
}
