// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// secrets are texts that must not show in a log.
type secrets []string

// minSecret is the least number of bytes that are worth hiding: what is
// shorter can be guessed, and hiding it would leave nothing of a log.
const minSecret = 4

// add adds a secret as it may show in a log: whole, escaped, encoded or quoted
// in the ways that programs have for it, and line by line; if it is JSON, each
// text in it too.
func (s *secrets) add(text string) {
	s.one(text)
	if strings.ContainsAny(text, "\r\n") {
		for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
			s.one(line)
		}
	}
	if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		var v any
		if json.Unmarshal([]byte(text), &v) == nil {
			s.leaves(v)
		}
	}
}

func (s *secrets) one(text string) {
	if len(text) < minSecret {
		return
	}
	*s = append(*s, text)
	if len(text) < 2*minSecret {
		return // encoded, it would be a word that stands there by chance
	}
	quoted, _ := json.Marshal(text)
	inGo := strconv.Quote(text)
	for _, form := range []string{
		url.QueryEscape(text), url.PathEscape(text), string(quoted[1 : len(quoted)-1]), inGo[1 : len(inGo)-1],
		hex.EncodeToString([]byte(text)), fmt.Sprintf("%X", text), strings.Trim(fmt.Sprint([]byte(text)), "[]"),
	} {
		if form != text {
			*s = append(*s, form)
		}
	}
	for offset := range 3 {
		*s = append(*s, inBase64(base64.StdEncoding, text, offset), inBase64(base64.URLEncoding, text, offset))
	}
}

// inBase64 returns those characters of text in base64 that it alone decides, if
// it begins at an offset in the three bytes that four characters hold: behind a
// user's name, say.
func inBase64(e *base64.Encoding, text string, offset int) string {
	coded := e.WithPadding(base64.NoPadding).EncodeToString(append(make([]byte, offset), text...))
	return coded[[]int{0, 2, 3}[offset] : (offset+len(text))*8/6]
}

func (s *secrets) leaves(v any) {
	switch v := v.(type) {
	case string:
		s.one(v)
	case []any:
		for _, v := range v {
			s.leaves(v)
		}
	case map[string]any:
		for _, v := range v {
			s.leaves(v)
		}
	}
}

// input adds the answers to secret fields, and the state.
func (s *secrets) input(schema sdk.Schema, in sdk.Input) {
	s.values(schema, in.Values())
	s.add(string(in.State))
}

// values adds the answers to secret fields. Those that the schema does not
// know may be anything.
func (s *secrets) values(schema sdk.Schema, v sdk.Values) {
	for name, text := range v {
		if f, ok := schema.Field(name); !ok || f.Secret {
			s.add(text)
		}
	}
}

// grant adds all that a grant carries.
func (s *secrets) grant(g sdk.Grant) {
	s.header(g.Header)
	s.query(g.Query)
	for _, text := range g.Path {
		s.add(text)
	}
	for _, text := range g.Values {
		s.add(text)
	}
	s.add(string(g.State))
}

// header adds the values of headers, and what stands in them after a scheme.
func (s *secrets) header(h http.Header) {
	for _, values := range h {
		for _, text := range values {
			s.add(text)
			if _, rest, ok := strings.Cut(text, " "); ok {
				s.add(rest)
			}
		}
	}
}

func (s *secrets) query(q url.Values) {
	for _, values := range q {
		for _, text := range values {
			s.add(text)
		}
	}
}

// callback adds what comes back from a service, and what proves whose it is.
func (s *secrets) callback(cb sdk.Callback) {
	s.add(cb.State)
	s.add(cb.Verifier)
	s.add(string(cb.Kept))
	s.query(cb.Query)
}

// replacer returns what hides s in a text, the longest first: a secret may
// hold another.
func (s secrets) replacer() *strings.Replacer {
	sorted := slices.Clone(s)
	slices.SortFunc(sorted, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	sorted = slices.Compact(sorted)
	pairs := make([]string, 0, 2*len(sorted))
	for _, text := range sorted {
		pairs = append(pairs, text, "[secret]")
	}
	return strings.NewReplacer(pairs...)
}

// clearError takes what a plugin was told in secret out of the words of its
// error, which people see.
func clearError(err error, asks func(*secrets)) {
	var e *sdk.Error
	if asks == nil || !errors.As(err, &e) {
		return
	}
	var told secrets
	asks(&told)
	hide := told.replacer()
	e.Message = hide.Replace(e.Message)
	if hide.Replace(e.Reason) != e.Reason {
		e.Reason = ""
	}
}

// cleared returns g without what the plugin was told in secret in what people
// see of it: the account and the facts.
func (f *facade) cleared(g sdk.Grant, in sdk.Input) sdk.Grant {
	if g.Account == "" && len(g.Facts) == 0 || f.r.off(defence.Redacted) {
		return g
	}
	var told secrets
	told.input(f.Schema(), in)
	hide := told.replacer()
	g.Account = hide.Replace(g.Account)
	for name, text := range g.Facts {
		g.Facts[name] = hide.Replace(text)
	}
	return g
}
