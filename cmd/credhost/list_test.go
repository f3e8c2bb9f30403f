// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/credhost/credhost/sdk"
)

// The host lists in pages of a hundred.
func TestListShowsAllPages(t *testing.T) {
	p := &program{in: os.Stdin, out: &said{}, err: &said{}, settings: settings{
		data: t.TempDir(), lock: filepath.Join(plugins.data, "credhost.lock"), plugins: list{plugins.founding}, workspace: "acme",
	}}
	o, err := p.open(t.Context(), typesOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	const n = 201
	for range n {
		if _, err := o.ws.Create(t.Context(), "faxplus", sdk.Values{"personalAccessToken": "CANARY-7F3A9"}); err != nil {
			t.Fatal(err)
		}
	}
	found, err := everything(t.Context(), o.ws, "")
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, c := range found {
		ids[c.ID] = true
	}
	if len(found) != n || len(ids) != n {
		t.Errorf("%d credentials are listed, %d of them once, instead of %d", len(found), len(ids), n)
	}
}
