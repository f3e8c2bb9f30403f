// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/credhost/credhost/sdk"
)

// A hearing is what the host learns from a plugin's own requests while that
// asks where to send a person. A plugin cannot say what the host did not hear:
// which parameters the service took, and what it promises in its metadata.
type hearing struct {
	next   http.RoundTripper
	accept func(url.Values) bool // whether parameters may be pushed

	mu      sync.Mutex
	uris    []string // under which the service keeps what may be pushed
	issuers []string // that promise to say who they are
}

// heardMost is the largest body that is listened to; larger ones only pass.
const heardMost = 1 << 20

// RoundTrip implements [http.RoundTripper].
func (h *hearing) RoundTrip(r *http.Request) (*http.Response, error) {
	asked := h.asked(r)
	resp, err := h.next.RoundTrip(r)
	if err != nil || asked == nil && !isMetadata(r) {
		return resp, err
	}
	body, err := peek(&resp.Body)
	if err != nil || body == nil {
		return resp, err
	}
	var said struct {
		RequestURI string `json:"request_uri"`
		Issuer     string `json:"issuer"`
		SaysIssuer bool   `json:"authorization_response_iss_parameter_supported"`
	}
	if json.Unmarshal(body, &said) != nil {
		return resp, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if asked != nil && resp.StatusCode == http.StatusCreated && strings.HasPrefix(said.RequestURI, "urn:") && h.accept(asked) {
		h.uris = append(h.uris, said.RequestURI)
	}
	if isMetadata(r) && resp.StatusCode == http.StatusOK && said.SaysIssuer && slices.Contains(metadataOf(said.Issuer), r.URL.Path) &&
		sdk.Origin(said.Issuer) == sdk.OriginOf(r.URL) {
		h.issuers = append(h.issuers, said.Issuer)
	}
	return resp, nil
}

// asked returns the parameters of a form that is posted; nil if r is none.
func (h *hearing) asked(r *http.Request) url.Values {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method != http.MethodPost || media != "application/x-www-form-urlencoded" || r.Body == nil || r.URL.RawQuery != "" {
		return nil
	}
	body, err := peek(&r.Body)
	if err != nil || body == nil {
		return nil
	}
	q, err := url.ParseQuery(string(body))
	if err != nil {
		return nil
	}
	return q
}

// peek reads a body and puts it back. It returns nil if that is too large.
func peek(body *io.ReadCloser) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(*body, heardMost+1))
	if err != nil {
		return nil, err
	}
	rest := struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(text), *body), *body}
	*body = rest
	if len(text) > heardMost {
		return nil, nil
	}
	return text, nil
}

// pushed reports whether the service keeps under uri what may be pushed.
func (h *hearing) pushed(uri string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.uris, uri)
}

// issuer returns the issuer whose metadata was read; "" if there was none, or
// more than one.
func (h *hearing) issuer() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if all := slices.Compact(h.issuers); len(all) == 1 {
		return all[0]
	}
	return ""
}

func isMetadata(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.Contains(r.URL.Path, "/.well-known/")
}

// metadataOf returns the paths at which an issuer's metadata may be: RFC 8414,
// section 3.1, and OpenID Connect Discovery, section 4.
func metadataOf(issuer string) []string {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil
	}
	path := strings.TrimSuffix(u.Path, "/")
	return []string{"/.well-known/oauth-authorization-server" + path, "/.well-known/openid-configuration" + path, path + "/.well-known/openid-configuration"}
}
