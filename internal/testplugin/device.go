// SPDX-License-Identifier: Apache-2.0

package testplugin

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"sync"

	"github.com/credhost/credhost/sdk"
	"github.com/credhost/credhost/sdk/oauth"
)

const (
	deviceOrigin   = "https://device.example"
	deviceClientID = "EXAMPLE-device-client"
	deviceGrant    = "urn:ietf:params:oauth:grant-type:device_code"
)

var deviceClient = sdk.Field{Name: "clientId", Title: "Client ID"}

// Device is the type device: a person types a code at the service's page, on
// whatever device they like (RFC 8628).
type Device struct{}

var (
	_ sdk.Tester    = Device{}
	_ sdk.Connector = Device{}
)

// Schema implements [sdk.Plugin].
func (Device) Schema() sdk.Schema {
	return sdk.Schema{Name: "device", Title: "Device", Fields: []sdk.Field{deviceClient}, Origins: []string{deviceOrigin}}
}

func deviceOAuth(in sdk.Input) oauth.Client {
	return oauth.Client{ID: in.Get(deviceClient), TokenURL: deviceOrigin + "/token", DeviceURL: deviceOrigin + "/device_authorization"}
}

// Connect implements [sdk.Connector]. The device code, which is a secret,
// becomes the approval's state.
func (Device) Connect(ctx context.Context, in sdk.Input, _ sdk.Callback) (sdk.Approval, error) {
	a, err := deviceOAuth(in).Device(ctx)
	var said *oauth.ResponseError
	if errors.As(err, &said) && said.Code == "invalid_client" {
		return sdk.Approval{}, sdk.Errorf(sdk.Invalid, "the service does not know this client").In(deviceClient).Because(err)
	}
	return a, err
}

// Exchange implements [sdk.Connector]. Until the person has approved the
// service says authorization_pending, or slow_down, which are Unavailable.
func (Device) Exchange(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Grant, error) {
	tok, err := deviceOAuth(in).ExchangeDevice(ctx, cb)
	if err != nil {
		return sdk.Grant{}, err
	}
	return tok.Grant(), nil
}

// Grant implements [sdk.Plugin].
func (Device) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	tok, err := deviceOAuth(in).Refresh(ctx, in.State)
	if err != nil {
		return sdk.Grant{}, err
	}
	return tok.Grant(), nil
}

// Test implements [sdk.Tester].
func (Device) Test(ctx context.Context, _ sdk.Input, g sdk.Grant) error {
	return sdk.Probe(ctx, g, deviceOrigin+"/me", nil)
}

// DeviceStandin stands in for the service of device. Its page, /activate,
// approves the code in the parameter user_code, or denies it with deny=1.
type DeviceStandin struct {
	mu      sync.Mutex
	codes   map[string]*deviceCode // by device code
	access  map[string]bool
	refresh map[string]bool
	hurry   bool
	down    int // polls that it will not answer
}

type deviceCode struct {
	user             string
	approved, denied bool
}

// NewDeviceStandin returns a stand-in.
func NewDeviceStandin() *DeviceStandin {
	return &DeviceStandin{codes: map[string]*deviceCode{}, access: map[string]bool{}, refresh: map[string]bool{}}
}

// SlowDown makes the next poll too fast for the service.
func (d *DeviceStandin) SlowDown() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hurry = true
}

// Fail makes the service unable to answer the next polls: it asks to try again
// in seven seconds.
func (d *DeviceStandin) Fail(polls int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = polls
}

// Granted counts the device codes that were traded.
func (d *DeviceStandin) Granted() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.access)
}

// ServeHTTP implements [http.Handler].
func (d *DeviceStandin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch r.URL.Path {
	case "/device_authorization":
		if r.PostFormValue("client_id") != deviceClientID {
			refuseToken(w, http.StatusBadRequest, "invalid_client", "unknown client")
			return
		}
		device, user := rand.Text(), rand.Text()[:8]
		d.codes[device] = &deviceCode{user: user}
		reply(w, map[string]any{"device_code": device, "user_code": user, "verification_uri": deviceOrigin + "/activate",
			"expires_in": 600, "interval": 1})
	case "/activate":
		for _, c := range d.codes {
			if c.user == r.FormValue("user_code") {
				c.denied = r.FormValue("deny") != ""
				c.approved = !c.denied
				reply(w, map[string]string{"status": "thank you"})
				return
			}
		}
		refuse(w, http.StatusNotFound, "no such code")
	case "/token":
		d.token(w, r)
	case "/me":
		if token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "); !d.access[token] {
			refuse(w, http.StatusUnauthorized, "bad token: "+token)
			return
		}
		reply(w, map[string]string{"name": "device"})
	default:
		refuse(w, http.StatusNotFound, "no such page")
	}
}

func (d *DeviceStandin) token(w http.ResponseWriter, r *http.Request) {
	shown := r.PostFormValue("device_code") + r.PostFormValue("refresh_token")
	code := d.codes[shown]
	switch grant := r.PostFormValue("grant_type"); {
	case r.PostFormValue("client_id") != deviceClientID:
		refuseToken(w, http.StatusUnauthorized, "invalid_client", "unknown client")
		return
	case grant == "refresh_token" && d.refresh[shown]:
	case grant != deviceGrant || code == nil:
		refuseToken(w, http.StatusBadRequest, "invalid_grant", "not a good code: "+shown)
		return
	case d.down > 0:
		d.down--
		w.Header().Set("Retry-After", "7")
		refuse(w, http.StatusServiceUnavailable, "later")
		return
	case d.hurry:
		d.hurry = false
		refuseToken(w, http.StatusBadRequest, "slow_down", "")
		return
	case code.denied:
		refuseToken(w, http.StatusBadRequest, "access_denied", "")
		return
	case !code.approved:
		refuseToken(w, http.StatusBadRequest, "authorization_pending", "")
		return
	}
	delete(d.codes, shown)
	access, refresh := rand.Text(), shown
	if code != nil {
		refresh = rand.Text()
	}
	d.access[access], d.refresh[refresh] = true, true
	reply(w, map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 3600, "refresh_token": refresh})
}
