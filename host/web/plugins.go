// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"slices"
	"strings"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/registry"
	"github.com/credhost/credhost/sdk"
)

// A pluginView is a program, in the list of them.
type pluginView struct {
	registry.Program
	Path      string
	Tone      string
	StateText string
	Titles    []string // of its types
	Reach     []string // where secrets of its types may go
	Box       string   // what it runs in
}

func (v *visit) pluginView(p registry.Program) pluginView {
	t := v.words.t
	view := pluginView{Program: p, Path: "/plugins/" + p.Name, Box: p.Sandbox.String()}
	switch p.State {
	case registry.Trusted:
		view.Tone, view.StateText = "good", t("trusted")
	case registry.Development:
		view.Tone, view.StateText = "warn", t("used without being trusted")
	case registry.Untrusted:
		view.Tone, view.StateText = "idle", t("not trusted yet")
	case registry.Changed:
		view.Tone, view.StateText = "warn", t("not what was trusted")
	case registry.Missing:
		view.Tone, view.StateText = "bad", t("missing")
	case registry.Quarantined:
		view.Tone, view.StateText = "bad", t("in quarantine: it crashed too often")
	case registry.Hidden:
		view.Tone, view.StateText = "idle", t("hidden by another of its name")
	default:
		view.Tone, view.StateText = "bad", t("faulty")
	}
	if p.Fault != "" && view.Tone == "good" {
		view.Tone = "warn"
	}
	for _, typ := range p.Types {
		view.Titles = append(view.Titles, typ.Schema.Title)
		view.Reach = append(view.Reach, originsOf(typ.Schema)...)
	}
	slices.Sort(view.Reach)
	view.Reach = slices.Compact(view.Reach)
	return view
}

// originsOf returns where secrets of a type may go, as its schema says.
func originsOf(s sdk.Schema) []string {
	all := slices.Concat(s.Origins, s.AnswerOrigins)
	slices.Sort(all)
	return slices.Compact(all)
}

// A listedPlugin is a plugin among others: its own page has all of it.
type listedPlugin struct {
	pluginView
	MoreTitles, MoreReach string // that there are more; empty: there are not
}

// firstOf returns some of all, and says how many more there are.
func (v *visit) firstOf(all []string) (some []string, more string) {
	const few = 6
	if len(all) <= few+1 { // one more takes no more room than to say so
		return all, ""
	}
	return all[:few], v.words.t("and % more", len(all)-few)
}

type pluginsView struct {
	Programs []listedPlugin
	Level    string
	Lacks    []string
}

// plugins lists the programs.
func (v *visit) plugins() error {
	view := pluginsView{}
	report := v.h.cfg.Host.Registry().Sandbox()
	view.Level = report.Level.String()
	for _, p := range v.h.cfg.Host.Registry().Programs() {
		one := listedPlugin{pluginView: v.pluginView(p)}
		one.Titles, one.MoreTitles = v.firstOf(one.Titles)
		one.Reach, one.MoreReach = v.firstOf(one.Reach)
		view.Programs = append(view.Programs, one)
	}
	v.show(http.StatusOK, "plugins", v.words.t("Plugins"), view)
	return nil
}

// An offerView is what a program is and asks for: what a person decides on.
type offerView struct {
	Program pluginView
	Offer   *registry.Offer
	Fault   string // why it cannot be looked at
	Types   []offeredType
	Changes []changeView
	Memory  int64 // MiB
	Self    string
}

type offeredType struct {
	Name, Title string
	Terms       registry.TypeTerms
}

type changeView struct {
	Of        string
	Type      string
	New, Gone []string
}

// plugin shows one program, and what trusting it would mean.
func (v *visit) plugin() error { return v.showPlugin(http.StatusOK, "") }

func (v *visit) showPlugin(status int, fault string) error {
	p, err := v.program()
	if err != nil {
		return err
	}
	view := offerView{Program: v.pluginView(p), Fault: fault, Self: "/plugins/" + p.Name}
	if p.State != registry.Missing && p.State != registry.Hidden {
		offer, err := v.h.cfg.Host.Registry().Inspect(v.ctx(), p.Name)
		switch {
		case err != nil && fault == "":
			view.Fault = err.Error() // an operator's to read: it names the program's fault
		case err == nil:
			view.Offer, view.Memory = &offer, offer.Confined.Memory>>20
			for _, typ := range offer.Types {
				view.Types = append(view.Types, offeredType{typ.Schema.Name, typ.Schema.Title, offer.Asks[typ.Schema.Name]})
			}
			for _, c := range offer.Changes {
				view.Changes = append(view.Changes, changeView{v.changeOf(c.Of), c.Type, c.New, c.Gone})
			}
		}
	}
	v.show(status, "plugin", p.Name, view)
	return nil
}

// changeOf says in which respect a program asks for something else.
func (v *visit) changeOf(of string) string {
	t := v.words.t
	switch of {
	case "types":
		return t("types")
	case "answers":
		return t("where answers may go")
	case "grants":
		return t("where grants may go")
	case "abilities":
		return t("abilities")
	case "loosened":
		return t("checks that are left out")
	case "secrets":
		return t("secret fields")
	case "reads":
		return t("files that it reads")
	}
	return of
}

// program returns the program that the path names.
func (v *visit) program() (registry.Program, error) {
	name := v.r.PathValue("name")
	for _, p := range v.h.cfg.Host.Registry().Programs() {
		if p.Name == name && p.State != registry.Hidden {
			return p, nil
		}
	}
	return registry.Program{}, errNowhere
}

// trust trusts exactly what the person has seen: if the program has become
// another since, it is shown again.
func (v *visit) trust() error {
	p, err := v.program()
	if err != nil {
		return err
	}
	offer, err := v.h.cfg.Host.Registry().Inspect(v.ctx(), p.Name)
	if err != nil {
		return v.showPlugin(http.StatusUnprocessableEntity, err.Error())
	}
	if offer.Digest != v.posted("_digest") || offer.Key != v.posted("_key") {
		return v.showPlugin(http.StatusConflict, v.words.t("The program has changed while you were looking at it. Look at it again."))
	}
	trust := host.Event{Action: "trust", Subject: p.Name}
	if err := v.h.cfg.Host.Recorded(v.ctx(), trust, func() error { return v.h.cfg.Host.Registry().Trust(v.ctx(), offer) }); err != nil {
		return v.showPlugin(http.StatusUnprocessableEntity, err.Error())
	}
	return v.to("/plugins/"+p.Name, "trusted")
}

// askDistrust says what it means not to trust a program any more.
func (v *visit) askDistrust() error {
	p, err := v.program()
	if err != nil {
		return err
	}
	t := v.words.t
	q := question{Heading: t("Trust % no more?", p.Name), Action: "/plugins/" + p.Name + "/distrust", Back: "/plugins/" + p.Name, Button: t("Trust it no more"),
		Lead: t("The program is not started any more. Calls that are under way end by themselves.")}
	var titles []string
	for _, typ := range p.Types {
		titles = append(titles, typ.Schema.Title)
	}
	if len(titles) > 0 {
		q.Facts = append(q.Facts, t("No credential of these types can be used, renewed or tested until it is trusted again: %", strings.Join(titles, ", ")))
	}
	q.Facts = append(q.Facts, t("The credentials themselves stay as they are."))
	return v.ask(http.StatusOK, q)
}

func (v *visit) distrust() error {
	p, err := v.program()
	if err != nil {
		return err
	}
	distrust := host.Event{Action: "distrust", Subject: p.Name}
	if err := v.h.cfg.Host.Recorded(v.ctx(), distrust, func() error { return v.h.cfg.Host.Registry().Distrust(p.Name) }); err != nil {
		return err
	}
	return v.to("/plugins/"+p.Name, "removed")
}

// resetPlugin lets a program that crashed be started again.
func (v *visit) resetPlugin() error {
	p, err := v.program()
	if err != nil {
		return err
	}
	reset := host.Event{Action: "reset plugin", Subject: p.Name}
	if err := v.h.cfg.Host.Recorded(v.ctx(), reset, func() error { v.h.cfg.Host.Registry().Reset(p.Name); return nil }); err != nil {
		return err
	}
	return v.to("/plugins/"+p.Name, "reset")
}
