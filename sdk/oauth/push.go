// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// Push is [Client.Approval] for services that want to have the request from the
// client itself (RFC 9126): it is sent to PushURL, and the person's browser
// carries only a reference to it, so that nobody on the way reads or changes
// it.
//
// The reference works once, for a minute or so. The approval has no Expiry all
// the same: by then the person must have arrived there, not have approved.
func (c Client) Push(ctx context.Context, cb sdk.Callback) (sdk.Approval, error) {
	resp, body, err := c.send(ctx, c.PushURL, c.approval(cb))
	if err != nil {
		return sdk.Approval{}, err
	}
	answer := members(resp.Header.Get("Content-Type"), body)
	reference := text(answer["request_uri"])
	if !succeeded(resp) || reference == "" {
		return sdk.Approval{}, refused(resp, body, answer)
	}
	return sdk.Approval{URL: withQuery(c.AuthURL, url.Values{"client_id": {c.ID}, "request_uri": {reference}})}, nil
}

func succeeded(resp *http.Response) bool { return resp.StatusCode >= 200 && resp.StatusCode <= 299 }

// isPage reports whether an answer is for people, as a wrong address often
// answers with success.
func isPage(resp *http.Response) bool {
	kind, _, _ := strings.Cut(strings.ToLower(resp.Header.Get("Content-Type")), ";")
	kind = strings.TrimSpace(kind)
	return kind == "text/html" || kind == "application/xhtml+xml"
}
