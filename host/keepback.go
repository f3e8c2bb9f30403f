// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/trace"

	"github.com/credhost/credhost/sdk"
)

// quiet returns ctx without its values, but for which trace it belongs to: a
// caller's httptrace must not see what is attached.
func (h *Host) quiet(ctx context.Context) context.Context {
	if h.lax.untraced {
		return ctx
	}
	if at := trace.SpanContextFromContext(ctx); h.measure.traced && at.IsValid() {
		return trace.ContextWithSpanContext(quiet{ctx}, at)
	}
	return quiet{ctx}
}

type quiet struct{ context.Context }

// Value returns nil.
func (quiet) Value(any) any { return nil }

// keepBack takes from an answer what was attached to its request, and is not
// the caller's to see. It leaves the body alone.
func (h *Host) keepBack(resp *http.Response, r *http.Request, l *live) {
	if !h.lax.returned {
		resp.Request = r
	}
	if !h.lax.ownCookie {
		keepCookies(resp, l)
	}
	if !h.lax.unechoed {
		l.unecho(resp)
		if resp.ContentLength < 0 && resp.StatusCode != http.StatusSwitchingProtocols || resp.ProtoMajor > 1 {
			resp.Body = &echoless{resp.Body, resp, l}
		}
	}
}

// An echoless body is one that trailers may come after, which may repeat what a
// header may.
type echoless struct {
	io.ReadCloser
	resp *http.Response
	l    *live
}

// Read implements [io.Reader].
func (b *echoless) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.l.unechoAll(b.resp.Trailer)
	}
	return n, err
}

// keepCookies keeps from the caller the cookies that the grant carries.
func keepCookies(resp *http.Response, l *live) {
	own := l.Header["Cookie"]
	if own == nil || resp.Header["Set-Cookie"] == nil {
		return
	}
	mine := map[string]bool{}
	for pair := range strings.SplitSeq(strings.Join(own, ";"), ";") {
		name, _, _ := strings.Cut(strings.TrimSpace(pair), "=")
		mine[name] = true
	}
	resp.Header["Set-Cookie"] = slices.DeleteFunc(resp.Header["Set-Cookie"], func(c string) bool {
		name, _, _ := strings.Cut(c, "=")
		return mine[strings.TrimSpace(name)]
	})
}

// minEcho is the least number of bytes of a secret that is looked for in the
// headers of answers. What is shorter stands there by chance, too.
const minEcho = 8

// echoesOf returns the texts by which a service would give a grant away, the
// longest first: each secret that is attached, as [withEchoes] has it.
func echoesOf(g sdk.Grant) (all []string) {
	add := func(secret string) { all = withEchoes(all, secret) }
	for name, values := range g.Header {
		for _, v := range values {
			if name == "Cookie" {
				for pair := range strings.SplitSeq(v, ";") {
					_, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
					add(value)
				}
				continue
			}
			add(v)
			scheme, rest, _ := strings.Cut(v, " ")
			add(rest)
			if pair, err := base64.StdEncoding.DecodeString(rest); err == nil && strings.EqualFold(scheme, "Basic") {
				_, password, _ := strings.Cut(string(pair), ":")
				add(password)
			}
		}
	}
	for _, values := range g.Query {
		for _, v := range values {
			add(v)
		}
	}
	for _, v := range g.Path {
		add(v)
	}
	longestFirst(all)
	return all
}

// withEchoes adds the forms in which a service repeats a secret: as it is, as a URL
// has it, and as a URL has it that is a parameter of another: the page to return to
// after a login, say.
func withEchoes(all []string, secret string) []string {
	if len(secret) < minEcho {
		return all
	}
	query, path := url.QueryEscape(secret), url.PathEscape(secret)
	for _, form := range []string{secret, query, path, url.QueryEscape(query), url.QueryEscape(path)} {
		if !slices.Contains(all, form) {
			all = append(all, form)
		}
	}
	return all
}

// longestFirst sorts texts of which one may hold another.
func longestFirst(all []string) {
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
}

// minProof is the least number of characters of what proves that somebody has a
// secret: of a short hash, in base64.
const minProof = 24

// aside are parameters of a signature that are no proof (RFC 7616, section 3.4): a
// service may say them again, and mean them.
var aside = []string{"nonce", "cnonce", "opaque", "realm", "username"}

// proofsOf returns the proofs in what a signature adds to a request: the words that
// look like hashes, and are not of its address. What else is signed with is a time,
// say, which an answer may have, too.
func proofsOf(s sdk.Signature, address string) (all []string) {
	texts := strings.Split(s.Query, "&")
	for name, values := range s.Header {
		if name = strings.ToLower(name); strings.Contains(name, "content") || strings.Contains(name, "digest") {
			continue // the hash of a body, which an answer may have as its ETag
		}
		for _, v := range values {
			texts = append(texts, strings.FieldsFunc(v, func(c rune) bool { return c == ' ' || c == ',' || c == ';' })...)
		}
	}
	for _, word := range texts {
		if name, value, _ := strings.Cut(word, "="); strings.Trim(value, "=") != "" {
			if slices.Contains(aside, strings.ToLower(name)) {
				continue
			}
			word = strings.Trim(value, `"`)
		}
		if plain, err := url.PathUnescape(word); err == nil {
			word = plain
		}
		if len(word) >= minProof && strings.Trim(word, proofChars) == "" && !strings.Contains(address, word) {
			all = append(all, word)
		}
	}
	return all
}

const proofChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-=."

// signedWith returns l for one request, to an address, that is signed besides: its
// answer is to repeat nothing of that either.
func (l *live) signedWith(s sdk.Signature, address string) *live {
	one := *l
	one.echoes = slices.Clone(l.echoes)
	for _, proof := range proofsOf(s, address) {
		one.echoes = withEchoes(one.echoes, proof)
	}
	longestFirst(one.echoes)
	if added, _ := url.ParseQuery(s.Query); len(added) > 0 {
		one.Query = maps.Clone(l.Query)
		if one.Query == nil {
			one.Query = url.Values{}
		}
		maps.Copy(one.Query, added)
	}
	return &one
}

// unecho takes out of an answer's status and headers what a service repeats
// there of the grant: most redirect to an address with the same query, some
// quote the token that they do not take.
func (l *live) unecho(resp *http.Response) {
	if l.repeats(resp.Status) {
		resp.Status = strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode)
	}
	l.unechoAll(resp.Header)
}

func (l *live) unechoAll(h http.Header) {
	for name, values := range h {
		for i, v := range values {
			if !l.repeats(v) {
				continue
			}
			if name == "Location" || name == "Content-Location" {
				v = l.detach(v)
			}
			for _, echo := range l.echoes {
				v = strings.ReplaceAll(v, echo, "[secret]")
			}
			values[i] = v
		}
	}
}

func (l *live) repeats(text string) bool {
	for _, echo := range l.echoes {
		if strings.Contains(text, echo) {
			return true
		}
	}
	return false
}

// detach returns a URL without what l would attach to it again.
func (l *live) detach(rawURL string) string {
	before, query, found := strings.Cut(rawURL, "?")
	for name, part := range l.Path {
		before = strings.ReplaceAll(before, url.PathEscape(part), "{"+name+"}")
	}
	if !found {
		return before
	}
	query, fragment, _ := strings.Cut(query, "#")
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err != nil || !l.Query.Has(plain) {
			kept = append(kept, pair)
		}
	}
	if len(kept) > 0 {
		before += "?" + strings.Join(kept, "&")
	}
	if fragment != "" {
		before += "#" + fragment
	}
	return before
}
