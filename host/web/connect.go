// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// A departure sends a person to a provider: by a page, since a form's own
// address may lead nowhere but to this host.
type departure struct{ URL, Why string }

// connect begins to connect a credential.
func (v *visit) connect() error {
	c, err := v.load()
	if err != nil {
		return err
	}
	flow, err := v.ws.Begin(v.ctx(), host.Visit{Credential: c.ID, Actor: v.caller.Actor})
	if err != nil {
		return v.connectFailed(c, err)
	}
	http.SetCookie(v.w, flow.Cookie)
	if v.ticked("_popup") {
		popup := v.h.cookie(popupCookie, "1", http.SameSiteLaxMode)
		popup.MaxAge = int(time.Until(flow.Expiry)/time.Second) + 1
		http.SetCookie(v.w, popup)
	} else {
		v.h.drop(v.w, popupCookie)
	}
	if flow.UserCode != "" {
		return v.beginDevice(c, flow)
	}
	return v.depart(flow.URL, v.words.t("Approve access for “%” there. You come back here afterwards.", v.nameOf(c)))
}

// depart sends a person to a page of somebody else's, which was checked before.
func (v *visit) depart(page, why string) error {
	u, err := url.Parse(page)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return sdk.Errorf(sdk.Internal, "the address of the provider cannot be read")
	}
	s := v.shell(v.words.t("Going to %", u.Host), departure{URL: page, Why: why})
	s.Plain, s.Refresh = true, "0; url="+page
	v.write(http.StatusOK, "departure", s)
	return nil
}

// An arrival says to who comes back from a provider what became of it.
type arrival struct {
	OK      bool
	Title   string
	Text    string
	Account string
	Was     string
	Path    string // of the credential; empty: the person may not see it, or it is not known
	ID      string
	Popup   bool // the window is to be closed
}

// callback takes people back from a provider. The session's cookie does not come
// along from another site, which is what keeps other sites from acting in it: so
// the page visits itself once, from here.
func (v *visit) callback() error {
	space := v.r.PathValue("workspace")
	if v.h.cfg.Flows != nil {
		done, err := v.h.cfg.Flows.Finish(v.r, space)
		if !errors.Is(err, host.ErrNotFound) {
			return v.arrivedForProgram(done, err)
		}
	}
	if v.caller.Actor == "" {
		if site := v.r.Header.Get("Sec-Fetch-Site"); site == "same-origin" {
			return v.notSignedIn()
		}
		s := v.shell(v.words.t("Finishing"), nil)
		s.Plain, s.Refresh = true, "0"
		v.write(http.StatusOK, "return", s)
		return nil
	}
	if err := v.enter(space); err != nil {
		return err
	}
	done, err := v.ws.Finish(v.r, v.caller.Actor)
	return v.arrived(done, err)
}

// notSignedIn is for who comes back without a session, or after it has ended.
func (v *visit) notSignedIn() error {
	v.show(http.StatusUnauthorized, "arrival", v.words.t("Not connected"), arrival{Title: v.words.t("Not connected"),
		Text: v.words.t("You are not signed in here, so nobody knows for whom to finish. Sign in, and connect again.")})
	return nil
}

// arrived says what became of a person's own visit.
func (v *visit) arrived(done host.Connected, err error) error {
	popup := v.h.read(v.r, popupCookie) != ""
	if popup {
		v.h.drop(v.w, popupCookie)
	}
	if err == nil && !popup && done.Was == "" {
		return v.to(v.path("credentials", done.ID), "connected")
	}
	a, status := v.arrival(done, err)
	a.Popup = popup && a.OK
	if a.Path = v.path("credentials"); done.ID != "" {
		a.Path = v.path("credentials", done.ID)
	}
	s := v.shell(a.Title, a)
	s.Plain = s.Plain || popup
	v.write(status, "arrival", s)
	return nil
}

// arrivedForProgram is for who was sent by a program, and need not be known
// here.
func (v *visit) arrivedForProgram(done host.Connected, err error) error {
	if done.Return != "" {
		http.Redirect(v.w, v.r, done.Return, http.StatusSeeOther) // an operator's own address: see host.Config.Returns
		return nil
	}
	a, status := v.arrival(done, err)
	a.ID = ""
	s := v.shell(a.Title, a)
	s.Plain = true
	v.write(status, "arrival", s)
	return nil
}

func (v *visit) arrival(done host.Connected, err error) (arrival, int) {
	t := v.words.t
	if err != nil {
		f := v.failure(err)
		if f.Status == http.StatusInternalServerError {
			v.h.log.ErrorContext(v.ctx(), "a visit could not be finished", "request", f.Request, "err", err)
		}
		return arrival{Title: t("Not connected"), Text: f.Text}, f.Status
	}
	return arrival{OK: true, Title: t("Connected"), Text: t("You can close this window."), Account: done.Account, Was: done.Was, ID: done.ID}, http.StatusOK
}

// start takes a person who opens a link that a program was given.
func (v *visit) start() error {
	if v.h.cfg.Flows == nil {
		return errNowhere
	}
	return v.h.cfg.Flows.Start(v.w, v.r, v.r.PathValue("workspace"), v.r.PathValue("visit"), v.r.PathValue("secret"))
}

// connectFailed says why there is nothing to connect with.
func (v *visit) connectFailed(c host.Credential, err error) error {
	text, err := v.message(err)
	if err != nil {
		return err
	}
	v.show(http.StatusUnprocessableEntity, "arrival", v.words.t("Not connected"), arrival{Title: v.words.t("Not connected"), Text: text, Path: v.path("credentials", c.ID)})
	return nil
}

// A code is what a person types at the service's page (RFC 8628). It is kept in
// the person's own browser while the host waits.
type code struct {
	URL, Code, Credential, Workspace string
	Expiry                           time.Time
}

const codeCookie = "credhost-code-"

// beginDevice shows a code, at an address that can be loaded again.
func (v *visit) beginDevice(c host.Credential, flow host.Flow) error {
	text, err := json.Marshal(code{flow.URL, flow.UserCode, c.ID, v.ws.Name(), flow.Expiry})
	if err != nil {
		return err
	}
	k := v.h.cookie(codeCookie+tail(flow.ID), base64.RawURLEncoding.EncodeToString(text), http.SameSiteStrictMode)
	k.MaxAge = int(time.Until(flow.Expiry)/time.Second) + 1
	http.SetCookie(v.w, k)
	return v.to("/connect/device/"+url.PathEscape(flow.ID), "")
}

func tail(id string) string { return id[max(0, len(id)-16):] }

// A waiting is the page with a code, until the person has approved.
type waiting struct {
	URL, Host, Code string
	Expiry          time.Time
	Path            string // of the credential
	ID              string
}

// waits is for how long one look at a device flow lasts.
const waits = 8 * time.Second

// device shows the code, and looks for a while whether the person has approved.
// The page loads itself again until then, with script or without.
func (v *visit) device() error {
	id := v.r.PathValue("flow")
	text, err := base64.RawURLEncoding.DecodeString(v.h.read(v.r, codeCookie+tail(id)))
	var c code
	if err != nil || json.Unmarshal(text, &c) != nil {
		return errNowhere
	}
	if err := v.enter(c.Workspace); err != nil {
		return err
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return errNowhere
	}
	w := waiting{URL: c.URL, Host: u.Host, Code: c.Code, Expiry: c.Expiry, Path: v.path("credentials", c.Credential), ID: c.Credential}
	if v.r.URL.Query().Has("look") {
		ctx, cancel := context.WithTimeout(v.ctx(), waits)
		defer cancel()
		done, err := v.ws.Await(ctx, host.Flow{ID: id, Cookie: flowCookie(v.r, id)}, v.caller.Actor)
		if ctx.Err() == nil || err == nil {
			v.h.drop(v.w, codeCookie+tail(id))
			return v.arrived(done, err)
		}
	}
	s := v.shell(v.words.t("Enter the code"), w)
	s.Refresh = "3; url=/connect/device/" + url.PathEscape(id) + "?look=1"
	v.write(http.StatusOK, "device", s)
	return nil
}

// flowCookie returns the cookie of a flow, whose name ends as the flow's ID.
func flowCookie(r *http.Request, id string) *http.Cookie {
	for _, c := range r.Cookies() {
		if len(c.Name) > 16 && tail(c.Name) == tail(id) && c.Name != codeCookie+tail(id) && c.Name != "__Host-"+codeCookie+tail(id) {
			return c
		}
	}
	return nil
}
