// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"net/url"
	"strings"

	"github.com/credhost/credhost/sdk"
)

const (
	digestOrigin   = "https://digest.example"
	digestUser     = "example"
	digestPassword = "EXAMPLE-digest-password"
)

var (
	digestBase = sdk.Field{Name: "baseUrl", Title: "URL", Kind: sdk.URL, Example: digestOrigin}
	digestName = sdk.Field{Name: "username", Title: "Username"}
	digestPass = sdk.Field{Name: "password", Title: "Password", Secret: true, Help: "That user's."}
)

// Digest is the type digest: HTTP Digest Access Authentication (RFC 7616) with
// the quality of protection auth, SHA-256 or MD5. The challenge arrives with
// the first answer, in [sdk.Input.Refused]; it becomes the grant's state, and
// [sdk.Request.N] its nonce count.
type Digest struct{}

var (
	_ sdk.Tester = Digest{}
	_ sdk.Signer = Digest{}
)

// Schema implements [sdk.Plugin].
func (Digest) Schema() sdk.Schema {
	return sdk.Schema{Name: "digest", Title: "Digest", Fields: []sdk.Field{digestBase, digestName, digestPass}, Origins: []string{"{baseUrl}"}}
}

// A challenge is what the service asks for.
type challenge struct {
	Realm, Nonce, Opaque, Algorithm string
}

// Grant implements [sdk.Plugin]. Without a refusal there is no challenge that
// could still be answered: the count of a new grant begins again at 1.
func (Digest) Grant(_ context.Context, in sdk.Input) (sdk.Grant, error) {
	g := sdk.Grant{Sign: sdk.SignURL | sdk.SignCount}
	if in.Refused == nil {
		return g, nil
	}
	c, stale, ok := parseChallenges(in.Refused.Header)
	if !ok {
		return sdk.Grant{}, sdk.Errorf(sdk.Unavailable, "the service asks for another kind of authentication: check the URL")
	}
	if in.State != nil && !stale { // it was answered, and the nonce was good
		return sdk.Grant{}, errDigest
	}
	state, err := json.Marshal(c)
	if err != nil {
		return sdk.Grant{}, err
	}
	g.State = state
	return g, nil
}

var errDigest = sdk.Errorf(sdk.Denied, "the service does not take the username and password")

// Sign implements [sdk.Signer].
func (Digest) Sign(_ context.Context, in sdk.Input, g sdk.Grant, r sdk.Request) (sdk.Signature, error) {
	var c challenge
	if g.State == nil {
		return sdk.Signature{}, nil // the answer will bring one
	}
	if json.Unmarshal(g.State, &c) != nil {
		return sdk.Signature{}, sdk.Errorf(sdk.Internal, "the state is not a challenge")
	}
	u, err := url.Parse(r.URL)
	if err != nil {
		return sdk.Signature{}, sdk.Errorf(sdk.Internal, "the request has no proper URL")
	}
	answer := c.answer(in.Get(digestName), in.Get(digestPass), r.Method, u.RequestURI(), rand.Text(), r.N)
	return sdk.Signature{Header: http.Header{"Authorization": {answer}}}, nil
}

// answer returns the Authorization header for a request (RFC 7616, section
// 3.4).
func (c challenge) answer(user, password, method, uri, cnonce string, n uint64) string {
	count := fmt.Sprintf("%08x", n)
	h := func(parts ...string) string { return c.hash(strings.Join(parts, ":")) }
	response := h(h(user, c.Realm, password), c.Nonce, count, cnonce, "auth", h(method, uri))
	fields := []string{
		`username=` + quoted(user), `realm=` + quoted(c.Realm), `uri=` + quoted(uri), `algorithm=` + c.Algorithm,
		`nonce=` + quoted(c.Nonce), `nc=` + count, `cnonce=` + quoted(cnonce), `qop=auth`, `response=` + quoted(response),
	}
	if c.Opaque != "" {
		fields = append(fields, `opaque=`+quoted(c.Opaque))
	}
	return "Digest " + strings.Join(fields, ", ")
}

func (c challenge) hash(text string) string {
	var h hash.Hash = md5.New()
	if c.Algorithm == "SHA-256" {
		h = sha256.New()
	}
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// Test implements [sdk.Tester]. It asks for a challenge of its own: the count
// of the grant's belongs to the host.
func (d Digest) Test(ctx context.Context, in sdk.Input, _ sdk.Grant) error {
	me := in.Get(digestBase) + "/me"
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, me, nil)
	if err != nil {
		return sdk.Errorf(sdk.Internal, "the address to test is not a URL")
	}
	resp, _, err := sdk.Fetch(r)
	switch {
	case err != nil:
		return err
	case resp.StatusCode < 300:
		return sdk.Errorf(sdk.Unavailable, "the service asks for no password: check the URL")
	case resp.StatusCode != http.StatusUnauthorized:
		return sdk.Status(resp)
	}
	in.State, in.Refused = nil, &sdk.Refusal{Status: resp.StatusCode, Header: resp.Header}
	g, err := d.Grant(ctx, in)
	if err != nil {
		return err
	}
	signature, err := d.Sign(ctx, in, g, sdk.Request{Method: http.MethodGet, URL: me, N: 1})
	if err != nil {
		return err
	}
	if err := sdk.Probe(ctx, sdk.Grant{Header: signature.Header}, me, nil); !errors.Is(err, sdk.Denied) {
		return err
	}
	return errDigest
}
