// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/registry"
	"github.com/credhost/credhost/sdk"
)

// A Plugin is a program that serves types of credentials, or would.
type Plugin struct {
	Name     string       `json:"name" example:"halopsa"`
	Digest   string       `json:"digest,omitempty" doc:"Of what is used: sha256:…"`
	Version  string       `json:"version,omitempty" doc:"What the program calls its version."`
	Key      string       `json:"key,omitempty" doc:"The public key that is trusted for it."`
	State    string       `json:"state" enum:"trusted,development,untrusted,changed,missing,faulty,quarantined,hidden" doc:"Whether it is used."`
	Fault    string       `json:"fault,omitempty" doc:"Why it, or one of its types, is not used, and what to do."`
	Types    []PluginType `json:"types" doc:"Those that are used."`
	Running  int          `json:"running" doc:"Processes, on this host."`
	Restarts int          `json:"restarts" doc:"After crashes, since this host was started."`
	Sandbox  string       `json:"sandbox" enum:"none,partial,full" doc:"What its processes run in, on this host."`
}

// A PluginType is a type of a plugin, and where it may send what it is told.
type PluginType struct {
	Name    string   `json:"name"`
	Answers []string `json:"answers" doc:"Where the answers may go: templates of origins, with the fields that decide."`
	Grants  []string `json:"grants" doc:"Where a grant may go."`
}

// An Offer is what a program is and asks for: what a person decides on.
type Offer struct {
	Name    string           `json:"name"`
	Digest  string           `json:"digest" doc:"Of exactly this: what trustPlugin takes."`
	Version string           `json:"version,omitempty"`
	Trusted bool             `json:"trusted" doc:"Exactly this is trusted already."`
	Key     string           `json:"key,omitempty" doc:"The public key by which it is signed."`
	KeyID   string           `json:"keyId,omitempty"`
	Signed  *time.Time       `json:"signed,omitempty"`
	Older   bool             `json:"older,omitempty" doc:"It was signed before what is trusted."`
	Asks    map[string]Terms `json:"asks" doc:"What its types ask for, by their names."`
	Changes []OfferChange    `json:"changes,omitempty" doc:"How that differs from what was trusted before."`
	Faults  []string         `json:"faults,omitempty" doc:"Why it would not serve some of its types."`
	Origins []string         `json:"origins" doc:"Where secrets could go."`
	Reads   []string         `json:"reads,omitempty" doc:"What it reads of the system."`
	Sandbox string           `json:"sandbox" enum:"none,partial,full" doc:"What it would run in, on this host."`
}

// Terms are what one type asks for.
type Terms struct {
	Answers   []string `json:"answers" doc:"Where the answers may go."`
	Grants    []string `json:"grants" doc:"Where a grant may go."`
	Abilities []string `json:"abilities,omitempty" doc:"What it can do besides being used."`
	Loosened  []string `json:"loosened,omitempty" doc:"The checks that it has the host leave out."`
	Secrets   []string `json:"secrets,omitempty" doc:"The fields that are never shown."`
}

// An OfferChange is one respect in which an offer differs from what was trusted.
type OfferChange struct {
	Of        string   `json:"of" doc:"types, grants, reads and so on."`
	Type      string   `json:"type,omitempty" doc:"Of which type; absent: of the program."`
	New       []string `json:"new,omitempty"`
	Gone      []string `json:"gone,omitempty"`
	Unchanged []string `json:"unchanged,omitempty"`
}

// OnePlugin is the part of a request that says which plugin is meant.
type OnePlugin struct {
	Plugin string `path:"plugin" maxLength:"200" doc:"The plugin's name."`
}

type trustPlugin struct {
	OnePlugin
	Body struct {
		Digest string `json:"digest" maxLength:"200" pattern:"^sha256:[0-9a-f]{64}$" example:"sha256:0000000000000000000000000000000000000000000000000000000000000000" doc:"Of the offer that was decided on."`
	}
}

type pluginList struct {
	Body struct {
		Plugins []Plugin `json:"plugins"`
		Sandbox string   `json:"sandbox" enum:"none,partial,full" doc:"The most that this host can put around a plugin."`
	}
}

type (
	pluginOut struct{ Body Plugin }
	offerOut  struct{ Body Offer }
)

func (s *server) registerPlugins() {
	one := "/plugins/{plugin}"
	gone := []string{"not-found"}
	register(s, operation{id: "listPlugins", method: http.MethodGet, path: "/plugins", tag: tagPlugins, action: access.ReadPlugins,
		summary: "List the plugins of this host, and what they may reach"}, s.listPlugins)
	register(s, operation{id: "getPlugin", method: http.MethodGet, path: one, tag: tagPlugins, action: access.ReadPlugins, fails: gone,
		summary: "Show a plugin"},
		func(_ context.Context, in *OnePlugin) (*pluginOut, error) { return s.plugin(in.Plugin) })
	register(s, operation{id: "getPluginOffer", method: http.MethodGet, path: one + "/offer", tag: tagPlugins, action: access.SetPlugins, fails: gone,
		patience: time.Minute, summary: "See what a program asks for, before it is trusted",
		text: "It is started with nothing within its reach, and ended again."}, s.getPluginOffer)
	register(s, operation{id: "trustPlugin", method: http.MethodPost, path: one + "/trust", tag: tagPlugins, action: access.SetPlugins,
		fails: append([]string{"conflict", "denied"}, gone...), patience: time.Minute, summary: "Trust exactly what an offer has shown",
		text: "On every host that shares this one's lock file. If the program has changed since the offer, nothing is trusted."}, s.trustPlugin)
	register(s, operation{id: "distrustPlugin", method: http.MethodPost, path: one + "/distrust", tag: tagPlugins, action: access.SetPlugins,
		fails: gone, summary: "Use a program no more", text: "Its credentials stay, and cannot be used until it is trusted again."}, s.distrustPlugin)
	register(s, operation{id: "resetPlugin", method: http.MethodPost, path: one + "/reset", tag: tagPlugins, action: access.SetPlugins,
		fails: gone, summary: "Let a program be started again that crashed"}, s.resetPlugin)
}

func (s *server) listPlugins(context.Context, *struct{}) (*pluginList, error) {
	out := &pluginList{}
	out.Body.Plugins = []Plugin{}
	for _, p := range s.h.Registry().Programs() {
		out.Body.Plugins = append(out.Body.Plugins, pluginView(p))
	}
	out.Body.Sandbox = s.h.Registry().Sandbox().Level.String()
	return out, nil
}

func pluginView(p registry.Program) Plugin {
	v := Plugin{Name: p.Name, Digest: p.Digest, Version: p.Version, Key: p.Key, State: string(p.State), Fault: p.Fault,
		Types: []PluginType{}, Running: p.Running, Restarts: p.Restarts, Sandbox: p.Sandbox.String()}
	for _, t := range p.Types {
		answers := t.Schema.AnswerOrigins
		if answers == nil {
			answers = t.Schema.Origins
		}
		v.Types = append(v.Types, PluginType{t.Schema.Name, listed(answers), listed(t.Schema.Origins)})
	}
	return v
}

// plugin is the answer that shows a plugin. Of several programs with one name it
// is the one that goes before the others.
func (s *server) plugin(name string) (*pluginOut, error) {
	all := s.h.Registry().Programs()
	i := slices.IndexFunc(all, func(p registry.Program) bool { return p.Name == name && p.State != registry.Hidden })
	if i < 0 {
		return nil, notFound()
	}
	return &pluginOut{pluginView(all[i])}, nil
}

func (s *server) getPluginOffer(ctx context.Context, in *OnePlugin) (*offerOut, error) {
	if _, err := s.plugin(in.Plugin); err != nil {
		return nil, err
	}
	o, err := s.h.Registry().Inspect(ctx, in.Plugin)
	if err != nil {
		return nil, s.inspected(err)
	}
	return &offerOut{offerView(o)}, nil
}

// inspected says why a program could not be inspected: the operator, who alone
// may ask, is told as the program's log would tell it.
func (s *server) inspected(err error) error {
	if e, ok := err.(*sdk.Error); ok {
		return e
	}
	return fail("conflict", "the program cannot be inspected: see its fault in getPlugin, and this host's log")
}

func offerView(o registry.Offer) Offer {
	v := Offer{Name: o.Name, Digest: o.Digest, Version: o.Version, Trusted: o.Trusted, Key: o.Key, KeyID: o.KeyID, Signed: o.Signed, Older: o.Older,
		Asks: map[string]Terms{}, Faults: o.Faults, Origins: listed(o.Origins), Reads: o.Reads, Sandbox: o.Confined.Level.String()}
	for name, t := range o.Asks {
		v.Asks[name] = Terms{listed(t.Answers), listed(t.Grants), t.Abilities, t.Loosened, t.Secrets}
	}
	for _, c := range o.Changes {
		v.Changes = append(v.Changes, OfferChange(c))
	}
	return v
}

func (s *server) trustPlugin(ctx context.Context, in *trustPlugin) (*pluginOut, error) {
	if _, err := s.plugin(in.Plugin); err != nil {
		return nil, err
	}
	o, err := s.h.Registry().Inspect(ctx, in.Plugin)
	if err != nil {
		return nil, s.inspected(err)
	}
	if o.Digest != in.Body.Digest {
		return nil, fail("conflict", "the program is not what was offered: get its offer again, and decide anew")
	}
	err = s.doing(ctx, "trust", in.Plugin, func() error { return s.h.Registry().Trust(ctx, o) })
	if err != nil {
		return nil, s.inspected(err)
	}
	return s.plugin(in.Plugin)
}

func (s *server) distrustPlugin(ctx context.Context, in *OnePlugin) (*pluginOut, error) {
	if _, err := s.plugin(in.Plugin); err != nil {
		return nil, err
	}
	if err := s.doing(ctx, "distrust", in.Plugin, func() error { return s.h.Registry().Distrust(in.Plugin) }); err != nil {
		return nil, s.inspected(err)
	}
	return s.plugin(in.Plugin)
}

func (s *server) resetPlugin(ctx context.Context, in *OnePlugin) (*pluginOut, error) {
	if _, err := s.plugin(in.Plugin); err != nil {
		return nil, err
	}
	if err := s.doing(ctx, "reset plugin", in.Plugin, func() error { s.h.Registry().Reset(in.Plugin); return nil }); err != nil {
		return nil, err
	}
	return s.plugin(in.Plugin)
}
