// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"strings"
	"time"

	"github.com/credhost/credhost/sdk"
)

// checkCancelled ends ctx while the service thinks: by hand, and by a
// deadline.
func (c *checks) checkCancelled(t tb) {
	for _, op := range c.reaching(t) {
		call := op.ready(t)
		ctx, cancel := context.WithCancel(t.Context())
		undo := c.during(&fault{hold: cancel})
		c.checkOver(t, op.name+", when its ctx ends", call(t, ctx).err)
		undo()
		cancel()

		call = op.ready(t)
		ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
		undo = c.during(&fault{hold: func() {}})
		c.checkOver(t, op.name+", when the service takes too long", call(t, ctx).err)
		undo()
		cancel()
	}
}

func (c *checks) checkOver(t tb, what string, err error) {
	t.Helper()
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, sdk.Unavailable) {
		return
	}
	t.Errorf("%s: got %s, want Unavailable, or the error of ctx", what, codeOf(err))
}

// checkLeaks looks for goroutines that go on when their call is over. It is for
// the way in process: a connection has goroutines of its own.
func (c *checks) checkLeaks(t tb) {
	before := goroutines()
	g := c.must(t)
	c.works(t, g)
	undo := c.during(faults[0])
	c.grant(t, t.Context(), c.input(c.values, g.State))
	undo()
	var left []string
	for range 300 {
		left = nil
		for id, stack := range goroutines() {
			if before[id] == "" && !ours(stack) {
				left = append(left, stack)
			}
		}
		if left == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%d goroutines go on when their calls are over: close the bodies of responses, and end what you start\n%s", len(left), strings.Join(left, "\n\n"))
}

// ours reports whether a goroutine is the suite's own, or that of package
// testing.
func ours(stack string) bool {
	_, created, _ := strings.Cut(stack, "created by ")
	return strings.HasPrefix(created, "github.com/credhost/credhost/sdk/plugintest.(*network)") ||
		strings.HasPrefix(created, "github.com/credhost/credhost/sdk/plugintest.capture") ||
		strings.HasPrefix(created, "net/http.(*Server)") || strings.HasPrefix(created, "net/http.(*connReader)") ||
		strings.HasPrefix(created, "testing.")
}

// goroutines returns the stacks of all goroutines, by their IDs.
func goroutines() map[string]string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	all := map[string]string{}
	for stack := range bytes.SplitSeq(buf, []byte("\n\n")) {
		id, _, _ := bytes.Cut(stack, []byte(" ["))
		all[string(id)] = string(stack)
	}
	return all
}
