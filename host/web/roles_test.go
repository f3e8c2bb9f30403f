// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/web"
	"github.com/credhost/credhost/internal/ground"
)

// who may do what on the page, by the ends of the routes' patterns. Letters are
// people: r reads, w writes, u uses, a administers, l is admin of one credential
// alone, o is the host's own; x is admin of another workspace and n is nobody,
// who are nowhere here but at what is open.
var who = map[string]string{
	"GET /{$}": "rwualox", "POST /signout/everywhere": "rwualox", "GET /about": "rwualox", "GET /icons/{type}": "rwualox",

	"GET credentials": "ralo", "GET credentials/{id}": "ralo", "GET credentials/{id}/edit": "walo", "POST credentials/{id}/edit": "walo",
	"POST credentials/{id}/suggest": "walo", "POST credentials/{id}/test": "wualo", "POST credentials/{id}/connect": "walo",
	"GET credentials/{id}/revoke": "walo", "POST credentials/{id}/revoke": "walo", "GET credentials/{id}/forget": "walo", "POST credentials/{id}/forget": "walo",
	"GET credentials/{id}/delete": "walo", "POST credentials/{id}/delete": "walo",
	"GET types": "rwualo", "GET types/{type}": "wao", "POST types/{type}": "wao",

	"GET applications": "ralo", "GET new-application/{type}": "ao", "POST new-application/{type}": "ao", "GET applications/{id}": "ao", "POST applications/{id}": "ao",
	"GET applications/{id}/delete": "ao", "POST applications/{id}/delete": "ao",

	"GET keys": "ao", "GET keys/new": "alo", "POST keys/new": "alo", "GET keys/{id}/delete": "ao", "POST keys/{id}/delete": "ao",
	"GET short-key": "rwualo", "POST short-key": "rwualo",
	"GET people": "ao", "POST people": "alo", "POST people/{session}/end": "ao",
	"GET webhooks": "ao", "GET new-webhook": "ao", "POST new-webhook": "ao", "GET webhooks/{hook}": "ao", "POST webhooks/{hook}/test": "ao", "POST webhooks/{hook}/switch": "ao",
	"GET webhooks/{hook}/delete": "ao", "POST webhooks/{hook}/delete": "ao",
	"GET audit": "ao", "POST audit": "ao",

	"GET /workspaces": "o", "POST /workspaces": "o", "GET /workspaces/{name}/delete": "o", "POST /workspaces/{name}/delete": "o",
	"GET /plugins": "o", "GET /plugins/{name}": "o", "POST /plugins/{name}/trust": "o", "GET /plugins/{name}/distrust": "o", "POST /plugins/{name}/distrust": "o", "POST /plugins/{name}/reset": "o",
	"GET /applications": "o", "GET /new-application/{type}": "o", "POST /new-application/{type}": "o", "GET /applications/{id}": "o", "POST /applications/{id}": "o",
	"GET /applications/{id}/delete": "o", "POST /applications/{id}/delete": "o",
	"GET /connect/device/{flow}": "walo",
}

// Each page is for those whom it is for; for others it does not exist, or says
// what they lack. Nothing tells people of another workspace that something is
// there.
func TestEveryRouteForEveryRole(t *testing.T) {
	t.Parallel()
	h := open(t)
	mine, other := h.Create("acme"), h.Create("acme")
	in := func(name string, scopes ...access.Scope) access.Caller {
		return access.Caller{Actor: host.Actor("user:" + name), Workspace: ground.Workspace, Scopes: scopes}
	}
	if _, err := h.Access.CreateWorkspace(access.With(t.Context(), operator()), "elsewhere"); err != nil {
		t.Fatal(err)
	}
	limited := in("lena", access.Scopes...)
	limited.Limits = []access.Limits{{Credentials: []string{mine}}}
	people := map[string]*visitor{"r": h.as(t, reader()), "w": h.as(t, in("wim", access.Write)), "u": h.as(t, in("uta", access.Use)), "a": h.as(t, admin()), "l": h.as(t, limited),
		"o": h.as(t, operator()), "x": h.as(t, access.Caller{Actor: "user:xaver", Workspace: "elsewhere", Scopes: access.Scopes}), "n": h.visitor(t)}
	seen := map[string]bool{}
	for _, route := range h.pages.Routes() {
		name := strings.Replace(route.Pattern, "/w/{workspace}/", "", 1)
		seen[name] = true
		if route.Open {
			continue
		}
		may, ok := who[name]
		if !ok {
			t.Errorf("nobody has said who may do %s", name)
			continue
		}
		method, pattern, _ := strings.Cut(route.Pattern, " ")
		for one, v := range people {
			path := strings.NewReplacer("{$}", "", "{workspace}", ground.Workspace, "{id}", mine, "{type}", "acme", "{name}", "acme", "{session}", "s-x", "{hook}", "h-x", "{flow}", "f-x").Replace(pattern)
			if strings.HasPrefix(pattern, "/workspaces/") {
				path = strings.Replace(path, "acme", "elsewhere", 1)
			}
			got := admits(v, method, path)
			if want := strings.Contains(may, one); got != want {
				t.Errorf("%s %s: admitted is %v, want %v", one, name, got, want)
			}
			if one == "l" && strings.Contains(pattern, "credentials/{id}") && admits(v, method, strings.Replace(path, mine, other, 1)) {
				t.Errorf("%s: who is limited to one credential sees another", name)
			}
		}
	}
	for name := range who {
		if !seen[name] {
			t.Errorf("there is no route %s", name)
		}
	}
}

// admits reports whether somebody is let in: a page that is not there, because
// of an ID that was invented, is no refusal. Nothing is changed, for want of a
// token.
func admits(v *visitor, method, path string) bool {
	if method == http.MethodPost {
		got := v.post(path, url.Values{})
		return got.StatusCode == http.StatusForbidden && strings.Contains(got.Body, "Please do that again")
	}
	got := v.get(path)
	switch {
	case got.StatusCode == http.StatusSeeOther:
		return !strings.HasPrefix(got.Header.Get("Location"), "/signin")
	case got.StatusCode == http.StatusNotFound && strings.HasPrefix(path, "/applications/"):
		return v.get("/applications").StatusCode == http.StatusOK
	case got.StatusCode == http.StatusNotFound:
		return slices.ContainsFunc([]string{"/applications/", "/webhooks/", "/connect/device/"}, func(part string) bool { return strings.Contains(path, part) }) &&
			v.get(path[:strings.LastIndex(path[:strings.LastIndex(path, "/")+1], "/")]).StatusCode != http.StatusForbidden && v.entered()
	}
	return got.StatusCode != http.StatusForbidden
}

// entered reports whether somebody is in the workspace at all.
func (v *visitor) entered() bool { return v.get("/w/default/types").StatusCode == http.StatusOK }

// A form that is sent twice, at once or again, makes one credential.
func TestTwice(t *testing.T) {
	t.Parallel()
	h := open(t)
	v := h.as(t, admin())
	page := v.get("/w/default/types/acme")
	form := url.Values{"_once": {hidden(page.Body, "_once")}, "_name": {"One"}, "baseUrl": {h.Echo.URL}, "apiKey": {ground.EchoKey}}
	bad := url.Values{"_once": form["_once"], "baseUrl": {"nothing"}, "apiKey": {"x"}}
	v.send("/w/default/types/acme", bad).wants(t, http.StatusUnprocessableEntity, "must be a URL")
	where := make(chan string, 8)
	token := web.TokenOf(v.session())
	for range cap(where) {
		go func() {
			f := url.Values{"_token": {token}}
			for name, values := range form {
				f[name] = values
			}
			where <- strings.Split(v.post("/w/default/types/acme", f).Header.Get("Location"), "?")[0]
		}()
	}
	first := <-where
	for range cap(where) - 1 {
		if next := <-where; next != first {
			t.Errorf("one click leads to %q, another to %q", first, next)
		}
	}
	if all := h.all(t); len(all) != 1 || !strings.HasSuffix(first, all[0].ID) {
		t.Errorf("%d credentials were made", len(all))
	}
}

// Of two people who edit at once the slower one is shown what the faster one has
// saved. What a host saves by itself is in nobody's way.
func TestLostUpdates(t *testing.T) {
	t.Parallel()
	h := open(t)
	anna, wim := h.as(t, admin()), h.as(t, admin())
	id := h.Create("acme")
	path := "/w/default/credentials/" + id + "/edit"
	form := func(page, name string) url.Values {
		return url.Values{"_generation": {hidden(page, "_generation")}, "_digest": {hidden(page, "_digest")}, "_answers": {hidden(page, "_answers")}, "_name": {name}, "baseUrl": {h.Echo.URL}}
	}
	annas, wims := anna.get(path).Body, wim.get(path).Body
	if _, err := h.Host.Workspace(ground.Workspace).Test(t.Context(), id); err != nil { // which saves what it has found
		t.Fatal(err)
	}
	anna.send(path, form(annas, "Anna's")).wants(t, http.StatusSeeOther)
	late := wim.send(path, form(wims, "Wim's"))
	late.wants(t, http.StatusConflict, "Somebody else has changed it meanwhile", "Anna&#39;s", "Wim&#39;s")
	if all := h.all(t); all[0].Name != "Anna's" {
		t.Errorf("the name is %q", all[0].Name)
	}
	wim.send("/w/default/credentials/"+id+"/delete", url.Values{"_digest": {hidden(wims, "_digest")}}).wants(t, http.StatusConflict, "Look at it again")
	wim.send(path, form(late.Body, "Wim's")).wants(t, http.StatusSeeOther)
	if all := h.all(t); all[0].Name != "Wim's" {
		t.Errorf("the name is %q", all[0].Name)
	}
}

// No page holds a secret, whatever was typed and whatever goes wrong; and what
// somebody has called something is text.
func TestNothingGetsOut(t *testing.T) {
	t.Parallel()
	h := open(t)
	v := h.as(t, operator())
	const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)> {{.}} javascript:`
	form := url.Values{"_name": {hostile}, "baseUrl": {h.Echo.URL}, "apiKey": {"CANARY-key"}}
	made := v.send("/w/default/types/acme", form)
	made.wants(t, http.StatusSeeOther)
	path := strings.Split(made.Header.Get("Location"), "?")[0]
	v.send(path+"/test", url.Values{}).wants(t, http.StatusSeeOther)
	form.Set("baseUrl", "http://127.0.0.1:1")
	form.Set("_digest", hidden(v.get(path+"/edit").Body, "_digest"))
	form.Del("apiKey")
	pages := []answer{v.send(path+"/edit", form), v.send("/w/default/types/acme", url.Values{"apiKey": {"CANARY-key"}, "_name": {hostile}})}
	for _, page := range []string{path, path + "/edit", path + "/delete", path + "?done=" + url.QueryEscape(hostile), "/w/default/credentials", "/w/default/credentials?q=" + url.QueryEscape(hostile),
		"/w/default/keys/new", "/w/default/audit", "/w/default/audit?actor=" + url.QueryEscape(hostile), "/w/default/webhooks", "/w/default/types?q=" + url.QueryEscape(hostile), "/signin?next=" + url.QueryEscape(hostile)} {
		pages = append(pages, v.get(page))
	}
	for _, page := range pages {
		for _, bad := range []string{"CANARY", "<script>alert", "<img src=x", `href="javascript:`, v.session()} {
			if strings.Contains(page.Body, bad) {
				t.Errorf("%s %s has %q", page.Request.Method, page.Request.URL.Path, bad)
			}
		}
	}
	entries, err := h.trail.List(t.Context(), audit.Query{Workspace: ground.Workspace, Action: "update"})
	if err != nil || len(entries) == 0 || entries[0].Actor != operator().Actor || entries[0].Request == "" {
		t.Errorf("the trail has %+v, %v; want who did it, in which request", entries, err)
	}
}
