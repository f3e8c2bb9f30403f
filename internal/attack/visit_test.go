// SPDX-License-Identifier: Apache-2.0

package attack_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/defence"
)

// The attacks on who finishes a visit, in which browser, how often and when.
func TestWhoComesBack(t *testing.T) {
	t.Parallel()
	try(t, []attack{
		// Eve approves, and has anna's browser bring her code: a credential
		// that anna fills with her work is eve's (RFC 6749, section 10.12).
		{"login CSRF", []defence.Defence{defence.Actor, defence.Cookie}, func(s *scene) bool {
			id := s.credential("mallory", good, "")
			s.anna.visit(s.back(s.eve, id).url.String())
			return s.account(id) == "eve@"+good
		}},
		{"login CSRF at a desk that all share", []defence.Defence{defence.Cookie}, func(s *scene) bool {
			s.shared = true
			id := s.credential("mallory", good, "")
			s.anna.visit(s.back(s.eve, id).url.String())
			return s.account(id) == "eve@"+good
		}},
		// Eve sends anna the address of the page at the service, where anna
		// approves: eve's credential is anna's account. PKCE and state are all
		// in order (COSF).
		{"a victim completes the attacker's visit", []defence.Defence{defence.Actor, defence.Cookie}, func(s *scene) bool {
			id := s.credential("mallory", good, "")
			page := s.eve.visit(connect(id), good)
			s.anna.visit(page.url.String())
			return s.account(id) == "anna@"+good
		}},
		{"a victim completes it at a desk that all share", []defence.Defence{defence.Cookie}, func(s *scene) bool {
			s.shared = true
			id := s.credential("mallory", good, "")
			page := s.eve.visit(connect(id), good)
			s.anna.visit(page.url.String())
			return s.account(id) == "anna@"+good
		}},
		{"another person in the same browser", []defence.Defence{defence.Actor}, func(s *scene) bool {
			id := s.credential("mallory", good, "")
			back := s.back(s.anna, id)
			s.anna.store(ours, &http.Cookie{Name: "session", Value: "eve", Path: "/", Secure: true})
			s.anna.visit(back.url.String())
			return s.account(id) != ""
		}},
		// A host of the same domain that eve controls sets eve's cookie in
		// anna's browser.
		{"a cookie tossed from a sibling domain", []defence.Defence{defence.HostOnly}, func(s *scene) bool {
			s.shared = true
			id := s.credential("mallory", good, "")
			back := s.back(s.eve, id)
			tossed := *s.flow(id).Cookie
			tossed.Domain = "host.example"
			s.anna.store(cafe, &tossed)
			s.anna.visit(back.url.String())
			return s.account(id) == "eve@"+good
		}},
		// A service that sees a code twice takes it for stolen, and revokes
		// what came of it (RFC 6749, section 4.1.2).
		{"replay", []defence.Defence{defence.Once}, func(s *scene) bool {
			back := s.back(s.anna, s.credential("mallory", good, ""))
			s.anna.visit(back.url.String())
			s.anna.visit(back.url.String())
			return s.good.reused > 0
		}},
		{"long after", []defence.Defence{defence.InTime}, func(s *scene) bool {
			id := s.credential("mallory", good, "")
			back := s.back(s.anna, id)
			s.advance(11 * time.Minute)
			s.anna.visit(back.url.String())
			return s.account(id) != ""
		}},
		{"a callback of another type", []defence.Defence{defence.Path}, func(s *scene) bool {
			id := s.credential("mallory", good, "")
			back := s.back(s.anna, id).url
			back.Path = strings.Replace(back.Path, "mallory", "other", 1)
			s.anna.visit(back.String())
			return s.account(id) != ""
		}},
		{"a callback of another tenant", []defence.Defence{defence.Path}, func(s *scene) bool {
			id := s.credential("mallory", good, "")
			back := s.back(s.anna, id).url
			back.Path = strings.Replace(back.Path, "acme", "umbrella", 1)
			s.anna.visit(back.String())
			return s.account(id) != ""
		}},
	})
}

// The attacks that end a person's visit, or use it up, without their doing.
func TestWhatUsesUpAVisit(t *testing.T) {
	t.Parallel()
	spoilt := func(s *scene, id string, back page, spoil func(address string)) bool {
		spoil(back.url.String())
		s.anna.visit(back.url.String())
		_, err := s.finished()
		return err != nil
	}
	ahead := func(name, value string) func(s *scene) bool {
		return func(s *scene) bool {
			id := s.credential("mallory", good, "")
			return spoilt(s, id, s.back(s.anna, id), func(address string) {
				s.anna.send(http.MethodGet, address, http.Header{name: {value}})
			})
		}
	}
	visited := []defence.Defence{defence.Visited}
	try(t, []attack{
		// Eve has seen the state, in a log, say, and no cookie.
		{"burning by a stranger", []defence.Defence{defence.CheckOnce}, func(s *scene) bool {
			id := s.credential("mallory", good, "")
			back := s.back(s.anna, id)
			return spoilt(s, id, back, func(string) {
				s.eve.visit(ours + back.url.Path + "?error=access_denied&state=" + back.query("state"))
			})
		}},
		{"burning by a stranger with a code", []defence.Defence{defence.CheckOnce}, func(s *scene) bool {
			id := s.credential("mallory", good, "")
			back := s.back(s.anna, id)
			return spoilt(s, id, back, func(string) { s.eve.visit(ours + back.url.Path + "?code=x&state=" + back.query("state")) })
		}},
		// Anna's own browser is led there, with an error that the service has
		// not said.
		{"an error from somebody else", []defence.Defence{defence.Issuer}, func(s *scene) bool {
			id := s.credential("strict", good, "")
			back := s.back(s.anna, id)
			return spoilt(s, id, back, func(string) {
				s.anna.visit(ours + back.url.Path + "?error=access_denied&state=" + back.query("state"))
			})
		}},
		{"a program that looks ahead with HEAD", visited, func(s *scene) bool {
			id := s.credential("mallory", good, "")
			return spoilt(s, id, s.back(s.anna, id), func(address string) { s.anna.send(http.MethodHead, address, nil) })
		}},
		{"a form that is posted", visited, func(s *scene) bool {
			id := s.credential("mallory", good, "")
			return spoilt(s, id, s.back(s.anna, id), func(address string) { s.anna.send(http.MethodPost, address, nil) })
		}},
		{"a browser that looks ahead", visited, ahead("Sec-Purpose", "prefetch;prerender")},
		{"an older browser that looks ahead", visited, ahead("Purpose", "prefetch")},
		{"a frame", visited, ahead("Sec-Fetch-Dest", "iframe")},
		{"an image", visited, ahead("Sec-Fetch-Dest", "image")},
		{"a script", visited, ahead("Sec-Fetch-Mode", "cors")},
		// Eve begins visits until the store is full.
		{"a flood of visits", []defence.Defence{defence.Limits}, func(s *scene) bool {
			id := s.credential("mallory", good, "")
			for range 30 {
				s.eve.send(http.MethodGet, connect(id), nil)
			}
			all, err := s.store.List(s.t.Context(), host.Query{Workspace: "acme", Kind: host.KindFlow})
			if err != nil {
				s.t.Fatal(err)
			}
			return len(all) > 20
		}},
	})
}
