// SPDX-License-Identifier: Apache-2.0

// Package sdk defines what a credential plugin is.
//
// A plugin teaches a host one type of credential: what to ask a person, which
// it declares as a [Schema], and what a request must carry once the person has
// answered, which it returns as a [Grant]. It keeps nothing: the host stores
// the answers, seals them, and hands them back with every call. Restart,
// upgrade and crash cost nothing.
//
// A plugin is any value that implements [Plugin]. The other interfaces of this
// file are optional; a host finds them by type assertion, in its own process
// and across a process boundary alike. Package serve makes a program of a
// plugin, and package plugintest has the tests that every plugin should pass.
//
// # The network
//
// A plugin has no network of its own. Ordinary net/http code works all the
// same, through the host, as long as it uses [net/http.DefaultTransport] (or a
// clone of it) and its requests descend from the ctx of the call. [Dial] is
// the same for other protocols.
//
// # Secrets
//
// [Values], [Input], [Grant] and the other types that hold secrets print as
// the names of what they hold, whatever the verb, and encode to JSON that way
// too. An [Error] never says what its cause said: services echo secrets.
package sdk

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// A Plugin implements one type of credential. It may also be a [Tester], a
// [Connector], a [Signer], a [Revoker], a [Suggester] or an [Upgrader].
//
// All methods must be safe for concurrent use and must return when ctx ends.
// An error should be an [*Error], whose Code says who must act; any other is
// taken for an [Internal] one, and its text does not leave the plugin.
type Plugin interface {
	// Schema describes the type. It has no side effects, and returns the same
	// value for as long as the process lives.
	Schema() Schema

	// Grant answers one question for every scheme there is (an API key, client
	// credentials, a login, a refresh): what must a request carry, to which
	// origins, until when, and what do you want back next time?
	//
	// The host calls it when it holds no grant for a credential, or one about
	// to expire, or one that the service refused (see [Input.Refused]). It
	// makes no two calls at once for the same credential, across all the
	// processes that share its store, so a plugin may spend a refresh token
	// that works only once.
	Grant(ctx context.Context, in Input) (Grant, error)
}

// A Tester can say whether a credential works, by asking its service. A
// credential of a type without one is never said to work, only to be unknown.
//
// [Denied] means that the credential does not work, [Forbidden] that it works
// but lacks a permission, [Unavailable] that the service could not tell.
type Tester interface {
	Test(ctx context.Context, in Input, g Grant) error
}

// A Connector needs a person to approve access in a browser, for the answers
// that [Schema.ConnectWhen] names. The host makes the state and the PKCE
// verifier, and checks the state itself. Both methods may be given a draft.
type Connector interface {
	// Connect says where to send the person.
	Connect(ctx context.Context, in Input, cb Callback) (Approval, error)

	// Exchange trades what the service sent back for the first grant. In a
	// device flow there is nothing to send back; Unavailable then means "not
	// yet", and the host asks again after [Approval.Interval].
	Exchange(ctx context.Context, in Input, cb Callback) (Grant, error)
}

// A Signer adds to a request what depends on the request itself. The host
// calls it last, on the request exactly as it will be sent, only for grants
// whose Sign is not zero, and passes only the parts that Sign names.
type Signer interface {
	Sign(ctx context.Context, in Input, g Grant, r Request) (Signature, error)
}

// A Revoker can make a grant worthless at its service.
type Revoker interface {
	Revoke(ctx context.Context, in Input, g Grant) error
}

// A Suggester can ask the service what a field offers to choose from, for
// fields with a [Field.Suggest]. The input may be a draft, and g is the zero
// Grant if there is none yet. Search is what the person has typed so far.
type Suggester interface {
	Suggest(ctx context.Context, in Input, g Grant, f Field, search string) ([]Option, error)
}

// An Upgrader carries answers to an older version of the schema over to the
// one that [Plugin.Schema] describes. It must not contact the service. What
// it cannot know it leaves out: the person is then asked for it.
type Upgrader interface {
	Upgrade(ctx context.Context, from int, old Values) (Values, error)
}

// A Limiter is a Go type that serves many credential types and says of each
// which of the optional interfaces count.
type Limiter interface {
	Can() Abilities
}

// Abilities are the optional interfaces that a plugin implements.
type Abilities struct {
	Test    bool `json:"test,omitempty"`
	Connect bool `json:"connect,omitempty"`
	Sign    bool `json:"sign,omitempty"`
	Revoke  bool `json:"revoke,omitempty"`
	Suggest bool `json:"suggest,omitempty"`
	Upgrade bool `json:"upgrade,omitempty"`
}

// Can returns what p can do.
func Can(p Plugin) Abilities {
	if l, ok := p.(Limiter); ok {
		return l.Can()
	}
	var a Abilities
	_, a.Test = p.(Tester)
	_, a.Connect = p.(Connector)
	_, a.Sign = p.(Signer)
	_, a.Revoke = p.(Revoker)
	_, a.Suggest = p.(Suggester)
	_, a.Upgrade = p.(Upgrader)
	return a
}

// A Grant is what a request must carry, to which origins, and until when. The
// zero Grant is valid: a credential that is only ever released.
type Grant struct {
	Header http.Header       // set on every request; Cookie is merged by name
	Query  url.Values        // added to every query; replaces parameters of the same name
	Path   map[string]string // replaces "{name}" in the path, for services that want their token there

	// Origins narrows the credential's origins (see [Schema.Origins]); nil
	// means all of them. It can never widen them. Where the schema has only a
	// suffix, the hosts named by the first grant are kept for good.
	Origins []string

	Sign    Part  // which parts of a request Sign needs; zero: Sign is not called
	Refused []int // the statuses that mean "no longer good"; nil: 401

	Expiry    time.Time // when the service will no longer take it; zero: unknown
	Reconnect time.Time // when only Connect will help; zero: unknown

	// Idle is how long State is good for if it is not used, as some refresh
	// tokens are; zero: unknown, or for good. The host renews before it is
	// over, even a grant that nobody asks for, or warns.
	Idle time.Duration

	Account string            // whose it is, to show, and to compare after a reconnect
	Facts   map[string]string // public things learnt, such as an instance's URL
	Values  Values            // for release only: what a database driver needs, say

	// State is what the next call finds in [Input.State]: a refresh token,
	// say. It always replaces the last one, nil included. Only the host keeps
	// it, sealed.
	State []byte
}

// A Part is a part of a request that a [Signer] needs. Parts are combined
// with the operator |.
type Part uint8

// The parts of a request. What is not named does not travel to the plugin.
const (
	SignURL    Part = 1 << iota // the method and the URL
	SignHeader                  // the headers, Host among them
	SignSHA256                  // the SHA-256 of the body
	SignBody                    // the body itself
	SignCount                   // N; a grant that is counted is not shared between hosts
)

// A Request is a request that is about to be sent. Fields that [Grant.Sign]
// does not name are zero.
type Request struct {
	Method string
	URL    string      // exactly as it will be sent
	Header http.Header // with Host
	SHA256 []byte      // of the body, 32 bytes
	Body   []byte

	// N counts the signatures made with this grant on this host, from 1.
	N uint64
}

// A Signature is what a [Signer] adds to a request.
type Signature struct {
	Header http.Header // set on the request
	Query  string      // appended to the query as it is, without a leading "&"
}

// A Refusal is the answer that made the host ask again for a grant: a digest
// challenge, say. Header holds only WWW-Authenticate, Authentication-Info,
// Retry-After, Date and the like, never a body.
type Refusal struct {
	Status int
	Header http.Header
}

// A Callback describes one visit of a person to a [Connector]'s page.
type Callback struct {
	RedirectURL string     // where the service sends the person back
	State       string     // to be passed through verbatim
	Verifier    string     // the PKCE code verifier (RFC 7636), 43 characters
	Query       url.Values // what came back; nil in Connect
	Kept        []byte     // the Approval's State; nil in Connect
}

// An Approval says where a person approves access.
type Approval struct {
	URL string // where to send the person

	// UserCode, if there is one, is what the person types there (RFC 8628).
	UserCode string

	Interval time.Duration // how long to wait between two calls of Exchange; zero: 5 s
	Expiry   time.Time     // until when the person may approve; zero: the host's own limit
	State    []byte        // comes back as Callback.Kept
}
