// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"
)

// plainJSON refuses JSON that two readers could take for two things: an object
// with a name twice, of which Go takes the last and others the first (RFC 8259,
// section 4), or with names that differ in case alone, which Go takes for one;
// text that is no UTF-8; and more than one value.
func plainJSON(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("it is no UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if err := plainValue(d, 0); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows its end")
	}
	return nil
}

// maxDepth is how deep what this package writes is nested, and some more.
const maxDepth = 16

func plainValue(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil {
		return fmt.Errorf("it is not JSON, or was cut off: %w", err)
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth == maxDepth {
		return errors.New("it is nested too deeply")
	}
	names := map[string]string{}
	for d.More() {
		if open == '{' {
			t, err := d.Token()
			if err != nil {
				return fmt.Errorf("it is not JSON, or was cut off: %w", err)
			}
			name := t.(string) // or the decoder had refused it
			if other, twice := names[fold(name)]; twice {
				return fmt.Errorf("it has the name %q twice, once as %q", printable(name, 64), printable(other, 64))
			}
			names[fold(name)] = name
		}
		if err := plainValue(d, depth+1); err != nil {
			return err
		}
	}
	_, err = d.Token() // the end of what was opened
	if err != nil {
		return fmt.Errorf("it is not JSON, or was cut off: %w", err)
	}
	return nil
}

// fold returns one spelling for all that differ in case alone, as encoding/json
// and strings.EqualFold have it.
func fold(s string) string {
	runes := []rune(s)
	for i, r := range runes {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		runes[i] = least
	}
	return string(runes)
}
