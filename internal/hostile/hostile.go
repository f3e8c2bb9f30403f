// SPDX-License-Identifier: Apache-2.0

// Package hostile is the list of what is tried against a host, by whom, and how
// it is stopped. Each [Case] is a test: it is shown to succeed with its defences
// off (see package defence), and then to fail, in the way that the case says,
// with all of them on. An attack that never succeeds may fail for want of skill.
//
// The tests are in this package, on real hosts with real plugin processes and
// services on this machine; for what is tried while somebody connects a
// credential, they are in internal/attack, for what is served in internal/door,
// and for a few beside what they are about. docs/security.md is made of the list, so that what it says is what is
// tested: see the command secdoc.
package hostile

import (
	"slices"

	"github.com/credhost/credhost/internal/defence"
)

//go:generate go run ./secdoc ../../docs/security.md

// A Who is who attacks.
type Who string

// Those who attack.
const (
	Plugin  Who = "plugin"  // a credential plugin that an operator trusted
	Service Who = "service" // what a plugin or a workflow talks to, or somebody on the way there
	Caller  Who = "caller"  // a workflow, or a tenant who fills in forms
	Page    Who = "page"    // a web page, or another person's browser
	Thief   Who = "thief"   // somebody with the store's file
	Machine Who = "machine" // another user or program of the machine, or what befalls it
)

// A Case is one thing that is tried. Tries and Stopped are sentences for
// readers of docs/security.md.
type Case struct {
	Who     Who
	Name    string // of the subtest; unique among those of its test
	Tries   string // what is tried, and what it would bring
	Stopped string // how it is stopped, and what whoever is attacked sees

	// Defences stop it: with all of them off, it succeeds. If there is no switch
	// for what stops it, or that is not enough to show the attempt's skill,
	// Contrast says where else the test shows the same attempt to succeed.
	Defences []defence.Defence
	Contrast string

	// In is the folder of its test and Test the test's name, if they are others
	// than its actor's, which are in this package. A test in another folder than
	// these two may have no subtest of the case's name.
	In, Test string
}

// Folder returns the folder of the case's test, below the module's root.
func (c Case) Folder() string {
	if c.In != "" {
		return c.In
	}
	return "internal/hostile"
}

// TestName returns the name of the case's test, without that of the subtest.
func (c Case) TestName() string {
	if c.Test != "" {
		return c.Test
	}
	return map[Who]string{
		Plugin: "TestPlugins", Service: "TestServices", Caller: "TestCallers",
		Page: "TestPages", Thief: "TestThieves", Machine: "TestMachine",
	}[c.Who]
}

// Cases returns all cases, those of one actor after those of another.
func Cases() []Case {
	all := slices.Concat(plugins, connectingPlugins, services, callers, connecting, thieves, machine, elsewhere, doors)
	order := []Who{Plugin, Service, Caller, Page, Thief, Machine}
	slices.SortStableFunc(all, func(a, b Case) int { return slices.Index(order, a.Who) - slices.Index(order, b.Who) })
	return all
}

// Of returns the cases of the test with the given name in a folder.
func Of(folder, test string) []Case {
	return slices.DeleteFunc(Cases(), func(c Case) bool { return c.Folder() != folder || c.TestName() != test })
}
