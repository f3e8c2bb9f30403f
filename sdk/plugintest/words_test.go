// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"go/ast"
	gotoken "go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/credhost/credhost/sdk"
)

func TestWordFaults(t *testing.T) {
	schema := sdk.Schema{
		Title: "Acme",
		Fields: []sdk.Field{
			{Name: "key", Title: "API key", Help: "It is shown once.", Example: "key-…"},
			{Name: "plan", Title: "Plan", Kind: sdk.Choice, Options: []sdk.Option{{Value: "free"}, {Value: "paid", Title: "Paid", Help: "By the month."}}},
			{Name: "fixed", Title: "Fixed", Kind: sdk.Hidden},
		},
		Notices: []sdk.Notice{{Text: "Take care."}},
	}
	german := map[string]string{"API key": "API-Schlüssel", "It is shown once.": "Er wird einmal gezeigt.", "Plan": "Tarif", "Paid": "Bezahlt",
		"By the month.": "Monatlich.", "Take care.": "Vorsicht.", "the key is wrong": "der Schlüssel ist falsch"}
	messages := []string{"the key is wrong", "the key is wrong"}
	for name, c := range map[string]struct {
		change func(words map[string]string)
		want   []string
	}{
		"all":              {func(map[string]string) {}, nil},
		"what may be":      {func(w map[string]string) { w["Acme"], w["key-…"], w["free"] = "Acme", "Schlüssel-…", "frei" }, nil},
		"no title":         {func(w map[string]string) { delete(w, "Plan") }, []string{`Words["de"] lacks "Plan"`}},
		"no help":          {func(w map[string]string) { delete(w, "It is shown once.") }, []string{`Words["de"] lacks "It is shown once."`}},
		"no option":        {func(w map[string]string) { delete(w, "Paid") }, []string{`Words["de"] lacks "Paid"`}},
		"no option's help": {func(w map[string]string) { delete(w, "By the month.") }, []string{`Words["de"] lacks "By the month."`}},
		"no notice":        {func(w map[string]string) { delete(w, "Take care.") }, []string{`Words["de"] lacks "Take care."`}},
		"no message":       {func(w map[string]string) { delete(w, "the key is wrong") }, []string{`Words["de"] lacks "the key is wrong"`}},
		"an empty one":     {func(w map[string]string) { w["Plan"] = "" }, []string{`Words["de"] lacks "Plan"`}},
		"an old one":       {func(w map[string]string) { w["Fixed"] = "Fest" }, []string{`Words["de"] translates "Fixed", which nobody sees`}},
	} {
		words := cloneMap(german)
		c.change(words)
		schema.Words = map[string]map[string]string{"de": words}
		if diff := cmp.Diff(c.want, wordFaults(schema, messages)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	schema.Words = nil
	if got := wordFaults(schema, nil); len(got) != 1 {
		t.Errorf("without Words: %q", got)
	}
}

// The messages are found however a constant is written, and those that are
// composed are refused, each at its place.
func TestMessages(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{
		"a.go": `package a
import "github.com/credhost/credhost/sdk"
const gone = "is gone" + after
const ( zero = iota; one; after = ": connect" )
var errPlain = sdk.Errorf(sdk.Denied, "plain")
func f(x string) error {
	_ = sdk.Errorf(sdk.Denied, (gone + ` + "` again`" + `))
	_ = sdk.Errorf(sdk.Denied, "100%% wrong")
	_ = &sdk.Error{Code: sdk.Denied, Message: "50% wrong"}
	_ = sdk.Errorf(sdk.Denied, "bad %s", x)
	_ = sdk.Errorf(sdk.Denied, x)
	_ = sdk.Error{Message: x + "!"}
	return other.Errorf(1, "not ours")
}`,
		"b.go": `package a
import ours "github.com/credhost/credhost/sdk"
var err = ours.Errorf(ours.Denied, "renamed")
var not = sdk.Errorf(sdk.Denied, "not of package sdk")`,
		"a_test.go": `package a
import "github.com/credhost/credhost/sdk"
var err = sdk.Errorf(sdk.Denied, "of a test")`,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := &source{lines: gotoken.NewFileSet(), constants: map[string]ast.Expr{}}
	if err := s.read(folder); err != nil {
		t.Fatal(err)
	}
	s.find()
	if diff := cmp.Diff([]string{"plain", "is gone: connect again", "100% wrong", "50% wrong", "renamed"}, s.messages); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	var lines []string
	for _, fault := range s.faults {
		place, _, _ := strings.Cut(fault, ": ")
		lines = append(lines, filepath.ToSlash(strings.TrimPrefix(place, folder)))
	}
	if diff := cmp.Diff([]string{"/a.go:10:29", "/a.go:11:29", "/a.go:12:25"}, lines); diff != "" {
		t.Errorf("composed (-want +got):\n%s", diff)
	}
	if err := s.read(t.TempDir()); err == nil {
		t.Error("a folder without source is no fault")
	}
}
