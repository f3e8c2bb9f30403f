// SPDX-License-Identifier: Apache-2.0

package door_test

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/web"
	"github.com/credhost/credhost/internal/ground"
)

func TestPage(t *testing.T) {
	t.Parallel()
	tries(t, map[string]attempt{
		"a form of another page": {func(x *try) (bool, string) {
			return x.deletes(func(v *visitor, form url.Values) []string {
				if x.easy {
					return nil
				}
				return []string{"Origin", evil, "Sec-Fetch-Site", "cross-site"}
			})
		}, "403"},
		"a form without its token": {func(x *try) (bool, string) {
			return x.deletes(func(v *visitor, form url.Values) []string {
				if !x.easy {
					form.Del("_token")
				}
				return nil
			})
		}, ""},
		"a page in a frame": {func(x *try) (bool, string) {
			v := x.visitor()
			v.signIn()
			if x.easy {
				return v.get("/w/default/credentials", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document").status == 200, ""
			}
			got := v.get("/w/default/credentials", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe")
			old := v.get("/w/default/credentials") // of a browser that does not say what it is for
			framed := !strings.Contains(old.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") || old.header.Get("X-Frame-Options") != "DENY"
			return got.status == 200 || framed, got.String()
		}, "403"},
		"a page as a script": {func(x *try) (bool, string) {
			v := x.visitor()
			v.signIn()
			headers := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "script"}
			if x.easy {
				headers = []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
			}
			got := v.get("/w/default/credentials", headers...)
			return got.status == 200, got.String()
		}, "403"},
		"a link that was used": {func(x *try) (bool, string) {
			link := x.link()
			if !x.easy {
				x.visitor().use(link)
			}
			v := x.visitor()
			got := v.use(link)
			return v.session() != "", got.String()
		}, "works once"},
		"a link that somebody looks at": {func(x *try) (bool, string) {
			link, v := x.link(), x.visitor()
			if x.easy {
				v.use(link)
				return v.session() != "", ""
			}
			_, secret, _ := strings.Cut(link, "#")
			said := v.get("/signin?link="+secret).String() + v.get("/signin/"+secret).String()
			won := v.session() != ""
			v.use(link)
			return won || v.session() == "", said
		}, "200"},
		"a session that was prepared": {func(x *try) (bool, string) {
			eve, anna := x.visitor(), x.visitor()
			eve.signIn()
			prepared := eve.session()
			anna.set("credhost", prepared)
			if !x.easy {
				anna.signIn()
				if anna.session() == prepared {
					return true, "the session is the one that was prepared"
				}
			}
			got := eve.get("/w/default/credentials")
			return got.status == 200, got.String()
		}, "303"},
		"somebody else's sign-in": {func(x *try) (bool, string) {
			v, link := x.visitor(), x.link()
			if x.easy {
				v.use(link)
				return v.session() != "", ""
			}
			page := x.visitor().get("/signin") // the attacker's own
			got := v.post("/signin", url.Values{"link": {link}, "_token": {hidden(page.body)}})
			return v.session() != "", got.String()
		}, "403"},
		"a way out after signing in": {func(x *try) (bool, string) {
			if x.easy {
				return x.goesTo("/w/default/types") == "/w/default/types", ""
			}
			for _, next := range []string{"//evil.example", "https://evil.example/", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)", "\\\\evil.example", "/%2f/evil.example/..//evil.example"} {
				to := x.goesTo(next)
				u, err := url.Parse(to)
				if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\t") {
					return true, next + " leads to " + to
				}
			}
			return false, ""
		}, ""},
		"a session after it was left": {func(x *try) (bool, string) {
			v := x.visitor()
			v.signIn()
			kept := v.session()
			if !x.easy {
				v.post("/signout", url.Values{"_token": {hidden(v.get("/w/default/credentials").body)}})
			}
			thief := x.visitor()
			thief.set("credhost", kept)
			got := thief.get("/w/default/credentials")
			return got.status == 200, got.String()
		}, "303"},
		"a name that is markup": {func(x *try) (bool, string) {
			const name = `<script>alert("door")</script>`
			id, err := x.Host.Workspace(ground.Workspace).Add(context.Background(), host.New{Type: "acme", Name: name, Values: x.Values("acme")})
			must(x.t, err)
			if x.easy {
				return member(x.ask(x.key(ground.Workspace, access.Read), "GET", "/v1/credentials/"+id, ""), "name") == name, ""
			}
			v := x.visitor()
			v.signIn()
			said := ""
			for _, path := range []string{"", "/" + id, "/" + id + "/edit", "/" + id + "/delete"} {
				got := v.get("/w/default/credentials" + path)
				if said += got.body; strings.Contains(got.body, "<script>alert") || strings.Contains(got.header.Get("Content-Security-Policy"), "unsafe") {
					return true, path
				}
			}
			return false, said
		}, "&lt;script&gt;alert"},
		"the page under another name": {func(x *try) (bool, string) {
			name := "evil.example"
			if x.easy {
				name = x.at
			}
			got := x.ask("", "GET", "/signin", "", "Host", name)
			return got.status == 200, got.String()
		}, "421"},
		"a file beside the page's": {func(x *try) (bool, string) {
			if x.easy {
				return x.ask("", "GET", "/assets/style.css", "").status == 200, ""
			}
			said := ""
			for _, path := range []string{"/assets/../templates/signin.html", "/assets/..%2ftemplates%2fsignin.html", "/assets/%2e%2e/templates/signin.html", "/assets/..\\templates\\signin.html",
				"/assets/..%5ctemplates", "//assets//../../../etc/passwd", "/assets/%2fetc%2fpasswd", "/assets/style.css%00.html", "/assets/.", "/assets/", "/templates/signin.html", "/static/../../etc/passwd"} {
				got := x.raw("GET " + path + " HTTP/1.1\r\nHost: @at\r\nConnection: close\r\n\r\n")
				if said += got; strings.HasPrefix(got, "HTTP/1.1 200") || strings.Contains(got, "{{") || strings.Contains(got, "root:") {
					return true, path + ": " + got
				}
			}
			return false, said
		}, "404"},
		"another workspace's page": {func(x *try) (bool, string) {
			x.credential(other)
			v := x.visitor()
			v.signIn()
			in := other
			if x.easy {
				in = ground.Workspace
			}
			got := v.get("/w/" + in + "/credentials")
			return got.status == 200, got.String()
		}, "404"},
	})
}

// A visitor is somebody with a browser, who follows no redirect.
type visitor struct {
	x *try
	*http.Client
}

func (x *try) visitor() *visitor {
	jar, err := cookiejar.New(nil)
	must(x.t, err)
	c := *client
	c.Jar = jar
	return &visitor{x, &c}
}

// link returns a link that signs anna in to her workspace.
func (x *try) link() string {
	x.t.Helper()
	secret, err := x.Access.Link(access.With(context.Background(), operator), access.Caller{Actor: "user:anna", Workspace: ground.Workspace, Scopes: access.Scopes[:4]})
	must(x.t, err)
	return web.SignInURL(x.url(""), secret)
}

func (v *visitor) signIn() {
	v.x.t.Helper()
	if got := v.use(v.x.link()); got.status != http.StatusSeeOther {
		v.x.t.Fatalf("signing in: %v", got)
	}
}

// use signs in with a link, as the page does.
func (v *visitor) use(link string) answer {
	v.x.t.Helper()
	return v.post("/signin", url.Values{"link": {link}, "_token": {hidden(v.get("/signin").body)}})
}

// goesTo returns where the page leads somebody who has signed in from a link that
// says where to.
func (x *try) goesTo(next string) string {
	x.t.Helper()
	v := x.visitor()
	page := v.get("/signin?next=" + url.QueryEscape(next))
	m := regexp.MustCompile(`name="next" value="([^"]*)"`).FindStringSubmatch(page.body)
	form := url.Values{"link": {x.link()}, "_token": {hidden(page.body)}, "next": {next}} // what the page says, or what somebody has put there
	if m == nil {
		x.t.Errorf("the page does not say where to go: %s", page.body)
	}
	return v.post("/signin", form).header.Get("Location")
}

// deletes has somebody delete a credential in a form that is changed before.
func (x *try) deletes(change func(v *visitor, form url.Values) []string) (bool, string) {
	x.t.Helper()
	id, v := x.credential(ground.Workspace), x.visitor()
	v.signIn()
	path := "/w/default/credentials/" + id + "/delete"
	page := v.get(path).body
	form := url.Values{"_token": {hidden(page)}, "_digest": {hiddenAs(page, "_digest")}}
	headers := change(v, form)
	got := v.post(path, form, headers...)
	_, err := x.Host.Workspace(ground.Workspace).Show(context.Background(), id)
	return err != nil, got.String()
}

func (v *visitor) home() *url.URL {
	u, err := url.Parse(v.x.url("/"))
	must(v.x.t, err)
	return u
}

func (v *visitor) session() string {
	for _, c := range v.Jar.Cookies(v.home()) {
		if c.Name == "credhost" {
			return c.Value
		}
	}
	return ""
}

func (v *visitor) set(name, value string) {
	v.Jar.SetCookies(v.home(), []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

func (v *visitor) get(path string, headers ...string) answer {
	return v.do("GET", path, nil, headers)
}

// post sends a form, as the page's own are sent.
func (v *visitor) post(path string, form url.Values, headers ...string) answer {
	return v.do("POST", path, form, append([]string{"Origin", v.x.url(""), "Sec-Fetch-Site", "same-origin"}, headers...))
}

func (v *visitor) do(method, path string, form url.Values, headers []string) answer {
	v.x.t.Helper()
	r, err := http.NewRequest(method, v.x.url(path), strings.NewReader(form.Encode()))
	must(v.x.t, err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return v.x.send(v.Client, r)
}

// hidden returns the token of a page's form.
func hidden(page string) string { return hiddenAs(page, "_token") }

// hiddenAs returns what a hidden control of a page has.
func hiddenAs(page, name string) string {
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		return ""
	}
	return m[1]
}
