// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/httpapi"
	"github.com/credhost/credhost/internal/ground"
)

// A movable clock starts now, and is moved by its test.
type movable struct{ past atomic.Int64 }

func (m *movable) now() time.Time          { return time.Now().Add(time.Duration(m.past.Load())) }
func (m *movable) advance(d time.Duration) { m.past.Add(int64(d)) }

// TestAuditKept shows that who keeps the head of the trail elsewhere sees later
// that nothing was cut off, and sees it if something was.
func TestAuditKept(t *testing.T) {
	t.Parallel()
	var clock movable
	w := serve(t, func(g *ground.Config, _ *httpapiConfig) { g.Now = clock.now })
	admin, operator := w.Key(access.Admin), w.Operator()
	w.want(w.do(operator, "POST", "/v1/workspaces", `{"name":"other"}`), http.StatusCreated, "")
	stranger := w.KeyOf(access.NewKey{Workspace: "other", Scopes: all})
	head := func(token string) string {
		t.Helper()
		return w.want(w.do(token, "GET", "/v1/audit/head", ""), http.StatusOK, "").member("head")
	}
	type report struct {
		Whole  bool
		Head   string
		Broken *struct {
			Number uint64
			Flaw   audit.Flaw
			Head   bool
		}
		Entries *uint64
		Until   *time.Time
	}
	verify := func(token, kept string) (r report) {
		t.Helper()
		clock.advance(time.Minute)
		body := ""
		if kept != "" {
			body = `{"head":"` + kept + `"}`
		}
		w.want(w.do(token, "POST", "/v1/audit/verify", body), http.StatusOK, "").json(t, &r)
		return r
	}
	own, whole := head(admin), head(operator)
	if own == whole || own == head(stranger) || whole != head(operator) {
		t.Errorf("the heads are %q of a workspace, %q of all", own, whole)
	}
	w.Create("acme")
	for _, kept := range []string{"", own, whole} {
		if r := verify(operator, kept); !r.Whole || r.Broken != nil || r.Entries == nil || *r.Entries < 4 || r.Until == nil || r.Head != head(operator) {
			t.Errorf("with %q: %+v", kept, r)
		}
	}
	if r := verify(admin, own); !r.Whole || r.Head != head(admin) || r.Head == own || r.Entries != nil || r.Until != nil {
		t.Errorf("a workspace is told %+v", r)
	}
	if r := verify(stranger, ""); !r.Whole || r.Head != head(stranger) {
		t.Errorf("another workspace is told %+v", r)
	}
	newest := head(operator)
	w.cut(t, 1)
	if r := verify(operator, own); !r.Whole {
		t.Errorf("what was before is there: %+v", r)
	}
	if r := verify(operator, ""); !r.Whole {
		t.Errorf("without a head it cannot be seen: %+v", r)
	}
	if r := verify(admin, newest); r.Whole || r.Broken == nil || !r.Broken.Head || r.Broken.Flaw != audit.CutOff || r.Head != "" {
		t.Errorf("the end was cut off, and that is %+v", r)
	}
	w.cut(t, -1)
	if r := verify(operator, ""); r.Whole || r.Broken == nil || r.Broken.Head || r.Broken.Flaw != audit.Missing || r.Broken.Number != 1 {
		t.Errorf("the beginning was cut off, and that is %+v", r)
	}
	clock.advance(time.Minute)
	for _, bad := range []string{"41", "41:xyz", "x:" + strings.Repeat("a", 64), strings.Repeat("9", 20) + ":" + strings.Repeat("a", 64)} {
		w.want(w.do(operator, "POST", "/v1/audit/verify", `{"head":"`+bad+`"}`), http.StatusUnprocessableEntity, "invalid")
	}
}

// The document names every flaw that a trail can have.
func TestFlawsAreDocumented(t *testing.T) {
	t.Parallel()
	field, _ := reflect.TypeFor[httpapi.AuditBreak]().FieldByName("Flaw")
	var all []string
	for _, flaw := range audit.Flaws {
		all = append(all, string(flaw))
	}
	if named := strings.Split(field.Tag.Get("enum"), ","); !slices.Equal(named, all) {
		t.Errorf("the document names %q; there are %q", named, all)
	}
}

// cut is a thief who has the store: it takes the newest entry of the trail away,
// or with -1 the oldest.
func (w *world) cut(t *testing.T, from int) {
	t.Helper()
	store := w.Host.Store().(host.WholeStore)
	var records []host.Record
	var trail []host.TrailEntry
	err := store.Snapshot(t.Context(), func(r host.Record) error { records = append(records, r); return nil },
		func(e host.TrailEntry) error { trail = append(trail, e); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if from > 0 {
		trail = trail[:len(trail)-from]
	} else {
		trail = trail[-from:]
	}
	err = store.Restore(t.Context(), true, func(ctx context.Context, into host.Filling) error {
		for _, r := range records {
			if err := into.Record(ctx, r); err != nil {
				return err
			}
		}
		for _, e := range trail {
			if err := into.Entry(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAuditVerifiedTooOften shows that nobody keeps a host busy with it, and that
// one workspace does not keep others from theirs.
func TestAuditVerifiedTooOften(t *testing.T) {
	t.Parallel()
	var clock movable
	w := serve(t, func(g *ground.Config, _ *httpapiConfig) { g.Now = clock.now })
	admin, operator := w.Key(access.Admin), w.Operator()
	w.want(w.do(admin, "POST", "/v1/audit/verify", ""), http.StatusOK, "")
	if a := w.want(w.do(operator, "POST", "/v1/audit/verify", ""), http.StatusTooManyRequests, "rate"); a.Header.Get("Retry-After") == "" {
		t.Errorf("nothing says when to ask again: %v", a.Header)
	}
	clock.advance(4 * time.Second)
	w.want(w.do(admin, "POST", "/v1/audit/verify", ""), http.StatusTooManyRequests, "rate")
	w.want(w.do(operator, "POST", "/v1/audit/verify", ""), http.StatusOK, "")
}
