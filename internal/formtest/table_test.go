// SPDX-License-Identifier: Apache-2.0

package formtest_test

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/credhost/credhost/host/form"
)

//go:embed cases.json
var casesText []byte

// table is cases.json. Each type has a base, which is a set of answers that are
// taken; a case lays its own over them, or has them all.
var table struct {
	Bases map[string]map[string]json.RawMessage `json:"bases"`
	Cases []tableCase                           `json:"cases"`
}

// A tableCase is one row. In its answers {"$repeat":"x","times":3} stands for
// "xxx", and {"$number":"1e3"} for a number in that very notation.
type tableCase struct {
	Type    string `json:"type"`
	Name    string `json:"name"`
	Setting string `json:"setting,omitempty"` // "", edit, draft, application or application-edit

	Answers json.RawMessage            `json:"answers"` // all of them; or, if there are none:
	With    map[string]json.RawMessage `json:"with,omitempty"`
	Without []string                   `json:"without,omitempty"`

	OK     bool         `json:"ok"`
	Faults []tableFault `json:"faults,omitempty"`

	// Lenient says why the host takes what a validator may refuse, Beyond why a
	// validator may take what the host refuses. Of most cases neither is so.
	Lenient string `json:"lenient,omitempty"`
	Beyond  string `json:"beyond,omitempty"`
}

type tableFault struct {
	Field string `json:"field"`
	Code  string `json:"code"`
}

func (c tableCase) String() string {
	return strings.ReplaceAll(c.Type+"/"+c.Name, " ", "_")
}

func init() {
	if err := json.Unmarshal(casesText, &table); err != nil {
		panic("cases.json: " + err.Error())
	}
	for i := range table.Cases {
		c := &table.Cases[i]
		if c.Answers != nil {
			continue
		}
		all := maps.Clone(table.Bases[c.Type])
		maps.Copy(all, c.With)
		for _, name := range c.Without {
			delete(all, name)
		}
		c.Answers, _ = json.Marshal(all)
		c.With, c.Without = nil, nil
	}
}

// native returns the case's answers as a form sends them.
func (c tableCase) native() []byte {
	var answers any
	d := json.NewDecoder(strings.NewReader(string(c.Answers)))
	d.UseNumber()
	if err := d.Decode(&answers); err != nil {
		panic(c.String() + ": " + err.Error())
	}
	text, _ := json.Marshal(expanded(answers))
	return text
}

// expanded replaces the notations of the table.
func expanded(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = expanded(v[i])
		}
	case map[string]any:
		if text, ok := v["$repeat"].(string); ok {
			times, _ := v["times"].(json.Number).Int64()
			return strings.Repeat(text, int(times))
		}
		if number, ok := v["$number"].(string); ok {
			return json.RawMessage(number)
		}
		for name := range v {
			v[name] = expanded(v[name])
		}
	}
	return v
}

// sameFaults compares what was said with what the table wants, in order.
func sameFaults(got []form.Fault, want []tableFault) error {
	said := make([]tableFault, len(got))
	for i, f := range got {
		said[i] = tableFault{f.Field, f.Code}
	}
	if !slices.Equal(said, want) {
		return fmt.Errorf("faults %v, want %v", said, want)
	}
	return nil
}

func TestTableIsSound(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, c := range table.Cases {
		if seen[c.String()] {
			t.Errorf("%s: stands twice", c)
		}
		seen[c.String()] = true
		if c.OK == (len(c.Faults) > 0) {
			t.Errorf("%s: is ok, or has faults", c)
		}
		if c.OK && c.Beyond != "" || !c.OK && c.Lenient != "" {
			t.Errorf("%s: gives a reason for what is not so", c)
		}
	}
	if len(table.Cases) < 100 {
		t.Errorf("%d cases, want 100 or more", len(table.Cases))
	}
}
