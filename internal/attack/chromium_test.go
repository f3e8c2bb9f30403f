// SPDX-License-Identifier: Apache-2.0

package attack_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/internal/tools"
)

var need = tools.Need{Name: "FORMS", Untested: "the cookies are not tested in a real browser"}

// A stage is a scene in a real browser, with pages of the attacker's.
type stage struct {
	*scene
	path   string
	server *httptest.Server
	eves   string       // where eve's visit comes back, on which anna is led
	tossed *http.Cookie // what eve sets in anna's browser
	lure   bool         // anna is led away just before she comes back
}

func newStage(t *testing.T, path string, off ...defence.Defence) *stage {
	t.Helper()
	s := &stage{scene: newScene(t, off...), path: path}
	s.server = httptest.NewUnstartedServer(s)
	s.server.Config.ErrorLog = log.New(io.Discard, "", 0) // the browser asks for more than these pages
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
	return s
}

// ServeHTTP adds to the internet where anna signs in, and eve's pages.
func (s *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	signIn := func(name, next string) {
		http.SetCookie(w, &http.Cookie{Name: name, Value: "anna", Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		http.Redirect(w, r, next, http.StatusFound)
	}
	here := "https://" + r.Host
	if s.lure && here == ours && strings.HasPrefix(r.URL.Path, "/callback/") && r.Header.Get("Sec-Fetch-Dest") == "document" {
		s.eves = here + r.URL.RequestURI()
		http.Redirect(w, r, cafe+"/image", http.StatusFound)
		return
	}
	switch here + r.URL.Path {
	case good + "/sign-in":
		signIn("person", ours+"/sign-in?"+r.URL.RawQuery)
	case ours + "/sign-in":
		signIn("session", r.URL.Query().Get("next"))
	case ours + "/settings":
		fmt.Fprint(w, `<p>a script sees: <b></b></p><script>document.querySelector("b").textContent = document.cookie || "nothing"</script>`)
	case cafe + "/toss":
		http.SetCookie(w, s.tossed)
		http.Redirect(w, r, s.eves, http.StatusFound)
	case cafe + "/image":
		fmt.Fprintf(w, `<p>an image</p><img src="%s">`, s.eves)
	default:
		s.scene.ServeHTTP(w, r)
	}
}

// open has anna sign in everywhere, and open an address in a browser of her
// own. It returns the page that she sees in the end.
func (s *stage) open(address string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	home := s.t.TempDir()
	cmd := exec.CommandContext(ctx, s.path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-component-update",
		"--disable-background-networking", "--disable-sync", "--disable-extensions", "--disable-default-apps", "--no-first-run", "--user-data-dir="+home, "--ignore-certificate-errors",
		"--host-resolver-rules=MAP * "+strings.TrimPrefix(s.server.URL, "https://"),
		"--dump-dom", good+"/sign-in?next="+strings.ReplaceAll(strings.ReplaceAll(address, "?", "%3F"), "&", "%26"))
	cmd.Env = append(os.Environ(), "HOME="+home)
	page, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("the browser: %v", err)
	}
	return string(page)
}

// What the tests' own browser takes for the rules of cookies is what a real one
// does: the flow's cookie comes back from another site, no script sees it, and
// the attacks that a browser must prevent are prevented by it.
func TestCookiesInChromium(t *testing.T) {
	t.Parallel()
	path := need.Chromium(t)
	t.Run("an honest visit", func(t *testing.T) {
		s := newStage(t, path)
		id := s.credential("strict", good, "")
		page := s.open(connect(id) + "&return=settings")
		if s.account(id) != "anna@"+good {
			_, err := s.finished()
			t.Fatalf("the visit failed: %v", err)
		}
		if !strings.Contains(page, "a script sees: <b>nothing</b>") {
			t.Errorf("the person ended at %s", page)
		}
	})
	t.Run("a cookie tossed from a sibling domain", func(t *testing.T) {
		for _, off := range [][]defence.Defence{{defence.HostOnly}, nil} {
			s := newStage(t, path, off...)
			s.shared = true
			id := s.credential("mallory", good, "")
			s.eves = s.back(s.eve, id).url.String()
			tossed := *s.flow(id).Cookie
			tossed.Domain = "host.example"
			s.tossed = &tossed
			s.open(cafe + "/toss")
			if won := s.account(id) != ""; won != (off != nil) {
				t.Errorf("without %v: that the attack succeeded is %v", off, won)
			}
		}
	})
	// An image of a sibling domain is of the same site, so that the cookie goes
	// along: SameSite is no help, but the browser says what it fetches.
	t.Run("an image on a sibling domain", func(t *testing.T) {
		for _, off := range [][]defence.Defence{{defence.Visited}, nil} {
			s := newStage(t, path, off...)
			s.lure = true
			id := s.credential("mallory", good, "")
			s.open(connect(id))
			if s.eves == "" {
				t.Fatal("the browser did not come back")
			}
			if won := s.account(id) != ""; won != (off != nil) {
				t.Errorf("without %v: that the attack succeeded is %v", off, won)
			}
		}
	})
}
