// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"testing"

	"github.com/credhost/credhost/internal/wire"
	"github.com/credhost/credhost/sdk"
)

func TestTooWide(t *testing.T) {
	for template, refused := range map[string]bool{
		"https://*.co.uk":                true,
		"https://{shop}.com.br":          true,
		"https://{a}.{b}.co.uk:8443":     true,
		"https://*.amazonaws.com":        false,
		"https://{shop}.myshopify.com":   false,
		"https://*.example.co.uk":        false,
		"https://{region}.api.acme.test": false,
		"https://api.example.com":        false,
		"{baseUrl}":                      false,
		"tcp://{host}:{port}":            false,
	} {
		for _, s := range []sdk.Schema{{Name: "x", Origins: []string{template}}, {Name: "x", AnswerOrigins: []string{template}}} {
			if why := tooWide(s); (why != "") != refused {
				t.Errorf("%s: %q; want refused: %v", template, why, refused)
			}
		}
	}
}

// TestTooWideIsRefused shows that such a type is neither offered nor served.
func TestTooWideIsRefused(t *testing.T) {
	o := Offer{Name: "evil"}
	wide := sdk.Schema{Name: "wide", Origins: []string{"https://*.co.uk"}}
	o.description.Types = append(o.description.Types, wire.Type{Schema: wide})
	o.claim(&lockFile{})
	if len(o.Types) != 0 || len(o.Faults) != 1 {
		t.Errorf("offered %v with faults %q", o.Types, o.Faults)
	}
	c := &catalog{lock: &lockFile{}, types: map[string]claim{}}
	if why := c.refuses(t.Context(), &program{state: Development}, wire.Type{Schema: wide}); why == "" {
		t.Error("a development program may serve it")
	}
}
