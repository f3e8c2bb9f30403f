// SPDX-License-Identifier: Apache-2.0

package host

import (
	"maps"
	"net/http"
	"slices"

	"github.com/credhost/credhost/sdk"
)

// attached is what a live grant puts on requests, made ready once: to put it
// there takes as long as to set the headers by hand.
type attached struct {
	names  []string  // of all its headers
	fields []field   // its headers, but for cookies
	rest   sdk.Grant // cookies, which are merged; the query; the path
	merges bool      // whether there is a rest
	echoes []string  // see echoesOf
}

// A field is a header, by its usual name.
type field struct {
	name   string
	values []string
}

// attachedOf makes g ready, whose headers have their usual names.
func attachedOf(g sdk.Grant) attached {
	a := attached{names: slices.Sorted(maps.Keys(g.Header)), echoes: echoesOf(g), rest: sdk.Grant{Query: g.Query, Path: g.Path}}
	for _, name := range a.names {
		if name == "Cookie" {
			a.rest.Header = http.Header{name: g.Header[name]}
			continue
		}
		a.fields = append(a.fields, field{name, g.Header[name]})
	}
	a.merges = len(a.rest.Header)+len(a.rest.Query)+len(a.rest.Path) > 0
	return a
}

// put does to r what the grant's Apply does.
func (a *attached) put(r *http.Request) {
	if r.Header == nil {
		r.Header = make(http.Header, len(a.fields))
	}
	for _, f := range a.fields {
		r.Header[f.name] = slices.Clone(f.values)
	}
	if a.merges {
		a.rest.Apply(r)
	}
}
