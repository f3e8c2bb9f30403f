// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/web"
)

// A visitor is a browser without script, and says what browsers say of a page's
// own requests. It follows no redirect.
type visitor struct {
	t    *testing.T
	home string
	*http.Client
}

// An answer is a page that came.
type answer struct {
	*http.Response
	Body string
}

func (h *house) visitor(t *testing.T) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, h.URL, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// as returns somebody who has signed in.
func (h *house) as(t *testing.T, c access.Caller) *visitor {
	t.Helper()
	v := h.visitor(t)
	v.signIn(h.link(c))
	return v
}

func (v *visitor) signIn(link string) {
	v.t.Helper()
	page := v.get("/signin")
	if got := v.post("/signin", url.Values{"_token": {hidden(page.Body, "_token")}, "link": {link}}); got.StatusCode != http.StatusSeeOther {
		v.t.Fatalf("signing in: %d\n%s", got.StatusCode, got.Body)
	}
}

// session returns the secret of the session, "" if there is none.
func (v *visitor) session() string {
	u, _ := url.Parse(v.home)
	for _, c := range v.Jar.Cookies(u) {
		if c.Name == "credhost" {
			return c.Value
		}
	}
	return ""
}

func (v *visitor) get(path string) answer {
	v.t.Helper()
	r, err := http.NewRequest(http.MethodGet, v.home+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	return v.do(r)
}

// post sends a form, as a page of the host does.
func (v *visitor) post(path string, form url.Values) answer {
	v.t.Helper()
	r, err := http.NewRequest(http.MethodPost, v.home+path, strings.NewReader(form.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", v.home)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return v.do(r)
}

// send is post with the token of the session.
func (v *visitor) send(path string, form url.Values) answer {
	v.t.Helper()
	form.Set("_token", web.TokenOf(v.session()))
	return v.post(path, form)
}

func (v *visitor) do(r *http.Request) answer {
	v.t.Helper()
	resp, err := v.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer{resp, string(body)}
}

// hidden returns what a hidden control of a page holds.
func hidden(page, name string) string {
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		return ""
	}
	return strings.NewReplacer("&#34;", `"`, "&amp;", "&", "&#43;", "+", "&#39;", "'").Replace(m[1])
}

// wants fails the test unless a page came with this status, and has these texts.
func (a answer) wants(t *testing.T, status int, texts ...string) {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("%s %s: status %d, want %d\n%.3000s", a.Request.Method, a.Request.URL.Path, a.StatusCode, status, a.Body)
	}
	for _, text := range texts {
		if !strings.Contains(a.Body, text) {
			t.Errorf("%s %s does not say %q:\n%.4000s", a.Request.Method, a.Request.URL.Path, text, a.Body)
		}
	}
}
