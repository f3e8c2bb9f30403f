// SPDX-License-Identifier: Apache-2.0

// Program is a plugin for tests, which misbehaves when its environment says so.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/credhost/credhost/internal/wire/testdata/sample"
	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/serve"
)

func init() { stray() }

// stray prints what would break the handshake if it got there.
func stray() {
	if os.Getenv("SAMPLE") == "stray" {
		fmt.Println("1|1|unix|/nowhere|grpc|")
		os.Stdout.WriteString(strings.Repeat("stray ", 10000))
		fmt.Fprintln(os.Stderr, "a stray line")
	}
}

func main() {
	stray()
	switch os.Getenv("SAMPLE") {
	case "faulty":
		serve.Plugins(Faulty{}, sample.Plugin{Name: "sample"}, sample.Plugin{Name: "sample"})
	case "none":
		serve.Plugins()
	}
	serve.Plugins(sample.Plugin{Name: "sample"}, Naughty{}, Signer{sample.Plugin{Name: "signer"}})
}

// Faulty has a schema with two faults.
type Faulty struct{ sample.Plugin }

// Schema is invalid.
func (Faulty) Schema() sdk.Schema {
	return sdk.Schema{Name: "faulty", Title: "Faulty", Fields: []sdk.Field{{Name: "1"}}}
}

var (
	deed   = sdk.Field{Name: "deed", Title: "Deed"}
	canary = sdk.Field{Name: "canary", Title: "Canary", Secret: true}
)

// Naughty does what a plugin should not.
type Naughty struct{}

// Schema describes the type.
func (Naughty) Schema() sdk.Schema {
	return sdk.Schema{Name: "naughty", Title: "Naughty", Fields: []sdk.Field{deed, canary}, Origins: []string{"https://api.example.com"}}
}

// Grant does the deed that the input names.
func (Naughty) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	secret := in.Get(canary)
	switch in.Get(deed) {
	case "panic":
		panic("the secret is " + secret)
	case "panic with an error":
		panic(fmt.Errorf("the secret is %s: %w", secret, io.ErrUnexpectedEOF))
	case "fail":
		return sdk.Grant{}, fmt.Errorf("the secret is %s: %w", secret, io.ErrUnexpectedEOF)
	case "explain":
		return sdk.Grant{}, sdk.Errorf(sdk.Denied, "no").Because(errors.New(secret))
	case "print":
		fmt.Println(strings.Repeat("printed ", 100000))
		fmt.Fprintln(os.Stderr, strings.Repeat("printed ", 100000))
	case "exit":
		os.Exit(3)
	case "sleep":
		<-ctx.Done()
		return sdk.Grant{}, fmt.Errorf("the secret is %s", secret)
	case "fetch":
		return fetch(ctx)
	}
	return sdk.Grant{}, nil
}

// Signer signs, and looks at nothing.
type Signer struct{ sample.Plugin }

var signature = sdk.Signature{Header: http.Header{"Authorization": {"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request"}}}

// Sign returns the signature.
func (Signer) Sign(context.Context, sdk.Input, sdk.Grant, sdk.Request) (sdk.Signature, error) {
	return signature, nil
}

// fetch gets a token with plain net/http code.
func fetch(ctx context.Context) (sdk.Grant, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.example.com/token", nil)
	if err != nil {
		return sdk.Grant{}, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return sdk.Grant{}, err
	}
	defer resp.Body.Close()
	var token string
	if err := json.NewDecoder(resp.Body).Decode(&token); err != nil {
		return sdk.Grant{}, err
	}
	return sdk.Grant{Account: token}, nil
}
