// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"encoding/xml"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/credhost/credhost/internal/wire"
	"github.com/credhost/credhost/sdk"
)

// checkSchema checks the schema, the abilities and the sample answers, which
// takes no connection.
func (s *Suite) checkSchema(t tb) {
	schema := s.New().Schema()
	if err := schema.Validate(); err != nil {
		t.Fatalf("%v", err)
	}
	if err := wire.NewPlugin("plugintest", "", s.New()).Description().Faults(); err != nil {
		t.Fatalf("no host takes it: %v", err)
	}
	t.Run("Stable", func(t tb) {
		p := s.New()
		if !sameJSON(p.Schema(), p.Schema()) || !sameJSON(p.Schema(), s.New().Schema()) {
			t.Errorf("Schema returns another value each time")
		}
	})
	t.Run("Abilities", func(t tb) { s.checkAbilities(t, schema, sdk.Can(s.New())) })
	t.Run("Texts", func(t tb) { checkTexts(t, schema) })
	t.Run("Icon", func(t tb) {
		if message := checkIcon(schema.Icon); message != "" {
			t.Errorf("the icon %s", message)
		}
	})
	t.Run("Answers", func(t tb) { s.checkAnswers(t, schema) })
}

// checkAbilities compares what the schema says with what the plugin has.
func (s *Suite) checkAbilities(t tb, schema sdk.Schema, can sdk.Abilities) {
	suggested := slices.ContainsFunc(schema.Fields, func(f sdk.Field) bool { return f.Suggest != nil })
	for _, c := range []struct {
		wrong bool
		text  string
	}{
		{schema.ConnectWhen != nil && !can.Connect, "ConnectWhen is set, but there is no Connect: implement sdk.Connector"},
		{suggested && !can.Suggest, "a field has suggestions, but there is no Suggest: implement sdk.Suggester"},
		{can.Suggest && !suggested, "there is a Suggest, but no field says what it needs: set Field.Suggest"},
		{can.Upgrade && schema.Version == 0, "there is an Upgrade, but no older version: raise Schema.Version"},
		{can.Upgrade && len(s.Old) == 0, "there is an Upgrade: put answers to the older versions into Suite.Old"},
		{!can.Upgrade && len(s.Old) > 0, "Suite.Old is set, but there is no Upgrade: implement sdk.Upgrader"},
	} {
		if c.wrong {
			t.Errorf("%s", c.text)
		}
	}
	for version := range s.Old {
		if version < 0 || version >= schema.Version {
			t.Errorf("Suite.Old has answers to version %d, which is not older than %d", version, schema.Version)
		}
	}
}

// checkTexts checks what a person needs to fill in the form.
func checkTexts(t tb, schema sdk.Schema) {
	for _, f := range schema.Fields {
		if f.Secret && f.Help == "" && schema.DocsURL == "" {
			t.Errorf("nothing says where to find %s: give the field a Help, or the schema a DocsURL", f.Name)
		}
		if f.Title == f.Name && f.Kind != sdk.Hidden {
			t.Errorf("the title of %s is its name: write what the service calls it", f.Name)
		}
	}
	if u, err := url.Parse(schema.DocsURL); err != nil || schema.DocsURL != "" && u.Host == "" {
		t.Errorf("DocsURL is not a URL")
	}
}

// checkIcon returns what is wrong with an icon: it is shown in pages, so it is
// a picture and nothing else.
func checkIcon(icon string) string {
	if icon == "" {
		return ""
	}
	d := xml.NewDecoder(strings.NewReader(icon))
	root := ""
	for {
		token, err := d.Token()
		switch {
		case err == io.EOF && root != "":
			return ""
		case err != nil:
			return "is not XML"
		}
		if _, doctype := token.(xml.Directive); doctype {
			return "has a document type, which it does not need"
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if root == "" {
			root = e.Name.Local
			if root != "svg" || e.Name.Space != "http://www.w3.org/2000/svg" {
				return `is not an svg element with xmlns="http://www.w3.org/2000/svg"`
			}
			if !slices.ContainsFunc(e.Attr, func(a xml.Attr) bool { return a.Name.Local == "viewBox" }) {
				return "has no viewBox, so that it cannot be scaled"
			}
		}
		if message := checkElement(e); message != "" {
			return message
		}
	}
}

func checkElement(e xml.StartElement) string {
	if slices.Contains([]string{"script", "foreignObject", "iframe", "image", "style", "a"}, e.Name.Local) {
		return "has an element " + e.Name.Local + ", which pages must not take from a plugin"
	}
	for _, a := range e.Attr {
		name, value := strings.ToLower(a.Name.Local), strings.ToLower(a.Value)
		if strings.HasPrefix(name, "on") || name == "style" || name == "href" && !strings.HasPrefix(value, "#") || strings.Contains(value, "url(http") {
			return "has an attribute " + a.Name.Local + " that runs or loads something"
		}
	}
	return ""
}

// checkAnswers checks the sample answers.
func (s *Suite) checkAnswers(t tb, schema sdk.Schema) {
	answered := map[string]bool{}
	for _, name := range sortedKeys(s.Answers) {
		t.Run(name, func(t tb) {
			full, err := schema.Complete(s.Answers[name])
			if err != nil {
				t.Fatalf("the answers are not complete: %v", err)
			}
			if _, err := schema.Expand(full); err != nil {
				t.Errorf("the answers make no origins: %v", err)
			}
			for field := range full {
				answered[field] = true
			}
			for _, secret := range secretsOf(schema, full) {
				if len(secret.text) < minSecret {
					t.Errorf("%s is too short to be told from other text: make it at least %d bytes", secret.what, minSecret)
				}
			}
		})
	}
	for _, f := range schema.Fields {
		if !answered[f.Name] && !f.Optional && f.Kind != sdk.Hidden {
			t.Errorf("Suite.Answers has no set that answers %s: add one", f.Name)
		}
	}
}

// checkUpgrades upgrades every earlier sample.
func (s *Suite) checkUpgrades(t tb, n *network, w way) {
	p := s.New()
	if !sdk.Can(p).Upgrade {
		return
	}
	schema := p.Schema()
	upgrade := func(t tb, c *checks, from int, old sdk.Values) (values sdk.Values, err error) {
		given := cloneMap(old)
		o := c.with(t, t.Context(), "Upgrade", leave{}, func(ctx context.Context) (err error) {
			values, err = c.w.plugin().(sdk.Upgrader).Upgrade(ctx, from, given)
			return err
		})
		if !sameJSON(map[string]string(given), map[string]string(old)) {
			t.Errorf("Upgrade: %v", changed("answers"))
		}
		return values, o.err
	}
	c := &checks{s: s, n: n, w: w, schema: schema, can: sdk.Can(p)}
	t.Run("Upgrade", func(t tb) {
		for _, from := range sortedKeys(s.Old) {
			for i, old := range s.Old[from] {
				c.secrets = nil
				for _, v := range old {
					c.secrets = append(c.secrets, secret{"an old answer", v})
				}
				c.run(t, "Version"+strconv.Itoa(from)+"/"+strconv.Itoa(i+1), func(t tb) {
					values, err := upgrade(t, c, from, old)
					if err != nil {
						t.Fatalf("Upgrade from version %d: %v", from, err)
					}
					full, err := schema.Complete(values)
					if err != nil {
						t.Fatalf("answers to version %d, upgraded, are not complete: %v", from, err)
					}
					d := newChecks(t, s, n, w, full)
					if err, _ := d.verdict(t, full); err != nil {
						t.Errorf("answers to version %d, upgraded, do not work: %v", from, err)
					}
				})
			}
			c.run(t, "Version"+strconv.Itoa(from)+"/Empty", func(t tb) { upgrade(t, c, from, sdk.Values{}) })
		}
	})
}
