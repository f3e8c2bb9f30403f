// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/standin"
	"github.com/credhost/credhost/sdk"
)

// A playing is an act that is being played.
type playing struct {
	act
	d  *demo
	ws *host.Workspace
	id string
}

// A scene is a step of an act. It says what happened; nothing, if it is not
// for this act.
type scene struct {
	name string
	play func(context.Context) (string, error)
	// parts are those of the service whose requests are shown: the first at
	// which one arrived.
	parts []standin.Part
}

func (p *playing) scenes() []scene {
	return []scene{
		{"refused", p.refused, nil},
		{"created", p.created, nil},
		{"connected", p.connected, []standin.Part{standin.Token}},
		{"tested", p.tested, []standin.Part{standin.Token, standin.API}},
		{"guarded", p.guarded, nil},
		{"requested", p.requested, []standin.Part{standin.API}},
		{"proxied", p.proxied, []standin.Part{standin.API}},
		{"renewed", p.renewed, []standin.Part{standin.Token}},
	}
}

// play plays an act, scene by scene.
func (d *demo) play(ctx context.Context, a act) error {
	d.poster.act(a.title)
	p := &playing{act: a, d: d, ws: d.opened.ws}
	for _, s := range p.scenes() {
		before := len(a.service.Requests())
		said, err := s.play(ctx)
		if err != nil {
			d.poster.step(step{Name: s.name, Says: err.Error()})
			return &failure{code: codeInternal, text: fmt.Sprintf("%s, %s: not %s: %v", a.typ, a.title, s.name, err), err: err}
		}
		if said == "" {
			continue
		}
		arrived := a.service.Masked()[before:]
		d.poster.step(step{Name: s.name, OK: true, Idle: said == a.endless, Says: said, Arrived: arrivals(arrived, s.parts)})
	}
	return nil
}

// refused gives a wrong answer, which must not be taken.
func (p *playing) refused(ctx context.Context) (string, error) {
	_, err := p.ws.Create(ctx, p.typ, with(p.answers, p.wrong))
	var e *sdk.Error
	if !errors.As(err, &e) || e.Code != sdk.Invalid || e.Field == "" {
		return "", fmt.Errorf("a wrong answer met %w", cmp.Or(err, errors.New("no error")))
	}
	return e.Error(), nil
}

func (p *playing) created(ctx context.Context) (_ string, err error) {
	if p.id, err = p.ws.Create(ctx, p.typ, p.answers); err != nil {
		return "", err
	}
	view, err := p.ws.Show(ctx, p.id)
	if err != nil {
		return "", err
	}
	said := fmt.Sprintf("%s…, %s", p.id[:8], view.Status)
	for _, name := range slices.Sorted(maps.Keys(view.Answers)) {
		if string(view.Answers[name]) == `{"set":true}` {
			said += fmt.Sprintf("; %s: %s", name, view.Answers[name])
		}
	}
	return said, nil
}

// connected approves access as a person does, in a browser that goes through
// the program's own start page.
func (p *playing) connected(ctx context.Context) (string, error) {
	if !p.connect {
		return "", nil
	}
	flow, err := p.ws.Connect(ctx, p.id, actor())
	if err != nil {
		return "", err
	}
	v := newVisit(p.ws, flow, actor(), p.d.listener.Addr().String())
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	browser := &http.Client{Transport: p.d.stage, Jar: jar, Timeout: 10 * time.Second}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.startURL(), nil)
	if err != nil {
		return "", err
	}
	visited := make(chan error, 1)
	go func() {
		resp, err := browser.Do(r)
		if err == nil {
			resp.Body.Close()
		}
		visited <- err
	}()
	done, err := v.serve(ctx, p.d.listener)
	if err := errors.Join(err, <-visited); err != nil {
		return "", err
	}
	return "a browser approved access at " + sdk.Origin(flow.URL) + whose(done), nil
}

func (p *playing) tested(ctx context.Context) (string, error) {
	v, err := p.ws.Test(ctx, p.id)
	if err == nil && v.Outcome != host.Works {
		err = errors.New(verdict(v))
	}
	return "the service says that it " + v.Outcome.Text(), err
}

// guarded asks for an address that the credential is not for.
func (p *playing) guarded(ctx context.Context) (string, error) {
	_, err := p.get(ctx, "https://elsewhere.example/")
	var e *sdk.Error
	if !errors.As(err, &e) || e.Code != sdk.Invalid {
		return "", fmt.Errorf("a request elsewhere met %w", cmp.Or(err, errors.New("no refusal")))
	}
	return e.Message, nil
}

func (p *playing) requested(ctx context.Context) (string, error) {
	return p.get(ctx, p.url)
}

// renewed lets the grant end, and makes another request.
func (p *playing) renewed(ctx context.Context) (string, error) {
	if p.endless != "" {
		return p.endless, nil
	}
	p.d.clock.Advance(time.Hour)
	before := p.service.TokenRequests()
	answer, err := p.get(ctx, p.url)
	if n := p.service.TokenRequests() - before; err == nil && n != 1 {
		err = fmt.Errorf("%d grants were asked for instead of one", n)
	}
	return "an hour later the grant has ended, and another is obtained: " + answer, err
}

// get makes a request with the credential.
func (p *playing) get(ctx context.Context, url string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	return answerOf(p.ws.Client(p.id).Do(r))
}

// answerOf returns the beginning of an answer, which must be 200.
func answerOf(resp *http.Response, err error) (string, error) {
	if err != nil {
		return "", requestError(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", errors.New("the answer was " + resp.Status)
	}
	return resp.Status + " " + cut(strings.Join(strings.Fields(string(body)), " "), 60), nil
}

// arrivals are the requests at the first of parts that got any.
func arrivals(all []standin.Request, parts []standin.Part) (texts []string) {
	for _, part := range parts {
		for _, r := range all {
			if r.Part == part {
				texts = append(texts, arrival(r))
			}
		}
		if texts != nil {
			break
		}
	}
	return texts
}

// arrival is a request, whose secrets are masked, as it arrived: its address,
// the headers that carry a credential, and its parameters, the grant first.
func arrival(r standin.Request) string {
	text := r.Method + " " + r.Path
	for _, name := range []string{"Authorization", "X-Fax-Clientid"} {
		if v := r.Header.Get(name); v != "" {
			text += " " + name + ": " + v
		}
	}
	params := r.Form()
	if params == nil {
		params = url.Values{}
	}
	maps.Copy(params, r.Query())
	names := slices.Sorted(maps.Keys(params))
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(slices.Index(telling, b), slices.Index(telling, a))
	})
	for _, name := range names {
		text += " " + name + "=" + cut(params.Get(name), 30)
	}
	return text
}

// telling are the parameters that tell most of a token request, the most
// telling last.
var telling = []string{"tenant", "username", "password", "refresh_token", "code", "client_secret", "grant_type"}

// searchStore looks for every secret that any service knows in the files of
// the store and of the cache. It returns how many it looked for.
func (d *demo) searchStore() (int, error) {
	var secrets []string
	for _, s := range d.stage.services() {
		secrets = append(secrets, s.Secrets()...)
	}
	slices.Sort(secrets)
	secrets = slices.Compact(secrets)
	err := filepath.WalkDir(d.folder, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, secret := range secrets {
			if bytes.Contains(data, []byte(secret)) {
				return fmt.Errorf("%s holds a secret in the clear", path)
			}
		}
		return err
	})
	return len(secrets), err
}
