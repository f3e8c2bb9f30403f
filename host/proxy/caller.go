// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/sdk"
)

const (
	askPath    = "show a key of this host: Authorization: Bearer KEY, or Credhost-Key: KEY if your own Authorization is for the service"
	askForward = "show a key of this host to its proxy: HTTP_PROXY=http://CREDENTIAL:KEY@HOST:PORT, which is Proxy-Authorization with the credential's ID for a user and the key for a password"
)

// identify finds out who calls.
func (x *exchange) identify() (err error) {
	if x.user, err = x.shown(); err != nil {
		return err
	}
	ctx := x.r.Context()
	x.caller, err = x.h.cfg.Access.Caller(ctx, x.token)
	switch {
	case errors.Is(err, sdk.Denied):
		return x.unauthorized(err.Error())
	case err != nil:
		return err
	}
	if err := x.derivedAlone(); err != nil {
		return err
	}
	if q := x.h.cfg.Access.Allow(x.caller); q.Wait > 0 {
		q.Header(x.w.Header())
		return q.Err()
	}
	x.source.Key, x.source.Derived = x.caller.Key, x.caller.Derived
	x.ctx = host.WithSource(access.With(ctx, x.caller), x.source)
	return nil
}

// shown finds the key, and the user that goes with it.
func (x *exchange) shown() (user string, err error) {
	h := x.r.Header
	header, ask := h["Proxy-Authorization"], askForward
	if x.target.byPath {
		header, ask = h["Authorization"], askPath
		if key, ok := h["Credhost-Key"]; ok {
			if len(key) != 1 || key[0] == "" {
				return "", malformed("the header Credhost-Key must come once, with a key")
			}
			x.token, x.ownAuthorization = key[0], true
			return "", nil
		}
	}
	if len(header) == 0 && x.target.byPath {
		if key, err := x.keyOfPage(); err != nil || key != "" {
			x.token = key
			return "", err
		}
	}
	if len(header) != 1 {
		return "", x.unauthorized(ask)
	}
	scheme, rest, _ := strings.Cut(header[0], " ")
	rest = strings.Trim(rest, " ")
	switch {
	case strings.EqualFold(scheme, "Bearer"):
		x.token = rest
	case strings.EqualFold(scheme, "Basic") && !x.target.byPath:
		pair, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			return "", x.unauthorized(ask)
		}
		user, x.token, _ = strings.Cut(string(pair), ":")
	}
	if x.token == "" {
		return "", x.unauthorized(ask)
	}
	return user, nil
}

// enter finds the workspace: the key's, or the one that a key of the host itself
// names.
func (x *exchange) enter() error {
	name, err := x.header1("Credhost-Workspace")
	switch {
	case err != nil:
		return err
	case x.caller.Workspace == "" && name == "":
		return malformed("this key is of no workspace: name one in the header Credhost-Workspace")
	case x.caller.Workspace == "":
	case name != "" && name != x.caller.Workspace:
		return errNotFound
	default:
		name = x.caller.Workspace
	}
	x.workspace = x.h.cfg.Host.Workspace(name)
	return nil
}

// choice finds the credential to use. Most libraries can say a proxy's user, and some a
// header for it; x stands for none, where a library wants a user.
func (x *exchange) choice() error {
	name, err := x.header1("Credhost-Credential")
	if err != nil {
		return err
	}
	user := x.user
	if user == "x" {
		user = ""
	}
	if x.target.byPath {
		user = x.target.credential
	}
	switch {
	case user == "" && name == "":
		return malformed("no credential is named: give its ID as the user of the proxy, or in the header Credhost-Credential")
	case user != "" && name != "" && user != name:
		return malformed("two credentials are named, and they differ: leave out the header Credhost-Credential")
	}
	x.credential = user + name
	if user != "" {
		x.credential = user
	}
	if len(x.credential) > 100 || x.credential == x.token { // which must be in no record
		return errNotFound
	}
	return nil
}

// header1 returns the value of a header that may come once.
func (x *exchange) header1(name string) (string, error) {
	values := x.r.Header[name]
	switch len(values) {
	case 0:
		return "", nil
	case 1:
		return values[0], nil
	}
	return "", malformed("the header " + name + " must come once")
}

// permitted reports why the caller may not go on with what it has begun: its key
// has ended, or the credential.
func (x *exchange) permitted() error {
	if _, err := x.h.cfg.Access.Caller(x.ctx, x.token); errors.Is(err, sdk.Denied) {
		return fail("key", "the key has ended")
	}
	if _, err := x.workspace.Origins(x.ctx, x.credential); errors.Is(err, host.ErrNotFound) {
		return errNotFound
	}
	return nil
}

// errConnect is for who would speak TLS with the service through the proxy.
func errConnect() *problem {
	return fail("method", "a proxy adds nothing to what is encrypted, so there is no CONNECT: ask for http:// in the place of https://, and the proxy speaks TLS with the service; or use /proxy/{credential}/https/{host}/{path}").
		with("Allow", strings.Join([]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}, ", "))
}
