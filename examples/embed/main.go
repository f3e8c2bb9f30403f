// SPDX-License-Identifier: Apache-2.0

// Command embed is the smallest automation engine: it keeps one credential of
// the type that examples/apikey teaches, tests it, and makes a request with it.
// It never sees what the request carries.
package main

import (
	"context"
	"fmt"
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
	if err := run(context.Background(), os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, plugins, url string) error {
	store, err := sqlitestore.Open(ctx, "credhost.db")
	if err != nil {
		return err
	}
	defer store.Close()
	keys, err := sealer.OpenFile(ctx, sealer.FileConfig{Path: "credhost.key", Create: true})
	if err != nil {
		return err
	}
	h, err := host.Open(ctx, host.Config{Plugins: []string{plugins}, Store: store, Sealer: sealer.New(keys)})
	if err != nil {
		return err
	}
	defer h.Close()

	ws := h.Workspace("acme")
	id, err := ws.Create(ctx, "acme", sdk.Values{"baseUrl": url, "apiKey": os.Getenv("ACME_KEY")})
	if err != nil {
		return err
	}
	verdict, err := ws.Test(ctx, id)
	if err != nil {
		return err
	}
	resp, err := ws.Client(id).Get(url + "/v1/things")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	fmt.Println(verdict.Outcome, resp.Status)
	return nil
}
