// SPDX-License-Identifier: Apache-2.0

package oauth_test

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
	"github.com/google/go-cmp/cmp"
)

func TestExtra(t *testing.T) {
	t.Parallel()
	body := `{"access_token":"at","instance_url":"https://x","id":9007199254740993,"ok":true,"user":{"a": "b"},"none":null,"empty":""}`
	tok, err := oauth.Client{TokenURL: answering(t, 200, asJSON, body)}.ClientCredentials(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"access_token": "at", "instance_url": "https://x", "id": "9007199254740993", "ok": "true",
		"user": `{"a": "b"}`, "none": "", "empty": "", "missing": ""} {
		if got := tok.Extra(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if (oauth.Token{}).Extra("x") != "" {
		t.Error("the zero token has more")
	}
}

func TestGrant(t *testing.T) {
	t.Parallel()
	expiry := time.Unix(1e9, 0)
	for kind, scheme := range map[string]string{"": "Bearer", "bearer": "Bearer", "BEARER": "Bearer", "Bearer": "Bearer", "token": "token", "MAC": "MAC"} {
		tok := oauth.Token{AccessToken: "at", TokenType: kind, Expiry: expiry}
		g := tok.Grant()
		want := http.Header{"Authorization": {scheme + " at"}}
		if diff := cmp.Diff(want, g.Header); diff != "" || !g.Expiry.Equal(expiry) || g.Origins != nil || g.State != nil {
			t.Errorf("%q: %v\n%s", kind, g, diff)
		}
	}
	origins := []string{"https://a"}
	g := oauth.Token{AccessToken: "at", RefreshToken: "rt"}.Grant(origins...)
	origins[0] = "changed"
	if diff := cmp.Diff([]string{"https://a"}, g.Origins); diff != "" || g.State == nil {
		t.Errorf("%v\n%s", g, diff)
	}
}

func TestState(t *testing.T) {
	t.Parallel()
	kept := map[string]string{"instance": "https://x", "a": "<&>\u2028", "z": ""}
	for _, tok := range []oauth.Token{{RefreshToken: "r\"t"}, {Kept: kept}, {RefreshToken: "rt", Kept: kept, AccessToken: "at", Scope: "s"}} {
		back, err := oauth.Restore(tok.State())
		if err != nil || back.RefreshToken != tok.RefreshToken || !cmp.Equal(back.Kept, tok.Kept) || back.AccessToken != "" {
			t.Errorf("%q comes back as %q %v, %v", tok.RefreshToken, back.RefreshToken, back.Kept, err)
		}
		if !bytes.Equal(back.State(), tok.State()) {
			t.Error("equal tokens have different states")
		}
	}
	if (oauth.Token{AccessToken: "at"}).State() != nil {
		t.Error("a token with nothing to keep has a state")
	}
	for _, c := range []struct {
		state string
		code  sdk.Code
	}{
		{"", sdk.Denied}, {canary, sdk.Internal}, {`{}`, sdk.Internal}, {`{"v":0,"refreshToken":"` + canary + `"}`, sdk.Internal}, {`[]`, sdk.Internal}, {`null`, sdk.Internal},
		{`{"v":2,"refreshToken":{"new":"` + canary + `"}}`, sdk.Unavailable}, {`{"v":2}`, sdk.Unavailable},
	} {
		_, err := oauth.Restore([]byte(c.state))
		check(t, err, c.code)
		_, err = oauth.Client{TokenURL: "http://127.0.0.1:0/never-asked"}.Refresh(t.Context(), []byte(c.state))
		check(t, err, c.code)
	}
	if _, err := oauth.Restore([]byte(`{"v":1,"refreshToken":"rt","later":true}`)); err != nil {
		t.Errorf("a member that is not known spoils the state: %v", err)
	}
}

func TestRefreshKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	last := oauth.Token{RefreshToken: "old", Kept: map[string]string{"instance": "https://x"}}
	for body, want := range map[string]string{
		`{"access_token":"at"}`:                        "old",
		`{"access_token":"at","refresh_token":""}`:     "old",
		`{"access_token":"at","refresh_token":null}`:   "old",
		`{"access_token":"at","refresh_token":["x"]}`:  "old",
		`{"access_token":"at","refresh_token":"new"}`:  "new",
		`{"access_token":"at","refresh_token":"n\ne"}`: "n\ne", // what it is, is the service's business
	} {
		next, err := oauth.Client{TokenURL: answering(t, 200, asJSON, body)}.Refresh(t.Context(), last.State())
		if err != nil || next.RefreshToken != want || next.Kept["instance"] != "https://x" {
			t.Errorf("%s: %q %v, %v", body, next.RefreshToken, next.Kept, err)
		}
		back, err := oauth.Restore(next.Grant().State)
		if err != nil || back.RefreshToken != want {
			t.Errorf("%s: the grant keeps %q, %v", body, back.RefreshToken, err)
		}
	}
}

func TestRefreshWithoutARefreshToken(t *testing.T) {
	t.Parallel()
	c := oauth.Client{TokenURL: "http://127.0.0.1:0/never-asked"}
	_, err := c.Refresh(t.Context(), oauth.Token{Kept: map[string]string{"a": "b"}}.State())
	check(t, err, sdk.Denied)
	var e *sdk.Error
	if !errors.As(err, &e) || !strings.Contains(e.Message, "connect again") {
		t.Errorf("it says %v", err)
	}
}
