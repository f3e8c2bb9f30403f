// SPDX-License-Identifier: Apache-2.0

package formtest_test

import (
	"bytes"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

// The host says of every case what the table says, and so does package sdk.
func TestHostAgrees(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	for _, c := range table.Cases {
		cfg, err := k.config(t.Context(), c.Type, c.Setting)
		if err != nil {
			t.Fatalf("%s: %v", c, err)
		}
		f, native := form.New(cfg), c.native()
		_, err = k.submit(t.Context(), c.Type, c.Setting, native)
		if err := sameFaults(f.Faults(err), c.Faults); err != nil {
			t.Errorf("%s: the host: %v", c, err)
		}
		if c.Setting != "" {
			continue
		}
		if err := sameFaults(f.Faults(judge(cfg.Schema, native)), c.Faults); err != nil {
			t.Errorf("%s: package sdk: %v", c, err)
		}
	}
}

func judge(s sdk.Schema, native []byte) error {
	values, err := s.Decode(native)
	if err == nil {
		_, err = s.Complete(values)
	}
	return err
}

// A validator in Go, which knows the JSON Schema alone, agrees with the host.
func TestGoValidatorAgrees(t *testing.T) {
	t.Parallel()
	k := newKeeper(t)
	validators := map[string]*jsonschema.Schema{}
	for _, c := range table.Cases {
		v := validators[c.Type+"/"+c.Setting]
		if v == nil {
			cfg, err := k.config(t.Context(), c.Type, c.Setting)
			if err != nil {
				t.Fatal(err)
			}
			v = compile(t, form.New(cfg).JSONSchema())
			validators[c.Type+"/"+c.Setting] = v
		}
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(c.native()))
		if err != nil {
			t.Fatalf("%s: %v", c, err)
		}
		if err := v.Validate(instance); (err == nil) != c.OK && c.Lenient == "" && c.Beyond == "" {
			t.Errorf("%s: ok is to be %t, and the validator says: %.2000v", c, c.OK, err)
		}
	}
}

func compile(t *testing.T, schema []byte) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("schema.json", document); err != nil {
		t.Fatal(err)
	}
	v, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return v
}
