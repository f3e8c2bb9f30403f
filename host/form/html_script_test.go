// SPDX-License-Identifier: Apache-2.0

package form_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/internal/tools"
	"github.com/credhost/credhost/sdk"
)

var need = tools.Need{Name: "FORMS", Untested: "form.js is not compared with the host"}

// A scriptCase is what a browser holds, and what the host makes of it.
type scriptCase struct {
	Form  json.RawMessage `json:"form"`
	Typed map[string]any  `json:"typed"`

	schema  sdk.Schema
	asked   []string
	offered map[string][]string
}

// form.js asks what the host asks, and offers what the host offers, of new
// credentials, of ones that are edited, and beside an application.
func TestScriptAgrees(t *testing.T) {
	t.Parallel()
	node := need.Node(t)
	var cases []scriptCase
	randoms(t, 2500, func(r *rand.Rand, s sdk.Schema) {
		cfg := form.Config{Schema: s}
		if r.IntN(2) == 0 {
			cfg = occasion(t, r, s)
		}
		f := form.New(cfg)
		attribute := attr(browse(t, f, form.State{}).tags("form")[0], "data-form")
		for range 4 {
			typed, err := s.Decode(object(randomAnswers(r, f.Schema())))
			if err != nil {
				t.Fatal(err)
			}
			for name, answer := range typed {
				if r.IntN(4) == 0 && !strings.HasPrefix(answer, "[") {
					typed[name] = pick(r, []string{" ", "\u0085", "\ufeff"}) + answer + "\u00a0" // not all are spaces to Go
				}
			}
			cases = append(cases, caseOf(f, attribute, typed))
		}
	})
	var in bytes.Buffer
	e := json.NewEncoder(&in)
	for _, c := range cases {
		if err := e.Encode(c); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), node, "testdata/script/evaluate.cjs")
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	hidden, compared := 0, 0
	for _, c := range cases {
		if !lines.Scan() {
			t.Fatal("form.js said too little")
		}
		if !compareCase(t, c, lines.Bytes()) {
			return
		}
		compared++
		if len(c.asked) < len(c.schema.Fields) {
			hidden++
		}
	}
	t.Logf("%d sets of answers compared, %d of which leave a question out", compared, hidden)
	if hidden < 1000 {
		t.Error("too few to say anything")
	}
}

// occasion returns a config with stored answers and an application's.
func occasion(t *testing.T, r *rand.Rand, s sdk.Schema) form.Config {
	stored, err := s.Decode(object(randomAnswers(r, s)))
	if err != nil {
		t.Fatal(err)
	}
	delete(stored, "nope")
	for i := range s.Fields {
		if s.Fields[i].When == nil && s.Fields[i].Options == nil && s.Fields[i].Defaults == nil && r.IntN(3) == 0 {
			s.Fields[i].Scope = sdk.Application
		}
	}
	cfg := editing(t, s, s.Assume(stored))
	if r.IntN(2) == 0 {
		cfg.Given = map[string]json.RawMessage{}
		for name, answer := range cfg.Answers {
			if f, _ := s.Field(name); f.Scope == sdk.Application {
				cfg.Given[name] = answer
				delete(cfg.Answers, name)
			}
		}
	} else if r.IntN(4) == 0 {
		cfg.Application = true
	}
	return cfg
}

// caseOf says what the host makes of typed answers.
func caseOf(f *form.Form, attribute string, typed sdk.Values) scriptCase {
	c := scriptCase{Form: json.RawMessage(attribute), Typed: map[string]any{}, schema: f.Schema(), asked: []string{}, offered: map[string][]string{}}
	full := f.Assume(typed)
	for _, field := range c.schema.Fields {
		if text, ok := typed[field.Name]; ok {
			c.Typed[field.Name] = text
			if field.Many {
				var many []string
				if text == "" || json.Unmarshal([]byte(text), &many) == nil {
					c.Typed[field.Name] = append([]string{}, many...)
				} else {
					c.Typed[field.Name] = nil
				}
			}
		}
		if !f.Holds(field.When, full) {
			continue
		}
		c.asked = append(c.asked, field.Name)
		c.offered[field.Name] = []string{}
		for _, o := range field.Options {
			if f.Holds(o.When, full) {
				c.offered[field.Name] = append(c.offered[field.Name], o.Value)
			}
		}
	}
	slices.Sort(c.asked)
	return c
}

// compareCase reports whether form.js says the same.
func compareCase(t *testing.T, c scriptCase, line []byte) bool {
	t.Helper()
	var got struct {
		Asked   []string
		Offered map[string][]string
	}
	if err := json.Unmarshal(line, &got); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	same := slices.Equal(got.Asked, c.asked)
	for name, values := range got.Offered { // options without conditions are not told to the script
		same = same && slices.Equal(values, c.offered[name])
	}
	if !same {
		t.Errorf("form %s\ntyped %v\nthe script asks %v and offers %v\nthe host asks %v and offers %v", c.Form, c.Typed, got.Asked, got.Offered, c.asked, maps.Clone(c.offered))
	}
	return same
}
