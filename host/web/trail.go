// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/audit"
)

// An event is an entry of the trail as a page shows it.
type event struct {
	Time               time.Time
	Actor, From        string
	Action, Outcome    string
	Good, Begun        bool
	Credential, Path   string
	Subject            string // what it was done to, if that is no credential
	Count              uint64 // of times; 0: once
	Kind, Request, Seq string
}

func (v *visit) events(entries []audit.Entry) []event {
	all := make([]event, 0, len(entries))
	for _, e := range entries {
		one := event{Time: e.Time, Actor: string(e.Actor), From: e.Address, Action: sentenceCase(v.doing(e.Action)), Outcome: v.howEnded(e.Outcome),
			Good: e.Outcome == "ok", Begun: e.Outcome == host.Begun, Credential: e.Credential, Subject: e.Subject, Request: e.Request, Seq: strconv.FormatUint(e.Seq, 10)}
		if e.Count > 1 {
			one.Count = e.Count
		}
		if e.Type != "" {
			one.Kind = v.kindOf(e.Type).Title
		}
		if strings.HasPrefix(e.Credential, "c-") {
			one.Path = v.path("credentials", e.Credential)
		}
		all = append(all, one)
	}
	return all
}

type trailView struct {
	Events                                 []event
	Credential, Actor, Action, Since, Till string
	Actions                                []choice
	Self, More                             string
	Narrow                                 bool
	State                                  trailState
}

// audit shows what was done in a workspace, the newest first.
func (v *visit) audit() error {
	if v.h.cfg.Audit == nil {
		return errNowhere
	}
	state, err := v.trailState()
	if err != nil {
		return err
	}
	return v.showTrail(http.StatusOK, state)
}

// showTrail shows a page of the trail, and what is known of it.
func (v *visit) showTrail(status int, state trailState) error {
	const most = 50
	q := v.r.URL.Query()
	get := func(name string) string { return strings.TrimSpace(q.Get(name)) }
	view := trailView{Credential: get("credential"), Actor: get("actor"), Action: get("action"), Since: get("since"), Till: get("till"), Self: v.path("audit"), State: state}
	view.Actions = v.allDoings(view.Action)
	view.Narrow = view.Credential+view.Actor+view.Action+view.Since+view.Till != ""
	query := audit.Query{Workspace: v.ws.Name(), Credential: view.Credential, Actor: host.Actor(view.Actor), Action: view.Action, Limit: most}
	query.Before, _ = strconv.ParseUint(get("before"), 10, 64) // what is no number is the beginning
	query.Since = dayOf(view.Since)
	if till := dayOf(view.Till); !till.IsZero() {
		query.Until = till.AddDate(0, 0, 1)
	}
	entries, err := v.h.cfg.Audit.List(v.ctx(), query)
	if err != nil {
		return err
	}
	view.Events = v.events(entries)
	if len(entries) == most {
		next := url.Values{}
		for name, values := range q {
			next[name] = values
		}
		next.Set("before", strconv.FormatUint(entries[most-1].Seq, 10))
		view.More = view.Self + "?" + next.Encode()
	}
	v.show(status, "trail", v.words.t("Audit trail"), view)
	return nil
}

// dayOf reads a day as a browser sends it; the zero time if it is none.
func dayOf(text string) time.Time {
	at, err := time.Parse("2006-01-02", text)
	if err != nil {
		return time.Time{}
	}
	return at
}

type aboutView struct {
	Version string
	Short   string // the path of keys that last for minutes; empty: it is of no workspace
	Actor   string
	Space   string
	Scopes  []scopeChoice
	Expires *time.Time
}

// about says what this is, who the person is here, and what that person may do.
func (v *visit) about() error {
	view := aboutView{Version: v.h.cfg.Version, Actor: string(v.caller.Actor), Space: v.caller.Workspace}
	if v.caller.Workspace != "" {
		view.Short = workspacePath(v.caller.Workspace, "short-key")
	}
	for _, s := range v.caller.Scopes {
		view.Scopes = append(view.Scopes, scopeChoice{choice{string(s), v.scopeTitle(s), true}, v.scopeHelp(s)})
	}
	if !v.caller.Expires.IsZero() {
		view.Expires = &v.caller.Expires
	}
	v.show(http.StatusOK, "about", v.words.t("About this page"), view)
	return nil
}
