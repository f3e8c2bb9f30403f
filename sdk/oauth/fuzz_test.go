// SPDX-License-Identifier: Apache-2.0

package oauth_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

// FuzzAnswer lets a service answer whatever it likes.
func FuzzAnswer(f *testing.F) {
	var answer func(w http.ResponseWriter) // one at a time
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) }))
	f.Cleanup(server.Close)
	f.Add(uint16(200), "application/json", `{"access_token":"at","token_type":"bearer","refresh_token":"rt","expires_in":3600,"scope":"a"}`)
	f.Add(uint16(200), "application/x-www-form-urlencoded", "access_token=at&expires_in=60")
	f.Add(uint16(400), "application/json", `{"error":"invalid_grant","error_description":"x","hint":"y"}`)
	f.Add(uint16(500), "text/html", `<html>`)
	f.Add(uint16(302), "", ``)
	f.Add(uint16(200), "application/json", goodAnswer)
	f.Fuzz(func(t *testing.T, status uint16, contentType, body string) {
		answer = func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(200 + int(status)%400)
			io.WriteString(w, body)
		}
		c := oauth.Client{ID: "id", TokenURL: server.URL, PushURL: server.URL, DeviceURL: server.URL, RevokeURL: server.URL, IntrospectURL: server.URL,
			AuthURL: "https://service.example/authorize"}
		for _, call := range endpoints(c) {
			if err := call(t.Context()); err != nil {
				checkError(t, err)
			}
		}
		if tok, err := c.ClientCredentials(t.Context()); err == nil {
			checkToken(t, tok)
		}
		if a, err := c.Device(t.Context()); err == nil && (a.URL == "" || a.UserCode == "" || len(a.State) == 0 || a.Interval <= 0 || a.Interval > time.Hour) {
			t.Errorf("the approval is %+v", a)
		}
		if a, err := c.Push(t.Context(), sdk.Callback{}); err == nil && !strings.HasPrefix(a.URL, "https://service.example/authorize?client_id=id&request_uri=") {
			t.Errorf("the person is sent to %q", a.URL)
		}
	})
}

// checkError fails if an error has words of the service.
func checkError(t *testing.T, err error) {
	t.Helper()
	var e *sdk.Error
	if !errors.As(err, &e) || e.Message == "" || strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("the error is %q", err)
	}
	var re *oauth.ResponseError
	if errors.As(err, &re) && strings.ContainsFunc(re.Code, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
		t.Errorf("the code is %q", re.Code)
	}
}

// checkToken fails if a token cannot be used, or not be kept.
func checkToken(t *testing.T, tok oauth.Token) {
	t.Helper()
	header := tok.Grant().Header.Get("Authorization")
	scheme, token, _ := strings.Cut(header, " ")
	if scheme == "" || token != tok.AccessToken || token == "" || strings.ContainsFunc(header, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Errorf("the header is %q", header)
	}
	if tok.Expiry.After(time.Now().AddDate(11, 0, 0)) || !tok.Expiry.IsZero() && tok.Expiry.Before(time.Now().Add(-time.Minute)) {
		t.Errorf("it expires %v", tok.Expiry)
	}
	back, err := oauth.Restore(tok.State())
	if tok.RefreshToken != "" && (err != nil || back.RefreshToken != tok.RefreshToken) {
		t.Errorf("%q is kept as %q, %v", tok.RefreshToken, back.RefreshToken, err)
	}
}

func FuzzRestore(f *testing.F) {
	f.Add(oauth.Token{RefreshToken: "rt", Kept: map[string]string{"a": "b"}}.State())
	f.Add([]byte(`{"v":2}`))
	f.Fuzz(func(t *testing.T, state []byte) {
		tok, err := oauth.Restore(state)
		if err != nil {
			return
		}
		again, err := oauth.Restore(tok.State())
		if tok.State() != nil && (err != nil || again.RefreshToken != tok.RefreshToken || !bytes.Equal(again.State(), tok.State())) {
			t.Errorf("%q comes back as %q, %v", tok.State(), again.State(), err)
		}
	})
}
