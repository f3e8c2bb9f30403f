// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/internal/ground"
)

// roles says who may do what, by hand: which one of the scopes read, write, use,
// admin and release suffices, by their first letters (z for release), with a key
// of the workspace. Operator: only a key of the host itself will do. Whole: a key
// that is limited to some credentials will not. Open: nor will one that is limited
// to some requests. Anybody: no key is asked for.
var roles = map[string]string{
	"getHealth": "anybody", "getReadiness": "anybody", "getOpenAPI": "anybody", "getOpenAPIYAML": "anybody",
	"getVersion": "rwuaz", "getOwnKey": "rwuaz", "deriveKey": "rwuaz",

	"listTypes": "rwua", "getType": "rwua", "getTypeSchema": "rwua", "getTypeIcon": "rwua",

	"createCredential": "w whole", "listCredentials": "r", "getCredential": "r", "getCredentialForm": "r", "updateCredential": "w", "putAnswers": "w",
	"deleteCredential": "w", "testCredential": "wu", "revokeCredential": "w", "forgetCredential": "w", "suggestAnswers": "w",
	"authenticateRequest": "z open", "releaseCredential": "z open", "connectCredential": "w", "getVisit": "w", "cancelVisit": "w",

	"createApplication": "a whole", "listApplications": "ra", "getApplication": "ra", "updateApplication": "a whole", "deleteApplication": "a whole",

	"createKey": "a", "listKeys": "a whole", "getKey": "a whole", "deleteKey": "a whole",
	"invitePerson": "a", "listSessions": "a whole", "endSession": "a whole",

	"createWorkspace": "a operator", "listWorkspaces": "a operator", "getWorkspace": "a operator", "deleteWorkspace": "a operator",

	"listPlugins": "ra", "getPlugin": "ra", "getPluginOffer": "a operator", "trustPlugin": "a operator", "distrustPlugin": "a operator", "resetPlugin": "a operator",

	"listEvents": "r", "createWebhook": "a whole", "listWebhooks": "a whole", "getWebhook": "a whole", "updateWebhook": "a whole", "deleteWebhook": "a whole",
	"rotateWebhookSecret": "a whole", "testWebhook": "a whole", "listDeliveries": "a whole", "replayWebhook": "a whole",

	"listAudit": "a whole", "getAuditHead": "a whole", "verifyAudit": "a whole",
}

// A role is a caller, and what of an operation's rule makes it one that may.
type role struct {
	name, token string
	may         func(rule string, ofCredential bool) int // the status that it is refused with; 0: it may
}

// everyRole is a key of each kind.
func (w *world) everyRole(other string) []role {
	limited := func(l access.Limits) string {
		return w.KeyOf(access.NewKey{Workspace: ground.Workspace, Name: "limited", Scopes: all, Limits: l})
	}
	roles := []role{
		{"nobody", "", func(string, bool) int { return http.StatusUnauthorized }},
		{"a stranger", "chk_default_nonsense", func(string, bool) int { return http.StatusUnauthorized }},
		{"who is limited to another credential", limited(access.Limits{Credentials: []string{other}}), func(rule string, ofCredential bool) int {
			switch {
			case ofCredential:
				return http.StatusNotFound
			case strings.Contains(rule, "whole"), strings.Contains(rule, "operator"):
				return http.StatusForbidden
			}
			return 0
		}},
		{"who is limited to some requests", limited(access.Limits{Methods: []string{"GET"}}), func(rule string, _ bool) int {
			if strings.Contains(rule, "open") || strings.Contains(rule, "operator") {
				return http.StatusForbidden
			}
			return 0
		}},
		{"another workspace", w.KeyOf(access.NewKey{Workspace: "other", Name: "other", Scopes: all}), func(rule string, ofCredential bool) int {
			switch {
			case ofCredential:
				return http.StatusNotFound
			case strings.Contains(rule, "operator"):
				return http.StatusForbidden
			}
			return 0
		}},
		{"the operator", w.Operator(), func(string, bool) int { return 0 }},
	}
	for _, scope := range all {
		letter := string(scope[0])
		if scope == access.Release {
			letter = "z"
		}
		roles = append(roles, role{"the scope " + string(scope), w.Key(scope), func(rule string, _ bool) int {
			scopes, _, _ := strings.Cut(rule, " ")
			if strings.Contains(rule, "operator") || !strings.Contains(scopes, letter) {
				return http.StatusForbidden
			}
			return 0
		}})
	}
	return roles
}

// TestRoles tries every operation of the document as everybody.
func TestRoles(t *testing.T) {
	t.Parallel()
	w := serve(t, func(g *ground.Config, _ *httpapiConfig) {
		g.Access = func(c *access.Config) { c.Rates.Failures.PerSecond = -1 }
	})
	operator := w.Operator()
	w.want(w.do(operator, "POST", "/v1/workspaces", `{"name":"other"}`), http.StatusCreated, "")
	one, other := w.Create("acme"), w.Create("acme")
	callers := w.everyRole(other)
	for _, op := range promised().operations() {
		rule, ok := roles[op.OperationID]
		if !ok {
			t.Errorf("%s: say in this test who may do it", op.OperationID)
			continue
		}
		ofCredential := strings.Contains(op.path, "{credential}")
		path := strings.NewReplacer("{credential}", one, "{visit}", "v-none", "{key}", "k-none", "{session}", "s-none", "{webhook}", "h-none",
			"{application}", "a-none", "{type}", "acme", "{plugin}", "none", "{workspace}", "none").Replace(op.path)
		for _, who := range callers {
			headers := []string{"If-Match", `"999-0"`}
			if who.name == "the operator" && !strings.HasPrefix(path, "/v1/workspaces") {
				headers = append(headers, "Credhost-Workspace", ground.Workspace)
			}
			body := ""
			if op.RequestBody != nil {
				body = "{}"
			}
			if op.OperationID == "suggestAnswers" && !strings.Contains(path, "?") {
				path += "?field=baseUrl"
			}
			if op.OperationID == "authenticateRequest" {
				body = `{"method":"GET","url":"https://elsewhere.example/"}`
			}
			got := w.do(who.token, op.method, path, body, headers...)
			want := who.may(rule, ofCredential)
			if rule == "anybody" {
				want = 0
			}
			refused := got.StatusCode == http.StatusUnauthorized || strings.HasSuffix(got.member("type"), ":scope") || ofCredential && got.StatusCode == http.StatusNotFound &&
				!strings.HasSuffix(op.path, "/icon")
			if want == 0 && refused || want != 0 && got.StatusCode != want {
				t.Errorf("%s as %s: status %d; want %d (0: any that does not refuse): %s", op.OperationID, who.name, got.StatusCode, want, got.text)
			}
		}
	}
	for id := range roles {
		if !slices.ContainsFunc(promised().operations(), func(op *documented) bool { return op.OperationID == id }) {
			t.Errorf("%s is no operation any more", id)
		}
	}
}

// TestExpiredKey shows that a key lets nobody in when it has ended.
func TestExpiredKey(t *testing.T) {
	t.Parallel()
	now := time.Now()
	clock := func() time.Time { return now }
	w := serve(t, func(g *ground.Config, _ *httpapiConfig) { g.Now = clock })
	token := w.KeyOf(access.NewKey{Workspace: ground.Workspace, Scopes: all, Expires: now.Add(time.Hour)})
	w.want(w.do(token, "GET", "/v1/credentials", ""), http.StatusOK, "")
	now = now.Add(time.Hour + time.Second)
	a := w.want(w.do(token, "GET", "/v1/credentials", ""), http.StatusUnauthorized, "key")
	if a.Header.Get("WWW-Authenticate") != `Bearer realm="credhost", error="invalid_token"` {
		t.Errorf("challenge %q", a.Header.Get("WWW-Authenticate"))
	}
}

// TestNothingThere shows that what is another's, or beyond a key's limits, is
// answered to the letter as what is not there.
func TestNothingThere(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	w.want(w.do(w.Operator(), "POST", "/v1/workspaces", `{"name":"other"}`), http.StatusCreated, "")
	one, two := w.Create("acme"), w.Create("acme")
	stranger := w.KeyOf(access.NewKey{Workspace: "other", Scopes: all})
	limited := w.KeyOf(access.NewKey{Workspace: ground.Workspace, Scopes: all, Limits: access.Limits{Credentials: []string{two}}})
	read := func(token, path string) string {
		a := w.want(w.do(token, "GET", path, ""), http.StatusNotFound, "not-found")
		return strings.ReplaceAll(string(a.text), a.Header.Get("Credhost-Request"), "")
	}
	for _, path := range []string{"", "/form", "/suggest?field=baseUrl"} {
		nothing := read(w.Key(all...), "/v1/credentials/c-aaaaaaaaaaaaaaaaaaaaaaaaaa"+path)
		for _, got := range []string{read(stranger, "/v1/credentials/"+one+path), read(limited, "/v1/credentials/"+one+path),
			read(stranger, "/v1/credentials/..%2F"+one+path), read(limited, "/v1/credentials/%00"+path)} {
			if got != nothing {
				t.Errorf("%s: %s, and nothing is %s", path, got, nothing)
			}
		}
	}
	var list struct{ Credentials []struct{ ID string } }
	w.want(w.do(limited, "GET", "/v1/credentials", ""), http.StatusOK, "").json(t, &list)
	if len(list.Credentials) != 1 || list.Credentials[0].ID != two {
		t.Errorf("a limited key lists %+v; want %s alone", list, two)
	}
	w.want(w.do(stranger, "GET", "/v1/credentials", "", "Credhost-Workspace", ground.Workspace), http.StatusNotFound, "not-found")
	w.want(w.do(w.Operator(), "GET", "/v1/credentials", "", "Credhost-Workspace", "nowhere"), http.StatusNotFound, "not-found")
	w.want(w.do(w.Operator(), "GET", "/v1/credentials", ""), http.StatusUnprocessableEntity, "invalid")
}
