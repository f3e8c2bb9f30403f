// SPDX-License-Identifier: Apache-2.0

package attack_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// mixUp has anna connect a credential at the attacker's service, which passes
// her on to the honest one (RFC 9700, section 4.4). It reports whether the
// attacker got the code that she brings from there.
func mixUp(typ, trick string, silent bool) func(s *scene) bool {
	return func(s *scene) bool {
		s.bad.set(func(x *service) { x.passesTo, x.promises = good, true })
		s.good.set(func(x *service) { x.silent = silent })
		id := s.credential(typ, bad, trick)
		back := s.back(s.anna, id)
		s.anna.visit(back.url.String())
		return s.bad.has(back.query("code"))
	}
}

// The attacks on what comes back, and on where it goes then.
func TestWhatComesBack(t *testing.T) {
	t.Parallel()
	issuer := []defence.Defence{defence.Issuer}
	changed := func(change func(q url.Values)) func(s *scene) bool {
		return func(s *scene) bool {
			id := s.credential("mallory", good, "")
			back := s.back(s.anna, id).url
			q := back.Query()
			change(q)
			back.RawQuery = q.Encode()
			s.anna.visit(back.String())
			return s.account(id) != ""
		}
	}
	try(t, []attack{
		{"mix-up with an issuer", issuer, mixUp("mallory", "", false)},
		{"mix-up without an issuer, of a type that names it", issuer, mixUp("strict", "", true)},
		{"mix-up without an issuer, that the metadata promises", issuer, mixUp("mallory", "metadata", true)},
		{"two codes", []defence.Defence{defence.Single}, changed(func(q url.Values) { q.Add("code", "eve's") })},
		{"two states", []defence.Defence{defence.Single}, changed(func(q url.Values) { q.Add("state", "eve's") })},
		{"a code and an error", []defence.Defence{defence.CodeOnly}, func(s *scene) bool {
			changed(func(q url.Values) { q.Set("error", "access_denied") })(s)
			_, err := s.finished()
			return err != nil && strings.Contains(err.Error(), "not approved") // one of the two was taken
		}},
		{"a token beside the code", []defence.Defence{defence.CodeOnly}, changed(func(q url.Values) { q.Set("access_token", "eve's") })},
		// Eve may edit the credential that anna is connecting. It has no
		// secret, so that she is asked for none.
		{"the token endpoint moved to another origin", []defence.Defence{defence.Answers}, func(s *scene) bool {
			id := s.credential("mallory", good, "")
			back := s.back(s.anna, id)
			s.edit(id, sdk.Values{"issuer": bad})
			s.anna.visit(back.url.String())
			return s.bad.has(back.query("code"))
		}},
		{"the token endpoint moved to another tenant", []defence.Defence{defence.Answers}, func(s *scene) bool {
			id := s.credential("mallory", good, "")
			back := s.back(s.anna, id)
			s.edit(id, sdk.Values{"issuer": other})
			s.anna.visit(back.url.String())
			return s.good.has("other:" + back.query("code"))
		}},
	})
}

func (s *scene) edit(id string, values sdk.Values) {
	s.t.Helper()
	if err := s.ws.Update(s.t.Context(), id, host.Patch{Values: values}); err != nil {
		s.t.Fatal(err)
	}
}

// In a device flow nothing comes back, so that nothing ties the person who
// approves to the one who began (RFC 8628, section 5.4). What a host can do is
// to bound the time, and who may gather the grant.
func TestDevicePhishing(t *testing.T) {
	t.Parallel()
	phish := func(after time.Duration, who host.Actor) func(s *scene) bool {
		return func(s *scene) bool {
			ctx := defence.Without(t.Context(), s.off...)
			id := s.credential("mallory", good, "device")
			flow, err := s.ws.Connect(ctx, id, "eve")
			if err != nil {
				s.t.Fatal(err)
			}
			s.advance(after)
			s.anna.visit(flow.URL + "?user_code=" + flow.UserCode)
			s.ws.Await(ctx, flow, who)
			return s.account(id) == "anna@"+good
		}
	}
	try(t, []attack{
		{"approved long after", []defence.Defence{defence.InTime}, phish(11*time.Minute, "eve")},
		{"gathered by somebody else", []defence.Defence{defence.Actor}, phish(0, "mallory")},
	})
}

// Who comes back to another workspace finds nothing there, whatever is off: the
// flow is a record of its own workspace.
func TestAStateOfAnotherWorkspace(t *testing.T) {
	t.Parallel()
	s := newScene(t, defence.Path, defence.Actor, defence.Cookie, defence.Issuer)
	id := s.credential("mallory", good, "")
	back := s.back(s.anna, id)
	acme := s.ws
	s.ws = s.host.Workspace("umbrella")
	s.anna.visit(back.url.String())
	if _, err := s.finished(); err == nil {
		t.Error("a visit was finished in another workspace")
	}
	if s.ws = acme; s.account(id) != "" {
		t.Error("the credential was connected")
	}
}

// What makes attacks fail lets honest visits through: pushed parameters, a
// service that says who it is, and one that its metadata speaks for.
func TestHonestVisits(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.good.set(func(x *service) { x.promises = true })
	for _, trick := range []string{"", "pushed", "metadata"} {
		for _, typ := range []string{"mallory", "strict", "bare"} {
			id := s.credential(typ, good, trick)
			if s.anna.visit(connect(id)); s.account(id) != "anna@"+good {
				_, err := s.finished()
				t.Errorf("%s, with the trick %q: %v", typ, trick, err)
			}
		}
	}
	s.good.set(func(x *service) { x.silent = true })
	for typ, works := range map[string]bool{"mallory": true, "strict": false} {
		id := s.credential(typ, good, "")
		if s.anna.visit(connect(id)); (s.account(id) != "") != works {
			t.Errorf("%s, at a service that does not say who it is: connected as %q", typ, s.account(id))
		}
	}
}
