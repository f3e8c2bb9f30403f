// SPDX-License-Identifier: Apache-2.0

package realoauth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
)

// TestInChromium connects in a real browser, which keeps the cookie of the
// visit while it is at another site, and sends it when it comes back from there.
func TestInChromium(t *testing.T) {
	t.Parallel()
	needNode(t)
	chromium := need.Chromium(t)
	var h *house
	var flow atomic.Pointer[host.Flow]
	engine := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/begin":
			http.SetCookie(w, flow.Load().Cookie)
			http.Redirect(w, r, flow.Load().URL, http.StatusSeeOther)
		case strings.HasPrefix(r.URL.Path, "/callback/"):
			done, err := h.Finish(r, "anna")
			if err != nil {
				http.Error(w, err.Error(), http.StatusForbidden)
				return
			}
			fmt.Fprint(w, done.Account)
		default:
			http.NotFound(w, r)
		}
	}))
	engine.Config.ErrorLog = quiet()
	engine.StartTLS()
	t.Cleanup(engine.Close)
	home := strings.Replace(engine.URL, "127.0.0.1", "localhost", 1) // to a browser another site than the provider
	h = open(t, oidcProvider, func(cfg *host.Config) { cfg.CallbackURL = home + "/callback" }, nil)
	begun := h.Begin()
	flow.Store(&begun)

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "person.mjs", chromium, home+"/begin", home+"/callback/", "ada")
	cmd.Dir, cmd.WaitDelay = "node", 5*time.Second
	out, err := cmd.Output()
	if err != nil {
		said := ""
		if exit, ok := err.(*exec.ExitError); ok {
			said = string(exit.Stderr)
		}
		t.Fatalf("the browser: %v\n%s", err, said)
	}
	var seen struct {
		Said    string
		Cookies []struct {
			HTTPOnly bool   `json:"httpOnly"`
			Secure   bool   `json:"secure"`
			SameSite string `json:"sameSite"`
			Path     string `json:"path"`
		}
	}
	if err := json.Unmarshal(out, &seen); err != nil {
		t.Fatal(err)
	}
	if seen.Said != "ada@example.com (ada)" {
		t.Errorf("the person reads %q", seen.Said)
	}
	if len(seen.Cookies) != 1 || !seen.Cookies[0].HTTPOnly || !seen.Cookies[0].Secure || seen.Cookies[0].SameSite != "Lax" || seen.Cookies[0].Path != "/" {
		t.Errorf("the browser has the cookies %+v", seen.Cookies)
	}
	h.Works("ada")
}
