// SPDX-License-Identifier: Apache-2.0

package form

import (
	"bytes"
	"encoding/json"
	"testing"
)

// What is written by hand is JSON, and says what was meant.
func FuzzJSON(f *testing.F) {
	f.Add("a\"\\\n\t\r\x00\x7f\u2028\u2029 <&> é 🐎 \xff", 1.5)
	f.Add("", 1e21)
	f.Fuzz(func(t *testing.T, text string, x float64) {
		number, err := json.Marshal(x)
		if err != nil {
			t.Skip("no number of JSON")
		}
		want, _ := json.Marshal(text)
		v := object{{text, list{text, object{}, list{}, object{{"x", x}, {"y", true}}}}, {"r", json.RawMessage(want)}}
		for _, got := range [][]byte{encode(v), compact(v), indent(compact(v))} {
			expect := []byte(`{` + string(want) + `:[` + string(want) + `,{},[],{"x":` + string(number) + `,"y":true}],"r":` + string(want) + `}`)
			if !same(t, got, expect) {
				t.Errorf("%s\nis not\n%s", got, expect)
			}
		}
	})
}

// same compares documents by what they mean.
func same(t *testing.T, a, b []byte) bool {
	t.Helper()
	var v, w any
	if err := json.Unmarshal(a, &v); err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	if err := json.Unmarshal(b, &w); err != nil {
		t.Fatal(err)
	}
	x, _ := json.Marshal(v)
	y, _ := json.Marshal(w)
	return bytes.Equal(x, y)
}
