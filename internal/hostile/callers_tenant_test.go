// SPDX-License-Identifier: Apache-2.0

package hostile_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

func wideSpool(cfg *host.Config) { cfg.MaxSpool = 2 * much }

// usedBy reports whether a workspace can use acme's credential by some ID.
func usedBy(says string, workspace, id func(w *world, id string) string) attempt {
	return attempt{says: says, run: func(w *world) (bool, error) {
		w.serve(api, http.NotFoundHandler())
		own := w.create("key", nil)
		r, err := http.NewRequestWithContext(w.ctx, http.MethodGet, api+"/things", nil)
		if err != nil {
			return false, err
		}
		ws, other := "acme", own
		if !w.easy {
			ws, other = workspace(w, own), id(w, own)
		}
		resp, err := w.host().Workspace(ws).Client(other).Do(r)
		if err == nil {
			resp.Body.Close()
		}
		return w.got(api, canary), err
	}}
}

func itself(_ *world, id string) string { return id }

func always(name string) func(*world, string) string {
	return func(*world, string) string { return name }
}

var tenants = attempts{
	"another tenant's credential": usedBy("no such record", always("umbrella"), itself),
	"an ID with a path":           usedBy("no such record", always("umbrella"), func(_ *world, id string) string { return "../acme/" + id }),
	"an ID with a zero byte":      usedBy("no such record", always("acme"), func(_ *world, id string) string { return id + "\x00" }),
	"a tenant's name with a path": usedBy("a workspace's name has", always("umbrella/../acme"), itself),
	"a tenant's name in capitals": usedBy("no such record", always("ACME"), itself),

	"to be handed the secret": {
		says: "not allowed",
		run: func(w *world) (bool, error) {
			if w.easy {
				w.change = func(cfg *host.Config) { cfg.Release = func(string, string) bool { return true } }
			}
			r, err := w.acme().Release(w.ctx, w.create("key", nil))
			return r.Values["secret"] == canary, err
		},
	},
	"an answer that moves the secret": {
		says: "must be entered again",
		run: func(w *world) (bool, error) {
			id := w.create("key", nil)
			err := w.acme().Update(w.ctx, id, host.Patch{Values: sdk.Values{"baseUrl": evil}})
			w.get(id, evil+"/gather")
			return w.evilGot(canary), err
		},
	},
	"an old grant after an edit": {
		run: func(w *world) (bool, error) {
			w.serve(api, http.NotFoundHandler())
			id := w.create("key", nil)
			w.get(id, api+"/before")
			if !w.easy {
				if err := w.acme().Update(w.ctx, id, host.Patch{Values: sdk.Values{"secret": mine}}); err != nil {
					return false, err
				}
			}
			_, _, err := w.get(id, api+"/after")
			last := w.arrivals(api)[len(w.arrivals(api))-1]
			return strings.Contains(last.header, canary), err
		},
	},
}

// saved reports whether answers can be saved. Where it is allowed, they are
// others.
func saved(says, typ string, malicious, harmless sdk.Values) attempt {
	return attempt{says: says, run: func(w *world) (bool, error) {
		values := malicious
		if w.easy {
			values = harmless
		}
		_, err := w.acme().Create(w.ctx, typ, values)
		return err == nil, words(err)
	}}
}

// words are those of all errors in err.
func words(err error) error {
	var all sdk.Errors
	if errors.As(err, &all) {
		return errors.New(all.Error())
	}
	return err
}

// named reports whether a credential can have a name.
func named(malicious, harmless string) attempt {
	return attempt{says: "name has at most", run: func(w *world) (bool, error) {
		name := malicious
		if w.easy {
			name = harmless
		}
		_, err := w.acme().Add(w.ctx, host.New{Type: "key", Name: name, Values: w.answers(nil)})
		return err == nil, err
	}}
}

// at returns answers with a service's address.
func at(address string) sdk.Values { return sdk.Values{"baseUrl": address, "secret": canary} }

// holding returns answers with a secret.
func holding(secret string) sdk.Values { return sdk.Values{"baseUrl": api, "secret": secret} }

// of returns answers with a tenant.
func of(tenant string) sdk.Values { return sdk.Values{"tenant": tenant, "secret": canary} }

// referred reports whether a secret that stands in a file is sent. Path says
// where the reference leads, given the folder that the operator allows and
// another beside it, which both hold a secret.
func referred(says string, path func(allowed, other string) string, easily func(allowed, other string) string) attempt {
	return attempt{says: says, run: func(w *world) (bool, error) {
		w.serve(api, http.NotFoundHandler())
		root := w.t.TempDir()
		allowed, other := filepath.Join(root, "allowed"), filepath.Join(root, "other")
		for _, dir := range []string{allowed, other} {
			if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "secret"), []byte(canary), 0o600)); err != nil {
				return false, err
			}
		}
		if err := os.Symlink(filepath.Join(other, "secret"), filepath.Join(allowed, "link")); err != nil {
			return false, err
		}
		w.change = func(cfg *host.Config) { cfg.Resolve = host.Resolver{Files: []string{allowed}}.Resolve }
		to := path
		if w.easy {
			to = easily
		}
		id, err := w.acme().Add(w.ctx, host.New{Type: "key", Values: sdk.Values{"baseUrl": api},
			References: map[string]string{"secret": "file:" + to(allowed, other)}})
		if err == nil {
			_, _, err = w.get(id, api+"/things")
		}
		return w.got(api, canary), words(err)
	}}
}

func inAllowed(name string) func(allowed, other string) string {
	return func(allowed, _ string) string { return filepath.Join(allowed, name) }
}

var answerers = attempts{
	"a secret with a line break":      saved("secret", "key", holding("k\r\nX-Admin: yes"), holding("k")),
	"a secret as large as a film":     saved("secret", "key", holding(strings.Repeat("k", 10<<20)), holding(strings.Repeat("k", 1000))),
	"an address with a user":          saved("baseUrl", "key", at("https://api.good.example@evil.example"), at(api)),
	"an address with a query":         saved("baseUrl", "key", at(api+"/?next="), at(api)),
	"an address with a fragment":      saved("baseUrl", "key", at(evil+"/#.good.example"), at(api)),
	"an address of another scheme":    saved("baseUrl", "key", at("file:///etc/passwd"), at(api)),
	"an address with a backslash":     saved("baseUrl", "key", at(`https://evil.example\.good.example`), at(api)),
	"a tenant that is an address":     saved("tenant", "hosted", of("evil.example/#"), of("acme")),
	"a tenant that is a user":         saved("tenant", "hosted", of("x@evil.example:443/"), of("acme")),
	"a tenant that is escaped":        saved("tenant", "hosted", of("evil.example%2f"), of("acme")),
	"an answer that nobody asked for": saved("admin", "key", sdk.Values{"baseUrl": api, "secret": canary, "admin": "true"}, at(api)),
	"an answer that is not a choice":  saved("place", "key", sdk.Values{"baseUrl": api, "secret": canary, "place": "body"}, at(api)),
	"a name of two lines":             named("payroll\x1b[2K\rtest", "payroll"),
	"a name that is read backwards":   named("pay\u202etset", "\u05e9\u05db\u05e8"),
	"a name with invisible letters":   named("pay\u0085roll", "pay roll"),
	"a reference in the secret's place": {
		run: func(w *world) (bool, error) {
			dir := w.t.TempDir()
			path := filepath.Join(dir, "secret")
			if err := os.WriteFile(path, []byte(canary), 0o600); err != nil {
				return false, err
			}
			w.serve(api, http.NotFoundHandler())
			w.change = func(cfg *host.Config) { cfg.Resolve = host.Resolver{Files: []string{dir}}.Resolve }
			n := host.New{Type: "key", Values: sdk.Values{"baseUrl": api, "secret": "file:" + path}}
			if w.easy {
				n.Values, n.References = sdk.Values{"baseUrl": api}, map[string]string{"secret": "file:" + path}
			}
			id, err := w.acme().Add(w.ctx, n)
			if err != nil {
				return false, err
			}
			_, _, err = w.get(id, api+"/things")
			return w.got(api, canary), err
		},
	},
	"a reference to another folder": referred("stands for nothing", func(_, other string) string { return filepath.Join(other, "secret") }, inAllowed("secret")),
	"a reference with dots": referred("stands for nothing", func(allowed, _ string) string { return allowed + "/../other/secret" },
		func(allowed, _ string) string { return allowed + "/../allowed/secret" }),
	"a reference through a link": referred("stands for nothing", inAllowed("link"), inAllowed("secret")),
	"a reference where there are none": {
		says: "references are not allowed on this host",
		run: func(w *world) (bool, error) {
			if w.easy {
				w.change = func(cfg *host.Config) {
					cfg.Resolve = func(context.Context, string, string) (string, error) { return canary, nil }
				}
			}
			_, err := w.acme().Add(w.ctx, host.New{Type: "key", Values: sdk.Values{"baseUrl": api}, References: map[string]string{"secret": "env:PATH"}})
			return err == nil, words(err)
		},
	},
}
