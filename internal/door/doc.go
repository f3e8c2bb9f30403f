// SPDX-License-Identifier: Apache-2.0

// Package door holds what is served to its promises: the API, the proxy, the
// page and what they tell others, put together as "credhost serve" does, behind
// its front. Each test is of one of package hostile's lists; each attack is first
// shown to succeed, where it is allowed or where nothing stops it, and then to
// fail, in the way that the list says.
package door
