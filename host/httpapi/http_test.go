// SPDX-License-Identifier: Apache-2.0

package httpapi_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/httpapi"
	"github.com/credhost/credhost/internal/ground"
)

// TestOnce shows that what is sent again with its idempotency key is done once,
// and that nothing of what is shown once is kept.
func TestOnce(t *testing.T) {
	t.Parallel()
	now := time.Now()
	w := serve(t, func(g *ground.Config, _ *httpapiConfig) { g.Now = func() time.Time { return now } })
	token := w.Key(all...)
	create := func(body string, headers ...string) answer {
		return w.do(token, "POST", "/v1/credentials", body, append([]string{"Idempotency-Key", `"one"`}, headers...)...)
	}
	first := w.want(create(w.acme("a")), http.StatusCreated, "")
	second := w.want(create(w.acme("a"), "Idempotency-Key", "one"), http.StatusCreated, "") // without quotes it is the same
	if !bytes.Equal(first.text, second.text) || second.Header.Get("Credhost-Replayed") != "true" || first.Header.Get("Credhost-Replayed") != "" ||
		first.Header.Get("Location") != second.Header.Get("Location") {
		t.Errorf("first %s, again %s", first.text, second.text)
	}
	w.want(create(w.acme("b")), http.StatusUnprocessableEntity, "key-reused")
	w.want(create(w.acme("a"), "Idempotency-Key", strings.Repeat("x", 300)), http.StatusBadRequest, "malformed")
	w.want(create(w.acme("a"), "Idempotency-Key", "a b"), http.StatusBadRequest, "malformed")
	if other := w.want(w.do(w.Key(all...), "POST", "/v1/credentials", w.acme("a"), "Idempotency-Key", "one"), http.StatusCreated, ""); bytes.Equal(first.text, other.text) {
		t.Error("another caller was given what the first one made")
	}

	// What failed has done nothing, and may be corrected.
	w.want(create(`{"type":"acme"}`, "Idempotency-Key", "two"), http.StatusUnprocessableEntity, "invalid")
	w.want(create(w.acme("c"), "Idempotency-Key", "two"), http.StatusCreated, "")

	theirs := w.want(w.do(w.Key(all...), "POST", "/v1/credentials", w.acme("a"), "Idempotency-Key", "one"), http.StatusCreated, "")
	if theirs.Header.Get("Credhost-Replayed") != "" || theirs.member("id") == first.member("id") {
		t.Errorf("another caller's request is answered with %s", theirs.text)
	}

	made := w.want(w.do(token, "POST", "/v1/keys", `{"scopes":["read"]}`, "Idempotency-Key", "k"), http.StatusCreated, "")
	again := w.want(w.do(token, "POST", "/v1/keys", `{"scopes":["read"]}`, "Idempotency-Key", "k"), http.StatusCreated, "")
	if made.member("token") == "" || again.member("token") != "" || made.member("id") != again.member("id") {
		t.Errorf("made %s, again %s", made.member("id"), again.text)
	}
	now = now.Add(25 * time.Hour)
	if late := w.want(create(w.acme("a")), http.StatusCreated, ""); bytes.Equal(first.text, late.text) {
		t.Error("a key was remembered for more than a day")
	}
}

// slowStore keeps those who create credentials waiting.
type slowStore struct {
	host.Store
	enter, leave chan struct{}
	on           atomic.Bool
}

func (s *slowStore) Create(ctx context.Context, r host.Record) error {
	if r.Kind == host.KindCredential && s.on.Load() {
		s.enter <- struct{}{}
		<-s.leave
	}
	return s.Store.Create(ctx, r)
}

// TestOnceAtOnce shows that of two requests with one key at once, one is done.
func TestOnceAtOnce(t *testing.T) {
	t.Parallel()
	slow := &slowStore{enter: make(chan struct{}), leave: make(chan struct{})}
	w := serve(t, func(g *ground.Config, _ *httpapiConfig) { slow.Store = g.Store; g.Store = slow })
	token := w.Key(all...)
	slow.on.Store(true)
	var first answer
	var wg sync.WaitGroup
	wg.Go(func() { first = w.do(token, "POST", "/v1/credentials", w.acme("a"), "Idempotency-Key", "one") })
	<-slow.enter
	busy := w.want(w.do(token, "POST", "/v1/credentials", w.acme("a"), "Idempotency-Key", "one"), http.StatusConflict, "busy")
	if busy.Header.Get("Retry-After") == "" {
		t.Error("nothing says when to ask again")
	}
	close(slow.leave)
	wg.Wait()
	again := w.want(w.do(token, "POST", "/v1/credentials", w.acme("a"), "Idempotency-Key", "one"), http.StatusCreated, "")
	if !bytes.Equal(first.text, again.text) {
		t.Errorf("first %s, again %s", first.text, again.text)
	}
}

// TestPages shows that a list that is gone through while others create and
// delete has each of those once that were there all the time.
func TestPages(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	token := w.Key(all...)
	want, seen := map[string]bool{}, map[string]int{}
	for range 25 {
		want[w.Create("acme")] = true
	}
	path := "/v1/credentials?limit=4"
	for pages := 0; path != ""; pages++ {
		if pages > 20 {
			t.Fatal("the list has no end")
		}
		a := w.want(w.do(token, "GET", path, ""), http.StatusOK, "")
		var page struct {
			Credentials []struct{ ID string }
			Next        string
		}
		a.json(t, &page)
		for _, c := range page.Credentials {
			seen[c.ID]++
		}
		link, rel, _ := strings.Cut(a.Header.Get("Link"), ">")
		if (page.Next != "") != (rel == `; rel="next"`) {
			t.Fatalf("next %q, Link %q", page.Next, a.Header.Get("Link"))
		}
		path = strings.TrimPrefix(link, "<")
		gone := w.Create("acme")
		if err := w.Host.Workspace(ground.Workspace).Delete(t.Context(), gone); err != nil {
			t.Fatal(err)
		}
		w.Create("acme")
	}
	for id := range want {
		if seen[id] != 1 {
			t.Errorf("%s was listed %d times", id, seen[id])
		}
	}
	for _, bad := range []string{"x", "MQ", strings.Repeat("A", 100)} {
		w.want(w.do(token, "GET", "/v1/credentials?cursor="+bad, ""), http.StatusUnprocessableEntity, "invalid")
	}
}

// TestFilters shows what a list can be narrowed to.
func TestFilters(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	token := w.Key(all...)
	id := w.want(w.do(token, "POST", "/v1/credentials", w.acme("Helpdesk")), http.StatusCreated, "").member("id")
	w.Create("acme")
	for query, n := range map[string]int{"": 2, "search=helpd": 1, "search=" + id: 1, "search=nothing": 0, "type=acme": 2, "type=none": 0, "status=ready": 2,
		"status=denied": 0, "application=a-none": 0, "endingBefore=2100-01-01T00:00:00Z": 0} {
		var list struct{ Credentials []any }
		w.want(w.do(token, "GET", "/v1/credentials?"+query, ""), http.StatusOK, "").json(t, &list)
		if len(list.Credentials) != n {
			t.Errorf("%s: %d credentials, want %d", query, len(list.Credentials), n)
		}
	}
	for _, query := range []string{"status=fine", "limit=0", "limit=1000", "limit=x", "endingBefore=tomorrow", "nobodyKnows=1"} {
		w.want(w.do(token, "GET", "/v1/credentials?"+query, ""), http.StatusUnprocessableEntity, "invalid")
	}
}

// TestPatch shows that a change is a merge patch, and for whom it fails.
func TestPatch(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	token := w.Key(all...)
	path := "/v1/credentials/" + w.Create("acme")
	star := []string{"If-Match", "*"}
	w.want(w.do(token, "PATCH", path, `{"name":"x"}`, "If-Match", `W/"1"`), http.StatusPreconditionFailed, "changed")
	w.want(w.do(token, "PATCH", path, `{"name":"x"}`, "If-Match", "nonsense"), http.StatusPreconditionFailed, "changed")
	if a := w.want(w.do(token, "PATCH", path, `{"name":"x"}`, star...), http.StatusOK, ""); a.member("name") != "x" {
		t.Errorf("%s", a.text)
	}
	if a := w.want(w.do(token, "PATCH", path, `{"name":null}`, star...), http.StatusOK, ""); a.member("name") != "" {
		t.Errorf("null did not clear: %s", a.text)
	}
	for body, where := range map[string]string{
		`{"nam":"x"}`: "/nam", `{"Name":"x"}`: "/Name", `{"name":1}`: "/name", `{"answers":null}`: "/answers", `{"tls":{"x":1}}`: "/tls/x", `{"draft":"yes"}`: "/draft",
	} {
		a := w.want(w.do(token, "PATCH", path, body, star...), http.StatusUnprocessableEntity, "invalid")
		if !strings.Contains(string(a.text), `"pointer":"`+where+`"`) {
			t.Errorf("%s: %s", body, a.text)
		}
	}
	a := w.want(w.do(token, "PATCH", path, `{"answers":{"apiKey":null,"EXAMPLE secret":"x","other":"EXAMPLE-secret"}}`, star...), http.StatusUnprocessableEntity, "invalid")
	if !strings.Contains(string(a.text), `"field":"apiKey"`) || strings.Contains(string(a.text), "EXAMPLE") {
		t.Errorf("%s", a.text)
	}
	moved := w.want(w.do(token, "PATCH", path, `{"answers":{"baseUrl":"https://elsewhere.example"}}`, star...), http.StatusUnprocessableEntity, "invalid")
	if !strings.Contains(string(moved.text), `"reason":"again"`) {
		t.Errorf("secrets may go elsewhere: %s", moved.text)
	}
	if a := w.want(w.do(token, "PATCH", path, `{"answers":{"baseUrl":1}}`, append(star, "Accept-Language", "ru")...), http.StatusUnprocessableEntity, "invalid"); !strings.ContainsAny(string(a.text), "абвгдеж") {
		t.Errorf("not in the person's language: %s", a.text)
	}
	w.want(w.do(token, "PUT", path+"/answers", `{"baseUrl":"`+w.Echo.URL+`"}`, star...), http.StatusOK, "")
	w.want(w.do(token, "PUT", path+"/answers", `{}`, "If-Match", `"77-0"`), http.StatusPreconditionFailed, "changed")
}

// TestWords shows that a request that is none is refused for what it is.
func TestWords(t *testing.T) {
	t.Parallel()
	w := serve(t, func(_ *ground.Config, c *httpapiConfig) { c.MaxBody = 5000 })
	token := w.Key(all...)
	post := func(body string, headers ...string) answer {
		return w.do(token, "POST", "/v1/credentials", body, headers...)
	}
	w.want(post("{", "Accept", "text/html"), http.StatusNotAcceptable, "not-acceptable")
	w.want(post("x", "Content-Type", "text/plain"), http.StatusUnsupportedMediaType, "media-type")
	w.want(post("{}", "Content-Type", "application/json; charset=latin1"), http.StatusUnsupportedMediaType, "media-type")
	w.want(post("{}", "Content-Encoding", "gzip"), http.StatusUnsupportedMediaType, "media-type")
	w.want(post(strings.Repeat(" ", 6000)), http.StatusRequestEntityTooLarge, "too-large")
	w.want(post("{"), http.StatusBadRequest, "malformed")
	w.want(post(`{"type":"acme","type":"acme"}`), http.StatusBadRequest, "malformed")
	w.want(post(`{"answers":`+strings.Repeat(`{"a":`, 40)+"1"+strings.Repeat("}", 41)), http.StatusBadRequest, "malformed")
	w.want(post("\"\xff\""), http.StatusBadRequest, "malformed")
	a := w.want(w.do(token, "PUT", "/v1/credentials", ""), http.StatusMethodNotAllowed, "method")
	if a.Header.Get("Allow") != "GET, HEAD, OPTIONS, POST" {
		t.Errorf("Allow: %q", a.Header.Get("Allow"))
	}
	for _, path := range []string{"/v1", "/v1/", "/v1/none", "/v1/credentials/", "/v1//credentials", "/v1/x/../credentials", "/v1/cre%64entials"} {
		w.want(w.do(token, "GET", path, ""), http.StatusNotFound, "not-found")
	}
	head := w.do(token, "HEAD", "/v1/credentials", "")
	if head.StatusCode != http.StatusOK || len(head.text) != 0 {
		t.Errorf("HEAD: %d %s", head.StatusCode, head.text)
	}
	if got := w.do(token, "OPTIONS", "/v1/credentials", ""); got.StatusCode != http.StatusNoContent || got.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("OPTIONS: %d %v", got.StatusCode, got.Header)
	}
	for _, authorization := range []string{"Basic eDp5", "Bearer", "Bearer ", "chk_x", token} {
		w.want(w.do("", "GET", "/v1/credentials", "", "Authorization", authorization), http.StatusUnauthorized, "key")
	}
}

// TestTypeFormats shows that the schema of a type is had in each format, by
// Accept or by the query, and only if it is new.
func TestTypeFormats(t *testing.T) {
	t.Parallel()
	w := serve(t, nil)
	token := w.Key(access.Read)
	for accept, want := range map[string]string{
		"": "application/json", "application/schema+json": "application/schema+json", "application/vnd.credhost.rjsf+json": "application/vnd.credhost.rjsf+json",
		"application/vnd.credhost.n8n+json;q=0.9, text/html;q=0.8": "application/vnd.credhost.n8n+json", "text/html,*/*;q=0.1": "text/html; charset=utf-8",
	} {
		a := w.want(w.do(token, "GET", "/v1/types/acme/schema", "", "Accept", accept), http.StatusOK, "")
		if got := a.Header.Get("Content-Type"); got != want {
			t.Errorf("%q: %q, want %q", accept, got, want)
		}
		w.want(w.do(token, "GET", "/v1/types/acme/schema", "", "Accept", accept, "If-None-Match", a.Header.Get("ETag")), http.StatusNotModified, "")
		if a.Header.Get("Cache-Control") != "private, no-cache" || !strings.Contains(a.Header.Get("Vary"), "Accept-Language") {
			t.Errorf("%q: %v", accept, a.Header)
		}
	}
	w.want(w.do(token, "GET", "/v1/types/acme/schema", "", "Accept", "image/png"), http.StatusNotAcceptable, "not-acceptable")
	html := w.want(w.do(token, "GET", "/v1/types/acme/schema?format=html", "", "Accept", "*/*"), http.StatusOK, "")
	if csp := html.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "sandbox allow-scripts") || strings.Contains(csp, "allow-same-origin") {
		t.Errorf("policy %q", csp)
	}
	w.want(w.do(token, "GET", "/v1/types/none/schema", ""), http.StatusNotFound, "not-found")
	w.want(w.do(token, "GET", "/v1/types/acme/schema?format=pdf", ""), http.StatusUnprocessableEntity, "invalid")
}

// TestOtherOrigins shows that pages may call from exactly the origins that were
// named.
func TestOtherOrigins(t *testing.T) {
	t.Parallel()
	w := serve(t, func(_ *ground.Config, c *httpapiConfig) { c.Origins = []string{"https://app.example"} })
	ask := func(origin string) answer {
		return w.do("", "OPTIONS", "/v1/credentials", "", "Origin", origin, "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
	}
	good := ask("https://app.example")
	if good.Header.Get("Access-Control-Allow-Origin") != "https://app.example" || !strings.Contains(good.Header.Get("Access-Control-Allow-Headers"), "Authorization") ||
		good.Header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("preflight: %v", good.Header)
	}
	for _, origin := range []string{"https://app.example.evil.example", "http://app.example", "null", "https://APP.example"} {
		if got := ask(origin).Header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s: %q", origin, got)
		}
	}
	for _, bad := range []string{"*", "https://*.example", "https://app.example/", "app.example"} {
		if _, err := httpapi.New(httpapi.Config{Host: w.Host, Access: w.Access, Origins: []string{bad}}); err == nil {
			t.Errorf("the origin %q is taken", bad)
		}
	}
}

// TestPageSession shows that a session is good for the script of the host's own
// page, and for no other.
func TestPageSession(t *testing.T) {
	t.Parallel()
	w := serve(t, func(_ *ground.Config, c *httpapiConfig) { c.Page = "https://credhost.example" })
	session, err := w.Access.Begin(t.Context(), access.Caller{Workspace: ground.Workspace, Actor: "user:anna", Scopes: all})
	if err != nil {
		t.Fatal(err)
	}
	cookie := []string{"Cookie", "__Host-credhost=" + session}
	page := append(cookie, "Credhost-Page", "1", "Origin", "https://credhost.example", "Sec-Fetch-Site", "same-origin")
	w.want(w.do("", "GET", "/v1/credentials", "", page...), http.StatusOK, "")
	w.want(w.do("", "POST", "/v1/credentials", w.acme("x"), page...), http.StatusCreated, "")
	for name, headers := range map[string][]string{
		"no header":      append(cookie, "Origin", "https://credhost.example"),
		"another origin": append(page[:4:4], "Origin", "https://evil.example"),
		"no origin":      page[:4],
		"another site":   append(page[:6:6], "Sec-Fetch-Site", "same-site"),
		"two cookies":    append(page[2:], "Cookie", "__Host-credhost="+session+"; __Host-credhost=x"),
		"no cookie":      page[2:],
		"another cookie": append(page[2:], "Cookie", "credhost="+session),
	} {
		if a := w.do("", "POST", "/v1/credentials", w.acme("x"), headers...); a.StatusCode != http.StatusUnauthorized && a.StatusCode != http.StatusForbidden {
			t.Errorf("%s: status %d", name, a.StatusCode)
		}
	}
}

// TestRate shows that who asks too often is told when to ask again.
func TestRate(t *testing.T) {
	t.Parallel()
	w := serve(t, func(g *ground.Config, _ *httpapiConfig) {
		g.Access = func(c *access.Config) { c.Rates.Key = access.Rate{PerSecond: 0.01, Burst: 3} }
	})
	token := w.Key(access.Read)
	for range 3 {
		if a := w.want(w.do(token, "GET", "/v1/version", ""), http.StatusOK, ""); a.Header.Get("RateLimit") == "" || a.Header.Get("RateLimit-Policy") == "" {
			t.Errorf("nothing says what is left: %v", a.Header)
		}
	}
	if a := w.want(w.do(token, "GET", "/v1/version", ""), http.StatusTooManyRequests, "rate"); a.Header.Get("Retry-After") == "" {
		t.Errorf("%v", a.Header)
	}
}

// TestNotReady shows that a host that is about to stop says so.
func TestNotReady(t *testing.T) {
	t.Parallel()
	var draining atomic.Bool
	w := serve(t, func(_ *ground.Config, c *httpapiConfig) { c.Draining = draining.Load })
	w.want(w.do("", "GET", "/v1/ready", ""), http.StatusOK, "")
	draining.Store(true)
	w.want(w.do("", "GET", "/v1/ready", ""), http.StatusServiceUnavailable, "")
	w.want(w.do("", "GET", "/v1/health", ""), http.StatusOK, "")
}

// TestRecovered shows that a mistake of ours is answered as one, and hurts nobody
// else.
func TestRecovered(t *testing.T) {
	t.Parallel()
	w := serve(t, func(_ *ground.Config, c *httpapiConfig) { c.Draining = func() bool { panic("EXAMPLE-secret") } })
	a := w.want(w.do("", "GET", "/v1/ready", ""), http.StatusInternalServerError, "internal")
	if strings.Contains(string(a.text), "EXAMPLE") {
		t.Errorf("%s", a.text)
	}
}
