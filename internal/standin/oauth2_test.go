// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// These tests drive the stand-ins over a real connection with the library that
// Go plugins use, as the services are driven.

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

func getStatus(t *testing.T, c *http.Client, url string) int {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestHaloWithOAuth2(t *testing.T) {
	t.Parallel()
	h := NewHalo(HaloConfig{})
	base := serve(t, h)
	cfg := clientcredentials.Config{
		ClientID: HaloClientID, ClientSecret: HaloClientSecret, Scopes: []string{"all"},
		TokenURL: base + "/auth/token?" + url.Values{"tenant": {HaloTenant}}.Encode(), AuthStyle: oauth2.AuthStyleInParams,
	}
	client := cfg.Client(t.Context())
	for range 2 {
		if got := getStatus(t, client, base+"/api/Agent/me"); got != 200 {
			t.Fatalf("agent: %d", got)
		}
	}
	if h.TokenRequests() != 1 || h.APIRequests() != 2 {
		t.Errorf("%d token and %d API requests", h.TokenRequests(), h.APIRequests())
	}
	tok, err := cfg.Token(t.Context())
	if err != nil || tok.Extra("id_token") == nil || time.Until(tok.Expiry) < 59*time.Minute {
		t.Errorf("token: %v, %v", tok, err)
	}
	cfg.AuthStyle = oauth2.AuthStyleInHeader // Halo reads the form only
	wantRetrieveError(t, second(cfg.Token(t.Context())), 401, "invalid_client")
	cfg.AuthStyle, cfg.Scopes = oauth2.AuthStyleInParams, nil // a token that opens nothing
	if got := getStatus(t, cfg.Client(t.Context()), base+"/api/Agent/me"); got != 401 {
		t.Errorf("agent without a scope: %d", got)
	}
}

func TestHelloCloudWithOAuth2(t *testing.T) {
	t.Parallel()
	h := NewHelloCloud(HelloCloudConfig{Prefix: "/legacy"})
	base := serve(t, h) + "/legacy/Api"
	cfg := oauth2.Config{ClientID: HelloCloudPasswordClient, ClientSecret: HelloCloudClientSecret,
		Endpoint: oauth2.Endpoint{TokenURL: base + "/access_token", AuthStyle: oauth2.AuthStyleInParams}}
	ctx := t.Context()
	tok, err := cfg.PasswordCredentialsToken(ctx, HelloCloudUsername, HelloCloudPassword)
	if err != nil {
		t.Fatal(err)
	}
	if got := getStatus(t, cfg.Client(ctx, tok), base+"/V8/current-user"); got != 200 {
		t.Errorf("current user: %d", got)
	}
	stale := &oauth2.Token{AccessToken: tok.AccessToken, RefreshToken: tok.RefreshToken, Expiry: time.Unix(1, 0)}
	next, err := cfg.TokenSource(ctx, stale).Token()
	if err != nil || next.RefreshToken == "" || next.RefreshToken == tok.RefreshToken || next.AccessToken == tok.AccessToken {
		t.Errorf("refreshed: %v, %v", next, err)
	}
	wantRetrieveError(t, second(cfg.TokenSource(ctx, stale).Token()), 400, "invalid_request")
	if h.Reused() != 1 {
		t.Errorf("%d reuses counted, want 1", h.Reused())
	}
	_, err = cfg.PasswordCredentialsToken(ctx, HelloCloudUsername, "EXAMPLE-typo")
	wantRetrieveError(t, err, 500, "unknown_error")
	cfg.Endpoint.TokenURL += "/"
	wantRetrieveError(t, second(cfg.PasswordCredentialsToken(ctx, HelloCloudUsername, HelloCloudPassword)), 404, "")
}

func TestFaxPlusWithOAuth2(t *testing.T) {
	t.Parallel()
	f := NewFaxPlus(FaxPlusConfig{Behaviour: FaxPlusBehaviour{Rotate: true}})
	base := serve(t, f)
	cfg := oauth2.Config{ClientID: FaxPlusClientID, ClientSecret: FaxPlusClientSecret, RedirectURL: "http://localhost/cb", Scopes: []string{"all"},
		Endpoint: oauth2.Endpoint{AuthURL: base + "/login", TokenURL: base + "/token", AuthStyle: oauth2.AuthStyleInHeader}}
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := browser.Get(cfg.AuthCodeURL("EXAMPLE-state"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	back, err := resp.Location()
	if err != nil || back.Query().Get("state") != "EXAMPLE-state" {
		t.Fatalf("redirect to %v, %v", back, err)
	}
	ctx := t.Context()
	tok, err := cfg.Exchange(ctx, back.Query().Get("code"))
	if err != nil {
		t.Fatal(err)
	}
	wantRetrieveError(t, second(cfg.Exchange(ctx, back.Query().Get("code"))), 400, "invalid_grant")
	tok.Expiry = time.Unix(1, 0)
	next, err := cfg.TokenSource(ctx, tok).Token()
	if err != nil || next.RefreshToken == tok.RefreshToken {
		t.Fatalf("refreshed: %v, %v", next, err)
	}
	with := clientIDHeader{&oauth2.Transport{Source: oauth2.StaticTokenSource(next)}}
	if got := getStatus(t, &http.Client{Transport: with}, base+"/v3/accounts/self"); got != 200 {
		t.Errorf("account: %d", got)
	}
	if got := getStatus(t, oauth2.NewClient(context.Background(), oauth2.StaticTokenSource(next)), base+"/v3/accounts/self"); got != 401 {
		t.Errorf("account without the client's header: %d", got)
	}
}

// clientIDHeader puts Fax.Plus' own header on requests.
type clientIDHeader struct{ next http.RoundTripper }

func (c clientIDHeader) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("x-fax-clientid", FaxPlusClientID)
	return c.next.RoundTrip(r)
}

func second[T any](_ T, err error) error { return err }

func wantRetrieveError(t *testing.T, err error, status int, code string) {
	t.Helper()
	var re *oauth2.RetrieveError
	if !errors.As(err, &re) || re.Response.StatusCode != status || re.ErrorCode != code {
		t.Errorf("error %v; want status %d and code %q", err, status, code)
	}
}
