// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/rand"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/credhost/credhost/host"
)

// A visit is a person's way to a service and back, by a server on this
// machine. The person's browser comes first to a start page, which gives it
// the flow's cookie and sends it on.
//
// The address of the start page holds a secret, since other users of the
// machine can reach the server. It may be seen in the list of processes when a
// browser is opened with it, so that only the first browser is let through:
// who comes second learns that something is wrong.
type visit struct {
	ws    *host.Workspace
	flow  host.Flow
	actor host.Actor

	at    string // the server's host and port
	state string // what the service passes through
	start string // the path of the start page
	begun atomic.Bool
	ended chan ending
}

type ending struct {
	done host.Connected
	err  error
}

func newVisit(ws *host.Workspace, flow host.Flow, who host.Actor, at string) *visit {
	v := &visit{ws: ws, flow: flow, actor: who, at: at, start: "/start/" + rand.Text(), ended: make(chan ending, 1)}
	if u, err := url.Parse(flow.URL); err == nil {
		v.state = u.Query().Get("state")
	}
	return v
}

// startURL is where the person begins.
func (v *visit) startURL() string { return "http://" + v.at + v.start }

// serve waits for the person to come back. When ctx ends, nobody can any more.
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
		return host.Connected{}, ctx.Err()
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

// back takes what the service sent along with the browser. Only what belongs
// to this visit ends it.
func (v *visit) back(w http.ResponseWriter, r *http.Request) {
	mine := v.state != "" && r.URL.Query().Get("state") == v.state
	// What came back is spent by asking for a grant with it, which must not end
	// because the browser leaves. The host bounds the time.
	done, err := v.ws.Finish(r.WithContext(context.WithoutCancel(r.Context())), v.actor)
	if err != nil {
		show(w, http.StatusForbidden, page{Title: "Not connected", Text: "credhost says: " + err.Error() + "."})
	} else {
		show(w, http.StatusOK, page{Title: "Connected", Text: "The credential is connected" + whose(done) + ". You can close this page."})
	}
	if mine || err == nil {
		select {
		case v.ended <- ending{done, err}:
		default: // it has ended already
		}
	}
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
