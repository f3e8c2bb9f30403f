// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"net/url"
	"time"

	"github.com/credhost/credhost/sdk"
)

// The intervals of a device flow (RFC 8628, section 3.2).
const (
	usualInterval   = 5 * time.Second
	longestInterval = time.Hour
)

// Device begins a device flow (RFC 8628, section 3.1): the person types a code
// at the service's page, on any device, and nothing has to come back to the
// host. It is for [sdk.Connector]: the approval holds the code, the page and
// the interval, and its State is what ExchangeDevice needs.
func (c Client) Device(ctx context.Context) (sdk.Approval, error) {
	params := with(c.scoped(url.Values{}), c.AuthParams)
	if c.ID != "" {
		params.Set("client_id", c.ID) // a parameter of its own, however the client authenticates
	}
	asked := time.Now()
	resp, body, err := c.send(ctx, c.DeviceURL, params)
	if err != nil {
		return sdk.Approval{}, err
	}
	answer := members(resp.Header.Get("Content-Type"), body)
	code, user, page := text(answer["device_code"]), text(answer["user_code"]), text(answer["verification_uri"])
	if page == "" {
		page = text(answer["verification_url"]) // as Google had it before the standard
	}
	if !succeeded(resp) || code == "" || user == "" || page == "" {
		return sdk.Approval{}, refused(resp, body, answer)
	}
	interval := seconds(member(answer, "interval"))
	if interval <= 0 {
		interval = usualInterval
	}
	a := sdk.Approval{URL: page, UserCode: user, Interval: min(interval, longestInterval), State: []byte(code)}
	if life := seconds(member(answer, "expires_in")); life > 0 {
		a.Expiry = asked.Add(life).Round(0)
	}
	return a, nil
}

// ExchangeDevice asks once whether the person has approved (RFC 8628, section
// 3.4), and returns the first token if so. [sdk.Unavailable] means "not yet";
// with the reason "slow_down" the host waits five seconds longer from then on
// (section 3.5). A refusal, or a code that has ended, is [sdk.Denied].
func (c Client) ExchangeDevice(ctx context.Context, cb sdk.Callback) (Token, error) {
	if len(cb.Kept) == 0 {
		return Token{}, sdk.Errorf(sdk.Denied, "there is no code that could have been approved: connect again")
	}
	return c.Request(ctx, url.Values{
		"grant_type":  {"urn:ietf:params:oauth:grant-type:device_code"},
		"device_code": {string(cb.Kept)},
	})
}
