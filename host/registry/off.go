// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"math"
	"time"

	"github.com/credhost/credhost/internal/defence"
)

// off reports whether a test has switched a defence off for this registry.
func (r *Registry) off(d defence.Defence) bool { return defence.Off(r.ctx, d) }

// online returns the context of what a call reaches.
func (r *Registry) online(call context.Context) context.Context {
	if r.off(defence.CallEnd) {
		return context.WithoutCancel(call)
	}
	return call
}

// without returns c without the limits that a test has switched off.
func (c Config) without(ctx context.Context) Config {
	if defence.Off(ctx, defence.StartTime) {
		c.StartTimeout = time.Hour
	}
	if defence.Off(ctx, defence.CallTime) {
		c.CallTimeout = time.Hour
	}
	if defence.Off(ctx, defence.Queued) {
		c.MaxCalls, c.MaxQueue = math.MaxInt16, math.MaxInt16
	}
	return c
}
