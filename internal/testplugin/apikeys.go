// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// The types of this file carry an API key, and differ in nothing but where.

// Many is the type many001, or another of its number: one Go type that serves
// many credential types, whose fields are data.
type Many int

var (
	_ sdk.Tester  = Many(0)
	_ sdk.Revoker = Many(0)
	_ sdk.Limiter = Many(0)
)

func manyKey(n int) string { return fmt.Sprintf("EXAMPLE-many-%03d-key", n) }

func (m Many) name() string   { return fmt.Sprintf("many%03d", int(m)) }
func (m Many) origin() string { return "https://" + m.name() + ".example" }

// Schema implements [sdk.Plugin].
func (m Many) Schema() sdk.Schema {
	return sdk.Schema{
		Name:    m.name(),
		Title:   fmt.Sprintf("Many %d", int(m)),
		Fields:  []sdk.Field{{Name: "apiKey", Title: "API key", Secret: true, Help: "Any page of the service shows it."}},
		Origins: []string{m.origin()},
	}
}

// Can implements [sdk.Limiter]: of what the Go type has, only a test counts.
func (Many) Can() sdk.Abilities { return sdk.Abilities{Test: true} }

// Grant implements [sdk.Plugin].
func (Many) Grant(_ context.Context, in sdk.Input) (sdk.Grant, error) {
	key, _ := in.Lookup("apiKey")
	return sdk.Grant{Header: http.Header{"X-Api-Key": {key}}}, nil
}

// Test implements [sdk.Tester].
func (m Many) Test(ctx context.Context, _ sdk.Input, g sdk.Grant) error {
	return sdk.Probe(ctx, g, m.origin()+"/me", nil)
}

// Revoke implements [sdk.Revoker], which [Many.Can] says does not count.
func (Many) Revoke(context.Context, sdk.Input, sdk.Grant) error {
	panic("testplugin: an ability that does not count was called")
}

// ManyStandin stands in for the services of all many types.
type ManyStandin struct{}

// ServeHTTP implements [http.Handler].
func (ManyStandin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var n int
	fmt.Sscanf(r.Host, "many%03d.example", &n)
	if r.Header.Get("X-Api-Key") != manyKey(n) {
		refuse(w, http.StatusUnauthorized, "wrong key: "+r.Header.Get("X-Api-Key"))
		return
	}
	reply(w, map[string]string{"name": r.Host})
}

// The type placed.
const (
	placedOrigin = "https://placed.example"
	placedKey    = "EXAMPLE placed/key?&=%41" // what must be escaped, and what must not be unescaped
)

var (
	place = sdk.Field{Name: "place", Title: "Where the key goes", Kind: sdk.Choice, Default: "header", Options: []sdk.Option{
		{Value: "header", Title: "A header"}, {Value: "cookie", Title: "A cookie"}, {Value: "query", Title: "The query"}, {Value: "path", Title: "The path"},
	}}
	placedAPIKey = sdk.Field{Name: "apiKey", Title: "API key", Secret: true, Help: "Any page of the service shows it."}
)

// Placed is the type placed: the key goes where the answers say. In a path
// its place is "{key}".
type Placed struct{}

var _ sdk.Tester = Placed{}

// Schema implements [sdk.Plugin].
func (Placed) Schema() sdk.Schema {
	return sdk.Schema{Name: "placed", Title: "Placed", Fields: []sdk.Field{place, placedAPIKey}, Origins: []string{placedOrigin}}
}

// Grant implements [sdk.Plugin].
func (Placed) Grant(_ context.Context, in sdk.Input) (sdk.Grant, error) {
	key := in.Get(placedAPIKey)
	switch in.Get(place) {
	case "cookie":
		return sdk.Grant{Header: http.Header{"Cookie": {"session=" + url.QueryEscape(key)}}}, nil
	case "query":
		return sdk.Grant{Query: url.Values{"key": {key}}}, nil
	case "path":
		return sdk.Grant{Path: map[string]string{"key": key}}, nil
	}
	return sdk.Grant{Header: http.Header{"X-Api-Key": {key}}}, nil
}

// Test implements [sdk.Tester].
func (Placed) Test(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	path := "/me"
	if in.Get(place) == "path" {
		path = "/key-{key}/me"
	}
	return sdk.Probe(ctx, g, placedOrigin+path, nil)
}

// PlacedStandin stands in for the service of placed. With a cookie it answers
// one that the caller must not see, and one that it may.
type PlacedStandin struct{}

// ServeHTTP implements [http.Handler].
func (PlacedStandin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	shown := []string{r.Header.Get("X-Api-Key"), r.URL.Query().Get("key")}
	if rest, ok := strings.CutPrefix(r.URL.EscapedPath(), "/key-"); ok {
		segment, _, _ := strings.Cut(rest, "/")
		key, _ := url.PathUnescape(segment)
		shown = append(shown, key)
	}
	if c, err := r.Cookie("session"); err == nil {
		key, _ := url.QueryUnescape(c.Value)
		shown = append(shown, key)
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "next-" + c.Value})
		http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
	}
	for _, key := range shown {
		if key == placedKey {
			reply(w, map[string]string{"name": "placed"})
			return
		}
	}
	refuse(w, http.StatusUnauthorized, "wrong key: "+strings.Join(shown, ""))
}
