// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// send sends the one request of a call to an endpoint, and returns the answer.
func (c Client) send(ctx context.Context, endpoint string, params url.Values) (*http.Response, []byte, error) {
	r, err := c.newRequest(ctx, endpoint, params)
	if err != nil {
		return nil, nil, err
	}
	return sdk.Fetch(r)
}

// newRequest builds the one request of a call. That it can be repeated (it has
// GetBody) does not mean that it will be: net/http repeats a POST only if it
// has not written a byte of it. It leaves params alone.
func (c Client) newRequest(ctx context.Context, endpoint string, params url.Values) (*http.Request, error) {
	if endpoint == "" {
		return nil, sdk.Errorf(sdk.Internal, "the plugin has no address to send this to: a URL of oauth.Client is not set")
	}
	params, h := maps.Clone(params), http.Header{}
	if err := c.authenticate(params, h); err != nil {
		return nil, err
	}
	contentType, body, query := "application/x-www-form-urlencoded", "", ""
	switch c.Encoding {
	case JSON:
		contentType, body = "application/json", jsonBody(params)
	case Query:
		query = params.Encode()
	default:
		body = params.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(body))
	if err != nil {
		return nil, sdk.Errorf(sdk.Internal, "the token endpoint's address is not a URL") // err quotes it
	}
	if r.URL.RawQuery != "" && query != "" {
		query = "&" + query
	}
	r.URL.RawQuery += query
	h.Set("Content-Type", contentType)
	h.Set("Accept", "application/json")
	for name, values := range c.Header {
		h[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	r.Header = h
	return r, nil
}

// jsonBody returns params as a JSON object: of strings, and of lists for those
// that have several values.
func jsonBody(params url.Values) string {
	object := make(map[string]any, len(params))
	for name, values := range params {
		object[name] = values
		if len(values) == 1 {
			object[name] = values[0]
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // the fewer escapes, the fewer parsers to trust
	if err := e.Encode(object); err != nil {
		panic("oauth: " + err.Error()) // strings and lists of them always encode
	}
	return strings.TrimSuffix(b.String(), "\n")
}
