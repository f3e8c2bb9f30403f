// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"testing"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/plugintest"
)

func TestPlugin(t *testing.T) {
	const key = "EXAMPLE-acme-key"
	standIn := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Api-Key") != key {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}
	plugintest.Run(t, plugintest.Suite{
		New:     func() sdk.Plugin { return acme{} },
		Service: http.HandlerFunc(standIn),
		Answers: map[string]sdk.Values{"key": {"baseUrl": "https://api.acme.example", "apiKey": key}},
	})
}
