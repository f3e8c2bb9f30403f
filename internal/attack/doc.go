// SPDX-License-Identifier: Apache-2.0

// Package attack holds a host to its promises about connecting: it has a
// malicious authorization server, a malicious plugin, which is a real process,
// and a victim's browser, and one test for each attack. Each attack is first
// shown to succeed with its defence off (see package defence), and then to fail
// with all of them on.
package attack
