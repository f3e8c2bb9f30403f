// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/credhost/credhost/sdk"
)

// deviceState is the JSON form of the State of a device flow's approval.
type deviceState struct {
	Version  int    `json:"v"`
	Code     string `json:"deviceCode"`
	Interval int    `json:"interval"` // seconds
}

// The intervals of a device flow, in seconds (RFC 8628, sections 3.2 and 3.5).
const (
	usualInterval = 5
	slower        = 5 // when asked to slow down
	maxInterval   = 3600
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
		interval = usualInterval * time.Second
	}
	interval = min(max(interval.Truncate(time.Second), time.Second), maxInterval*time.Second)
	state, err := json.Marshal(deviceState{1, code, int(interval / time.Second)})
	if err != nil {
		panic("oauth: " + err.Error()) // text and numbers always encode
	}
	a := sdk.Approval{URL: page, UserCode: user, Interval: interval, State: state}
	if life := seconds(member(answer, "expires_in")); life > 0 {
		a.Expiry = asked.Add(life).Round(0)
	}
	return a, nil
}

// ExchangeDevice asks once whether the person has approved (RFC 8628, section
// 3.4), and returns the first token if so. [sdk.Unavailable] means "not yet".
// If the service asks to slow down, RetryAfter is the interval from then on
// (section 3.5). A refusal or a code that has ended is [sdk.Denied].
func (c Client) ExchangeDevice(ctx context.Context, cb sdk.Callback) (Token, error) {
	var kept deviceState
	if json.Unmarshal(cb.Kept, &kept) != nil || kept.Code == "" {
		return Token{}, sdk.Errorf(sdk.Denied, "there is no code that could have been approved: connect again")
	}
	t, err := c.Request(ctx, url.Values{
		"grant_type":  {"urn:ietf:params:oauth:grant-type:device_code"},
		"device_code": {kept.Code},
	})
	var e *sdk.Error
	if !errors.As(err, &e) || e.Reason != "slow_down" {
		return t, err
	}
	slow := *e
	slow.RetryAfter = max(e.RetryAfter, time.Duration(kept.Interval+slower)*time.Second)
	return Token{}, &slow
}
