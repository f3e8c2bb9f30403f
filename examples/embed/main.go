// SPDX-License-Identifier: Apache-2.0

// Command embed is the smallest automation engine: it keeps one credential of
// the type that examples/apikey teaches, tests it, and makes a request with it.
// It never sees what the request carries.
//
//	go build -o plugins/credhost-plugin-acme ./examples/apikey
//	credhost plugin trust acme --plugins plugins
//	ACME_KEY=… go run ./examples/embed plugins https://api.acme.example
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/sealer"
	"github.com/credhost/credhost/host/sqlitestore"
	"github.com/credhost/credhost/sdk"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: ACME_KEY=… embed PLUGIN-FOLDER ACME-URL")
	}
	run(context.Background(), host.Config{Plugins: os.Args[1:2]}, os.Args[2], os.Getenv("ACME_KEY"), os.Stdout)
}

func run(ctx context.Context, cfg host.Config, url, key string, out io.Writer) {
	store := must(sqlitestore.Open(ctx, sqlitestore.Config{Path: "credhost.db"}))
	defer store.Close()
	keys := must(sealer.OpenFile(ctx, sealer.FileConfig{Path: "credhost.key", Create: true}))
	cfg.Store, cfg.Sealer = store, sealer.New(keys) // cfg.Plugins names the folders to look in
	h := must(host.Open(ctx, cfg))
	defer h.Close()

	ws := h.Workspace("acme") // every call is a tenant's; another tenant's credentials do not exist
	id := must(ws.Create(ctx, "acme", sdk.Values{"baseUrl": url, "apiKey": key}))
	verdict := must(ws.Test(ctx, id))
	resp := must(ws.Client(id).Get(url + "/v1/things")) // carries the key, and shows it to nobody
	defer resp.Body.Close()
	fmt.Fprintln(out, verdict.Outcome, resp.Status)
}

// must returns v, or ends the program with what went wrong and what to do.
func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
