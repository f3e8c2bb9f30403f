// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/proxy"
)

// A door is the proxy of "credhost serve", for what engines do that are not Go.
type door struct {
	access *access.Access
	proxy  *proxy.Handler
	server *http.Server
	url    string
}

// openDoor serves the proxy at an address of this machine.
func (p *program) openDoor(ctx context.Context, o *opened) (d *door, err error) {
	d = &door{}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	if d.access, err = access.Open(ctx, p.accessConfig(o)); err != nil {
		return nil, err
	}
	if d.proxy, err = proxy.New(proxy.Config{Host: o.host, Access: d.access, Audit: o.trail, Logger: p.logger()}); err != nil {
		return nil, err
	}
	if _, err := d.access.CreateWorkspace(access.With(ctx, operator()), p.workspace); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d.url = "http://" + l.Addr().String()
	d.server = &http.Server{Handler: d.proxy, ReadHeaderTimeout: 10 * time.Second}
	go d.server.Serve(l) // until close
	return d, nil
}

// close closes all of it.
func (d *door) close() error {
	var errs []error
	if d.server != nil {
		errs = append(errs, d.server.Close())
	}
	if d.proxy != nil {
		errs = append(errs, d.proxy.Close())
	}
	if d.access != nil {
		errs = append(errs, d.access.Close())
	}
	return errors.Join(errs...)
}

// proxied makes a request as an engine in any language does: over HTTP, with a
// key that is good for the one credential, and for reading.
func (p *playing) proxied(ctx context.Context) (string, error) {
	key, token, err := p.d.door.access.CreateKey(access.With(ctx, operator()), access.NewKey{Workspace: "demo", Name: "engine", Scopes: []access.Scope{access.Use},
		Limits: access.Limits{Credentials: []string{p.id}, Methods: []string{http.MethodGet}}})
	if err != nil {
		return "", err
	}
	to, err := url.Parse(p.url)
	if err != nil {
		return "", err
	}
	path := fmt.Sprintf("/proxy/%s/%s/%s", p.id, to.Scheme, to.Host+to.RequestURI())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.d.door.url+path, nil)
	if err != nil {
		return "", err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := answerOf(http.DefaultClient.Do(r))
	return fmt.Sprintf("over HTTP, with the key %s…: %s", key.ID[:8], answer), err
}
