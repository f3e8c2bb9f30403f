// SPDX-License-Identifier: Apache-2.0

// Package plugintest tests credential plugins. Every plugin should pass:
//
//	func TestPlugin(t *testing.T) {
//		plugintest.Run(t, plugintest.Suite{
//			New:     func() sdk.Plugin { return acme{} },
//			Service: http.HandlerFunc(standIn),
//			Answers: map[string]sdk.Values{"key": {"apiKey": "s3cret-of-acme"}},
//		})
//	}
//
// The service is a stand-in: a handler that takes the sample answers and
// refuses all others, as the real one would. The suite routes every connection
// of the plugin there, whatever its origin, so a plugin with fixed addresses
// needs no change; nothing reaches a network.
//
// A plugin in another language is tested in the same way, as the program that it
// is: set Suite.Program in the place of New.
//
// All tests of a plugin in Go run twice: in process, with a new plugin for every call, and over
// the connection that a host uses, with one plugin for all. They ask what a
// person would meet: does a wrong secret say so, does a service that is down,
// does the credential go where the schema says and nowhere else, does a secret
// that the service echoes turn up in an error or in what is printed?
//
// What fails says what to change. A test that does not apply is not run.
package plugintest

import (
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/credhost/credhost/sdk"
)

// A Suite says what to test. New or Program, and Answers, are required, and
// Service is if the plugin reaches one. Leave the rest out until a test asks
// for it.
type Suite struct {
	// New returns the plugin. It is called often: a plugin keeps nothing.
	New func() sdk.Plugin

	// Program is the command line of a plugin program, in whatever language,
	// to be tested in the place of New. It is started as a host starts it, with
	// nothing in its environment but what docs/protocol.md names; and whether
	// it starts and ends as that page demands is tested, too. Type is which of
	// its types is meant; empty: it has one.
	Program []string
	Type    string

	// Service stands in for the service. It must refuse secrets that it does
	// not know, and be safe for concurrent use. A request's Host says which
	// origin it is for; its TLS is nil, or has the client certificate that a
	// host would present (see [sdk.Schema.ClientCertificate]).
	Service http.Handler

	// TCP stands in for what is behind tcp:// origins. It owns the connection.
	TCP func(conn net.Conn)

	// Answers are sets of answers that the stand-in accepts, by a name for
	// each way to authenticate. Together they should answer every field. Make
	// secrets long enough to be told from other text.
	Answers map[string]sdk.Values

	// Old are answers to older versions of the schema, by version. It is for
	// an [sdk.Upgrader].
	Old map[int][]sdk.Values

	// Wrong are wrong answers to secret fields, where changing a few letters
	// of the right one does not make a wrong one: a private key, say. The
	// certificate of a wrong key belongs here, too.
	Wrong sdk.Values

	// Approve does at an approval's page what a person does there, and returns
	// the service's redirect back to the host; in a device flow what it returns
	// is ignored. Nil: opens the page, which sends the person back at once; in
	// a device flow with the code as the parameter user_code.
	Approve func(browser *http.Client, a sdk.Approval) (*http.Response, error)

	// Forbidden answers as the service does when the credential lacks a
	// permission. Nil: with the status 403.
	Forbidden http.Handler

	// Request returns a request that the stand-in takes with a grant for these
	// answers, and refuses without. Nil: grants are tested only by the
	// plugin's own Test.
	Request func(in sdk.Input) *http.Request

	// Random says that Sign uses random numbers, so that two signatures of one
	// request differ.
	Random bool

	// Outlives says that a grant outlives its revocation for a while.
	Outlives bool

	// Patience is how long a call may go on when its ctx has ended. Zero: 5 s.
	Patience time.Duration
}

// Run runs the suite. It captures what is printed and reroutes
// [http.DefaultTransport] meanwhile, so it cannot be part of a parallel test.
func Run(t *testing.T, s Suite) {
	t.Helper()
	t.Setenv("CREDHOST_PLUGINTEST", "1") // panics in a parallel test
	run(real{t}, s)
}

// run is Run, for tests that may be watched.
func run(t tb, s Suite) {
	t.Helper()
	if (s.New == nil) == (len(s.Program) == 0) || len(s.Answers) == 0 {
		t.Fatalf("Suite: set New or Program, and at least one set of Answers")
	}
	if s.Patience == 0 {
		s.Patience = 5 * time.Second
	}
	if len(s.Program) > 0 {
		s.New = s.described(t)
		t.Run("Program", s.checkProgram)
	}
	defer installTransport()()
	t.Run("Schema", s.checkSchema)
	if t.Failed() {
		return // nothing else can be relied on
	}
	if len(s.Program) > 0 {
		t.Run("AsAProcess", func(t tb) { s.over(t, newAsAProcess) })
		return
	}
	t.Run("InProcess", func(t tb) { s.over(t, newInProcess) })
	t.Run("OverTheWire", func(t tb) { s.over(t, newOverTheWire) })
}

// over runs everything that depends on the way to the plugin.
func (s *Suite) over(t tb, connect func(tb, *Suite, *network) way) {
	n := newNetwork(t, s)
	w := connect(t, s, n)
	for _, name := range sortedKeys(s.Answers) {
		t.Run(name, func(t tb) {
			c := newChecks(t, s, n, w, s.Answers[name])
			c.all(t)
		})
	}
	s.checkUpgrades(t, n, w)
	if s.New().Schema().ReuseSeconds > 0 && !n.kept.Load() && !t.Failed() {
		t.Errorf("ReuseSeconds is set, but no grant has a State: there is nothing that a service could take again")
	}
}

// all runs the checks of one set of answers.
func (c *checks) all(t tb) {
	c.run(t, "Grant", c.checkGrant)
	if t.Failed() {
		return // the others need one
	}
	c.run(t, "Renewal", c.checkRenewal)
	c.run(t, "Reuse", c.checkReuse)
	c.run(t, "Memory", c.checkMemory)
	c.run(t, "Concurrent", c.checkConcurrent)
	c.run(t, "Cancelled", c.checkCancelled)
	if c.connects {
		c.run(t, "Connect", c.checkConnect)
		c.run(t, "Callback", c.checkCallback)
	}
	if c.can.Test {
		c.run(t, "Test", c.checkTest)
	}
	if c.can.Sign {
		c.run(t, "Sign", c.checkSign)
	}
	if c.s.Request != nil {
		c.run(t, "Request", c.checkRequest)
	}
	if c.can.Suggest {
		c.run(t, "Suggest", c.checkSuggest)
	}
	if c.can.Revoke {
		c.run(t, "Revoke", c.checkRevoke)
	}
	c.checkWrong(t)
	c.checkWithout(t)
	c.checkFaults(t)
	c.checkEcho(t)
	if _, ok := c.w.(inProcess); ok {
		c.run(t, "Leaks", c.checkLeaks)
	}
}
