// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// hosted is key at a service whose customers have an address each.
type hosted struct{ key }

var tenant = sdk.Field{Name: "tenant", Title: "Tenant"}

// Schema implements [sdk.Plugin].
func (hosted) Schema() sdk.Schema {
	return sdk.Schema{Name: "hosted", Title: "The type hosted", Fields: []sdk.Field{tenant, secret}, Origins: []string{"https://{tenant}.good.example"}}
}

// Grant implements [sdk.Plugin].
func (hosted) Grant(_ context.Context, in sdk.Input) (sdk.Grant, error) {
	return sdk.Grant{Header: http.Header{"X-Api-Key": {in.Get(secret)}}}, nil
}

// careless is client as somebody writes it who does without package sdk: it
// follows redirects, reads whatever comes, believes it, and quotes it.
type careless struct{}

var _ sdk.Tester = careless{}

// Schema implements [sdk.Plugin].
func (careless) Schema() sdk.Schema { return schema("careless", base, secret) }

// Grant implements [sdk.Plugin].
func (careless) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {"client"}, "client_secret": {in.Get(secret)}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, in.Get(base)+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return sdk.Grant{}, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	body, err := all(r)
	if err != nil {
		return sdk.Grant{}, err
	}
	var tok struct {
		Type   string `json:"token_type"`
		Access string `json:"access_token"`
	}
	if json.Unmarshal(body, &tok) != nil {
		return sdk.Grant{}, sdk.Errorf(sdk.Denied, "%s", body[:min(len(body), 1000)])
	}
	return sdk.Grant{Header: http.Header{"Authorization": {tok.Type + " " + tok.Access}}}, nil
}

// Test implements [sdk.Tester]. It says how much it has read, and looks at none
// of it.
func (careless) Test(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, in.Get(base)+"/me", nil)
	if err != nil {
		return err
	}
	g.Apply(r)
	body, err := all(r)
	if err != nil {
		return err
	}
	return sdk.Errorf(sdk.Denied, "read %d MiB", len(body)>>20)
}

// all returns all of an answer's body, if it is one of success, and otherwise
// an error that quotes it.
func all(r *http.Request) ([]byte, error) {
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, sdk.Errorf(sdk.Unavailable, "the service could not be asked").Because(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return nil, sdk.Errorf(sdk.Unavailable, "the service broke off its answer").Because(err)
	case resp.StatusCode != http.StatusOK:
		return nil, sdk.Errorf(sdk.Denied, "the service says %s", body[:min(len(body), 1000)])
	}
	return body, nil
}

// certified is key at a service that wants a client certificate.
type certified struct{ key }

var (
	chain    = sdk.Field{Name: "certificate", Title: "Certificate", Kind: sdk.LongText}
	chainKey = sdk.Field{Name: "certificateKey", Title: "Its private key", Kind: sdk.LongText, Secret: true, Help: "In PEM."}
)

// Schema implements [sdk.Plugin].
func (certified) Schema() sdk.Schema {
	s := schema("certified", base, secret, chain, chainKey)
	s.ClientCertificate = &sdk.ClientCertificate{Certificate: chain.Name, Key: chainKey.Name}
	return s
}

// Grant implements [sdk.Plugin].
func (certified) Grant(_ context.Context, in sdk.Input) (sdk.Grant, error) {
	return sdk.Grant{Header: http.Header{"X-Api-Key": {in.Get(secret)}}}, nil
}
