// SPDX-License-Identifier: Apache-2.0

package attack_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// begun reports whether the host sends anna to the page of a trick.
func begun(trick string) func(s *scene) bool {
	return func(s *scene) bool {
		id := s.credential("mallory", good, trick)
		s.back(s.anna, id)
		return s.flow(id).URL != ""
	}
}

// The attacks of a plugin that sends people to a page of its choice.
func TestWhereAPluginSendsPeople(t *testing.T) {
	t.Parallel()
	try(t, []attack{
		{"a page elsewhere", []defence.Defence{defence.Page}, func(s *scene) bool {
			s.anna.visit(connect(s.credential("mallory", good, "page")))
			return s.anna.went(evil)
		}},
		{"a redirect URI elsewhere", []defence.Defence{defence.Redirect}, func(s *scene) bool {
			s.anna.visit(connect(s.credential("mallory", good, "redirect")))
			return len(s.evil.gathered) > 0
		}},
		{"a second redirect URI", []defence.Defence{defence.Redirect, defence.Single}, func(s *scene) bool {
			s.anna.visit(connect(s.credential("mallory", good, "redirects")))
			return len(s.evil.gathered) > 0
		}},
		{"a request that overrides the redirect URI", []defence.Defence{defence.Redirect}, func(s *scene) bool {
			s.anna.visit(connect(s.credential("mallory", good, "request")))
			return len(s.evil.gathered) > 0
		}},
		// Eve has seen a code of anna's, and brings it in a visit of her own.
		{"code injection where PKCE was dropped", []defence.Defence{defence.Challenge}, func(s *scene) bool {
			return s.inject(s.credential("mallory", good, "unchallenged"))
		}},
		// Eve sees the address of the page, and with it the verifier.
		{"a challenge in the clear", []defence.Defence{defence.Challenge, defence.Secrets}, func(s *scene) bool {
			back := s.back(s.anna, s.credential("mallory", good, "plain"))
			verifier := ""
			for _, u := range s.anna.seen {
				verifier += u.Query().Get("code_challenge")
			}
			return s.steal(back.query("code"), verifier)
		}},
		{"pushed parameters without a challenge", []defence.Defence{defence.Challenge}, func(s *scene) bool {
			return s.inject(s.credential("mallory", good, "pushed-unchallenged"))
		}},
		{"parameters that nobody has pushed", []defence.Defence{defence.Pushed}, begun("invented")},
		{"a token in place of a code", []defence.Defence{defence.CodeOnly}, func(s *scene) bool {
			s.anna.visit(connect(s.credential("mallory", good, "implicit")))
			for _, u := range s.anna.seen {
				if u.Query().Has("access_token") {
					return true // in the history, and in every log on the way
				}
			}
			return false
		}},
		{"an answer that is posted", []defence.Defence{defence.CodeOnly}, begun("posted")},
		{"a fragment", []defence.Defence{defence.CodeOnly}, begun("fragment")},
		{"a secret in the address", []defence.Defence{defence.Secrets}, func(s *scene) bool {
			s.back(s.anna, s.credential("mallory", good, "secret"))
			for _, u := range s.anna.seen {
				if strings.Contains(u.String(), "EXAMPLE-secret") {
					return true
				}
			}
			return false
		}},
		{"an open redirect", []defence.Defence{defence.Returns}, func(s *scene) bool {
			id := s.credential("mallory", good, "")
			s.anna.visit(connect(id) + "&return=" + url.QueryEscape(evil+"/phish"))
			return s.anna.went(evil)
		}},
	})
}

// went reports whether a browser was led to an origin.
func (b *browser) went(origin string) bool {
	for _, u := range b.seen {
		if sdk.OriginOf(u) == origin {
			return true
		}
	}
	return false
}

// inject has eve bring a code of anna's in a visit of her own, and reports
// whether her credential is anna's account then.
func (s *scene) inject(id string) bool {
	s.t.Helper()
	stolen := s.back(s.anna, id).query("code")
	back := s.back(s.eve, id).url
	q := back.Query()
	q.Set("code", stolen)
	back.RawQuery = q.Encode()
	s.eve.visit(back.String())
	return stolen != "" && s.account(id) == "anna@"+good
}

// steal trades a code at the honest service, as a public client.
func (s *scene) steal(code, verifier string) bool {
	s.good.mu.Lock()
	defer s.good.mu.Unlock()
	c := s.good.codes[code]
	return c != nil && c.takes(url.Values{"redirect_uri": {c.redirect}, "code_verifier": {verifier}})
}

// Where a service binds codes to challenges, a code that was stolen is worth
// nothing in a visit of the thief's: the plugin need only be honest.
func TestCodeInjectionAgainstPKCE(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, trick := range []string{"", "pushed"} {
		if s.inject(s.credential("mallory", good, trick)) {
			t.Errorf("with the trick %q, a stolen code was traded", trick)
		}
	}
	if bare := newScene(t); !bare.inject(bare.credential("bare", good, "unchallenged")) {
		t.Error("a type that says that its service takes no PKCE does not do without it")
	}
}

// A plugin can send a code only where the answers may go. There is no switch
// for this defence: what the operator trusts decides. The type loose names the
// attacker's address among its origins, where whoever trusts it sees it.
func TestAPluginThatLeaksTheCode(t *testing.T) {
	t.Parallel()
	for typ, leaks := range map[string]bool{"loose": true, "mallory": false} {
		s := newScene(t)
		back := s.back(s.anna, s.credential(typ, good, "leak"))
		s.anna.visit(back.url.String())
		if s.evil.has(back.query("code")) != leaks {
			t.Errorf("%s: that the attacker got the code is %v, want %v", typ, !leaks, leaks)
		}
	}
}

// A plugin that says that it has revoked, and has not, is found out: what
// counts is what was seen.
func TestAPluginThatLiesAboutRevocation(t *testing.T) {
	t.Parallel()
	for trick, want := range map[string]host.Fate{"": host.FateDead, "lie": host.FateAlive} {
		s := newScene(t)
		id := s.credential("mallory", good, trick)
		s.anna.visit(connect(id))
		r, err := s.ws.Revoke(t.Context(), id)
		if r.Grant != want || (err != nil) != (want == host.FateAlive) {
			t.Errorf("with the trick %q, Revoke = %+v, %v", trick, r, err)
		}
	}
}
