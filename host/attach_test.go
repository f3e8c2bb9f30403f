// SPDX-License-Identifier: Apache-2.0

package host

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/credhost/credhost/sdk"
)

// What was made ready puts on a request what the grant itself does.
func TestAttached(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	header := func() http.Header {
		h := http.Header{}
		for _, name := range []string{"Authorization", "Cookie", "X-Api-Key", "X-B"} {
			for range random.IntN(3) {
				h[name] = append(h[name], []string{"a=1", "b=2; a=3", "x"}[random.IntN(3)])
			}
		}
		return h
	}
	for range 2000 {
		g := sdk.Grant{Header: header()}
		if random.IntN(2) == 0 {
			g.Query = url.Values{"k": {"a b"}}
		}
		if random.IntN(2) == 0 {
			g.Path = map[string]string{"k": "%"}
		}
		have := header()
		request := func() *http.Request {
			r, _ := http.NewRequest(http.MethodGet, "https://a.example/{k}/x?k=1&a=b", nil)
			r.Header = have.Clone()
			return r
		}
		want, got := request(), request()
		g.Apply(want)
		a := attachedOf(g)
		a.put(got)
		if diff := cmp.Diff(want.Header, got.Header); diff != "" || want.URL.String() != got.URL.String() {
			t.Fatalf("%s instead of %s\n%s", got.URL, want.URL, diff)
		}
	}
}
