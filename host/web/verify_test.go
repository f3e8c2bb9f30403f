// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/web"
	"github.com/credhost/credhost/internal/ground"
)

var theHead = regexp.MustCompile(`id="head">([0-9]+:[0-9a-f]{64})<`)

// Who may see the trail may have it verified: it is whole, with a head to keep, or
// broken, and where. People of a workspace are told nothing of others'.
func TestVerify(t *testing.T) {
	t.Parallel()
	h := open(t)
	h.Create("acme")
	anna, olga := h.as(t, admin()), h.as(t, operator()) // the last entry is the host's
	verify := func(v *visitor, status int, head string, texts ...string) answer {
		t.Helper()
		h.late.Add(int64(time.Minute))
		got := v.send("/w/default/audit", url.Values{"head": {head}})
		got.wants(t, status, texts...)
		return got
	}
	anna.get("/w/default/audit").wants(t, http.StatusOK, "Nobody has verified it since", ">Created</b>")
	head := theHead.FindStringSubmatch(verify(anna, http.StatusOK, "", "The trail is whole", "up to entry").Body)
	if head == nil {
		t.Fatal("there is no head to keep")
	}
	own, err := h.trail.List(t.Context(), audit.Query{Workspace: ground.Workspace, Limit: 1})
	if err != nil || !strings.HasSuffix(head[1], ":"+own[0].Hash) {
		t.Errorf("the head is %s, want that of the newest entry of the workspace, %+v, %v", head[1], own, err)
	}
	if _, err := h.Access.CreateWorkspace(t.Context(), "elsewhere"); err == nil {
		t.Error("nobody has made a workspace")
	}
	if page := verify(anna, http.StatusOK, head[1], "is in it"); strings.Contains(page.Body, "entries verified") || !strings.Contains(page.Body, head[1]) {
		t.Error("who is of a workspace is told of the host, or another head")
	}
	anna.send("/w/default/audit", url.Values{}).wants(t, http.StatusTooManyRequests, "try again in")
	verify(olga, http.StatusOK, "", "The trail is whole", "entries verified:")
	verify(anna, http.StatusUnprocessableEntity, "nonsense", `id="given-fault"`, `aria-invalid="true"`, `value="nonsense"`)
	verify(anna, http.StatusOK, "1:"+strings.Repeat("0", 64), "The trail has not the entry 1 whose head you gave", "another entry in its place")
	verify(anna, http.StatusOK, "99999:"+strings.Repeat("0", 64), "has not the entry", "Its end was cut off")
	h.store.forged.Store(2)
	broken := verify(anna, http.StatusOK, "", "The trail is broken at entry 2", "It was changed", "Keep a copy of the store", `class="card status bad"`)
	if theHead.MatchString(broken.Body) {
		t.Error("a trail that is broken has a head to keep")
	}
	anna.get("/w/default/audit").wants(t, http.StatusOK, "The trail is broken at entry 2")
	anna.post("/settings", url.Values{"language": {"ru"}})
	anna.get("/w/default/audit").wants(t, http.StatusOK, "Журнал нарушен на записи 2", ">Созданы</b>", "Вход")
	h.as(t, reader()).send("/w/default/audit", url.Values{}).wants(t, http.StatusForbidden)
}

// Whatever breaks a trail, people read why in their language.
func TestReasons(t *testing.T) {
	t.Parallel()
	for _, flaw := range audit.Flaws {
		if got, err := web.ReasonOf(flaw); err != nil || regexp.MustCompile(`[a-z]`).MatchString(got) {
			t.Errorf("nobody has put %q into the page's words: %q, %v", flaw, got, err)
		}
	}
}
