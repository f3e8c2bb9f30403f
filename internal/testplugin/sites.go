// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/credhost/credhost/sdk"
)

const (
	sitesOrigin = "https://api.sites.example"
	sitesKey    = "EXAMPLE-sites-key"
)

var (
	sitesAPIKey = sdk.Field{Name: "apiKey", Title: "API key", Secret: true, Help: "Profile > Keys."}
	site        = sdk.Field{Name: "site", Title: "Site", Kind: sdk.Choice, Help: "The site that requests are about.",
		Suggest: &sdk.Suggest{Needs: []string{"apiKey"}}}
)

// Sites is the type sites: the service lists what there is to choose from,
// once it has seen the key.
type Sites struct{}

var (
	_ sdk.Tester    = Sites{}
	_ sdk.Suggester = Sites{}
)

// Schema implements [sdk.Plugin].
func (Sites) Schema() sdk.Schema {
	return sdk.Schema{Name: "sites", Title: "Sites", Fields: []sdk.Field{sitesAPIKey, site}, Origins: []string{sitesOrigin}}
}

func sitesGrant(in sdk.Input) sdk.Grant {
	g := sdk.Grant{Header: http.Header{"X-Api-Key": {in.Get(sitesAPIKey)}}}
	if s := in.Get(site); s != "" {
		g.Header.Set("X-Site", s)
	}
	return g
}

// Grant implements [sdk.Plugin].
func (Sites) Grant(_ context.Context, in sdk.Input) (sdk.Grant, error) { return sitesGrant(in), nil }

// Test implements [sdk.Tester].
func (Sites) Test(ctx context.Context, _ sdk.Input, g sdk.Grant) error {
	return sdk.Probe(ctx, g, sitesOrigin+"/me", nil)
}

// Suggest implements [sdk.Suggester]. A draft has no grant yet, so it uses the
// answers.
func (Sites) Suggest(ctx context.Context, in sdk.Input, _ sdk.Grant, _ sdk.Field, search string) ([]sdk.Option, error) {
	var found []struct{ ID, Name string }
	err := sdk.Probe(ctx, sitesGrant(in), sitesOrigin+"/sites?"+url.Values{"search": {search}}.Encode(), &found)
	if err != nil {
		return nil, err
	}
	options := make([]sdk.Option, len(found))
	for i, s := range found {
		options[i] = sdk.Option{Value: s.ID, Title: s.Name}
	}
	return options, nil
}

// SitesStandin stands in for the service of sites. It has three of them, and
// the key may not use the one called south.
type SitesStandin struct{}

// ServeHTTP implements [http.Handler].
func (SitesStandin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if key := r.Header.Get("X-Api-Key"); key != sitesKey {
		refuse(w, http.StatusUnauthorized, "wrong key: "+key)
		return
	}
	switch r.URL.Path {
	case "/sites":
		type site struct{ ID, Name string }
		found := []site{}
		for _, s := range []site{{"north", "North Site"}, {"east", "East Site"}, {"south", "South Site"}} {
			if strings.Contains(strings.ToLower(s.Name), strings.ToLower(r.URL.Query().Get("search"))) {
				found = append(found, s)
			}
		}
		reply(w, found)
	case "/me":
		switch s := r.Header.Get("X-Site"); s {
		case "north", "east":
			reply(w, map[string]string{"site": s})
		case "south":
			refuse(w, http.StatusForbidden, "not your site")
		default:
			refuse(w, http.StatusNotFound, "no such site")
		}
	default:
		refuse(w, http.StatusNotFound, "no such page")
	}
}
