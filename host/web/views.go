// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/credhost/credhost/host/form"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets
var assetFiles embed.FS

// views are the pages' templates, in each language, and the files they use.
type views struct {
	words  map[string]*words
	pages  map[string]map[string]*template.Template // by language and name
	assets map[string]file
}

// A file is served under a name that changes with what is in it.
type file struct {
	text      []byte
	mediaType string
	address   string
}

// newViews reads everything that is embedded.
func newViews() (*views, error) {
	v := &views{pages: map[string]map[string]*template.Template{}, assets: map[string]file{}}
	var err error
	if v.words, err = loadWords(); err != nil {
		return nil, err
	}
	entries, err := fs.ReadDir(assetFiles, "assets")
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	for _, e := range entries {
		text, err := assetFiles.ReadFile("assets/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("web: %w", err)
		}
		v.add(e.Name(), text)
	}
	v.add("form.css", form.Style)
	v.add("form.js", form.Script)
	for tag, w := range v.words {
		if v.pages[tag], err = v.parse(w); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (v *views) add(name string, text []byte) {
	mediaType := map[string]string{"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}[name[strings.LastIndexByte(name, '.')+1:]]
	sum := sha256.Sum256(text)
	v.assets[name] = file{text, mediaType, "/assets/" + name + "?v=" + hex.EncodeToString(sum[:6])}
}

// parse returns the pages in one language.
func (v *views) parse(w *words) (map[string]*template.Template, error) {
	functions := template.FuncMap{
		"t":     w.t,
		"asset": func(name string) string { return v.assets[name].address },
		"glyph": glyph,
		"when":  func(now, at time.Time) template.HTML { return w.when(now, at) },
		"timed": w.timed,
		"day":   func(at time.Time) string { return at.UTC().Format("2006-01-02") },
		"query": url.QueryEscape,
		"pair":  func(a, b any) [2]any { return [2]any{a, b} },
	}
	shell, err := template.New("shell").Funcs(functions).ParseFS(templateFiles, "templates/shell.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	pages := map[string]*template.Template{}
	for _, path := range names {
		name := strings.TrimSuffix(strings.TrimPrefix(path, "templates/"), ".html")
		if name == "shell" || name == "parts" {
			continue
		}
		page, err := shell.Clone()
		if err == nil {
			page, err = page.ParseFS(templateFiles, path)
		}
		if err != nil {
			return nil, fmt.Errorf("web: %w", err)
		}
		pages[name] = page
	}
	return pages, nil
}

// wordsFor returns the words for somebody who has chosen a language here, or
// whose browser has.
func (v *views) wordsFor(chosen, accept string) *words { return v.words[languageOf(chosen, accept)] }

// asset serves a file. Its address changes with it, so that it may be kept.
func (h *Handler) asset(w http.ResponseWriter, r *http.Request) {
	f, ok := h.views.assets[r.PathValue("file")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", f.mediaType)
	w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.text))
}

// A shell is what every page has around it.
type shell struct {
	Title    string
	Lang     string
	Theme    string
	Path     string // of this page, to come back to
	Token    string
	Actor    string // who has signed in; empty: nobody
	Operator bool
	Home     string
	Space    string // the workspace
	Spaces   []string
	Nav      []link
	Done     string // what was done before this page came
	Plain    bool   // no navigation
	Refresh  string // a meta refresh
	Now      time.Time
	Tongues  any
	Data     any
}

// A link of the navigation.
type link struct {
	Path, Glyph, Text string
	Here              bool
}

// show writes a page.
func (v *visit) show(status int, name, title string, data any) {
	v.write(status, name, v.shell(title, data))
}

func (v *visit) write(status int, name string, s shell) {
	var b bytes.Buffer
	if err := v.h.views.pages[v.words.tag][name].ExecuteTemplate(&b, "shell", s); err != nil {
		v.h.log.ErrorContext(v.ctx(), "a page could not be made", "page", name, "err", err)
		http.Error(v.w, "This page could not be made.", http.StatusInternalServerError)
		return
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Content-Language", v.words.tag)
	v.w.Header().Set("Vary", "Accept-Language, Cookie")
	v.w.WriteHeader(status)
	if v.r.Method != http.MethodHead {
		b.WriteTo(v.w)
	}
}

// shell returns what goes around a page.
func (v *visit) shell(title string, data any) shell {
	s := shell{Title: title, Lang: v.words.tag, Theme: v.theme, Path: v.r.URL.Path, Token: tokenOf(v.session), Actor: strings.TrimPrefix(string(v.caller.Actor), "user:"),
		Operator: v.caller.Operator(), Space: v.workspace(), Home: "/", Now: v.h.cfg.Host.Now(), Tongues: languages, Data: data,
		Done: v.done(v.r.URL.Query().Get("done"))}
	if v.route.posts() {
		s.Path = "/"
	}
	if s.Actor == "" {
		s.Plain = true
		return s
	}
	if s.Space == "" && s.Operator {
		s.Space = v.lastSpace()
	}
	here := v.r.URL.Path
	add := func(pattern, path, glyph, text string) {
		if v.may(pattern) {
			s.Nav = append(s.Nav, link{path, glyph, text, here == path || strings.HasPrefix(here, path+"/")})
		}
	}
	if s.Space != "" {
		within := "GET " + within
		add(within+"credentials", workspacePath(s.Space, "credentials"), "key", v.words.t("Credentials"))
		add(within+"types", workspacePath(s.Space, "types"), "plus", v.words.t("Add a credential"))
		add(within+"applications", workspacePath(s.Space, "applications"), "app", v.words.t("Applications"))
		add(within+"keys", workspacePath(s.Space, "keys"), "token", v.words.t("Keys"))
		add(within+"people", workspacePath(s.Space, "people"), "people", v.words.t("People"))
		if v.h.cfg.Events != nil {
			add(within+"webhooks", workspacePath(s.Space, "webhooks"), "hook", v.words.t("Webhooks"))
		}
		if v.h.cfg.Audit != nil {
			add(within+"audit", workspacePath(s.Space, "audit"), "list", v.words.t("Audit trail"))
		}
	}
	add("GET /workspaces", "/workspaces", "space", v.words.t("Workspaces"))
	add("GET /applications", "/applications", "app", v.words.t("Shared applications"))
	add("GET /plugins", "/plugins", "plug", v.words.t("Plugins"))
	return s
}

// dones are what a page can say of what was done just before: the words in its
// address, and no others, so that nobody makes a link that says something else.
var dones = map[string]string{
	"created":    "The credential is saved.",
	"saved":      "Your changes are saved.",
	"connected":  "It is connected.",
	"tested":     "It was tested.",
	"revoked":    "Access is revoked, as far as the service says.",
	"forgotten":  "The approval is forgotten here.",
	"deleted":    "It is deleted.",
	"trusted":    "The plugin is trusted.",
	"removed":    "The plugin is not trusted any more.",
	"reset":      "The plugin may be started again.",
	"ended":      "The session is ended.",
	"hooktested": "The webhook has taken a test.",
	"hookfailed": "The webhook has not taken the test: see below.",
	"again":      "It was saved already: nothing was saved twice.",
}

func (v *visit) done(word string) string {
	if text := dones[word]; text != "" {
		return v.words.t(text)
	}
	return ""
}
