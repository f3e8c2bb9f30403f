// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/credhost/credhost/internal/hostile"
	"github.com/credhost/credhost/sdk"
)

func TestServices(t *testing.T) {
	try(t, hostile.Service, redirects, tokenAnswers, storms, echoes, rawAnswers, handshakes, addresses)
}

// redirected has the service redirect a POST that carries a credential and a
// body, and reports whether either arrived.
func redirected(status int, to string) attempt {
	origin := sdk.Origin(to)
	return attempt{
		says: "the credential is not for " + origin,
		run: func(w *world) (bool, error) {
			if origin != evil {
				w.serve(origin, http.NotFoundHandler())
			}
			w.serve(api, http.RedirectHandler(to, status))
			id := w.create("key", nil)
			r, err := http.NewRequestWithContext(w.ctx, http.MethodPost, api+"/things", strings.NewReader("the workflow's own"))
			if err != nil {
				return false, err
			}
			_, _, err = w.do(id, r)
			if status == http.StatusTemporaryRedirect {
				return w.got(origin, "the workflow's own"), err
			}
			return w.got(origin, canary), err
		},
	}
}

var redirects = attempts{
	"a redirect to another origin":   redirected(http.StatusFound, evil+"/gather"),
	"a redirect to plain HTTP":       redirected(http.StatusMovedPermanently, "http://api.good.example/gather"),
	"a redirect to another port":     redirected(http.StatusFound, "https://api.good.example:8443/gather"),
	"a redirect to a subdomain":      redirected(http.StatusSeeOther, "https://cdn.api.good.example/gather"),
	"a redirect that keeps the body": redirected(http.StatusTemporaryRedirect, evil+"/gather"),

	"a redirect in circles": {
		says: "stopped after 10 redirects",
		run: func(w *world) (bool, error) {
			w.serve(api, http.RedirectHandler(api+"/again", http.StatusFound))
			client := w.acme().Client(w.create("key", nil))
			if w.easy {
				client.CheckRedirect = func(_ *http.Request, via []*http.Request) error {
					if len(via) < 100 {
						return nil
					}
					return http.ErrUseLastResponse
				}
			}
			r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, api+"/again", nil)
			if err != nil {
				return false, err
			}
			resp, err := client.Do(r)
			if err == nil {
				resp.Body.Close()
			}
			return len(w.arrivals(api)) > 20, err
		},
	},

	"a token endpoint that redirects": {
		says: "answered with a redirect",
		run: func(w *world) (bool, error) {
			w.serve(api, http.RedirectHandler(evil+"/token", http.StatusTemporaryRedirect))
			typ := "client"
			if w.easy {
				typ = "careless"
			}
			_, _, err := w.get(w.create(typ, nil), api+"/things")
			return w.evilGot(canary), err
		},
	},
}

// taken reports whether the host takes an answer for one that brings a token.
// Of the two answers, the first is malicious; the second shows that one like it
// is taken.
func taken(says, malicious, harmless, kind string) attempt {
	return attempt{says: says, run: func(w *world) (bool, error) {
		answer := malicious
		if w.easy {
			answer = harmless
		}
		w.serve(api, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				rw.Header().Set("Content-Type", kind)
				fmt.Fprint(rw, answer)
			}
		}))
		_, _, err := w.get(w.create("client", nil), api+"/things")
		return err == nil, err
	}}
}

// typed is taken for an answer that is well, but for what it says that it is.
func typed(says, malicious string) attempt {
	return attempt{says: says, run: func(w *world) (bool, error) {
		kind := malicious
		if w.easy {
			kind = "application/json"
		}
		return taken("", token("t", 3600), token("t", 3600), kind).run(w)
	}}
}

// token is an answer of a token endpoint.
func token(access string, seconds int) string {
	return fmt.Sprintf(`{"access_token":%q,"token_type":"Bearer","expires_in":%d}`, access, seconds)
}

const (
	noToken = "without what it was asked for"
	noJSON  = "something other than JSON"
)

// utf16 is s in UTF-16, as some text editors save it.
func utf16(s string) string {
	return "\xff\xfe" + strings.Join(strings.Split(s, ""), "\x00") + "\x00"
}

// endless answers with a status of success and bytes that do not end; it
// counts them, up to much.
func endless(sent *atomic.Int64, kind string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", kind)
		for chunk := []byte(strings.Repeat(" ", 64<<10)); sent.Load() < much; {
			n, err := rw.Write(chunk)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	}
}

// much is more than any answer has that a host reads for itself.
const much = 32 << 20

// lifetime reports whether a lifetime makes the host renew for each request.
func lifetime(malicious string) attempt {
	return attempt{run: func(w *world) (bool, error) {
		w.alone() // such grants are renewed in the background
		said := malicious
		if w.easy {
			said = "0.000001"
		}
		n := 0
		w.serve(api, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/token" {
				n++
				rw.Header().Set("Content-Type", "application/json")
				fmt.Fprintf(rw, `{"access_token":"t%d","expires_in":%s}`, n, said)
			}
		}))
		id := w.create("client", nil)
		var err error
		for range 5 {
			_, _, e := w.get(id, api+"/things")
			err = errors.Join(err, e)
		}
		if w.easy { // a grant that ends at once is no use to anybody
			err = nil
		}
		return n > 3, err
	}}
}

var tokenAnswers = attempts{
	"a token answer without end": {
		says: "answered with more than",
		run: func(w *world) (bool, error) {
			var sent atomic.Int64
			w.serve(api, endless(&sent, "application/json"))
			_, _, err := w.get(w.create("client", nil), api+"/things")
			return sent.Load() >= much, err
		},
	},
	"an answer to a test without end": {
		says: "broke off its answer",
		run: func(w *world) (bool, error) {
			w.change = smallAnswers
			var sent atomic.Int64
			w.serve(api, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/token" {
					fmt.Fprint(rw, token("t", 3600))
					return
				}
				endless(&sent, "text/plain")(rw, r)
			}))
			err := w.test(w.create("careless", nil))
			return sent.Load() >= much, err
		},
	},
	"JSON nested without end": taken(noJSON,
		`{"access_token":"t","x":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+`}`,
		`{"access_token":"t","x":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`}`, "application/json"),
	"half an answer":                   taken(noJSON, `{"access_token":"t","expires_in":36`, token("t", 3600), "application/json"),
	"two answers in one":               taken(noJSON, token("t", 3600)+token("u", 3600), token("t", 3600), "application/json"),
	"an answer in UTF-16":              taken(noJSON, utf16(token("t", 3600)), token("t", 3600), "application/json; charset=utf-16"),
	"an answer that begins invisibly":  taken(noJSON, "\ufeff"+token("t", 3600), token("t", 3600), "application/json"),
	"a page in the place of an answer": typed(noJSON, "text/html"),
	"a token with a line break":        taken(noToken, token("t\r\nX-Admin: yes", 3600), token("t", 3600), "application/json"),
	"a token with a zero byte":         taken(noToken, `{"access_token":"t\u0000"}`, token("t", 3600), "application/json"),
	"a token that is not text":         taken(noToken, `{"access_token":{"$ne":""}}`, `{"access_token":"t"}`, "application/json"),
	"a token as large as a film":       taken("larger than 64 KiB", token(strings.Repeat("t", 500_000), 3600), token(strings.Repeat("t", 5000), 3600), "application/json"),
	"a lifetime that wraps around":     lifetime("9e99"),
	"a lifetime below nothing":         lifetime("-3600"),
	"a lifetime that is no number":     lifetime(`"NaN"`),

	"a scheme that is not one": {
		run: func(w *world) (bool, error) {
			said := "Basic x\r\nX-Admin: yes\r\nX-Rest:"
			if w.easy {
				said = "Custom"
			}
			w.serve(api, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/token" {
					rw.Header().Set("Content-Type", "application/json")
					fmt.Fprintf(rw, `{"access_token":"t","token_type":%q}`, said)
				}
			}))
			_, _, err := w.get(w.create("client", nil), api+"/things")
			return !w.got(api, "Bearer t"), err
		},
	},
}
