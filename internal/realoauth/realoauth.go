// SPDX-License-Identifier: Apache-2.0

// Package realoauth proves credhost against OAuth servers that others wrote:
// oidc-provider, which is JavaScript, and ory/fosite, which is Go, both as
// strict as they can be. All else is real, too: a host, a plugin that runs as a
// process of its own (examples/oidc), TLS, and a browser that signs in and
// approves, once Chromium itself.
//
// It has nothing but tests. The servers are in folder node and in
// internal/testidp. Where Node.js or what they are made of cannot be had, tests
// are skipped and say so; with CREDHOST_NEED_OAUTH=1, as `make test` sets it,
// they fail instead.
package realoauth
