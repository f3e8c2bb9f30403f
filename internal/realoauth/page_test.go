// SPDX-License-Identifier: Apache-2.0

package realoauth_test

import (
	"context"
	"crypto/tls"
	"html"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/credhost/credhost/host/web"
)

// A browser visits the page under its own name, and keeps its cookies.
type browser struct {
	t *testing.T
	*http.Client
}

func newBrowser(t *testing.T, page http.Handler) browser {
	t.Helper()
	srv := httptest.NewTLSServer(page)
	t.Cleanup(srv.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return browser{t, &http.Client{Jar: jar, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the name is not its own
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, srv.Listener.Addr().String())
		},
	}}}
}

// do sends a request as a browser would, and returns the page that comes.
func (b browser) do(method, address string, form url.Values) (status int, text string) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://host.example")
	}
	resp, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// found returns what a pattern finds in a page.
func (b browser) found(pattern, text string) string {
	b.t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		b.t.Fatalf("there is no %s in:\n%s", pattern, text)
	}
	return html.UnescapeString(m[1])
}

// People sign in to the page at a provider that others wrote, and are who they
// are there; whoever is brought the address of somebody else's sign-in is nobody.
func TestSignInOnThePage(t *testing.T) {
	t.Parallel()
	const back = "https://host.example/signin/callback/corp"
	d := openDoorAt(t, back)
	page, err := web.New(web.Config{Host: d.host, Access: d.Access, Origin: "https://host.example", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	mine, victim := newBrowser(t, page), newBrowser(t, page)
	arrive := func(login string) string {
		t.Helper()
		_, text := mine.do("GET", "https://host.example/signin?next=/w/default/keys", nil)
		token := mine.found(`name="_token" value="([^"]+)"`, text)
		status, text := mine.do("POST", "https://host.example/signin/with/corp", url.Values{"_token": {token}, "next": {"/w/default/keys"}})
		if status != http.StatusOK {
			t.Fatalf("the way to the provider is %d:\n%s", status, text)
		}
		address := mine.found(`http-equiv="refresh" content="0; url=([^"]+)"`, text)
		arrived, err := newPerson(d.front, login).approve(address, back)
		if err != nil {
			t.Fatal(err)
		}
		return arrived.String()
	}

	address := arrive("grace")
	if status, text := victim.do("GET", address, nil); status < 400 || strings.Contains(text, "grace") {
		t.Errorf("another browser is let in by the address: %d", status)
	}
	if status, text := victim.do("GET", "https://host.example/w/default/keys", nil); strings.Contains(text, "grace") {
		t.Errorf("another browser is somebody: %d", status)
	}
	status, text := mine.do("GET", address, nil)
	if status != http.StatusOK || !strings.Contains(text, `content="0; url=/w/default/keys"`) {
		t.Errorf("after the provider comes %d:\n%s", status, text)
	}
	if status, text = mine.do("GET", "https://host.example/w/default/keys", nil); status != http.StatusOK || !strings.Contains(text, "grace@example.com") {
		t.Errorf("signed in, the page of keys is %d:\n%s", status, text)
	}

	if status, text = victim.do("GET", "https://host.example/signin", nil); status != http.StatusOK {
		t.Errorf("the page to sign in on is %d:\n%s", status, text)
	}
	mine = newBrowser(t, page)
	if status, text = mine.do("GET", arrive("eve"), nil); status != http.StatusForbidden {
		t.Errorf("an address of mail that is not verified is let in: %d\n%s", status, text)
	}
}
