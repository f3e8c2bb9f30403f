// SPDX-License-Identifier: Apache-2.0

// Package defence lets the tests of this module switch off one defence of a
// host at a time, to show that an attack succeeds without it. A test that sees
// an attack fail has shown little: it may fail for want of skill.
//
// What is off is said by a context, for the calls made with it alone, so that
// nothing is global and tests run side by side. Nobody outside the module can
// import this package, and so nobody outside can make such a context.
package defence

import (
	"context"
	"slices"
)

// A Defence is one that a host has. Its name says what it demands.
type Defence string

// The defences of connecting. The attack on each is a test of internal/attack.
const (
	Actor     Defence = "who finishes is who began"
	Cookie    Defence = "the browser that finishes is the one that began"
	HostOnly  Defence = "no other host can set the cookie"
	Once      Defence = "a flow is finished once"
	InTime    Defence = "a flow is finished within ten minutes"
	Path      Defence = "each type in each workspace has its own redirect URI"
	Challenge Defence = "the page is given the challenge of the host's PKCE verifier"
	Issuer    Defence = "who sends the person back is who they were sent to"
	Redirect  Defence = "the page is told to send the person back here"
	Page      Defence = "the page is the service's"
	CodeOnly  Defence = "what comes back is a code, and in the query"
	Pushed    Defence = "parameters that were pushed are those that the host has heard"
	Secrets   Defence = "the page's address holds no secret"
	Returns   Defence = "a person is sent on only to a registered address"
	Visited   Defence = "a person's browser comes back by a visit of the page"
	Single    Defence = "no parameter comes twice"
	CheckOnce Defence = "a flow is ended only after all checks"
	Answers   Defence = "the answers are those with which the flow began"
	Limits    Defence = "open flows are limited in number"
)

// The defences of renewal. The simulation of package host finds what happens
// without them.
const (
	Reread    Defence = "what is done under a lease is done to the record as it is then"
	Committed Defence = "a grant is stored before anybody has it"
)

// The defences of the egress: what a guard of package host/egress demands of
// those who reach the network through it, and of what answers.
const (
	Addresses    Defence = "nothing private or special is connected to"
	EachAttempt  Defence = "the address is looked at when it is connected to"
	Metadata     Defence = "where a cloud keeps its machines' secrets opens only by that very address"
	OwnAddresses Defence = "a public address of this machine is as special as loopback"
	Encrypted    Defence = "nothing leaves this machine in the clear"
	Destinations Defence = "a call reaches its credential's origins alone"
	HostHeader   Defence = "a request's Host is that of its address"
	Unredirected Defence = "no redirect is followed"
	Unproxied    Defence = "no proxy of the environment is asked"
	Verified     Defence = "a service's certificate is verified"
	OwnPool      Defence = "a connection with settings of its own serves no request without them"
	SentOnce     Defence = "what is not safe to repeat is sent once"
	OneReading   Defence = "a request reads the same to everybody"
	Hops         Defence = "what is between two ends stays between them"
	Unforged     Defence = "no service speaks for the host"
	Alike        Defence = "of every address that is refused the same is said"
	AnswerSize   Defence = "an answer has a largest size"
	Inflated     Defence = "what is compressed counts by what comes of it"
	HeadSize     Defence = "the headers of an answer have a largest size and number"
	RequestSize  Defence = "a request has a largest size"
	CallTraffic  Defence = "a call has a largest traffic"
	CallConns    Defence = "a call has a largest number of connections"
	AnswerTime   Defence = "a service has a time in which to answer"
	CallEnd      Defence = "a connection ends with its call"
)

// The defences of what a host keeps, and of what it does with a grant. Their
// attacks are tests of internal/hostile.
const (
	Within      Defence = "a grant goes only where the answers allow"
	Destined    Defence = "a request with a credential goes only where its grant may"
	Reentered   Defence = "answers that open another address come with the secrets"
	InPlace     Defence = "what is sealed opens in its own record alone"
	GrantSize   Defence = "an answer to a request for a grant has a largest size"
	Settled     Defence = "a grant that was just obtained is not renewed for a refusal"
	Breaker     Defence = "a service that fails is left alone for a while"
	SameAccount Defence = "a grant of another account is noticed"
)

// The defences of running plugins: what a host demands of a plugin's process
// and of what it says. Their attacks are tests of internal/hostile.
const (
	Checked     Defence = "an answer of a plugin is checked before it is used"
	MessageSize Defence = "a message of a plugin has a largest size"
	Wordless    Defence = "the words of a plugin's transport are passed on to nobody"
	Plain       Defence = "what a plugin says shows as plain text"
	OwnFolder   Defence = "a plugin is spoken to in its own folder alone"
	Paced       Defence = "a plugin that writes too much is made to wait"
	StartTime   Defence = "a plugin has a time in which to start"
	CallTime    Defence = "a call of a plugin has a time in which to end"
	Pinged      Defence = "a plugin that answers nothing is killed"
	Ended       Defence = "a plugin that does not end is killed"
	Rested      Defence = "a program that crashes rests before it is started again"
	Claimed     Defence = "a type belongs to the program that claimed it first"
	Owned       Defence = "an origin is somebody's, and not anybody's"
	Pinned      Defence = "a program says of itself what it said when it was trusted"
	Askable     Defence = "a schema that cannot be asked is refused"
	Brokerless  Defence = "nobody speaks to the broker of go-plugin"
	Apart       Defence = "each workspace has processes of its own"
	Queued      Defence = "the calls of one process are limited in number"
)

// The defences of the cell that a plugin process runs in: the parts of package
// host/sandbox, and what stands beside them. Their attacks are tests of
// internal/hostile.
const (
	Spaces     Defence = "a plugin has namespaces of its own"
	OwnRoot    Defence = "a plugin's root holds its own files"
	Bounded    Defence = "a plugin's use of the machine is limited"
	Confined   Defence = "a plugin opens no file but its own (Landlock)"
	Powerless  Defence = "a plugin has no privileges, and no way to new ones"
	Filtered   Defence = "a plugin makes no system call that a guest does not need"
	Undumpable Defence = "nobody reads the memory of a plugin"
	CPUTime    Defence = "a plugin that computes for ever is killed"
)

// The defences of sending: what a host demands of a request that a caller makes
// with a credential, and does to its answer. Their attacks are tests of package
// host and of internal/hostile.
const (
	Methods   Defence = "no method brings back what was attached"
	Target    Defence = "a request's target is a path of the checked host"
	Fields    Defence = "a header is one header"
	Framed    Defence = "a request has one length, and no trailers"
	OwnHop    Defence = "what belongs to a connection is not the caller's to say"
	Folded    Defence = "no other header is taken for one of the grant's"
	Untraced  Defence = "a caller's trace does not see what is attached"
	Returned  Defence = "an answer carries the caller's own request"
	OwnCookie Defence = "a cookie that a grant carries is not the caller's to see"
	Unechoed  Defence = "what a service echoes beside its body is kept from the caller"
)

// The defences of secrets in what is written and kept. Their attacks are tests
// of internal/canary.
const (
	Redacted   Defence = "what a plugin writes is cleared of the secrets of its calls"
	HostMemory Defence = "nobody reads the memory of a host"
	HostCore   Defence = "no host writes a core"
)

// The defences of trust: what a host demands of a program before it runs it,
// and of the file that says what is trusted. Their attacks are tests of
// internal/hostile.
const (
	Exact    Defence = "what is executed is what was trusted"
	SameRead Defence = "what a program reads from the system is what was trusted with it"
	OneLock  Defence = "a lock file says the same to every reader"
	OwnLock  Defence = "a lock file is nobody else's to change"
	Signed   Defence = "an update that nobody looked at is signed by the key that is trusted"
	Named    Defence = "a signature is of the plugin that it is found with"
	Newer    Defence = "an update that nobody looked at is newer than what it replaces"
	Agreed   Defence = "an update that nobody looked at asks for nothing new"
)

type key struct{}

// Without returns a context for whose calls the defences are off.
func Without(ctx context.Context, off ...Defence) context.Context {
	before, _ := ctx.Value(key{}).([]Defence)
	return context.WithValue(ctx, key{}, slices.Concat(before, off))
}

// Off reports whether d is off. For every context that no test of this module
// made, none is.
func Off(ctx context.Context, d Defence) bool {
	off, _ := ctx.Value(key{}).([]Defence)
	return slices.Contains(off, d)
}
