// SPDX-License-Identifier: Apache-2.0

// Command webform shows people the forms of credentials in a browser: a new one
// at /new/TYPE, one that is there at /edit/ID. It knows nothing of any type.
//
//	credhost plugin trust halopsa --plugins bin/plugins
//	go run ./examples/webform bin/plugins       and open http://127.0.0.1:8080/new/halopsa
//
// Who the person is, and that nobody else reaches these pages, is your
// engine's own affair: this one listens on this machine alone.
package main

import (
	"context"
	"errors"
	"log"
	"net/http"
	"os"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/sdk"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: webform PLUGIN-FOLDER")
	}
	keys, err := sealer.NewKeyring()
	if err != nil {
		log.Fatal(err)
	}
	h, err := host.Open(context.Background(), host.Config{Plugins: os.Args[1:], Store: memstore.New(), Sealer: sealer.New(keys)})
	if err != nil {
		log.Fatal(err)
	}
	defer h.Close()
	log.Print(http.ListenAndServe("127.0.0.1:8080", newPages(h)))
}

// pages are the forms of one workspace.
type pages struct {
	host *host.Host
	ws   *host.Workspace
}

func newPages(h *host.Host) http.Handler {
	p := pages{h, h.Workspace("acme")}
	mux := http.NewServeMux()
	mux.HandleFunc("/new/{type}", p.create)
	mux.HandleFunc("/edit/{id}", p.edit)
	return http.NewCrossOriginProtection().Handler(mux) // no other site posts a form here
}

// create shows the form of a new credential, and stores what it puts.
func (p pages) create(w http.ResponseWriter, r *http.Request) {
	t, err := p.host.Type(r.PathValue("type"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	f := form.New(form.Config{Schema: t.Schema, Can: t.Can, Languages: r.Header.Get("Accept-Language"), Links: form.Links{Save: r.URL.Path}})
	serve(w, r, f, func(answers sdk.Values) (string, error) {
		return p.ws.Create(r.Context(), t.Schema.Name, answers)
	})
}

// edit shows the form of a credential that is there, without its secrets.
func (p pages) edit(w http.ResponseWriter, r *http.Request) {
	c, err := p.ws.Show(r.Context(), r.PathValue("id"))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	t, err := p.host.Type(c.Type)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	f := form.New(form.Config{Schema: t.Schema, Can: t.Can, Languages: r.Header.Get("Accept-Language"), Links: form.Links{Save: r.URL.Path},
		Answers: c.Answers})
	serve(w, r, f, func(answers sdk.Values) (string, error) {
		return c.ID, p.ws.Update(r.Context(), c.ID, host.Patch{Whole: true, Values: answers})
	})
}

// serve shows a form until what it puts can be saved.
func serve(w http.ResponseWriter, r *http.Request, f *form.Form, save func(sdk.Values) (string, error)) {
	var s form.State
	if r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, 16<<20)
		if err := r.ParseForm(); err != nil {
			http.Error(w, "the form cannot be read", http.StatusBadRequest)
			return
		}
		answers, again := f.Parse(r.PostForm)
		s.Answers = answers
		if !again {
			id, err := save(answers)
			if err == nil {
				http.Redirect(w, r, "/edit/"+id, http.StatusSeeOther)
				return
			}
			if s.Faults = f.Faults(err); !errors.As(err, new(*sdk.Error)) {
				log.Print(err) // it is not the person's
			}
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
	}
	if err := f.WritePage(w, s); err != nil {
		log.Print(err)
	}
}
