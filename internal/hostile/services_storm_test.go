// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// smallAnswers bounds what plugins are answered, so that less is enough.
func smallAnswers(cfg *host.Config) { cfg.Egress.MaxAnswer = 1 << 20 }

// storms are attempts to have the host ask, or wait, without end.
var storms = attempts{
	"a refusal for every request": {
		run: func(w *world) (bool, error) {
			var n atomic.Int64
			w.serve(api, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/token" {
					rw.WriteHeader(http.StatusUnauthorized)
					return
				}
				rw.Header().Set("Content-Type", "application/json")
				fmt.Fprint(rw, token(fmt.Sprintf("t%d", n.Add(1)), 3600))
			}))
			id := w.create("client", nil)
			for range 20 {
				if _, _, err := w.get(id, api+"/things"); err != nil {
					return false, err
				}
			}
			return n.Load() >= 20, nil
		},
	},
	"a token endpoint that is down": {
		says: "does not answer requests for grants at the moment",
		run: func(w *world) (bool, error) {
			w.alone()
			w.serve(api, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { rw.WriteHeader(http.StatusServiceUnavailable) }))
			var err error
			for range 8 {
				_, _, err = w.get(w.create("client", nil), api+"/things")
			}
			return len(w.arrivals(api)) >= 8, err
		},
	},
	"a wait of ten years": {
		run: func(w *world) (bool, error) {
			w.alone()
			down, wait := true, "315360000"
			if w.easy {
				wait = "90000" // a day and an hour, of which a day counts
			}
			w.serve(api, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path != "/token":
				case down:
					rw.Header().Set("Retry-After", wait)
					rw.WriteHeader(http.StatusTooManyRequests)
				default:
					rw.Header().Set("Content-Type", "application/json")
					fmt.Fprint(rw, token("t", 3600))
				}
			}))
			id := w.create("client", nil)
			w.get(id, api+"/things")
			down = false
			w.advance(24*time.Hour + time.Minute)
			if w.easy {
				w.advance(-12 * time.Hour)
			}
			_, _, err := w.get(id, api+"/things")
			return err != nil, err
		},
	},
	"a grant of another account's": {
		run: func(w *world) (bool, error) {
			w.alone()
			accounts := make(chan string, 2)
			accounts <- "anna"
			accounts <- "eve"
			var warned atomic.Bool
			w.change = func(cfg *host.Config) {
				cfg.Warn = func(_ context.Context, one host.Warning) { warned.Store(one.Kind == host.WarnAccount) }
			}
			w.serve(api, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/token" {
					rw.Header().Set("Content-Type", "application/json")
					who := <-accounts
					fmt.Fprintf(rw, `{"access_token":"t-%s","refresh_token":"r","expires_in":3600,"account":%q}`, who, who)
				}
			}))
			id := w.create("renewed", nil)
			if _, _, err := w.get(id, api+"/things"); err != nil {
				return false, err
			}
			w.advance(2 * time.Hour)
			if _, _, err := w.get(id, api+"/things"); err != nil {
				return false, err
			}
			c, err := w.acme().Show(w.ctx, id)
			return w.got(api, "t-eve") && c.Was == "" && !warned.Load(), err
		},
	},
}

// repeats has a service repeat what a request carried, and reports whether that
// is seen in the answer, beside its body.
func repeats(place string, repeat func(rw http.ResponseWriter, secret string)) attempt {
	return attempt{run: func(w *world) (bool, error) {
		w.serve(api, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/end" {
				return
			}
			for _, s := range []string{r.Header.Get("X-Api-Key"), r.URL.Query().Get("key")} {
				if s != "" {
					repeat(rw, s)
				}
			}
		}))
		resp, _, err := w.get(w.create("key", sdk.Values{"place": place}), api+"/things")
		return err == nil && strings.Contains(fmt.Sprint(resp.Header, resp.Status), canary), err
	}}
}

var echoes = attempts{
	"the secret in a header": repeats("header", func(rw http.ResponseWriter, secret string) { rw.Header().Set("X-Debug", "key="+secret) }),
	"the secret in a challenge": repeats("query", func(rw http.ResponseWriter, secret string) {
		rw.Header().Set("Www-Authenticate", `Bearer error_description="unknown: `+url.QueryEscape(secret)+`"`)
	}),
	"the secret in a redirect": {
		says: "the credential is not for " + evil,
		run: func(w *world) (bool, error) {
			w.serve(api, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				http.Redirect(rw, r, evil+"/gather?"+r.URL.RawQuery, http.StatusFound)
			}))
			_, _, err := w.get(w.create("key", sdk.Values{"place": "query"}), api+"/things")
			return w.told(canary, err), err // net/http quotes addresses
		},
	},
	"the secret in a token answer": {
		says: "does not take the client's ID and secret",
		run: func(w *world) (bool, error) {
			w.serve(api, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				secret := r.PostFormValue("client_secret")
				if _, basic, ok := r.BasicAuth(); ok {
					secret = basic
				}
				rw.Header().Set("Content-Type", "application/json")
				rw.WriteHeader(http.StatusBadRequest)
				fmt.Fprintf(rw, `{"error":"invalid_client","error_description":"wrong secret %s","message":%[1]q}`, secret)
			}))
			typ := "client"
			if w.easy {
				typ = "careless"
			}
			_, _, err := w.get(w.create(typ, nil), api+"/things")
			return w.told(canary, err), err
		},
	},
	"the secret in a refusal of a test": {
		says: "does not take the credential",
		run: func(w *world) (bool, error) {
			w.serve(api, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/token" {
					fmt.Fprint(rw, token("t", 3600))
					return
				}
				rw.WriteHeader(http.StatusUnauthorized)
				fmt.Fprint(rw, "I do not know ", canary)
			}))
			typ := "key"
			if w.easy {
				typ = "careless"
			}
			err := w.test(w.create(typ, nil))
			return w.told(canary, err), err
		},
	},
	"a cookie that the grant carries": {
		run: func(w *world) (bool, error) {
			w.serve(api, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if c, err := r.Cookie("session"); err == nil {
					http.SetCookie(rw, &http.Cookie{Name: "session", Value: c.Value + "-next"})
				}
			}))
			resp, _, err := w.get(w.create("key", sdk.Values{"place": "cookie"}), api+"/things")
			return err == nil && len(resp.Cookies()) > 0, err
		},
	},
}
