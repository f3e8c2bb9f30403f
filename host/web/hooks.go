// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/events"
)

type hooksView struct {
	Hooks  []hookRow
	New    string
	Events []happening
}

type hookRow struct {
	events.Hook
	Path, Tone, Word string
}

// A happening is an event as a page shows it.
type happening struct {
	Time             time.Time
	Type, Name, Path string
	Outcome          string
}

// hooks lists the webhooks, and what has happened of late.
func (v *visit) hooks() error {
	if v.h.cfg.Events == nil {
		return errNowhere
	}
	view := hooksView{New: v.path("new-webhook")}
	all, err := v.h.cfg.Events.Hooks(v.ctx(), v.ws.Name(), "", 100)
	if err != nil {
		return err
	}
	for _, hook := range all {
		view.Hooks = append(view.Hooks, v.hookRow(hook))
	}
	recent, err := v.h.cfg.Events.Since(v.ctx(), v.ws.Name(), events.Oldest, 1000)
	if err != nil {
		return err
	}
	sees := events.For(v.caller)
	for _, e := range slices.Backward(recent) {
		if len(view.Events) < 30 && sees(e) {
			h := happening{Time: e.Time, Type: string(e.Type), Name: e.Data.Name, Outcome: e.Data.Outcome}
			if e.Data.Credential != "" {
				h.Path = v.path("credentials", e.Data.Credential)
				if h.Name == "" {
					h.Name = e.Data.Credential
				}
			}
			view.Events = append(view.Events, h)
		}
	}
	v.show(http.StatusOK, "hooks", v.words.t("Webhooks"), view)
	return nil
}

func (v *visit) hookRow(hook events.Hook) hookRow {
	t := v.words.t
	r := hookRow{Hook: hook, Path: v.path("webhooks", hook.ID), Tone: "good", Word: t("in use")}
	switch hook.Status {
	case events.HookFailing:
		r.Tone, r.Word = "warn", t("failing, and tried again")
	case events.HookOff:
		r.Tone, r.Word = "idle", t("switched off")
	case events.HookGivenUp:
		r.Tone, r.Word = "bad", t("given up: it failed for too long")
	}
	return r
}

type hookForm struct {
	URL, Description, Fault string
	Types                   []choice
	Self, Back, Once        string
}

func (v *visit) hookForm() hookForm {
	f := hookForm{URL: v.posted("url"), Description: v.posted("description"), Self: v.path("new-webhook"), Back: v.path("webhooks"), Once: v.posted("_once")}
	for _, typ := range events.Types {
		f.Types = append(f.Types, choice{string(typ), string(typ), slices.Contains(v.r.PostForm["event"], string(typ))})
	}
	return f
}

// freshHook shows the form of a new webhook.
func (v *visit) freshHook() error {
	if v.h.cfg.Events == nil {
		return errNowhere
	}
	f := v.hookForm()
	f.Once = newOnce()
	v.show(http.StatusOK, "hookform", v.words.t("New webhook"), f)
	return nil
}

// createHook registers a webhook, and shows its secret: now, and never again.
func (v *visit) createHook() error {
	if v.h.cfg.Events == nil {
		return errNowhere
	}
	f := v.hookForm()
	if v.ticked("_again") {
		v.show(http.StatusOK, "hookform", v.words.t("New webhook"), f)
		return nil
	}
	n := events.NewHook{Workspace: v.ws.Name(), URL: f.URL, Description: f.Description}
	for _, typ := range v.r.PostForm["event"] {
		n.Types = append(n.Types, events.Type(typ))
	}
	made := madeKey{Name: f.URL, Back: f.Back}
	_, repeated, err := v.once(f.Once, func() (string, error) {
		hook, secret, err := v.h.cfg.Events.CreateHook(v.ctx(), n)
		made.Token = secret
		return hook.ID, err
	})
	if err != nil {
		if f.Fault, err = v.message(err); err != nil {
			return err
		}
		v.show(http.StatusUnprocessableEntity, "hookform", v.words.t("Error: %", v.words.t("New webhook")), f)
		return nil
	}
	made.Repeated = repeated
	v.show(http.StatusOK, "hooksecret", v.words.t("The webhook's secret"), made)
	return nil
}

type hookView struct {
	hookRow
	Deliveries []events.Delivery
	Paths      struct{ Test, Switch, Delete, Back string }
	On         bool
}

// hook shows one webhook, and what it was sent.
func (v *visit) hook() error {
	if v.h.cfg.Events == nil {
		return errNowhere
	}
	hook, err := v.h.cfg.Events.Hook(v.ctx(), v.ws.Name(), v.r.PathValue("hook"))
	if err != nil {
		return err
	}
	view := hookView{hookRow: v.hookRow(hook), On: hook.Status == events.HookActive || hook.Status == events.HookFailing}
	if view.Deliveries, err = v.h.cfg.Events.Deliveries(v.ctx(), v.ws.Name(), hook.ID, 30); err != nil {
		return err
	}
	view.Paths.Test, view.Paths.Switch = v.path("webhooks", hook.ID, "test"), v.path("webhooks", hook.ID, "switch")
	view.Paths.Delete, view.Paths.Back = v.path("webhooks", hook.ID, "delete"), v.path("webhooks")
	v.show(http.StatusOK, "hook", v.words.t("Webhook"), view)
	return nil
}

// testHook sends a webhook an event, to see whether it takes one.
func (v *visit) testHook() error {
	if v.h.cfg.Events == nil {
		return errNowhere
	}
	d, err := v.h.cfg.Events.SendTest(v.ctx(), v.ws.Name(), v.r.PathValue("hook"))
	if err != nil {
		return err
	}
	done := "hookfailed"
	if d.Done {
		done = "hooktested"
	}
	return v.to(v.path("webhooks", v.r.PathValue("hook")), done)
}

// switchHook switches a webhook on or off.
func (v *visit) switchHook() error {
	if v.h.cfg.Events == nil {
		return errNowhere
	}
	on := v.posted("on") == "1"
	if _, err := v.h.cfg.Events.UpdateHook(v.ctx(), v.ws.Name(), v.r.PathValue("hook"), events.HookPatch{Enabled: &on}); err != nil {
		return err
	}
	return v.to(v.path("webhooks", v.r.PathValue("hook")), "saved")
}

func (v *visit) askDeleteHook() error {
	if v.h.cfg.Events == nil {
		return errNowhere
	}
	hook, err := v.h.cfg.Events.Hook(v.ctx(), v.ws.Name(), v.r.PathValue("hook"))
	if err != nil {
		return err
	}
	return v.askToDeleteHook(http.StatusOK, hook, "")
}

// askToDeleteHook says what it means to delete a webhook, and what came of it if it
// was tried.
func (v *visit) askToDeleteHook(status int, hook events.Hook, fault string) error {
	t := v.words.t
	return v.ask(status, question{Heading: t("Delete this webhook?"), Action: v.path("webhooks", hook.ID, "delete"), Back: v.path("webhooks", hook.ID), Button: t("Delete for good"),
		Lead: hook.URL, Facts: []string{t("Nothing is sent there any more, not even what it is owed still.")}, Fault: fault, Hidden: []answer{generationOf(hook.Generation)}})
}

func (v *visit) deleteHook() error {
	if v.h.cfg.Events == nil {
		return errNowhere
	}
	id := v.r.PathValue("hook")
	err := v.h.cfg.Events.DeleteHook(v.ctx(), v.ws.Name(), id, v.generation())
	if errors.Is(err, host.ErrConflict) {
		hook, err := v.h.cfg.Events.Hook(v.ctx(), v.ws.Name(), id)
		if err != nil {
			return err
		}
		return v.askToDeleteHook(http.StatusConflict, hook, v.words.t("Somebody has changed it since you looked at it. Look at it again before you delete it."))
	}
	if err != nil {
		return err
	}
	return v.to(v.path("webhooks"), "deleted")
}
