// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"html/template"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/form/terminal"
	"github.com/credhost/credhost/sdk"
)

// A visit is a person's way to a service and back, by a server on this
// machine (RFC 8252, section 7.3). The person's browser comes first to a start
// page, which gives it the flow's cookie and sends it on.
//
// The address of the start page holds a secret, since other users of the
// machine can reach the server. It may be seen in the list of processes when a
// browser is opened with it, so that only the first browser is let through:
// who comes second learns that something is wrong.
//
// A browser on another machine cannot reach the server. The person then brings
// back what the browser shows: see paste.
type visit struct {
	ws    *host.Workspace
	flow  host.Flow
	actor host.Actor
	say   func(format string, args ...any) // tells the person at the terminal

	at    string // the server's host and port
	start string // the path of the start page
	begun atomic.Bool
	ended chan ending

	mu     sync.Mutex // held while something that came back is finished
	closed bool       // the person has given up: nothing is finished any more
}

type ending struct {
	done host.Connected
	err  error
}

func newVisit(ws *host.Workspace, flow host.Flow, who host.Actor, at string) *visit {
	return &visit{ws: ws, flow: flow, actor: who, at: at, start: "/start/" + rand.Text(), ended: make(chan ending, 1),
		say: func(string, ...any) {}}
}

// startURL is where the person begins.
func (v *visit) startURL() string { return "http://" + v.at + v.start }

// serve waits for the person to come back. When ctx ends, nobody can any more;
// but what has come back by then is brought to its end: it works only once.
func (v *visit) serve(ctx context.Context, l net.Listener) (host.Connected, error) {
	server := &http.Server{Handler: v, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	defer func() {
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second) // for the page to arrive
		defer cancel()
		if server.Shutdown(bye) != nil {
			server.Close()
		}
	}()
	select {
	case e := <-v.ended:
		return e.done, e.err
	case err := <-failed:
		return host.Connected{}, err
	case <-ctx.Done():
		v.mu.Lock()
		v.closed = true
		v.mu.Unlock()
	}
	select {
	case e := <-v.ended:
		return e.done, e.err
	default:
		return host.Connected{}, errors.Join(ctx.Err(), v.ws.Cancel(context.WithoutCancel(ctx), v.flow, v.actor))
	}
}

// ServeHTTP implements [http.Handler].
func (v *visit) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer") // the address holds a code
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	switch {
	case r.Host != v.at: // a name that somebody has led here
		show(w, http.StatusMisdirectedRequest, page{Title: "Nothing here"})
	case r.URL.Path == v.start && r.Method == http.MethodGet:
		v.begin(w, r)
	case strings.HasPrefix(r.URL.Path, "/callback/"):
		v.back(w, r)
	default:
		show(w, http.StatusNotFound, page{Title: "Nothing here"})
	}
}

// begin gives the browser the cookie, and sends it to the service.
func (v *visit) begin(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch") { // nobody has decided to come yet
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if k, err := r.Cookie(v.flow.Cookie.Name); (err != nil || k.Value != v.flow.Cookie.Value) && !v.begun.CompareAndSwap(false, true) {
		show(w, http.StatusGone, page{Title: "Somebody was here before you",
			Text: "This address works in one browser only. If it was not you who opened it first, end credhost connect and run it again."})
		return
	}
	http.SetCookie(w, v.flow.Cookie)
	http.Redirect(w, r, v.flow.URL, http.StatusSeeOther)
}

// back takes what the service sent along with the browser.
func (v *visit) back(w http.ResponseWriter, r *http.Request) {
	done, err := v.finish(r)
	if err != nil {
		show(w, http.StatusForbidden, page{Title: "Not connected", Text: "credhost says: " + err.Error() + "."})
		return
	}
	p := page{Title: "Connected", Text: "The credential is connected" + whose(done) + ". You can close this page."}
	if done.Was != "" {
		p = page{Title: "Connected, to another account", Text: changed(done)}
	}
	show(w, http.StatusOK, p)
}

// finish finishes the visit with what came back. What is not of this visit
// ends nothing, and is told at the terminal.
func (v *visit) finish(r *http.Request) (host.Connected, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return host.Connected{}, errInterrupted
	}
	// What came back is spent by asking for a grant with it, which must not end
	// because the browser leaves. The host bounds the time.
	done, err := v.ws.Finish(r.WithContext(context.WithoutCancel(r.Context())), v.actor)
	var e *sdk.Error
	if errors.As(err, &e) && e.Reason == host.ReasonVisit {
		v.say("somebody came back who was not sent from here, or not to this visit, and was refused; still waiting")
		return done, err
	}
	v.ended <- ending{done, err}
	v.closed = true
	return done, err
}

// paste finishes the visit with the address at which a browser on another
// machine has ended, where it found nobody. The person at this terminal takes
// the place of the cookie: that browser has none. It returns when the visit has
// ended, or the input or ctx.
func (v *visit) paste(ctx context.Context, in io.Reader, redirect string) {
	for {
		line, err := terminal.ReadLine(ctx, in)
		if err != nil {
			return
		}
		line = strings.Trim(line, " \t\"'<>")
		if line == "" {
			continue
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, line, nil)
		if path, _, _ := strings.Cut(line, "?"); err != nil || path != redirect {
			v.say("that is not where the service sends the browser: the whole address begins with %s?", redirect)
			continue
		}
		r.AddCookie(v.flow.Cookie)
		if v.finish(r); v.over() {
			return
		}
	}
}

// over reports whether the visit has ended.
func (v *visit) over() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.closed
}

// A page is what a person sees in the browser.
type page struct{ Title, Text string }

var pageTemplate = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{{.Title}} - credhost</title>
<style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:20vh auto;padding:0 1rem;color:#222;background:#fff}
@media(prefers-color-scheme:dark){body{color:#eee;background:#181818}}</style>
<h1>{{.Title}}</h1><p>{{.Text}}</p></html>
`))

// show writes a page.
func show(w http.ResponseWriter, status int, p page) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	pageTemplate.Execute(w, p) // what fails is the connection: nobody to tell
}
