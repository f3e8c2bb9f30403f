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
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/web"
	"github.com/credhost/credhost/internal/ground"
)

// Every answer, whatever it is, keeps others from framing, reading, caching and
// running anything.
func TestHeaders(t *testing.T) {
	t.Parallel()
	h := open(t)
	v := h.as(t, operator())
	for _, path := range []string{"/", "/signin", "/w/default/credentials", "/w/default/types/acme", "/plugins/acme", "/nowhere", "/w/elsewhere/credentials", "/icons/acme", "/assets/style.css", "/assets/nothing"} {
		got := v.get(path)
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got.Header.Get(name) != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got.Header.Get(name), want)
			}
		}
		csp := got.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: the policy %q lacks %q", path, csp, want)
			}
		}
		if strings.Contains(csp, "unsafe") && !strings.HasPrefix(path, "/icons/") || strings.HasPrefix(path, "/icons/") && !strings.Contains(csp, "sandbox") {
			t.Errorf("%s: the policy is %q", path, csp)
		}
		if cached := got.Header.Get("Cache-Control"); cached != "no-store" && !strings.HasPrefix(path, "/assets/style") && !strings.HasPrefix(path, "/icons/") {
			t.Errorf("%s may be kept: %q", path, cached)
		}
		if got.Header.Get("Credhost-Request") == "" {
			t.Errorf("%s: the request has no number", path)
		}
	}
}

// A browser keeps the sign of a type for as long as it is that, and asks for no more
// of a long list than it shows.
func TestIconsAreKept(t *testing.T) {
	t.Parallel()
	h := open(t)
	v := h.as(t, admin())
	icon := regexp.MustCompile(`src="(/icons/acme\?v=[^"]+)" loading="lazy"`).FindStringSubmatch(v.get("/w/default/types").Body)
	if icon == nil {
		t.Fatal("the list of types has no icon that waits")
	}
	for path, want := range map[string]string{icon[1]: "private, max-age=31536000, immutable", "/icons/acme": "private, no-cache", "/icons/acme?v=0": "private, no-cache"} {
		if got := v.get(path).Header.Get("Cache-Control"); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// What another site has a browser send is refused before anything is looked at.
func TestOtherSites(t *testing.T) {
	t.Parallel()
	h := open(t)
	v := h.as(t, admin())
	id := h.Create("acme")
	delete := func(change func(r *http.Request)) answer {
		form := url.Values{"_token": {web.TokenOf(v.session())}}
		r, err := http.NewRequest(http.MethodPost, h.URL+"/w/default/credentials/"+id+"/test", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", h.URL)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		change(r)
		return v.do(r)
	}
	for name, test := range map[string]struct {
		change func(r *http.Request)
		want   int
	}{
		"its own":                        {func(*http.Request) {}, http.StatusSeeOther},
		"an old browser's":               {func(r *http.Request) { r.Header.Del("Sec-Fetch-Site") }, http.StatusSeeOther},
		"another site's":                 {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, http.StatusForbidden},
		"a sibling's":                    {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, http.StatusForbidden},
		"another origin's":               {func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, http.StatusForbidden},
		"another port's":                 {func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:1") }, http.StatusForbidden},
		"of no origin":                   {func(r *http.Request) { r.Header.Set("Origin", "null") }, http.StatusForbidden},
		"of an old browser without one":  {func(r *http.Request) { r.Header.Del("Origin"); r.Header.Del("Sec-Fetch-Site") }, http.StatusForbidden},
		"to a name that is not its name": {func(r *http.Request) { r.Host = "evil.example" }, http.StatusMisdirectedRequest},
		"to no port":                     {func(r *http.Request) { r.Host = "127.0.0.1" }, http.StatusMisdirectedRequest},
	} {
		if got := delete(test.change); got.StatusCode != test.want {
			t.Errorf("%s: %d, want %d", name, got.StatusCode, test.want)
		}
	}
	for name, test := range map[string]struct {
		mode, dest string
		want       int
	}{"a link": {"navigate", "document", 200}, "a frame": {"navigate", "iframe", 403}, "an image": {"no-cors", "image", 403}, "a script": {"cors", "empty", 403}} {
		r, _ := http.NewRequest(http.MethodGet, h.URL+"/w/default/credentials", nil)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Sec-Fetch-Mode", test.mode)
		r.Header.Set("Sec-Fetch-Dest", test.dest)
		if got := v.do(r); got.StatusCode != test.want {
			t.Errorf("%s of another site: %d, want %d", name, got.StatusCode, test.want)
		}
	}
}

// Who signs in gets another session than was there; who signs out has none; a
// link works once, and nobody is signed in by another's page.
func TestSigningIn(t *testing.T) {
	t.Parallel()
	h := open(t)
	v := h.visitor(t)
	link := h.link(admin())
	if got := v.get("/w/default/credentials"); got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/signin?next=%2Fw%2Fdefault%2Fcredentials" {
		t.Errorf("without a session: %d %s", got.StatusCode, got.Header.Get("Location"))
	}
	v.post("/signin", url.Values{"link": {link}}).wants(t, http.StatusForbidden)
	if v.session() != "" {
		t.Fatal("a form that was not of this browser has signed it in")
	}
	v.signIn(link)
	first := v.session()
	v.get("/w/default/credentials").wants(t, http.StatusOK, ">anna</a>")
	page := v.get("/signin")
	v.post("/signin", url.Values{"_token": {hidden(page.Body, "_token")}, "link": {link}}).wants(t, http.StatusForbidden, "works once")
	v.signIn(h.link(admin()))
	if second := v.session(); second == first {
		t.Error("the session is the same")
	}
	if _, err := h.Access.Session(t.Context(), first); err == nil {
		t.Error("the session before lives on")
	}
	v.post("/signout", url.Values{}).wants(t, http.StatusForbidden)
	last := v.session()
	v.send("/signout", url.Values{}).wants(t, http.StatusSeeOther)
	if _, err := h.Access.Session(t.Context(), last); err == nil || v.session() != "" {
		t.Error("who has signed out is signed in")
	}
	v.get("/w/default/credentials").wants(t, http.StatusSeeOther)
}

// A form of another session does nothing, and loses nothing.
func TestFormsOfOthers(t *testing.T) {
	t.Parallel()
	h := open(t)
	v := h.as(t, admin())
	form := url.Values{"_form": {"1"}, "_secret": {"apiKey"}, "_name": {"Kept name"}, "baseUrl": {h.Echo.URL}, "apiKey": {"CANARY-typed"}, "_token": {web.TokenOf("another")}}
	got := v.post("/w/default/types/acme", form)
	got.wants(t, http.StatusOK, "of another session", "Kept name", h.Echo.URL)
	if strings.Contains(got.Body, "CANARY") {
		t.Error("the secret came back")
	}
	if n := len(h.all(t)); n != 0 {
		t.Errorf("%d credentials were made", n)
	}
	id := h.Create("acme")
	for _, form := range []url.Values{{"_token": {"x"}}, {"_again": {"1"}}, {"_again": {"1"}, "_form": {"1"}, "_digest": {"x"}}} {
		for _, what := range []string{"delete", "forget", "revoke", "connect", "test", "suggest"} {
			v.post("/w/default/credentials/"+id+"/"+what, form).wants(t, http.StatusForbidden, "Please do that again")
		}
	}
	if n := len(h.all(t)); n != 1 {
		t.Error("a form of nobody has deleted a credential")
	}
}

func (h *house) all(t *testing.T) []host.Credential {
	t.Helper()
	all, err := h.Host.Workspace(ground.Workspace).List(t.Context(), host.Page{})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Who fills in a form while the session ends loses secrets alone.
func TestSessionEndsMeanwhile(t *testing.T) {
	t.Parallel()
	h := open(t)
	v := h.as(t, admin())
	form := url.Values{"_form": {"1"}, "_secret": {"apiKey"}, "_name": {`A "name" & more`}, "baseUrl": {h.Echo.URL}, "apiKey": {"CANARY-typed"}, "_token": {web.TokenOf(v.session())}}
	if err := h.Access.SignOut(t.Context(), v.session()); err != nil {
		t.Fatal(err)
	}
	got := v.post("/w/default/types/acme", form)
	got.wants(t, http.StatusUnauthorized, "Your session has ended", "Secrets alone must be typed again", "A &#34;name&#34; &amp; more")
	if strings.Contains(got.Body, "CANARY") {
		t.Error("the secret came back")
	}
	v.signIn(h.link(admin())) // in another tab
	form.Del("apiKey")
	form.Del("_token")
	form.Set("_again", "1")
	v.post("/w/default/types/acme", form).wants(t, http.StatusOK, "A &#34;name&#34; &amp; more", h.Echo.URL)
	if n := len(h.all(t)); n != 0 {
		t.Errorf("%d credentials were made", n)
	}
}

// People are sent on to paths of this page, and nowhere else.
func TestOwnPath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"/w/default/keys": "/w/default/keys", "": "/", "//evil.example": "/", "https://evil.example": "/", `/\evil.example`: "/",
		"/\t/evil.example": "/", "javascript:alert(1)": "/", "/a?b=c#d": "/a?b=c#d", "/.//evil.example": "/.//evil.example"} {
		if got := web.OwnPath(path); got != want {
			t.Errorf("%q leads to %q, want %q", path, got, want)
		}
	}
}

func FuzzOwnPath(f *testing.F) {
	for _, seed := range []string{"/", "//a", `/\a`, "/a\n/b", "/%2f/evil", "/;//x", "https:/a"} {
		f.Add(seed)
	}
	base, _ := url.Parse("https://here.example/signin")
	f.Fuzz(func(t *testing.T, path string) {
		// As browsers read it: tabs and line breaks are dropped, backslashes are slashes.
		read := strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(web.OwnPath(path))
		if u, err := url.Parse(read); err == nil {
			if to := base.ResolveReference(u); to.Host != base.Host || to.Scheme != base.Scheme {
				t.Errorf("%q leads to %s", path, to)
			}
		}
		if strings.HasPrefix(read, "//") || !strings.HasPrefix(read, "/") {
			t.Errorf("%q leads to %q", path, read)
		}
	})
}

// A page is not made that would let sessions be read on the way.
func TestConfig(t *testing.T) {
	t.Parallel()
	g := ground.New(t, ground.Config{})
	for origin, good := range map[string]bool{"https://creds.example.com": true, "https://creds.example.com:8443/": true, "http://127.0.0.1:8686": true, "http://localhost:8686": true, "http://[::1]:1": true,
		"http://creds.example.com": false, "": false, "creds.example.com": false, "https://a@b.example": false, "https://b.example/path": false, "https://b.example?q": false, "ftp://127.0.0.1": false} {
		if _, err := web.New(web.Config{Host: g.Host, Access: g.Access, Origin: origin}); (err == nil) != good {
			t.Errorf("%q: %v", origin, err)
		}
	}
}

// Where there is encryption, cookies are this host's alone, and go nowhere
// unencrypted; the session's is sent by pages of this host alone.
func TestCookies(t *testing.T) {
	t.Parallel()
	g := ground.New(t, ground.Config{})
	pages, err := web.New(web.Config{Host: g.Host, Access: g.Access, Origin: "https://creds.example"})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path, body string, cookies ...*http.Cookie) *http.Response {
		r := httptest.NewRequest(method, "https://creds.example"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://creds.example")
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r)
		return w.Result()
	}
	secret, err := g.Access.Link(access.With(t.Context(), operator()), admin())
	if err != nil {
		t.Fatal(err)
	}
	visitor := ask(http.MethodGet, "/signin", "").Cookies()
	form := url.Values{"_token": {web.TokenOf(visitor[0].Value)}, "link": {secret}}
	all := append(visitor, ask(http.MethodPost, "/signin", form.Encode(), visitor...).Cookies()...)
	all = append(all, ask(http.MethodPost, "/settings", "theme=dark&language=ru").Cookies()...)
	session := false
	for _, c := range all {
		if !strings.HasPrefix(c.Name, "__Host-credhost") || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite < http.SameSiteLaxMode {
			t.Errorf("%s", c)
		}
		session = session || c.Name == "__Host-credhost" && c.SameSite == http.SameSiteStrictMode && c.MaxAge == 0
	}
	if len(all) < 5 || !session {
		t.Errorf("the cookies are %v", all)
	}
}
