// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/sdk"
)

// The headers with which a caller says more than HTTP has a word for.
const (
	workspaceHeader = "Credhost-Workspace" // which workspace a key of the host means
	pageHeader      = "Credhost-Page"      // the page's script asks, with a session
)

// tenant is the key of a context's workspace.
type tenant struct{}

// workspaceOf returns the name of the workspace that a request is about; "" of
// the host itself.
func workspaceOf(ctx context.Context) string {
	name, _ := ctx.Value(tenant{}).(string)
	return name
}

// of returns the workspace that a request is about.
func (s *server) of(ctx context.Context) *host.Workspace { return s.h.Workspace(workspaceOf(ctx)) }

// admit finds out who asks and in which workspace, and refuses what it may not
// do. The answer is the request with all that in its context.
func (s *server) admit(to *route, w http.ResponseWriter, r *http.Request) (*http.Request, *failure) {
	if to.action == "" {
		return r, nil
	}
	caller, f := s.caller(r)
	if f != nil {
		return r, f
	}
	from := host.SourceOf(r.Context())
	from.Key, from.Derived = caller.Key, caller.Derived
	ctx := access.With(host.WithSource(r.Context(), from), caller)
	r = r.WithContext(ctx)
	quota := s.access.Allow(caller)
	quota.Header(w.Header())
	if err := quota.Err(); err != nil {
		return r, rated(s.asFailure(ctx, err), err)
	}
	caller, name, f := s.enter(ctx, to, caller, r.Header.Values(workspaceHeader))
	if f != nil {
		return r, f
	}
	r = r.WithContext(context.WithValue(access.With(ctx, caller), tenant{}, name))
	return r, s.allowed(to, caller, name, r)
}

// caller returns who asks: the holder of a key, or the person whose browser
// shows the page.
func (s *server) caller(r *http.Request) (access.Caller, *failure) {
	lines := r.Header["Authorization"]
	if len(lines) == 0 {
		return s.person(r)
	}
	scheme, token, _ := strings.Cut(lines[0], " ")
	if len(lines) > 1 || !strings.EqualFold(scheme, "Bearer") {
		return access.Caller{}, fail("key", "show a key of this host: Authorization: Bearer chk_…").with("WWW-Authenticate", challenge)
	}
	c, err := s.access.Caller(r.Context(), strings.TrimSpace(token))
	return c, s.unknown(r.Context(), err)
}

// How to show a key (RFC 6750, section 3), and what to say of one that is none.
const (
	challenge = `Bearer realm="credhost"`
	mistaken  = challenge + `, error="invalid_token"`
)

// unknown says what is wrong with a key or a session.
func (s *server) unknown(ctx context.Context, err error) *failure {
	var e *sdk.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sdk.Denied):
		return fail("key", err.Error()).with("WWW-Authenticate", mistaken)
	case errors.As(err, &e):
		return rated(s.asFailure(ctx, err), err)
	}
	return s.asFailure(ctx, err)
}

// rated makes a 429 (RFC 6585, section 4) of the failure of who asks too often.
func rated(f *failure, err error) *failure {
	var e *sdk.Error
	if !errors.As(err, &e) || e.Reason != access.ReasonRate {
		return f
	}
	return fail("rate", e.Error()).with("Retry-After", seconds(e.RetryAfter))
}

// person returns who has signed in to the page, whose script must say so in a
// header that no other page can set without being asked, and come from there:
// a browser sends the cookie along with requests of any page.
func (s *server) person(r *http.Request) (access.Caller, *failure) {
	none := fail("key", "show a key: Authorization: Bearer chk_…").with("WWW-Authenticate", challenge)
	if s.cfg.Page == "" || r.Header.Get(pageHeader) != "1" {
		return access.Caller{}, none
	}
	origin, site := r.Header.Get("Origin"), r.Header.Get("Sec-Fetch-Site")
	safe := r.Method == http.MethodGet || r.Method == http.MethodHead
	if origin != s.cfg.Page && !(safe && origin == "") || site != "" && site != "same-origin" {
		return access.Caller{}, fail("origin", "only the host's own page may use a session: others need a key")
	}
	name := "credhost"
	if strings.HasPrefix(s.cfg.Page, "https://") {
		name = "__Host-credhost"
	}
	cookies := r.CookiesNamed(name)
	if len(cookies) != 1 {
		return access.Caller{}, none
	}
	c, err := s.access.Session(r.Context(), cookies[0].Value)
	return c, s.unknown(r.Context(), err)
}

// enter returns the caller as it is in the workspace that a request is about,
// and the workspace.
func (s *server) enter(ctx context.Context, to *route, c access.Caller, named []string) (in access.Caller, workspace string, f *failure) {
	name := ""
	if len(named) > 0 {
		name = named[0]
	}
	switch {
	case len(named) > 1:
		return c, "", fail("invalid", "one request is about one workspace", Fault{Parameter: workspaceHeader, Reason: "invalid", Detail: "must be there once"})
	case name == "" && c.Operator() && to.in == workspaced:
		return c, "", fail("invalid", "this key is of the host itself: say which workspace you mean, with the header "+workspaceHeader,
			Fault{Parameter: workspaceHeader, Reason: sdk.ReasonRequired, Detail: "must name a workspace"})
	case name == "" && c.Operator():
		return c, "", nil
	}
	in, workspace, err := s.access.Enter(ctx, c, name)
	if err != nil {
		return c, "", s.asFailure(ctx, err)
	}
	return in, workspace, nil
}

// anID is what an ID in a path is, of at most 200 characters.
var anID = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]*$`)

func isID(s string) bool { return len(s) <= 200 && anID.MatchString(s) }

// allowed refuses what a caller may not do. What it does not see is not there,
// whatever else it lacks; to find that out takes the same work.
func (s *server) allowed(to *route, c access.Caller, workspace string, r *http.Request) *failure {
	for name := range strings.SplitSeq(to.path, "/") {
		if p, ok := strings.CutPrefix(name, "{"); ok && !isID(r.PathValue(strings.TrimSuffix(p, "}"))) {
			return notFound()
		}
	}
	action := to.action
	if workspace == "" && to.hostAction != "" {
		action = to.hostAction
	}
	id := r.PathValue("credential")
	if id != "" && !c.Sees(id) {
		s.h.Workspace(workspace).Show(r.Context(), "c-"+strings.ToLower(rand.Text()))
		return notFound()
	}
	if err := c.May(action); err != nil {
		return fail("scope", err.Error())
	}
	return nil
}

// crossOrigin answers the question of a browser whether a page may call (Fetch,
// section 3.2), and reports whether the request was that. The pages of origins
// that are not named get no leave; their requests carry no key of ours, since a
// browser asks first.
func (s *server) crossOrigin(w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	if len(s.cfg.Origins) > 0 {
		h.Add("Vary", "Origin")
	}
	origin := r.Header.Get("Origin")
	if !slices.Contains(s.cfg.Origins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Access-Control-Expose-Headers", strings.Join(exposed, ", "))
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH, DELETE")
	h.Set("Access-Control-Allow-Headers", strings.Join(askable, ", "))
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// What a page of another origin may see of an answer, and send, besides what
// Fetch allows anyway.
var (
	exposed = []string{"ETag", "Link", "Location", "Retry-After", "RateLimit", "RateLimit-Policy", "WWW-Authenticate", requestHeader, replayedHeader}
	askable = []string{"Accept-Language", "Authorization", "Content-Type", "If-Match", "If-None-Match", "Last-Event-ID", onceHeader, workspaceHeader}
)
