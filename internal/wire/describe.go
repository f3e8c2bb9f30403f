// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/credhost/credhost/internal/wire/pluginv1"
	"github.com/credhost/credhost/sdk"
)

// A Description is what a program says of itself: what --describe prints and
// what a host keeps to know types without starting a process.
//
// Decoding one from JSON checks it as if the program had just said it, so
// neither a stale nor a forged file gets an invalid schema past a host.
type Description struct {
	Program string `json:"program"`           // its name
	Version string `json:"version,omitempty"` // its version, if it says
	Types   []Type `json:"types"`
}

// A Type is a type that a program serves.
type Type struct {
	Schema sdk.Schema    `json:"schema"`
	Can    sdk.Abilities `json:"can"`

	// Fault, if there is one, says why the type is refused. Nothing else of
	// such a type is to be relied on, its name included.
	Fault string `json:"fault,omitempty"`
}

// describeAll returns the description of what a program serves.
func describeAll(program, version string, plugins []sdk.Plugin) Description {
	d := Description{Program: plain(program, maxName), Version: plain(version, maxName)}
	for _, p := range plugins {
		d.Types = append(d.Types, describe(p))
	}
	d.check()
	return d
}

// describe returns the type that p serves. A plugin that panics is refused.
func describe(p sdk.Plugin) (t Type) {
	defer func() {
		if v := recover(); v != nil {
			t.Fault = "its Schema panicked: " + outline(v)
		}
	}()
	t = Type{Schema: p.Schema(), Can: sdk.Can(p)}
	if lacks := missing(p, t.Can); lacks != "" {
		t.Fault = "it says that it can " + lacks + ", but has no such method"
	}
	return t
}

// missing returns the first ability in can that p has no method for.
func missing(p sdk.Plugin, can sdk.Abilities) string {
	_, test := p.(sdk.Tester)
	_, connect := p.(sdk.Connector)
	_, sign := p.(sdk.Signer)
	_, revoke := p.(sdk.Revoker)
	_, suggest := p.(sdk.Suggester)
	_, upgrade := p.(sdk.Upgrader)
	switch {
	case can.Test && !test:
		return "test"
	case can.Connect && !connect:
		return "connect"
	case can.Sign && !sign:
		return "sign"
	case can.Revoke && !revoke:
		return "revoke"
	case can.Suggest && !suggest:
		return "suggest"
	case can.Upgrade && !upgrade:
		return "upgrade"
	}
	return ""
}

// Faults returns everything that is wrong with d's types, nil if nothing is.
func (d Description) Faults() error {
	var all []error
	for _, t := range d.Types {
		if t.Fault != "" {
			all = append(all, errors.New(t.Fault))
		}
	}
	return errors.Join(all...)
}

// Type returns the type with the given name, unless it is refused.
func (d Description) Type(name string) (Type, bool) {
	for _, t := range d.Types {
		if t.Schema.Name == name && t.Fault == "" {
			return t, true
		}
	}
	return Type{}, false
}

// check finds the faults of the types that have none yet. Two types of one
// name are both refused: a call could not say which of them it means.
func (d Description) check() {
	count := map[string]int{}
	for i := range d.Types {
		t := &d.Types[i]
		count[t.Schema.Name]++
		if t.Fault == "" {
			t.Fault = fault(t.Schema)
		}
	}
	for i := range d.Types {
		t := &d.Types[i]
		if t.Fault == "" && count[t.Schema.Name] > 1 {
			t.Fault = fmt.Sprintf("schema %q: the program serves more than one type of this name", t.Schema.Name)
		}
		t.Fault = plain(t.Fault, maxFault)
	}
}

// fault returns what is wrong with a schema.
func fault(s sdk.Schema) string {
	if err := s.Validate(); err != nil {
		return strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	switch n := len(encodeSchema(s)); {
	case n == 0:
		return fmt.Sprintf("schema %q: has a bound that JSON cannot hold", s.Name)
	case n > MaxSchema:
		return fmt.Sprintf("schema %q: is larger than 1 MiB", s.Name)
	}
	return ""
}

// UnmarshalJSON decodes a description and checks it. A type that cannot be
// decoded is refused alone.
func (d *Description) UnmarshalJSON(text []byte) error {
	var raw struct {
		Program, Version string
		Types            []json.RawMessage
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return errors.New("the description is not what a plugin prints")
	}
	*d = Description{Program: raw.Program, Version: raw.Version}
	if err := d.checkProgram(len(raw.Types)); err != nil {
		return err
	}
	for i, r := range raw.Types {
		var t Type
		if err := json.Unmarshal(r, &t); err != nil {
			t = Type{Fault: fmt.Sprintf("type %d: is not the JSON of a type", i+1)}
		}
		d.Types = append(d.Types, t)
	}
	d.check()
	return nil
}

// checkProgram checks what is not about a single type.
func (d Description) checkProgram(types int) error {
	switch {
	case d.Program == "" || !isPlain(d.Program, maxName):
		return fmt.Errorf("the program's name must have 1 to %d bytes without control characters", maxName)
	case !isPlain(d.Version, maxName):
		return fmt.Errorf("the program's version must have at most %d bytes without control characters", maxName)
	case types == 0:
		return errors.New("the program serves no type")
	case types > MaxTypes:
		return fmt.Errorf("the program serves more than %d types", MaxTypes)
	}
	return nil
}

// encodeSchema returns s as its canonical JSON.
func encodeSchema(s sdk.Schema) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil { // a bound that is not a number
		return nil
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// toDescription returns d as a message.
func toDescription(d Description) *pluginv1.Description {
	m := &pluginv1.Description{Program: d.Program, Version: d.Version}
	for _, t := range d.Types {
		m.Types = append(m.Types, &pluginv1.Type{Schema: encodeSchema(t.Schema), Abilities: toAbilities(t.Can)})
	}
	return m
}

// fromDescription returns what m says. Unless strict, schemas are not checked,
// nor limited in size.
func fromDescription(m *pluginv1.Description, strict bool) (Description, error) {
	d := Description{Program: m.GetProgram(), Version: m.GetVersion()}
	if err := d.checkProgram(len(m.GetTypes())); err != nil {
		return Description{}, err
	}
	for i, t := range m.GetTypes() {
		d.Types = append(d.Types, fromType(i, t, strict))
	}
	if strict {
		d.check()
	}
	return d, nil
}

// fromType returns the type at index i.
func fromType(i int, m *pluginv1.Type, strict bool) (t Type) {
	if strict && len(m.GetSchema()) > MaxSchema {
		t.Fault = fmt.Sprintf("type %d: its schema is larger than 1 MiB", i+1)
		return t
	}
	if json.Unmarshal(m.GetSchema(), &t.Schema) != nil {
		// What was decoded before the mistake names the type, perhaps.
		t.Fault = fmt.Sprintf("type %d, %q: its schema is not the JSON of a schema", i+1, plain(t.Schema.Name, maxName))
		return t
	}
	var ok bool
	if t.Can, ok = fromAbilities(m.GetAbilities()); !ok {
		t.Fault = fmt.Sprintf("schema %q: has an ability that this host does not know: a newer host may", plain(t.Schema.Name, maxName))
	}
	return t
}

func toAbilities(can sdk.Abilities) (all []pluginv1.Ability) {
	add := func(can bool, a pluginv1.Ability) {
		if can {
			all = append(all, a)
		}
	}
	add(can.Test, pluginv1.Ability_ABILITY_TEST)
	add(can.Connect, pluginv1.Ability_ABILITY_CONNECT)
	add(can.Sign, pluginv1.Ability_ABILITY_SIGN)
	add(can.Revoke, pluginv1.Ability_ABILITY_REVOKE)
	add(can.Suggest, pluginv1.Ability_ABILITY_SUGGEST)
	add(can.Upgrade, pluginv1.Ability_ABILITY_UPGRADE)
	return all
}

func fromAbilities(all []pluginv1.Ability) (can sdk.Abilities, ok bool) {
	for _, a := range all {
		switch a {
		case pluginv1.Ability_ABILITY_TEST:
			can.Test = true
		case pluginv1.Ability_ABILITY_CONNECT:
			can.Connect = true
		case pluginv1.Ability_ABILITY_SIGN:
			can.Sign = true
		case pluginv1.Ability_ABILITY_REVOKE:
			can.Revoke = true
		case pluginv1.Ability_ABILITY_SUGGEST:
			can.Suggest = true
		case pluginv1.Ability_ABILITY_UPGRADE:
			can.Upgrade = true
		default:
			return sdk.Abilities{}, false
		}
	}
	return can, true
}
