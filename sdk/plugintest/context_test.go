// SPDX-License-Identifier: Apache-2.0

package plugintest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/plugintest"
)

// With the context, every origin is the stand-in; without it, none is there.
func TestContext(t *testing.T) {
	ctx := plugintest.Context(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"host":%q}`, r.Host)
	}))
	for _, host := range []string{"one.example", "two.example:8443"} {
		var got struct{ Host string }
		if err := sdk.Probe(ctx, sdk.Grant{}, "https://"+host+"/", &got); err != nil || got.Host != host {
			t.Errorf("got %q and %v, want %q", got.Host, err, host)
		}
	}
	if err := sdk.Probe(context.Background(), sdk.Grant{}, "https://one.example/", nil); !errors.Is(err, sdk.Internal) {
		t.Errorf("without the context: %v", err)
	}
}
