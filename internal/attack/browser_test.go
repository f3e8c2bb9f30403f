// SPDX-License-Identifier: Apache-2.0

package attack_test

import (
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// A browser is a person's. It keeps the rules of real ones that the attacks are
// about: cookies with the prefix __Host- come from their very host alone, and
// cookies with SameSite=Lax go along on visits of pages alone. One test checks
// with a real browser that these are the rules.
type browser struct {
	t      *testing.T
	jar    http.CookieJar
	net    http.Handler // the whole internet
	client *http.Client
	seen   []*url.URL // the pages that it was led to
}

func newBrowser(t *testing.T, internet http.Handler, who string) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{t: t, jar: jar, net: internet}
	b.client = &http.Client{Transport: b, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, origin := range []string{good, bad} {
		b.store(origin, &http.Cookie{Name: "person", Value: who, Path: "/", Secure: true})
	}
	b.store(ours, &http.Cookie{Name: "session", Value: who, Path: "/", Secure: true, HttpOnly: true})
	return b
}

// store keeps a cookie that a host sets.
func (b *browser) store(origin string, k *http.Cookie) {
	if strings.HasPrefix(k.Name, "__Host-") && (k.Domain != "" || k.Path != "/" || !k.Secure) {
		return
	}
	u, err := url.Parse(origin)
	if err != nil {
		b.t.Fatal(err)
	}
	b.jar.SetCookies(u, []*http.Cookie{k})
}

// RoundTrip implements [http.RoundTripper].
func (b *browser) RoundTrip(r *http.Request) (*http.Response, error) {
	in := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), r.Body)
	in.Header = r.Header.Clone()
	for _, k := range b.jar.Cookies(r.URL) {
		in.AddCookie(k)
	}
	w := httptest.NewRecorder()
	b.net.ServeHTTP(w, in)
	resp := w.Result()
	for _, k := range resp.Cookies() {
		b.store(r.URL.String(), k)
	}
	return resp, nil
}

// A page is what a browser shows in the end.
type page struct {
	status int
	url    *url.URL
}

func (p page) query(name string) string { return p.url.Query().Get(name) }

// visit goes to an address, and wherever that leads. A stop keeps it from going
// to an address that has it as its beginning.
func (b *browser) visit(address string, stops ...string) page {
	b.t.Helper()
	return b.travel(http.MethodGet, address, nil, stops)
}

// send makes one request, which leads nowhere.
func (b *browser) send(method, address string, header http.Header) page {
	b.t.Helper()
	return b.travel(method, address, header, []string{"https://"})
}

func (b *browser) travel(method, address string, header http.Header, stops []string) page {
	b.t.Helper()
	for range 20 {
		r, err := http.NewRequestWithContext(context.Background(), method, address, nil)
		if err != nil {
			b.t.Fatal(err)
		}
		for name, values := range header {
			r.Header[name] = values
		}
		resp, err := b.client.Do(r)
		if err != nil {
			b.t.Fatal(err)
		}
		resp.Body.Close()
		b.seen = append(b.seen, r.URL)
		to, err := resp.Location()
		if err != nil {
			return page{resp.StatusCode, r.URL}
		}
		for _, stop := range stops {
			if strings.HasPrefix(to.String(), stop) {
				return page{resp.StatusCode, to}
			}
		}
		address = to.String()
	}
	b.t.Fatal("the browser was sent around in circles")
	return page{}
}
