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

// newRequest builds the one request of a call. That it can be repeated (it has
// GetBody) does not mean that it will be: net/http repeats a POST only if it
// has not written a byte of it.
func (c Client) newRequest(ctx context.Context, params url.Values) (*http.Request, error) {
	params = c.complete(params)
	contentType, body, query := "application/x-www-form-urlencoded", "", ""
	switch c.Encoding {
	case JSON:
		contentType, body = "application/json", jsonBody(params)
	case Query:
		query = params.Encode()
	default:
		body = params.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.TokenURL, strings.NewReader(body))
	if err != nil {
		return nil, sdk.Errorf(sdk.Internal, "the token endpoint's address is not a URL") // err quotes it
	}
	if r.URL.RawQuery != "" && query != "" {
		query = "&" + query
	}
	r.URL.RawQuery += query
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Accept", "application/json")
	if c.BasicAuth {
		r.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret))
	}
	for name, values := range c.Header {
		r.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	return r, nil
}

// complete returns params with those that every request of c has. It leaves
// the caller's own alone.
func (c Client) complete(params url.Values) url.Values {
	params = maps.Clone(params)
	for name, value := range c.TokenParams {
		params.Set(name, value)
	}
	if c.BasicAuth {
		return params
	}
	if c.ID != "" {
		params.Set("client_id", c.ID)
	}
	if c.Secret != "" {
		params.Set("client_secret", c.Secret)
	}
	return params
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
