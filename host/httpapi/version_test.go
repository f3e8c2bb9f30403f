// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/credhost/credhost/internal/testplugin"
)

// TestWhatHasVersions shows that whatever is shown with an ETag is changed and
// deleted for a version, and that nothing else claims to be.
func TestWhatHasVersions(t *testing.T) {
	t.Parallel()
	doc := promised().doc.Paths
	versioned := func(path string) bool {
		show := doc[path]["get"]
		return show != nil && show.Responses["200"].Headers["ETag"] != nil && strings.Contains(path, "{")
	}
	n := 0
	for _, op := range promised().operations() {
		changes := slices.Contains([]string{"PATCH", "PUT", "DELETE"}, op.method)
		of := op.path
		if op.method == "PUT" || op.OperationID == "rotateWebhookSecret" { // of a part
			of, changes = of[:strings.LastIndex(of, "/")], true
		}
		takes := slices.ContainsFunc(op.Parameters, func(p parameter) bool { return p.Name == "If-Match" })
		_, old := op.Responses["412"]
		_, unsaid := op.Responses["428"]
		if want := changes && versioned(of); takes != want || old != want || unsaid != want {
			t.Errorf("%s takes If-Match: %v, answers with 412: %v, with 428: %v; want %v", op.OperationID, takes, old, unsaid, want)
		} else if want {
			n++
		}
	}
	if n < 8 {
		t.Errorf("%d operations are for a version; want many", n)
	}
}

// TestForVersion shows that webhooks and applications are changed and deleted
// for the version that was seen.
func TestForVersion(t *testing.T) {
	t.Parallel()
	w := serve(t, withTestPlugin(t))
	token := w.Key(all...)
	hook := w.want(w.do(token, "POST", "/v1/webhooks", `{"url":"https://hooks.example/a"}`), http.StatusCreated, "").Header.Get("Location")
	app := w.want(w.do(token, "POST", "/v1/applications", homed(t)), http.StatusCreated, "").Header.Get("Location")
	for path, change := range map[string]string{hook: `{"description":"x"}`, app: `{"name":"x"}`} {
		seen := w.want(w.do(token, "GET", path, ""), http.StatusOK, "").Header.Get("ETag")
		now := w.want(w.do(token, "PATCH", path, change, "If-Match", seen), http.StatusOK, "").Header.Get("ETag")
		for method, body := range map[string]string{"PATCH": change, "DELETE": ""} {
			w.want(w.do(token, method, path, body), http.StatusPreconditionRequired, "precondition-required")
			w.want(w.do(token, method, path, body, "If-Match", seen), http.StatusPreconditionFailed, "changed")
			w.want(w.do(token, method, path, body, "If-Match", `"nonsense"`), http.StatusPreconditionFailed, "changed")
		}
		if path == hook {
			w.want(w.do(token, "POST", path+"/rotate", ""), http.StatusPreconditionRequired, "precondition-required")
			w.want(w.do(token, "POST", path+"/rotate", "", "If-Match", seen), http.StatusPreconditionFailed, "changed")
			w.want(w.do(token, "POST", path+"/rotate", "", "If-Match", now), http.StatusOK, "")
			w.want(w.do(token, "POST", path+"/rotate", `{"keepSeconds":60}`, "If-Match", "*"), http.StatusOK, "")
			w.want(w.do(token, "DELETE", path, "", "If-Match", now), http.StatusPreconditionFailed, "changed")
			now = w.want(w.do(token, "GET", path, ""), http.StatusOK, "").Header.Get("ETag")
		}
		w.want(w.do(token, "DELETE", path, "", "If-Match", now), http.StatusNoContent, "")
		w.want(w.do(token, "DELETE", path, "", "If-Match", "*"), http.StatusNotFound, "not-found")
	}
	w.inUse(t, token)
}

// homed is an application of the type homed.
func homed(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"type": "homed", "answers": map[string]string(testplugin.Answers("homed"))})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// inUse shows that an application which credentials refer to is deleted by nobody
// who has not said so.
func (w *world) inUse(t *testing.T, token string) {
	t.Helper()
	operator := w.Operator()
	path := w.want(w.do(operator, "POST", "/v1/applications", homed(t)), http.StatusCreated, "").Header.Get("Location")
	id := strings.TrimPrefix(path, "/v1/applications/")
	made := w.want(w.do(token, "POST", "/v1/credentials", `{"type":"homed","application":"`+id+`"}`), http.StatusCreated, "")
	a := w.want(w.do(operator, "DELETE", path, "", "If-Match", "*"), http.StatusConflict, "in-use")
	if !strings.Contains(a.member("detail"), "application (1)") {
		t.Errorf("%s", a.text)
	}
	w.want(w.do(token, "DELETE", path, "", "If-Match", "*"), http.StatusNotFound, "not-found") // it may use it, and no more
	w.want(w.do(operator, "DELETE", path+"?inUse=true", "", "If-Match", `"7-0"`), http.StatusPreconditionFailed, "changed")
	w.want(w.do(operator, "DELETE", path+"?inUse=true", "", "If-Match", "*"), http.StatusNoContent, "")
	w.want(w.do(token, "POST", "/v1/credentials", `{"type":"homed","application":"`+id+`"}`), http.StatusUnprocessableEntity, "invalid")
	w.want(w.do(token, "DELETE", made.Header.Get("Location"), "", "If-Match", "*"), http.StatusNoContent, "")
}
