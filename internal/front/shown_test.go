// SPDX-License-Identifier: Apache-2.0

package front_test

import (
	"net/http/httptest"
	"testing"

	"github.com/credhost/credhost/internal/front"
)

// What is logged of a request has no secret that its path may have.
func TestShown(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"/w/default/credentials?q=x":                 "/w/default/credentials",
		"/proxy/c-1/https/api.example/v1/SECRET":     "/proxy/c-1/https/api.example",
		"/connect/start/default/v-1/SECRET":          "/connect/start/default/v-1",
		"/connect/callback/default/acme?code=SECRET": "/connect/callback/default/acme",
		"http://api.example/SECRET":                  "http://api.example",
		"/v1/keys/chk_abcdefghijkl":                  "/v1/keys/[secret]",
		"/signin/chl_abcdefghijkl/x":                 "/signin/[secret]/x",
		"/v1/keys/chd_k-1.eyJpIjo.c2ln-_x":           "/v1/keys/[secret]",
	} {
		if got := front.Shown(httptest.NewRequest("GET", target, nil)); got != want {
			t.Errorf("of %s is shown %s, want %s", target, got, want)
		}
	}
}
