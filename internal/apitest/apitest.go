// SPDX-License-Identifier: Apache-2.0

// Package apitest holds the OpenAPI document to programs that others wrote: a
// linter, and a generator of clients for TypeScript, whose client then does the
// main job against a host that is served. They come from npm, in the versions of
// the lock file; tools.sh gets them.
package apitest
