// SPDX-License-Identifier: Apache-2.0

package realoauth_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// A person sits in front of a browser without script, in which nobody has
// signed in yet.
type person struct {
	login   string
	browser *http.Client
}

func newPerson(f *front, login string) person {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic(err) // it never does
	}
	return person{login: login, browser: &http.Client{Transport: f.Client().Transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// approve opens a page, fills in whatever form comes, and goes on until the
// provider sends the browser back to a page below home, which it returns. The
// error has the status and the text of a page that leads no further.
func (p person) approve(page, home string) (*url.URL, error) {
	r, err := http.NewRequest(http.MethodGet, page, nil)
	for range 20 {
		if err != nil {
			return nil, err
		}
		resp, err := p.browser.Do(r)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return nil, err
		}
		if to, err := resp.Location(); err == nil {
			if strings.HasPrefix(to.String(), home) {
				return to, nil
			}
			r, _ = http.NewRequest(http.MethodGet, to.String(), nil)
			continue
		}
		if r = p.fill(resp, string(body)); r == nil {
			return nil, fmt.Errorf("a page of %s leads no further: %s", resp.Request.URL.Path, resp.Status)
		}
	}
	return nil, errors.New("the pages never end")
}

// fill fills in the first form of a page, and returns what its button sends;
// nil if there is none.
func (p person) fill(resp *http.Response, page string) *http.Request {
	root, err := html.Parse(strings.NewReader(page))
	if err != nil || resp.StatusCode != http.StatusOK {
		return nil
	}
	var form *html.Node
	answers := url.Values{}
	for n := range root.Descendants() {
		switch {
		case n.Type == html.ElementNode && n.Data == "form" && form == nil:
			form = n
		case n.Type == html.ElementNode && n.Data == "input" && attr(n, "name") == "login":
			answers.Set("login", p.login)
		case n.Type == html.ElementNode && n.Data == "input" && attr(n, "name") == "password":
			answers.Set("password", "EXAMPLE-password")
		case n.Type == html.ElementNode && n.Data == "input" && attr(n, "name") != "":
			answers.Set(attr(n, "name"), attr(n, "value"))
		}
	}
	if form == nil {
		return nil
	}
	to, err := resp.Request.URL.Parse(attr(form, "action"))
	if err != nil {
		return nil
	}
	r, err := http.NewRequest(http.MethodPost, to.String(), strings.NewReader(answers.Encode()))
	if err != nil {
		return nil
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
