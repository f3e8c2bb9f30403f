// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/credhost/credhost/sdk"
)

// tortured are answers to the schema that uses everything there is.
var tortured = sdk.Values{"clientId": "APIK-1", "clientSecret": "12345678", "baseUrl": "https://acme.example.com", "shop": "acme",
	"host": "db.example.com", "password": "p", "mirrors": `["https://a.example.com","https://b.example.com"]`}

func BenchmarkComplete(b *testing.B) {
	s := torture(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Complete(tortured); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkExpand(b *testing.B) {
	s := torture(b)
	full, err := s.Complete(tortured)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Expand(full); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	s := torture(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	grants := map[string]sdk.Grant{
		"bearer":  sdk.Bearer("token", time.Time{}),
		"headers": {Header: http.Header{"Authorization": {"Bearer token"}, "X-Fax-Clientid": {"APIK-1"}}},
		"cookie":  {Header: http.Header{"Cookie": {"sid=1"}}},
		"query":   {Query: url.Values{"key": {"token"}}},
		"path":    {Path: map[string]string{"token": "t"}},
	}
	for name, g := range grants {
		b.Run(name, func(b *testing.B) {
			r := request(b, "https://example.com/bot{token}/a?b=c&d=e", http.Header{"Accept": {"*/*"}, "Cookie": {"a=1; b=2"}})
			given := *r.URL
			b.ReportAllocs()
			for b.Loop() {
				*r.URL = given
				g.Apply(r)
			}
		})
	}
}
