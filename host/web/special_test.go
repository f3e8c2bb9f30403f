// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/ground"
	"github.com/credhost/credhost/internal/testplugin"
)

// special opens the page of a host with the types that the founding three are
// not like: with codes to type elsewhere, drafts, suggestions and applications;
// and with others.
func special(t *testing.T, types ...string) (*house, *testplugin.Standins) {
	t.Helper()
	all := testplugin.NewStandins()
	srv := httptest.NewServer(all)
	t.Cleanup(srv.Close)
	dir := testProgram(t)
	return openWith(t, func(c *host.Config) {
		c.Plugins = append(c.Plugins, dir)
		maps.Copy(c.Egress.Routes, all.Routes(srv.URL))
	}, types...), all
}

var building sync.Mutex

// testProgram builds the test plugin, once, and returns the folder that has it.
func testProgram(t *testing.T) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	dir := ground.Folder(t, "test")
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return dir
	}
	if _, err := testplugin.Build(dir, false); err != nil {
		t.Fatal(err)
	}
	return dir
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
	v.get(app+"/delete").wants(t, http.StatusOK, "cannot be opened, used or renewed", "Credentials that use it now: 1")
	v.send(app+"/delete", url.Values{"_generation": {hidden(edit.Body, "_generation")}}).wants(t, http.StatusConflict, "Somebody has changed it", "Credentials that use it now: 1")
	v.send(app+"/delete", url.Values{"_generation": {hidden(v.get(app+"/delete").Body, "_generation")}}).wants(t, http.StatusSeeOther)
	v.get("/w/default/credentials").wants(t, http.StatusOK, "Cannot be opened")
	v.get("/w/default/types/homed").wants(t, http.StatusOK)
}

// Who runs the host sees to the applications that every workspace may use; people
// of workspaces use them, and see neither their answers nor a way to change them.
func TestApplicationsOfTheHost(t *testing.T) {
	t.Parallel()
	h, _ := special(t)
	olga, anna := h.as(t, operator()), h.as(t, admin())
	a := testplugin.Answers("homed")
	olga.get("/applications").wants(t, http.StatusOK, "Applications of all workspaces", "/new-application/homed")
	form := url.Values{"_name": {"Everybody's"}, "clientId": {"only-half"}, "_once": {"1"}, "_form": {"1"}}
	olga.send("/new-application/homed", form).wants(t, http.StatusUnprocessableEntity, `aria-invalid="true"`, "is required")
	form.Set("clientId", a["clientId"])
	form.Set("clientSecret", a["clientSecret"])
	olga.send("/new-application/homed", form).wants(t, http.StatusSeeOther)
	all, err := h.Host.Applications().List(t.Context(), host.Page{})
	if err != nil || len(all) != 1 {
		t.Fatalf("%d applications, %v", len(all), err)
	}
	id := all[0].ID
	edit := olga.get("/applications/" + id)
	edit.wants(t, http.StatusOK, "in every workspace of this host", "Edit Everybody")
	list := anna.get("/w/default/applications")
	list.wants(t, http.StatusOK, "Of the host, for every workspace", "Everybody&#39;s")
	if strings.Contains(edit.Body+list.Body, a["clientSecret"]) || strings.Contains(list.Body, "applications/"+id) {
		t.Error("the secret is shown, or a way that leads nowhere")
	}
	for _, path := range []string{"/applications", "/applications/" + id, "/w/default/applications/" + id, "/w/default/applications/" + id + "/delete"} {
		anna.get(path).wants(t, http.StatusNotFound)
	}
	anna.send("/w/default/applications/"+id, url.Values{"_name": {"Mine"}, "_generation": {"1"}}).wants(t, http.StatusNotFound)
	anna.send("/w/default/applications/"+id+"/delete", url.Values{}).wants(t, http.StatusNotFound)
	path := anna.send("/w/default/types/homed", url.Values{"_application": {id}}).made(t)
	anna.get(path).wants(t, http.StatusOK, "<b>Everybody&#39;s</b>")
	olga.get(path).wants(t, http.StatusOK, `<a href="/applications/`+id+`">Everybody&#39;s</a>`)
	olga.send("/applications/"+id, url.Values{"_generation": {hidden(edit.Body, "_generation")}, "_name": {"Ours"}, "clientId": {a["clientId"]}}).wants(t, http.StatusSeeOther)
	olga.get("/applications/"+id+"/delete").wants(t, http.StatusOK, "Delete the application Ours?", "Credentials that use it now: 1")
	olga.send("/applications/"+id+"/delete", url.Values{"_generation": {"1"}}).wants(t, http.StatusConflict, "Somebody has changed it")
	olga.send("/applications/"+id+"/delete", url.Values{"_generation": {"2"}}).wants(t, http.StatusSeeOther)
	if all, err := h.Host.Applications().List(t.Context(), host.Page{}); err != nil || len(all) != 0 {
		t.Errorf("%d applications are left, %v", len(all), err)
	}
}

// A plugin of hundreds of types takes no more room in the list than another; its
// own page has all of it.
func TestLargePluginsAreListedShortly(t *testing.T) {
	t.Parallel()
	h, _ := special(t)
	v := h.as(t, operator())
	list, all := v.get("/plugins"), v.get("/plugins/test")
	list.wants(t, http.StatusOK, "and ", " more</a>")
	if n, m := strings.Count(list.Body, "<code>"), strings.Count(all.Body, "<code>"); n > 20 || m < 400 {
		t.Errorf("the list has %d addresses, and the plugin's page %d", n, m)
	}
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
	v.send(hook+"/delete", url.Values{}).wants(t, http.StatusConflict, "Somebody has changed it") // it is the first version's
	v.send(hook+"/delete", url.Values{"_generation": {hidden(v.get(hook+"/delete").Body, "_generation")}}).wants(t, http.StatusSeeOther)
}
