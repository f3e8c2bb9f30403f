// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"

	"github.com/credhost/credhost/internal/wire"
	"github.com/credhost/credhost/sdk"
)

// redirectURL is where the person comes back to.
const redirectURL = "https://host.example/connect/acme/type"

// A visit is one visit of a person to the approval's page.
type visit struct {
	in sdk.Input
	cb sdk.Callback
	a  sdk.Approval
}

// begin calls Connect.
func (c *checks) begin(t tb, ctx context.Context, values sdk.Values) (v visit, o outcome) {
	t.Helper()
	v.in = c.input(values, nil)
	v.cb = sdk.Callback{RedirectURL: redirectURL, State: token(), Verifier: token()}
	o = c.do(t, ctx, "Connect", v.in, c.reach(v.in, false), func(ctx context.Context, p sdk.Plugin) (err error) {
		v.a, err = p.(sdk.Connector).Connect(ctx, v.in, v.cb)
		return err
	})
	v.cb.Kept = v.a.State
	return v, o
}

// token returns what a host makes: 256 bits as 43 characters.
func token() string {
	b := make([]byte, 32)
	rand.Read(b)
	return base64.RawURLEncoding.EncodeToString(b)
}

// exchange calls Exchange with what came back.
func (c *checks) exchange(t tb, ctx context.Context, v visit, query url.Values) (g sdk.Grant, o outcome) {
	t.Helper()
	cb := v.cb
	cb.Query = query
	o = c.do(t, ctx, "Exchange", v.in, c.reach(v.in, false), func(ctx context.Context, p sdk.Plugin) (err error) {
		g, err = p.(sdk.Connector).Exchange(ctx, v.in, cb)
		return err
	})
	return g, o
}

// connect returns the first grant, as a person who approves gets it.
func (c *checks) connect(t tb, values sdk.Values) (sdk.Grant, outcome) {
	t.Helper()
	v, o := c.begin(t, t.Context(), values)
	if o.err != nil {
		return sdk.Grant{}, o
	}
	query, err := c.approve(v)
	if err != nil {
		t.Errorf("the person cannot approve: %v", err)
		return sdk.Grant{}, outcome{0, sdk.Errorf(sdk.Internal, "nobody approved")}
	}
	return c.exchange(t, t.Context(), v, query)
}

// approve does what a person does, and returns what comes back.
func (c *checks) approve(v visit) (url.Values, error) {
	device := v.a.UserCode != ""
	var resp *http.Response
	err := c.browse(func(browser *http.Client) (err error) {
		switch {
		case c.s.Approve != nil:
			resp, err = c.s.Approve(browser, v.a)
		case device:
			resp, err = browser.Get(withParam(v.a.URL, "user_code", v.a.UserCode))
		default:
			resp, err = browser.Get(v.a.URL)
		}
		if resp != nil {
			resp.Body.Close()
		}
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case device:
		return nil, nil
	case resp == nil:
		return nil, errors.New("Suite.Approve returned no response")
	}
	back, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || !strings.HasPrefix(back.String(), redirectURL) {
		return nil, fmt.Errorf("the page answered with status %d and did not send the person back; Suite.Approve can do there what a person does", resp.StatusCode)
	}
	if got := back.Query().Get("state"); got != v.cb.State && got != "" {
		return nil, errors.New("the service sent the person back with another state")
	}
	return back.Query(), nil
}

func withParam(rawURL, name, value string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return rawURL
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// browse calls f with a browser, which sees the stand-in at every origin.
func (c *checks) browse(f func(browser *http.Client) error) error {
	seen := c.n.begin("the browser", nil)
	seen.free, seen.browser = true, true
	defer seen.end(false)
	dial := wire.Dialer(c.n.socket, seen.id)
	dialer := func(scheme string) func(ctx context.Context, network, addr string) (net.Conn, error) {
		return func(ctx context.Context, _, addr string) (net.Conn, error) {
			return dial(ctx, sdk.Origin(scheme+"://"+addr))
		}
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DialContext: dialer("http"), DialTLSContext: dialer("https"), DisableKeepAlives: true}
	return f(&http.Client{Jar: jar, Transport: transport, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), redirectURL) || len(via) > 10 {
			return http.ErrUseLastResponse
		}
		return nil
	}})
}

// checkConnect checks where the person is sent, and that what comes back
// works.
func (c *checks) checkConnect(t tb) {
	v, o := c.begin(t, t.Context(), c.values)
	if o.err != nil {
		t.Fatalf("Connect: %v%s", o.err, hint(o))
	}
	c.checkApproval(t, v)
	if v.a.UserCode != "" {
		if _, o := c.exchange(t, t.Context(), v, nil); !errors.Is(o.err, sdk.Unavailable) {
			t.Errorf("Exchange, before the person has approved: got %s, want Unavailable, which means \"not yet\"", codeOf(o.err))
		}
	}
	query, err := c.approve(v)
	if err != nil {
		t.Fatalf("the person cannot approve: %v", err)
	}
	g, o := c.exchange(t, t.Context(), v, query)
	if o.err != nil {
		t.Fatalf("Exchange: %v%s", o.err, hint(o))
	}
	c.sound(t, g)
	c.works(t, g)
}

// checkApproval makes the checks that a host makes.
func (c *checks) checkApproval(t tb, v visit) {
	t.Helper()
	u, err := url.Parse(v.a.URL)
	if err != nil || u.User != nil || u.Scheme != "https" && u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" {
		t.Errorf("the approval's URL is not an https URL without a user")
		return
	}
	if reach := c.reach(v.in, false); !sdk.MatchOrigin(reach, sdk.OriginOf(u)) {
		t.Errorf("the person is sent to %s, which is not among the origins of the schema that the answers may go to (%s)", sdk.OriginOf(u), list(reach))
	}
	if leak := c.leak(v.a.URL); leak != "" {
		t.Errorf("the approval's URL, which everybody on the way sees, has %s", leak)
	}
	if strings.Contains(v.a.URL, v.cb.Verifier) {
		t.Errorf("the approval's URL has the PKCE verifier: send its SHA-256 as code_challenge, with code_challenge_method=S256")
	}
	if v.a.UserCode != "" {
		return
	}
	q := u.Query()
	if q.Has("request_uri") {
		c.checkPushed(t, q)
		return
	}
	sum := sha256.Sum256([]byte(v.cb.Verifier))
	pkce := !c.schema.NoPKCE
	for _, p := range []struct {
		name, want string
		required   bool
	}{
		{"state", v.cb.State, true},
		{"redirect_uri", v.cb.RedirectURL, true},
		{"response_type", "code", true},
		{"response_mode", "query", false},
		{"code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]), pkce},
		{"code_challenge_method", "S256", pkce},
	} {
		if got := q[p.name]; !slices.Equal(got, []string{p.want}) && (p.required || len(got) > 0) {
			t.Errorf("the approval's URL has %d values of %s, want one, which is the callback's", len(got), p.name)
			if pkce && strings.HasPrefix(p.name, "code_challenge") {
				t.Errorf("if the service takes no PKCE, say so in Schema.NoPKCE")
			}
		}
	}
}

// checkPushed checks the URL of an approval whose parameters were pushed (RFC
// 9126): a host has heard them, and wants nothing beside them.
func (c *checks) checkPushed(t tb, q url.Values) {
	t.Helper()
	for name := range q {
		if name != "request_uri" && name != "client_id" {
			t.Errorf("the approval's URL has %s beside request_uri: push all parameters, but for the client_id", name)
		}
	}
}

// checkCallback brings back what is no approval.
func (c *checks) checkCallback(t tb) {
	v, o := c.begin(t, t.Context(), c.values)
	if o.err != nil {
		t.Fatalf("Connect: %v%s", o.err, hint(o))
	}
	if v.a.UserCode != "" {
		v.cb.Kept = []byte("a code that nobody has")
		if _, o := c.exchange(t, t.Context(), v, nil); !errors.Is(o.err, sdk.Denied) {
			t.Errorf("Exchange, of a wrong device code: got %s, want Denied", codeOf(o.err))
		}
		return
	}
	state := []string{v.cb.State}
	for _, back := range []struct {
		what  string
		query url.Values
	}{
		{"of a refusal (error=access_denied)", url.Values{"state": state, "error": {"access_denied"}, "error_description": {said}}},
		{"of an error that is no word of a standard", url.Values{"state": state, "error": {said}}},
		{"of nothing but the state", url.Values{"state": state}},
		{"of a wrong code", url.Values{"state": state, "code": {"a-code-that-nobody-has"}}},
	} {
		if _, o := c.exchange(t, t.Context(), v, back.query); !errors.Is(o.err, sdk.Denied) {
			t.Errorf("Exchange, %s: got %s, want Denied: say \"connect again\"", back.what, codeOf(o.err))
		}
	}
}
