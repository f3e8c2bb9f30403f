// SPDX-License-Identifier: Apache-2.0

package host

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// answer takes the answers of a new credential.
func (c *credential) answer(ctx context.Context, values sdk.Values, references map[string]string) error {
	if c.Application != "" {
		app, err := c.w.application(ctx, c.Application)
		if err != nil {
			return err
		}
		if app.rec.Type != c.rec.Type {
			return sdk.Errorf(sdk.Invalid, "the application is one of the type %s", app.rec.Type)
		}
		c.app = app
	}
	return c.complete(ctx, merge(nil, values), merge(nil, references))
}

// patch takes changed answers, and gives up what was obtained with the old.
func (c *credential) patch(ctx context.Context, p Patch) error {
	before, refs, origins, secured := maps.Clone(c.Values), maps.Clone(c.References), c.Origins, c.TLS
	values, references := p.apply(c.typ.Schema, c.Values, c.References)
	if err := c.complete(ctx, values, references); err != nil {
		return err
	}
	c.narrow(origins.Grant)
	if err := c.secure(secured.patched(p.TLS)); err != nil {
		return err
	}
	moves := opens(c.Origins.Answers, origins.Answers) || opens(c.Origins.Grant, origins.Grant)
	if (moves || c.TLS.trusts(secured)) && !defence.Off(ctx, defence.Reentered) {
		if err := c.freshSecrets(c.typ.Schema, p, moves); err != nil {
			return err
		}
	}
	if !maps.Equal(before, c.Values) || !maps.Equal(refs, c.References) || !c.TLS.equal(secured) {
		c.dropGrant()
		c.State, c.Refused, c.Tested = nil, nil, nil
		c.Was, c.Account = cmp.Or(c.Account, c.Was), ""
	}
	c.upgrade = nil
	return nil
}

// complete checks answers against the schema and freezes the origins that
// follow from them. References are resolved to be checked, and forgotten.
func (c *credential) complete(ctx context.Context, values, references map[string]string) error {
	s := c.typ.Schema
	if err := c.notTheApplications(values, references); err != nil {
		return err
	}
	for name := range references {
		if values[name] != "" {
			return &sdk.Error{Code: sdk.Invalid, Field: name, Reason: sdk.ReasonFixed, Message: "takes an answer or a reference, not both"}
		}
	}
	all := sdk.Values(maps.Clone(values))
	resolved, err := c.w.h.resolve(ctx, c.w.name, s, references)
	if err != nil {
		return err
	}
	maps.Copy(all, resolved)
	if c.app != nil {
		app, err := c.app.resolved(ctx)
		if err != nil {
			return err
		}
		maps.Copy(all, app)
	}
	check := s.Complete
	if c.Draft {
		check = s.Draft
	}
	full, err := check(all)
	if err != nil {
		return err
	}
	if c.Origins, err = c.freeze(full); err != nil {
		return err
	}
	c.References = references
	for name := range references {
		delete(full, name)
	}
	if c.app != nil {
		for _, f := range s.In(sdk.Application).Fields {
			delete(full, f.Name)
		}
	}
	c.Values = full
	return nil
}

// notTheApplications refuses answers that the application gives.
func (c *credential) notTheApplications(values, references map[string]string) error {
	if c.app == nil {
		return nil
	}
	for _, f := range c.typ.Schema.In(sdk.Application).Fields {
		if values[f.Name] != "" || references[f.Name] != "" {
			return &sdk.Error{Code: sdk.Invalid, Field: f.Name, Reason: sdk.ReasonFixed, Message: "is answered by the application"}
		}
	}
	return nil
}

// freeze returns the origins that follow from complete answers. It asks what
// the operator allows, and lets no person's answer send an application's
// secrets to an address of that person's choice.
func (c *credential) freeze(full sdk.Values) (sdk.Origins, error) {
	s := c.typ.Schema
	origins, err := s.Expand(full)
	if err != nil {
		return sdk.Origins{}, err
	}
	for _, template := range slices.Concat(s.Origins, s.AnswerOrigins) {
		var field sdk.Field
		if names := sdk.TemplateFields(template); len(names) > 0 {
			field, _ = s.Field(names[0])
		}
		wholly := template == "{"+field.Name+"}" || strings.HasPrefix(template, "tcp://{")
		if c.app != nil && wholly && field.Scope == sdk.Connection && full[field.Name] != "" {
			return sdk.Origins{}, sdk.Errorf(sdk.Invalid, "decides where secrets go, so it cannot be combined with an application's").In(field)
		}
		one, err := sdk.Schema{Fields: s.Fields, Origins: []string{template}}.Expand(full)
		if err != nil {
			return sdk.Origins{}, err
		}
		for _, origin := range one.Grant {
			if err := c.w.h.guard.Check(strings.Replace(origin, "://*.", "://", 1)); err != nil {
				return sdk.Origins{}, inField(err, field)
			}
		}
	}
	return origins, nil
}

// inField makes err, if it is an *sdk.Error, name a field.
func inField(err error, f sdk.Field) error {
	var e *sdk.Error
	if f.Name != "" && errors.As(err, &e) {
		return e.In(f)
	}
	return err
}

// freshSecrets demands that a patch which opens new destinations comes with
// all the secrets that are set. If it moves none of them, it lets somebody else
// answer there.
func (c *content) freshSecrets(s sdk.Schema, p Patch, moves bool) error {
	why := "must be entered again, because the change sends it to another address"
	if !moves {
		why = "must be entered again, because the change trusts another authority to say who gets it"
	}
	var missing sdk.Errors
	for _, f := range s.Fields {
		isSet := c.Values[f.Name] != "" || c.References[f.Name] != ""
		if f.Secret && isSet && p.Values[f.Name] == "" && p.References[f.Name] == "" {
			missing = append(missing, &sdk.Error{Code: sdk.Invalid, Field: f.Name, Reason: ReasonAgain, Message: why})
		}
	}
	if missing != nil {
		return missing
	}
	return nil
}

// ReasonAgain is the reason for refusing a change of destination that comes
// without the secrets.
const ReasonAgain = "again"

// opens reports whether there are origins, or patterns of them, that were not
// among those before, nor under one.
func opens(origins, before []string) bool {
	return slices.ContainsFunc(origins, func(o string) bool { return !slices.Contains(before, o) && !sdk.MatchOrigin(before, o) })
}

// within reports whether every origin is among, or under, the allowed ones.
func within(origins, allowed []string) bool {
	return !slices.ContainsFunc(origins, func(o string) bool { return !sdk.MatchOrigin(allowed, o) })
}

// carryOver brings answers to an older schema up to the one there is, in
// memory only: they are stored with the next edit, so that hosts with the old
// and the new plugin can share a store.
func (c *credential) carryOver(ctx context.Context) error {
	s := c.typ.Schema
	switch {
	case c.SchemaVersion > s.Version:
		return sdk.Errorf(sdk.Unavailable, "the credential was saved with a newer version of the plugin %s: install that here", c.typ.Program)
	case c.SchemaVersion == s.Version:
		return nil
	}
	if c.typ.Can.Upgrade {
		p, err := c.w.h.plugins.Plugin(c.w.name, c.rec.Type)
		if err != nil {
			return err
		}
		values, err := p.(sdk.Upgrader).Upgrade(ctx, c.SchemaVersion, c.Values)
		if err != nil {
			return err
		}
		c.Values = values
	}
	frozen, values, references := c.Origins, c.Values, c.References
	if c.upgrade = c.complete(ctx, values, references); c.upgrade != nil {
		c.Values, c.Origins = values, frozen
		return nil
	}
	c.narrow(frozen.Grant)
	if opens(c.Origins.Answers, frozen.Answers) || opens(c.Origins.Grant, frozen.Grant) {
		c.Origins = frozen
		c.upgrade = sdk.Errorf(sdk.Invalid, "a newer version of the plugin sends secrets to other addresses: save the credential again, with its secrets, to approve")
	}
	return nil
}

// input resolves what is needed and returns the credential as a plugin sees it.
func (c *credential) input(ctx context.Context) (sdk.Input, error) {
	s := c.typ.Schema
	all := c.answers()
	resolved, err := c.w.h.resolve(ctx, c.w.name, s, c.References)
	if err != nil {
		return sdk.Input{}, err
	}
	maps.Copy(all, resolved)
	if c.app != nil {
		if resolved, err = c.app.resolved(ctx); err != nil {
			return sdk.Input{}, err
		}
		maps.Copy(all, resolved)
	}
	in := sdk.NewInput(s, all)
	in.State = c.State
	return in, nil
}
