// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// mediaType is that of JSON:API, which HelloCloud also wants for a token.
const mediaType = "application/vnd.api+json"

// Test implements [sdk.Tester]. It asks whose the token is; releases before
// 7.10.10 do not know that question, so they are asked for a record.
func (hellocloud) Test(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	known, err := ask(ctx, in, g, "/Api/V8/current-user")
	if known || err != nil {
		return err
	}
	known, err = ask(ctx, in, g, "/Api/V8/module/Accounts?page%5Bsize%5D=1")
	if !known && err == nil {
		return noAPI()
	}
	return err
}

// ask sends a GET, and reports whether the application knows the path.
func ask(ctx context.Context, in sdk.Input, g sdk.Grant, path string) (known bool, err error) {
	r, err := request(ctx, http.MethodGet, root(in)+path, g)
	if err != nil {
		return false, err
	}
	resp, _, err := sdk.Fetch(r)
	if err != nil {
		return false, err
	}
	isJSON := strings.Contains(resp.Header.Get("Content-Type"), "json")
	switch {
	case resp.StatusCode == http.StatusNotFound && isJSON:
		return false, nil
	case resp.StatusCode == http.StatusNotFound, resp.StatusCode < 300 && !isJSON:
		return false, noAPI()
	case resp.StatusCode == http.StatusBadRequest && isJSON:
		return true, nil // the token is good, whatever else is wrong: 7.10.10 to 7.10.15 do not know whose it is
	case resp.StatusCode == http.StatusUnauthorized:
		return true, sdk.Errorf(sdk.Denied, "the HelloCloud API does not take the token; if it never has, the web server may drop the Authorization header (Admin > Repair > Rebuild .htaccess)")
	}
	return true, sdk.Status(resp)
}

// Revoke implements [sdk.Revoker]: it logs out, which ends the access token
// and the refresh token behind it. If only the latter still lives, it is spent
// on an access token to log out with.
func (hellocloud) Revoke(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	err := logout(ctx, in, g)
	if !errors.Is(err, sdk.Denied) || in.State == nil {
		return unlessDenied(err)
	}
	tok, err := client(in).Refresh(ctx, in.State)
	switch {
	case err != nil && refreshFails(err):
		return nil // it has ended, too
	case err != nil:
		return err
	}
	return unlessDenied(logout(ctx, in, tok.Grant()))
}

func logout(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	r, err := request(ctx, http.MethodPost, root(in)+"/Api/V8/logout", g)
	if err != nil {
		return err
	}
	return sdk.Send(r, nil)
}

// unlessDenied returns err, unless it says that the token has ended already.
func unlessDenied(err error) error {
	if errors.Is(err, sdk.Denied) {
		return nil
	}
	return err
}

func request(ctx context.Context, method, url string, g sdk.Grant) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, sdk.Errorf(sdk.Invalid, "is not a URL").In(baseURL)
	}
	r.Header.Set("Content-Type", mediaType)
	r.Header.Set("Accept", mediaType)
	g.Apply(r)
	return r, nil
}
