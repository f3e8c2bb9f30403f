// SPDX-License-Identifier: Apache-2.0

//go:build unix

package canary_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/host/pgstore"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/host/sqlitestore"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

func init() { children["engine"] = runEngine }

// wrongAnswers are secrets that no service takes, by what they are.
var wrongAnswers = map[string]string{
	"password":  "canary-wr0ng-Passw0rd/+\"&=x",
	"reference": "canary-ref3rred-to-elsewhere",
	"field":     "canary-ans3r-to-no-field-at-all",
	"option":    "canary-0ption-that-there-is-not",
}

// orders tell an engine what to do.
type orders struct {
	Dir      string            // for all that it keeps, and all that it writes
	Plugins  string            // a folder
	Routes   map[string]string // of the egress
	Services string            // a URL of theirs
	Database string            // a URL; empty: a file
	Proxy    string            // a URL; empty: none
	Off      []defence.Defence
	Only     []string // types; nil: all
	Serve    bool     // as "credhost serve" does
}

// An engine embeds a host, and writes down all that the host lets it see.
type engine struct {
	orders
	host   *host.Host
	ws     *host.Workspace
	trail  *audit.Trail
	access *access.Access

	patience time.Duration // for one use
	gauge    *gauge

	mu    sync.Mutex
	shift time.Duration
	files map[string]*os.File
}

// runEngine is the child that does all that a host can do. It says "done" when
// it has, and closes the host when it hears no more.
func runEngine() int {
	e := &engine{files: map[string]*os.File{}}
	in := json.NewDecoder(os.Stdin)
	if err := in.Decode(&e.orders); err != nil {
		fmt.Println(err)
		return 1
	}
	shut, err := e.open()
	if err != nil {
		fmt.Println(err)
		return 1
	}
	e.all()
	if e.Serve {
		if err := e.served(context.Background()); err != nil {
			fmt.Println("served:", err)
			return 1
		}
	}
	e.note("list the trail", e.keepTrail(context.Background()))
	e.note("measure", e.gauge.write(context.Background(), e))
	fmt.Println("done")
	io.Copy(io.Discard, os.Stdin)
	if err := shut(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// write writes a line into one of the files of what the host lets be seen.
func (e *engine) write(name, format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	fmt.Fprintf(e.file(name), format+"\n", args...)
}

func (e *engine) file(name string) *os.File {
	if e.files[name] == nil {
		e.files[name] = must(os.Create(filepath.Join(e.Dir, name)))
	}
	return e.files[name]
}

func (e *engine) now() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return time.Now().Add(e.shift)
}

func (e *engine) advance(d time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.shift += d
}

func (e *engine) open() (shut func() error, err error) {
	ctx := context.Background()
	data := filepath.Join(e.Dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	everything := &slog.HandlerOptions{Level: slog.LevelDebug - 4, AddSource: true}
	logger := slog.New(slog.NewMultiHandler(slog.NewJSONHandler(e.file("log.json"), everything), slog.NewTextHandler(e.file("log.txt"), everything)))
	slog.SetDefault(logger)
	keys, err := sealer.OpenFile(ctx, sealer.FileConfig{Path: filepath.Join(e.Dir, "key"), Create: true, Announce: func(s string) { e.write("results", "%s", s) }})
	if err != nil {
		return nil, err
	}
	var store interface {
		host.Store
		Close() error
	}
	if e.Database != "" {
		_, wrong := pgstore.Open(ctx, pgstore.Config{URL: strings.Replace(e.Database, "/", "/no-such-", 3), Wait: time.Second})
		e.note("open a database that there is not", wrong)
		store, err = pgstore.Open(ctx, pgstore.Config{URL: e.Database})
	} else {
		store, err = sqlitestore.Open(ctx, sqlitestore.Config{Path: filepath.Join(data, "store.db")})
	}
	if err != nil {
		return nil, err
	}
	e.trail, err = audit.Open(ctx, audit.Config{Store: store, Sealer: sealer.New(keys), Logger: logger, Now: e.now})
	if err != nil {
		return nil, err
	}
	cfg := host.Config{
		Plugins: []string{e.Plugins}, Lock: filepath.Join(data, "lock"), Cache: filepath.Join(data, "cache"), Dev: true,
		Store: store, Sealer: sealer.New(keys), Egress: egress.Config{Routes: e.Routes, Logger: logger, Proxy: e.Proxy},
		CallbackURL: "https://host.example/callback", Logger: logger, Now: e.now,
		Release: func(string, string) bool { return true },
		Resolve: func(context.Context, string, string) (string, error) { return wrongAnswers["reference"], nil },
		Audit: func(ctx context.Context, ev host.Event) error {
			e.result("audit", ev)
			return e.trail.Record(ctx, ev)
		},
		Fingerprint: e.trail.Fingerprint,
		Warn:        func(_ context.Context, w host.Warning) { e.result("warnings", w) },
	}
	e.gauge = gaugeOf(&cfg)
	if e.host, err = host.Open(defence.Without(ctx, e.Off...), cfg); err != nil {
		return nil, err
	}
	if e.access, err = access.Open(ctx, access.Config{Host: e.host, Rates: access.Rates{Failures: access.Rate{PerSecond: 1e6}}}); err != nil {
		return nil, err
	}
	if err := e.gauge.open(ctx, e.host, e.access); err != nil {
		return nil, err
	}
	e.ws = e.host.Workspace("acme")
	return func() error {
		return errors.Join(e.gauge.events.Close(), e.access.Close(), e.host.Close(), e.trail.Close(), store.Close())
	}, nil
}

// keepTrail writes down what is on record.
func (e *engine) keepTrail(ctx context.Context) error {
	report, err := e.trail.Verify(ctx, audit.Check{})
	e.note("verify the trail", err)
	e.result("trail", report)
	for before := uint64(0); ; {
		page, err := e.trail.List(ctx, audit.Query{Before: before, Limit: 1000})
		if err != nil || len(page) == 0 {
			return err
		}
		e.result("trail", page)
		before = page[len(page)-1].Seq
	}
}

// result writes down what the host answered, as programs do.
func (e *engine) result(file string, v any) {
	text, err := json.Marshal(v)
	e.write(file, "%s %v\n%v\n%+v\n%#v", text, err, v, v, v)
	slog.Info("result", "file", file, "value", v)
}

// note writes down an error, with all that it wraps.
func (e *engine) note(what string, err error) {
	if err == nil {
		return
	}
	e.write("errors", "%s: %s\n%v\n%+v\n%#v\n%q", what, err.Error(), err, err, err, err)
	text, _ := json.Marshal(err)
	e.write("errors", "%s", text)
	slog.Error(what, "err", err)
	switch u := err.(type) {
	case interface{ Unwrap() error }:
		e.note(what+", by", u.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range u.Unwrap() {
			e.note(what+", by", err)
		}
	}
}

// all does everything with every type, once as it should be, and then with
// services that refuse and repeat, answer badly, or not at all.
func (e *engine) all() {
	kinds := []struct {
		typ     string
		answers sdk.Values
	}{}
	add := func(typ string, answers sdk.Values) {
		if len(e.Only) == 0 || strings.Contains(strings.Join(e.Only, " "), typ) {
			kinds = append(kinds, struct {
				typ     string
				answers sdk.Values
			}{typ, answers})
		}
	}
	with := func(typ, field, answer string) {
		a := testplugin.Answers(typ)
		a[field] = answer
		add(typ, a)
	}
	for _, typ := range []string{"sigv4", "digest", "homed", "device", "database", "sites", "renamed", "account", "exchanged", "pushed", "mortal", "many001", "many002", "many003"} {
		add(typ, testplugin.Answers(typ))
	}
	for _, place := range []string{"header", "query", "path", "cookie"} {
		with("placed", "place", place)
	}
	for _, method := range testplugin.ClientsMethods() {
		if method != oauth.AuthTLS && method != oauth.AuthSelfSignedTLS {
			add("clients", testplugin.ClientsAnswers(method))
		}
	}
	for _, m := range []string{testplugin.MishapPrint, testplugin.MishapQuote, testplugin.MishapPanic, testplugin.MishapExit, testplugin.MishapHang,
		testplugin.MishapWait, testplugin.MishapElsewhere, testplugin.MishapDetached, testplugin.MishapOutside, testplugin.MishapHeader,
		testplugin.MishapLarge, testplugin.MishapExpired, testplugin.MishapSign} {
		with("unruly", "mishap", m)
	}
	for _, k := range kinds {
		begun := time.Now()
		e.life(k.typ, k.answers)
		e.write("times", "%s %v", k.typ, time.Since(begun))
		e.host.Registry().Reset("test")
	}
	e.result("results", e.host.Types()[:3])
	e.result("results", e.host.Registry().Programs())
}

// mode has the services do something else.
func (e *engine) mode(m string) {
	if resp, err := http.Get(e.Services + "/mode/" + m); err == nil {
		resp.Body.Close()
	}
}

// life is that of one credential.
func (e *engine) life(typ string, answers sdk.Values) {
	ctx := host.WithActor(context.Background(), "anna")
	e.patience = 5 * time.Second // for a machine that is busy
	if typ == "unruly" {
		e.patience = 400 * time.Millisecond
	}
	e.mistakes(ctx, typ, answers)
	id, err := e.ws.Create(ctx, typ, answers)
	if err != nil {
		e.note("create "+typ, err)
		return
	}
	e.connect(ctx, id)
	e.use(ctx, id)
	e.advance(2 * time.Hour)
	e.use(ctx, id)
	e.advance(2 * time.Minute)
	for _, m := range []string{"echo", "garbage", "hang"} {
		if m == "hang" && (typ == "clients" || typ == "account" || typ == "exchanged") {
			continue // which takes its time, and has been seen with others
		}
		e.mode(m)
		if m != "hang" { // which takes its time
			e.use(ctx, id)
		} else {
			e.patience = 400 * time.Millisecond
		}
		e.advance(3 * time.Hour) // so that the grant has ended
		e.use(ctx, id)
		e.connect(ctx, id)
		e.advance(time.Hour) // so that a failure is not remembered
	}
	e.mode("")
	e.finish(ctx, typ, id)
}

// finish releases, revokes and edits a credential, and may delete it.
func (e *engine) finish(ctx context.Context, typ, id string) {
	brief := func(what string, f func(context.Context) error) {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		e.note(what, f(ctx))
	}
	brief("release", func(ctx context.Context) error {
		_, err := e.ws.Release(ctx, id) // which is the one way to see them
		return err
	})
	brief("revoke", func(ctx context.Context) error {
		revoked, err := e.ws.Revoke(ctx, id)
		e.result("results", revoked)
		return err
	})
	brief("edit", func(ctx context.Context) error {
		return e.ws.Update(ctx, id, host.Patch{Values: secretsOf(e.schema(typ), wrongAnswers["password"])})
	})
	e.use(ctx, id)
	brief("forget", func(ctx context.Context) error { return e.ws.Forget(ctx, id) })
	if strings.HasPrefix(typ, "many") {
		brief("delete", func(ctx context.Context) error { return e.ws.Delete(ctx, id) })
	}
	page, err := e.ws.List(ctx, host.Page{})
	e.note("list", err)
	e.result("results", page)
}

func (e *engine) schema(typ string) sdk.Schema {
	t, _ := e.host.Type(typ)
	return t.Schema
}

// secretsOf answers every secret field of a schema that is one line of text.
func secretsOf(s sdk.Schema, secret string) sdk.Values {
	values := sdk.Values{}
	for _, f := range s.Fields {
		if f.Secret && f.Kind == sdk.Text {
			values[f.Name] = secret
		}
	}
	return values
}

// mistakes are what people answer in the wrong place.
func (e *engine) mistakes(ctx context.Context, typ string, answers sdk.Values) {
	s := e.schema(typ)
	for _, f := range s.Fields {
		wrong := sdk.Values{}
		for name, v := range answers {
			wrong[name] = v
		}
		wrong[f.Name] = wrongAnswers["option"] + "\r\n\x00"
		_, err := e.ws.Create(ctx, typ, wrong)
		e.note("create wrongly", err)
	}
	_, err := e.ws.Create(ctx, typ, sdk.Values{"noSuchField": wrongAnswers["field"]})
	e.note("create with no such field", err)
	references := map[string]string{}
	for name := range secretsOf(s, "x") {
		references[name] = "vault:" + name
	}
	if id, err := e.ws.Add(ctx, host.New{Type: typ, Values: without(answers, references), References: references}); err == nil {
		e.use(ctx, id)
		e.note("delete", e.ws.Delete(ctx, id))
	}
}

func without(values sdk.Values, names map[string]string) sdk.Values {
	kept := sdk.Values{}
	for name, v := range values {
		if names[name] == "" {
			kept[name] = v
		}
	}
	return kept
}

// use tests a credential, makes requests with it, and looks at it.
func (e *engine) use(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, e.patience)
	defer cancel()
	verdict, err := e.ws.Test(ctx, id)
	e.note("test", err)
	e.result("results", verdict)
	view, err := e.ws.Show(ctx, id)
	e.note("show", err)
	e.result("results", view)
	for _, origin := range append(view.Origins.Grant, "https://evil.example") {
		for _, path := range []string{"/me", "/{key}/{token}?a=b"} {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.Replace(origin, "*", "home", 1)+path, strings.NewReader("a=b"))
			if err != nil {
				continue
			}
			resp, err := e.ws.Client(id).Do(r)
			if err != nil {
				e.note("request", err)
				continue
			}
			io.Copy(io.Discard, resp.Body) // what a service says of it in a body is the caller's
			resp.Body.Close()
			e.write("results", "%s %v %v %v", resp.Status, resp.Header, resp.Request.URL, resp.Request.Header)
		}
	}
	for _, f := range e.schema(view.Type).Fields {
		if f.Suggest != nil {
			options, err := e.ws.Suggest(ctx, id, f.Name, "x")
			e.note("suggest", err)
			e.result("results", options)
		}
	}
}

// connect visits the page of a credential, if it has one, and comes back; or
// types in the code of a device.
func (e *engine) connect(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, 5*e.patience)
	defer cancel()
	flow, err := e.ws.Connect(ctx, id, "anna")
	if err != nil {
		e.note("connect", err)
		return
	}
	if flow.UserCode != "" {
		if resp, err := http.Get(e.Services + "/nothing"); err == nil {
			resp.Body.Close()
		}
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, e.Services+"/activate?user_code="+flow.UserCode, nil)
		r.Host = "device.example"
		if resp, err := http.DefaultClient.Do(r); err == nil {
			resp.Body.Close()
		}
		done, err := e.ws.Await(ctx, flow, "anna")
		e.note("await", err)
		e.result("results", done)
		return
	}
	u := must(url.Parse(flow.URL))
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, e.Services+u.RequestURI(), nil)
	r.Host = u.Host
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.Do(r)
	if err != nil {
		return
	}
	resp.Body.Close()
	back, err := http.NewRequestWithContext(ctx, http.MethodGet, resp.Header.Get("Location"), nil)
	if err != nil {
		return
	}
	_, err = e.ws.Finish(back, "eve") // who is not the one
	e.note("finish", err)
	if flow.Cookie != nil {
		back.AddCookie(flow.Cookie)
	}
	done, err := e.ws.Finish(back, "anna")
	e.note("finish", err)
	e.result("results", done)
	_, err = e.ws.Finish(back, "anna") // again
	e.note("finish", err)
}
