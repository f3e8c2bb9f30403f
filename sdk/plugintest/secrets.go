// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/credhost/credhost/sdk"
)

// minSecret is how long a text must be so that finding it means something.
const minSecret = 8

// A secret is a text that must not turn up.
type secret struct{ what, text string }

// secretsOf returns the secrets among answers: each one alone, where there are
// many or pairs.
func secretsOf(s sdk.Schema, values sdk.Values) (all []secret) {
	for _, f := range s.Fields {
		if f.Secret {
			for _, text := range pieces(values[f.Name]) {
				all = append(all, secret{"the secret " + f.Name, text})
			}
		}
	}
	return all
}

// pieces returns the texts in an answer: itself and, if it is a JSON list or
// object, those in it.
func pieces(answer string) []string {
	if answer == "" {
		return nil
	}
	all := []string{answer}
	var v any
	if json.Unmarshal([]byte(answer), &v) != nil {
		return all
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			all = append(all, v)
		case []any:
			for _, v := range v {
				walk(v)
			}
		case map[string]any:
			for _, v := range v {
				walk(v)
			}
		}
	}
	walk(v)
	return all
}

// leak returns which secret text has, in whatever form it may have travelled;
// or that it has words of the service. It returns "" if it has none.
func (c *checks) leak(text string) string {
	if strings.Contains(text, said) {
		return "words of the service in it, which may be a secret that it echoes"
	}
	for _, s := range c.secrets {
		if len(s.text) >= minSecret && containsAny(text, forms(s.text)) {
			return s.what + " in it"
		}
	}
	if containsAny(text, c.n.front.given()) {
		return "a token of the service in it"
	}
	return ""
}

func containsAny(text string, forms []string) bool {
	return slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(text, form) })
}

// forms returns a secret as it is, and as it stands in URLs, in JSON, and in
// headers.
func forms(s string) []string {
	quoted, _ := json.Marshal(s) // a string always encodes
	goQuoted := fmt.Sprintf("%q", s)
	encoded := base64.StdEncoding.EncodeToString([]byte(s))
	return []string{
		s, url.QueryEscape(s), url.PathEscape(s), string(quoted[1 : len(quoted)-1]), goQuoted[1 : len(goQuoted)-1],
		hex.EncodeToString([]byte(s)), strings.TrimRight(encoded[:len(encoded)-len(encoded)%4], "="),
	}
}

// printed returns everything that err prints as, whoever prints it.
func printed(err error) string {
	all := []string{err.Error()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		all = append(all, fmt.Sprintf(verb, err))
	}
	if text, failed := json.Marshal(err); failed == nil {
		all = append(all, string(text))
	}
	return strings.Join(all, "\n")
}

// carried reports whether a grant carries anything at all.
func carried(g sdk.Grant) bool {
	return len(g.Header)+len(g.Query)+len(g.Path) > 0 || g.Sign != 0
}

func cloneMap[K comparable, V any, M ~map[K]V](m M) M {
	if m == nil {
		return nil
	}
	c := make(M, len(m))
	for k, v := range m {
		c[k] = v
	}
	return c
}

func cloneSlice[T any](s []T) []T {
	if s == nil {
		return nil
	}
	return append([]T{}, s...)
}
