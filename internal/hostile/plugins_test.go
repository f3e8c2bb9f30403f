// SPDX-License-Identifier: Apache-2.0

//go:build linux

package hostile_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/hostile"
	"github.com/credhost/credhost/sdk"
)

func TestPlugins(t *testing.T) {
	dens.t = t
	try(t, hostile.Plugin, pluginsThatAnswer, pluginsThatDescribe, pluginsThatRun, pluginsThatReach, pluginsThatLook, pluginsThatTake, pluginsThatAsk)
}

// kept makes an attempt of an answer that must not be kept.
func kept(do string) func(w *world) (bool, error) {
	return func(w *world) (bool, error) {
		_, err := w.shared().grant(do, "")
		return err == nil, err
	}
}

// signed makes an attempt of a signature that must not be taken.
func signed(do string) func(w *world) (bool, error) {
	return func(w *world) (bool, error) {
		p := w.shared().plugin("rogue")
		_, err := p.(sdk.Signer).Sign(w.ctx, input(p, "sign:"+do, ""), sdk.Grant{Sign: sdk.SignURL}, sdk.Request{Method: "GET", URL: api + "/"})
		return err == nil, err
	}
}

// approved makes an attempt of an approval that must not be taken.
func approved(do string) func(w *world) (bool, error) {
	return func(w *world) (bool, error) {
		p := w.den("connects").plugin("connects")
		_, err := p.(sdk.Connector).Connect(w.ctx, input(p, do, ""), sdk.Callback{RedirectURL: "https://host.example/callback"})
		return err == nil, err
	}
}

// offered makes an attempt of options that must not be taken.
func offered(do string) func(w *world) (bool, error) {
	return func(w *world) (bool, error) {
		p := w.shared().plugin("rogue")
		field, _ := p.Schema().Field("arg")
		_, err := p.(sdk.Suggester).Suggest(w.ctx, input(p, do, ""), sdk.Grant{}, field, "")
		return err == nil, err
	}
}

// The attempts of what plugins answer.
var pluginsThatAnswer = attempts{
	"a grant for elsewhere": {
		says: "wants to send the grant to an address that the answers do not allow",
		run: func(w *world) (bool, error) {
			id := w.create("hostile", sdk.Values{"trick": "a grant for elsewhere", "target": evil})
			_, _, err := w.get(id, api+"/things")
			w.get(id, evil+"/things")
			return w.evilGot(canary), err
		},
	},
	"a header that is two":              {says: "has a value that HTTP does not allow", run: kept("a header that is two")},
	"a header Host":                     {says: "header Host is not for plugins to set", run: kept("a header Host")},
	"a header Connection":               {says: "header Connection is not for plugins to set", run: kept("a header Connection")},
	"a header of length":                {says: "header Content-Length is not for plugins to set", run: kept("a header of length")},
	"a header of encoding":              {says: "header Transfer-Encoding is not for plugins to set", run: kept("a header of encoding")},
	"a header for the proxy":            {says: "header Proxy-Authorization is not for plugins to set", run: kept("a header for the proxy")},
	"a header without a name":           {says: "a header has a name that HTTP does not allow", run: kept("a header without a name")},
	"a path that climbs":                {says: "path parameter key is empty, a dot segment or not plain text", run: kept("a path that climbs")},
	"an account that escapes":           {says: "the account is longer than 1 KiB or not plain text", run: kept("an account that escapes")},
	"a state without measure":           {says: "the state is larger than 1 MiB", run: kept("a great state")},
	"an expiry before all clocks":       {says: "the expiry is before 1970 or after 9999", run: kept("an expiry before")},
	"a thousand facts":                  {says: "there are more than 100 facts", run: kept("a thousand facts")},
	"an answer without measure":         {says: "answered with more than 4 MiB", run: kept("something huge")},
	"trailers without measure":          {says: "answered with what is not a message of the protocol", run: kept("trailers without end")},
	"a page that is script":             {says: "the approval's URL must be https", run: approved("a page that is script")},
	"a device code that escapes":        {says: "the user code is longer than 64 bytes or not plain text", run: approved("a code that escapes")},
	"a device flow without a pause":     {says: "the interval is not one from nothing to an hour", run: approved("a code without a pause")},
	"a signature with a fragment":       {says: `the signature's query has a "#"`, run: signed("a fragment")},
	"a signature with a second request": {says: "a control character", run: signed("a line")},
	"a signature for another host":      {says: "header Host is not for plugins to set", run: signed("a header Host")},
	"options that escape":               {says: "has text that is longer than 4 KiB or not plain", run: offered("options that escape")},
	"a success that counts as refused": {
		says: "refused status 200 is not one from 400 to 599",
		run: func(w *world) (bool, error) {
			asked := 0
			w.serve(api, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
			id := w.createRogue("all answers refused")
			_, _, err := w.get(id, api+"/things")
			return asked > 1, err
		},
	},
	"an error that escapes": {
		says: "wrong[2Jyek",
		run: func(w *world) (bool, error) {
			_, err := w.shared().grant("an error that escapes", "")
			return err != nil && strings.Contains(err.Error(), "\x1b"), err
		},
	},
	"an error about no field": {
		says: "wrong",
		run: func(w *world) (bool, error) {
			_, err := w.shared().grant("an error for a field", "")
			var e *sdk.Error
			return errors.As(err, &e) && e.Field != "", err
		},
	},
	"a pause of years": {
		says: "busy",
		run: func(w *world) (bool, error) {
			_, err := w.shared().grant("wait for years", "")
			var e *sdk.Error
			return errors.As(err, &e) && e.RetryAfter > 24*time.Hour, err
		},
	},
	"an error that holds the secret": {
		says: "the service does not know [secret]",
		run: func(w *world) (bool, error) {
			_, err := w.shared().grant("an error with the secret", "")
			return err != nil && strings.Contains(fmt.Sprintf("%+v", err), canary), err
		},
	},
	"an account that holds the secret": {
		run: func(w *world) (bool, error) {
			g, err := w.shared().grant("an account of the secret", "")
			return strings.Contains(g.Account+g.Facts["it"], canary), err
		},
	},
	"a status with words": {
		says: "broke the protocol: it must answer with an error",
		run: func(w *world) (bool, error) {
			_, err := w.shared().grant("a status with words", "")
			return err != nil && strings.Contains(err.Error(), canary), err
		},
	},
}

// createRogue has a host whose plugin is the rogue program, and makes a
// credential of it.
func (w *world) createRogue(do string) string {
	w.t.Helper()
	d := w.den("rogue")
	w.change = func(cfg *host.Config) { cfg.Plugins, cfg.Cache = []string{d.dir}, "" }
	return w.create("rogue", sdk.Values{"do": do})
}

// within runs f, whose context ends after d, and reports whether f was still
// running then.
func within(ctx context.Context, d time.Duration, f func(ctx context.Context) error) (late bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	begun := time.Now()
	err = f(ctx)
	return time.Since(begun) > d*9/10, err
}
