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
