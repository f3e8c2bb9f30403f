// SPDX-License-Identifier: Apache-2.0

package node_test

import (
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/plugintest"
)

const (
	client = "EXAMPLE-acme-client"
	secret = "EXAMPLE-acme-secret"
	token  = "EXAMPLE-acme-token"
)

// standIn is Acme.
func standIn(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	answer := map[string]any{"name": "Ada"}
	switch {
	case r.URL.Path == "/token" && r.PostFormValue("client_id") == client && r.PostFormValue("client_secret") == secret:
		answer = map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600}
	case r.URL.Path == "/token" || r.Header.Get("Authorization") != "Bearer "+token:
		w.WriteHeader(http.StatusUnauthorized)
	}
	json.NewEncoder(w).Encode(answer)
}

func TestPlugin(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	if out, err := exec.Command("./install.sh", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	plugintest.Run(t, plugintest.Suite{
		Program: []string{node, filepath.Join(dir, "credhost-plugin-acme-node", "main.mjs")},
		Service: http.HandlerFunc(standIn),
		Answers: map[string]sdk.Values{"client": {"baseUrl": "https://api.acme.example", "clientId": client, "clientSecret": secret}},
		Request: func(in sdk.Input) *http.Request {
			base, _ := in.Lookup("baseUrl")
			r, _ := http.NewRequest(http.MethodGet, base+"/v1/me", nil)
			return r
		},
	})
}
