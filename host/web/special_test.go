// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/ground"
	"github.com/credhost/credhost/internal/testplugin"
)

// special opens the page of a host with the types that the founding three are
// not like: with codes to type elsewhere, drafts, suggestions and applications.
func special(t *testing.T) (*house, *testplugin.Standins) {
	t.Helper()
	all := testplugin.NewStandins()
	srv := httptest.NewServer(all)
	t.Cleanup(srv.Close)
	dir := t.TempDir()
	if _, err := testplugin.Build(dir, false); err != nil {
		t.Fatal(err)
	}
	return openWith(t, func(c *host.Config) {
		c.Plugins = append(c.Plugins, dir)
		c.Egress.Routes = all.Routes(srv.URL)
	}), all
}

// made returns the path of the credential that a form has made.
func (a answer) made(t *testing.T) string {
	t.Helper()
	a.wants(t, http.StatusSeeOther)
	return strings.Split(a.Header.Get("Location"), "?")[0]
}

var theCode = regexp.MustCompile(`<code id="code">([A-Z0-9]+)</code>`)

// A person types a code elsewhere, and the page notices.
func TestCode(t *testing.T) {
	t.Parallel()
	h, services := special(t)
	v := h.as(t, admin())
	path := v.send("/w/default/types/device", url.Values{"clientId": {testplugin.Answers("device")["clientId"]}}).made(t)
	v.get(path).wants(t, http.StatusOK, "Nobody has approved access yet")
	page := v.send(path+"/connect", url.Values{}).made(t)
	got := v.get(page)
	got.wants(t, http.StatusOK, "device.example", `http-equiv="refresh"`)
	code := theCode.FindStringSubmatch(got.Body)
	if code == nil {
		t.Fatal("there is no code")
	}
	other := h.as(t, admin())
	other.get(page).wants(t, http.StatusNotFound) // it is another browser's
	r := httptest.NewRequest(http.MethodPost, "https://device.example/activate?user_code="+code[1], nil)
	services.Device.ServeHTTP(httptest.NewRecorder(), r)
	if to := v.get(page + "?look=1").made(t); to != path {
		t.Errorf("the page leads to %s, want %s", to, path)
	}
	v.send(path+"/test", url.Values{}).wants(t, http.StatusSeeOther)
	v.get(path).wants(t, http.StatusOK, "It works: the service takes it.")
	v.get(page+"?look=1").wants(t, http.StatusNotFound) // it is over
}

// A draft is saved without what the service suggests, which then suggests it.
func TestDraft(t *testing.T) {
	t.Parallel()
	h, _ := special(t)
	v := h.as(t, admin())
	key := testplugin.Answers("sites")["apiKey"]
	form := url.Values{"apiKey": {key}, "_name": {"Begun"}}
	v.send("/w/default/types/sites", form).wants(t, http.StatusUnprocessableEntity, "is required", "It is a draft")
	form.Set("_draft", "1")
	path := v.send("/w/default/types/sites", form).made(t)
	v.get(path).wants(t, http.StatusOK, "It is a draft: give the answers that are missing.")
	edit := v.get(path + "/edit")
	edit.wants(t, http.StatusOK, path+"/suggest")
	posted := url.Values{"_form": {"1"}, "_suggest": {"site"}, "_draft": {"1"}, "_digest": {hidden(edit.Body, "_digest")}}
	v.send(path+"/suggest", posted).wants(t, http.StatusOK, "north", `value="`+hidden(edit.Body, "_digest")+`"`)
	posted = url.Values{"_form": {"1"}, "_digest": {hidden(edit.Body, "_digest")}, "site": {"north"}}
	v.send(path+"/edit", posted).wants(t, http.StatusSeeOther)
	v.send(path+"/test", url.Values{}).wants(t, http.StatusSeeOther)
	v.get(path).wants(t, http.StatusOK, "It works", "north")
	posted = url.Values{"_form": {"1"}, "_digest": {hidden(v.get(path+"/edit").Body, "_digest")}, "site": {"south"}}
	v.send(path+"/edit", posted).wants(t, http.StatusSeeOther)
	v.send(path+"/test", url.Values{}).wants(t, http.StatusSeeOther)
	v.get(path).wants(t, http.StatusOK, "lacks a permission")
}

// An application answers what is the same for many credentials; it is edited by
// one at a time, and deleted with its consequences said before.
func TestApplications(t *testing.T) {
	t.Parallel()
	h, _ := special(t)
	v := h.as(t, admin())
	a := testplugin.Answers("homed")
	v.get("/w/default/applications").wants(t, http.StatusOK, "/w/default/new-application/homed")
	form := url.Values{"_name": {"Ours"}, "clientId": {a["clientId"]}, "clientSecret": {a["clientSecret"]}, "_once": {"1"}}
	v.send("/w/default/new-application/homed", form).wants(t, http.StatusSeeOther)
	v.send("/w/default/new-application/homed", form).wants(t, http.StatusSeeOther) // twice
	all, err := h.Host.Workspace(ground.Workspace).Applications().List(t.Context(), host.Page{})
	if err != nil || len(all) != 1 {
		t.Fatalf("%d applications, %v", len(all), err)
	}
	app := "/w/default/applications/" + all[0].ID
	page := v.get("/w/default/types/homed?application=" + all[0].ID)
	page.wants(t, http.StatusOK, "Ours", `name="_application" value="`+all[0].ID)
	if strings.Contains(page.Body, `name="clientSecret"`) {
		t.Error("what the application answers is asked")
	}
	path := v.send("/w/default/types/homed", url.Values{"_application": {all[0].ID}}).made(t)
	v.get(path).wants(t, http.StatusOK, all[0].ID, "Nobody has approved access yet")
	edit := v.get(app)
	edit.wants(t, http.StatusOK, "Edit Ours")
	if strings.Contains(edit.Body, a["clientSecret"]) {
		t.Error("the page of an application has its secret")
	}
	change := url.Values{"_generation": {hidden(edit.Body, "_generation")}, "_name": {"First"}, "clientId": {a["clientId"]}}
	v.send(app, change).wants(t, http.StatusSeeOther)
	change.Set("_name", "Second")
	v.send(app, change).wants(t, http.StatusConflict, "First", "Second")
	v.get(app+"/delete").wants(t, http.StatusOK, "cannot be opened, used or renewed")
	v.send(app+"/delete", url.Values{}).wants(t, http.StatusSeeOther)
	v.get("/w/default/credentials").wants(t, http.StatusOK, "Cannot be opened")
	v.get("/w/default/types/homed").wants(t, http.StatusOK)
}

// What the operator sees to: workspaces, plugins, webhooks and people.
func TestOperator(t *testing.T) {
	t.Parallel()
	h := open(t)
	v := h.as(t, operator())
	v.send("/workspaces", url.Values{"name": {"not a name"}}).wants(t, http.StatusUnprocessableEntity, "name-fault")
	v.send("/workspaces", url.Values{"name": {"acme"}}).wants(t, http.StatusSeeOther)
	v.get("/w/acme/credentials").wants(t, http.StatusOK, "There are no credentials yet")
	v.send("/w/acme/types/acme", url.Values{"baseUrl": {h.Echo.URL}, "apiKey": {ground.EchoKey}}).wants(t, http.StatusSeeOther)
	v.get("/workspaces/acme/delete").wants(t, http.StatusOK, "Credentials: 1", "Type “acme” to confirm")
	v.send("/workspaces/acme/delete", url.Values{}).wants(t, http.StatusUnprocessableEntity, "letter for letter")
	v.send("/workspaces/acme/delete", url.Values{"confirm": {"acme"}}).wants(t, http.StatusSeeOther)
	v.get("/w/acme/credentials").wants(t, http.StatusNotFound)

	v.get("/plugins/acme").wants(t, http.StatusOK, "trusted", "{baseUrl", "apiKey")
	v.send("/plugins/acme/distrust", url.Values{}).wants(t, http.StatusSeeOther)
	page := v.get("/plugins/acme")
	page.wants(t, http.StatusOK, "not trusted yet", "Trust exactly this")
	v.send("/plugins/acme/trust", url.Values{"_digest": {"sha256:0"}}).wants(t, http.StatusConflict, "has changed")
	v.get("/w/default/types").wants(t, http.StatusOK, "No plugin is trusted yet")
	v.send("/plugins/acme/trust", url.Values{"_digest": {hidden(page.Body, "_digest")}, "_key": {hidden(page.Body, "_key")}}).wants(t, http.StatusSeeOther)
	v.get("/w/default/types").wants(t, http.StatusOK, "/w/default/types/acme")

	invited := v.send("/w/default/people", url.Values{"name": {"nora"}, "scope": {"read"}})
	invited.wants(t, http.StatusOK, "It works once")
	link := regexp.MustCompile(`>(http://[^<]*/signin#[^<]+)<`).FindStringSubmatch(invited.Body)
	if link == nil {
		t.Fatal("there is no link")
	}
	nora := h.visitor(t)
	nora.signIn(link[1])
	nora.get("/w/default/credentials").wants(t, http.StatusOK, "nora")
	nora.get("/w/default/types/acme").wants(t, http.StatusForbidden, "You may not do that")
	end := regexp.MustCompile(`/w/default/people/[^/]+/end`).FindString(v.get("/w/default/people").Body)
	v.send(end, url.Values{}).wants(t, http.StatusSeeOther)
	nora.get("/w/default/credentials").wants(t, http.StatusSeeOther)

	v.send("/w/default/new-webhook", url.Values{"url": {"http://not-secure.example"}}).wants(t, http.StatusUnprocessableEntity)
	secret := v.send("/w/default/new-webhook", url.Values{"url": {"https://hooks.example/in?secret=x"}, "_once": {"2"}})
	secret.wants(t, http.StatusOK, "whsec_")
	v.send("/w/default/new-webhook", url.Values{"url": {"https://hooks.example/in?secret=x"}, "_once": {"2"}}).wants(t, http.StatusOK, "registered already")
	hook := regexp.MustCompile(`/w/default/webhooks/[^/"]+`).FindString(v.get("/w/default/webhooks").Body)
	v.get(hook).wants(t, http.StatusOK, "https://hooks.example/in", "in use")
	v.send(hook+"/switch", url.Values{"on": {"0"}}).wants(t, http.StatusSeeOther)
	v.get(hook).wants(t, http.StatusOK, "switched off")
	v.send(hook+"/delete", url.Values{}).wants(t, http.StatusSeeOther)
}
