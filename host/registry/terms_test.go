// SPDX-License-Identifier: Apache-2.0

//go:build unix

package registry

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/sdk"
)

// sampleType is a type with all that a decision is about.
func sampleType() Type {
	return Type{
		Schema: sdk.Schema{
			Name: "acme", Title: "Acme", Issuer: "https://login.acme.example",
			Origins:       []string{"{baseUrl}", "https://{region}.acme.example"},
			AnswerOrigins: []string{"https://{realm}.login.example"},
			Fields: []sdk.Field{
				{Name: "baseUrl", Kind: sdk.URL, Default: "https://api.acme.example"},
				{Name: "region", Kind: sdk.Choice, Options: []sdk.Option{{Value: "us"}, {Value: "eu"}}},
				{Name: "realm", Kind: sdk.Hidden, Default: "main"},
				{Name: "tenant"},
				{Name: "key", Secret: true},
			},
		},
		Can: sdk.Abilities{Connect: true, Test: true, Revoke: true},
	}
}

// What a type asks for names the answers that it suggests, or decides itself.
func TestTerms(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(termsOf([]Type{sampleType()}))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"acme":{"answers":["https://{realm=main}.login.example"],` +
		`"grants":["https://{region=eu|us}.acme.example","{baseUrl=https://api.acme.example}"],` +
		`"abilities":["connect","revoke","test"],"secrets":["key"]}}`
	if string(text) != want {
		t.Errorf("terms\n%s, want\n%s", text, want)
	}
	own := sampleType()
	own.Schema.AnswerOrigins = nil
	if tt := termsOf([]Type{own})["acme"]; strings.Join(tt.Answers, " ") != strings.Join(tt.Grants, " ") {
		t.Errorf("without origins of their own, answers go to %q", tt.Answers)
	}
}

// Whatever a new version asks for beyond the old one is new, and what it no
// longer asks for is not.
func TestWhatAsksForMore(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*Type)
		more   bool
		says   string
	}{
		"nothing":              {func(*Type) {}, false, "null"},
		"a title":              {func(t *Type) { t.Schema.Title = "ACME" }, false, "null"},
		"an origin":            {func(t *Type) { t.Schema.Origins = append(t.Schema.Origins, "https://new.example") }, true, `"new":["https://new.example"]`},
		"an answers' origin":   {func(t *Type) { t.Schema.AnswerOrigins = append(t.Schema.AnswerOrigins, "https://new.example") }, true, `"of":"answers","type":"acme","new":["https://new.example"]`},
		"answers for grants'":  {func(t *Type) { t.Schema.AnswerOrigins = nil }, true, `"of":"answers"`},
		"an origin less":       {func(t *Type) { t.Schema.Origins = t.Schema.Origins[:1] }, false, `"gone":["https://{region=eu|us}.acme.example"]`},
		"another suggestion":   {func(t *Type) { t.Schema.Fields[0].Default = "https://evil.example" }, true, "{baseUrl=https://evil.example}"},
		"another hidden label": {func(t *Type) { t.Schema.Fields[2].Default = "evil" }, true, "{realm=evil}"},
		"a conditional label": {func(t *Type) {
			t.Schema.Fields[2].Defaults = []sdk.Default{{Value: "evil", When: t.Schema.Fields[3].Is("x")}}
		}, true, "{realm=evil|main}"},
		"another region":         {func(t *Type) { t.Schema.Fields[1].Options[0].Value = "cn" }, true, "{region=cn|eu}"},
		"an ability":             {func(t *Type) { t.Can.Sign = true }, true, `"of":"abilities","type":"acme","new":["sign"]`},
		"an ability less":        {func(t *Type) { t.Can.Test = false }, false, `"gone":["test"]`},
		"no PKCE":                {func(t *Type) { t.Schema.NoPKCE = true }, true, `"new":["noPkce"]`},
		"no issuer":              {func(t *Type) { t.Schema.Issuer = "" }, true, `"new":["noIssuer"]`},
		"reuse":                  {func(t *Type) { t.Schema.ReuseSeconds = 60 }, true, `"new":["reuseSeconds=60"]`},
		"revoking":               {func(t *Type) { t.Schema.RevokeReplaced = true }, true, `"new":["revokeReplaced"]`},
		"a secret that is shown": {func(t *Type) { t.Schema.Fields[4].Secret = false }, true, `"of":"shown","type":"acme","new":["key"]`},
		"one that is kept":       {func(t *Type) { t.Schema.Fields[3].Secret = true }, false, "null"},
		"another name":           {func(t *Type) { t.Schema.Name = "other" }, true, `[{"of":"types","new":["other"],"gone":["acme"]}]`},
	} {
		changed := sampleType()
		c.change(&changed)
		all := termsOf([]Type{sampleType()}).changesTo(termsOf([]Type{changed}))
		text, err := json.Marshal(all)
		if err != nil || asksForMore(all) != c.more || !strings.Contains(string(text), c.says) {
			t.Errorf("%s: it asks for more: %v; %s, %v; want %q", name, asksForMore(all), text, err, c.says)
		}
	}
}

// An update is judged by the lock file as it is when the pin is moved.
func TestTakesByTheLockFile(t *testing.T) {
	t.Parallel()
	sum := digestOf([]byte("x"))
	a, other := newAuthor(t), newAuthor(t)
	at := time.Unix(2000, 0)
	o := Offer{Name: "alpha", Digest: string(sum), pin: sum, Key: a.key.String(), Signed: &at, Types: []Type{sampleType()}}
	lock := newLock()
	trusted := o
	earlier := time.Unix(1000, 0)
	trusted.Signed = &earlier
	lock.trust(trusted)
	if err := lock.takes(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(l *lockFile, o *Offer)
		want   string
	}{
		"another key":     {func(l *lockFile, _ *Offer) { l.Programs["alpha"].Key = other.key.String() }, "not signed by the key"},
		"no key":          {func(l *lockFile, _ *Offer) { l.Programs["alpha"].Key = "" }, "not signed by the key"},
		"distrusted":      {func(l *lockFile, _ *Offer) { delete(l.Programs, "alpha") }, "not signed by the key"},
		"not signed":      {func(_ *lockFile, o *Offer) { o.Signed = nil }, "not signed by the key"},
		"elsewhere":       {func(l *lockFile, _ *Offer) { l.Programs["alpha"].Platforms = nil }, "never trusted on this platform"},
		"another was it":  {func(l *lockFile, o *Offer) { l.adopt(*o) }, "used only if it is trusted by hand"},
		"a refused type":  {func(_ *lockFile, o *Offer) { o.Faults = []string{"x"} }, "some of its types are refused"},
		"of version 1":    {func(l *lockFile, _ *Offer) { l.Programs["alpha"].Asks = nil }, "asks for more"},
		"another library": {func(_ *lockFile, o *Offer) { o.reads = []read{{Path: "/lib/x.so", Digest: sum}} }, "asks for more"},
		"an interpreter":  {func(_ *lockFile, o *Offer) { o.interpreter = &read{Path: "/bin/sh", Digest: sum} }, "asks for more"},
	} {
		text, err := lock.text()
		if err != nil {
			t.Fatal(err)
		}
		l, err := parseLock(context.Background(), text)
		if err != nil {
			t.Fatal(err)
		}
		o := o
		c.change(l, &o)
		if err := l.takes(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
