// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/credhost/credhost/sdk"
)

// A Random makes values that are different for each seed and each purpose, and
// the same for the same.
type Random struct{ *rand.Rand }

// New returns what makes the values of a seed for one purpose.
func New(seed uint64, purpose string) Random {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(purpose), seed))
	return Random{rand.New(rand.NewChaCha8(sum))}
}

// pick returns a string of up to n characters of an alphabet.
func (r Random) pick(n int, alphabet string) string {
	letters := []rune(alphabet)
	var b strings.Builder
	for range r.IntN(n + 1) {
		b.WriteRune(letters[r.IntN(len(letters))])
	}
	return b.String()
}

// text returns a line of text, perhaps empty.
func (r Random) text(n int) string { return r.pick(n, "abc XYZ019 äß漢🔑 <>&\"'%+/=?#{}\\") }

// word returns a name.
func (r Random) word() string { return "n" + r.pick(20, "abcXYZ019_") }

// bytes returns nil or up to n bytes.
func (r Random) bytes(n int) []byte {
	if r.IntN(3) == 0 {
		return nil
	}
	b := make([]byte, 1+r.IntN(n))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// header returns nil or a few headers, some with bytes that are not UTF-8.
func (r Random) header() http.Header {
	var h http.Header
	for range r.IntN(4) {
		if h == nil {
			h = http.Header{}
		}
		name := http.CanonicalHeaderKey("X-" + r.pick(12, "abcdefgh-0123456789"))
		for range 1 + r.IntN(2) {
			h[name] = append(h[name], "v"+r.pick(30, "abc=\"; ,\t012")+"\xe9\xff")
		}
	}
	return h
}

func (r Random) query() url.Values {
	var q url.Values
	for range r.IntN(4) {
		if q == nil {
			q = url.Values{}
		}
		q.Add(r.word(), r.text(20))
	}
	return q
}

// names returns nil or a few names with a text each.
func (r Random) names() map[string]string {
	var m map[string]string
	for range r.IntN(4) {
		if m == nil {
			m = map[string]string{}
		}
		m[r.word()] = "t" + r.text(30)
	}
	return m
}

func (r Random) time() time.Time {
	if r.IntN(3) == 0 {
		return time.Time{}
	}
	return time.Unix(r.Int64N(253402300800), r.Int64N(1e9)).UTC()
}

// Values returns answers with a seed.
func (r Random) Values(seed uint64) sdk.Values {
	v := sdk.Values{"seed": strconv.FormatUint(seed, 10)}
	if r.IntN(2) == 0 {
		v["note"] = r.text(40) + "\n" + r.text(20)
		v["secret"] = r.text(50)
	}
	return v
}

// Input returns a credential.
func (r Random) Input(s sdk.Schema, seed uint64) sdk.Input {
	in := sdk.NewInput(s, r.Values(seed))
	in.State = r.bytes(64)
	if r.IntN(2) == 0 {
		in.Refused = &sdk.Refusal{Status: 400 + r.IntN(200), Header: r.header()}
	}
	return in
}

// Grant returns a grant.
func (r Random) Grant() sdk.Grant {
	g := sdk.Grant{
		Header: r.header(), Query: r.query(), Path: r.names(),
		Sign: sdk.Part(r.IntN(32)), Expiry: r.time(), Reconnect: r.time(),
		Account: r.text(20), Facts: r.names(), Values: r.names(), State: r.bytes(64),
		Idle: time.Duration(r.Int64N(int64(1000 * time.Hour))),
	}
	switch r.IntN(3) {
	case 0:
		g.Origins, g.Refused = []string{}, []int{}
	case 1:
		g.Origins = []string{"https://a.example.com", "https://b.example.com:8443", "tcp://[::1]:5432"}
		g.Refused = []int{401, 400 + r.IntN(200)}
	}
	return g
}

// Callback returns a visit to a page.
func (r Random) Callback() sdk.Callback {
	return sdk.Callback{
		RedirectURL: "https://host.example/back/" + r.word(), State: r.word(), Verifier: r.word(),
		Query: r.query(), Kept: r.bytes(100),
	}
}

// Approval returns where to go.
func (r Random) Approval() sdk.Approval {
	return sdk.Approval{
		URL: "https://service.example/authorize?" + r.query().Encode(), UserCode: r.pick(9, "ABCD-"),
		Interval: time.Duration(r.Int64N(int64(time.Hour))), Expiry: r.time(), State: r.bytes(100),
	}
}

// Request returns a request with all its parts.
func (r Random) Request() sdk.Request {
	sum := sha256.Sum256(r.bytes(10))
	return sdk.Request{
		Method: "PATCH", URL: "https://a.example.com/" + r.word() + "?" + r.query().Encode(),
		Header: r.header(), SHA256: sum[:], Body: r.bytes(64), N: r.Uint64(),
	}
}

// Named returns the parts of a request, and no others.
func Named(parts sdk.Part, r sdk.Request) (q sdk.Request) {
	if parts&sdk.SignURL != 0 {
		q.Method, q.URL = r.Method, r.URL
	}
	if parts&sdk.SignHeader != 0 {
		q.Header = r.Header
	}
	if parts&sdk.SignSHA256 != 0 {
		q.SHA256 = r.SHA256
	}
	if parts&sdk.SignBody != 0 {
		q.Body = r.Body
	}
	if parts&sdk.SignCount != 0 {
		q.N = r.N
	}
	return q
}

// Signature returns a signature.
func (r Random) Signature() sdk.Signature {
	return sdk.Signature{Header: r.header(), Query: r.query().Encode()}
}

// Options returns options, some with conditions.
func (r Random) Options() (all []sdk.Option) {
	for i := range r.IntN(5) {
		o := sdk.Option{Value: strconv.Itoa(i) + r.word(), Title: r.text(20), Help: r.text(40)}
		switch r.IntN(3) {
		case 0:
			o.When = sdk.And(Seed.Present(), sdk.Not(sdk.Or(Note.Is(r.word()), Secret.Present())))
		case 1:
			o.When = Seed.Is("1")
		}
		all = append(all, o)
	}
	return all
}

// Error returns an error about a schema.
func (r Random) Error(s sdk.Schema) *sdk.Error {
	e := sdk.Errorf(sdk.Code(r.IntN(5)), "m%s", r.text(100))
	if r.IntN(2) == 0 {
		*e = *e.In(s.Fields[r.IntN(len(s.Fields))])
		e.Reason = r.word()
		e.RetryAfter = time.Duration(r.Int64N(int64(24 * time.Hour)))
	}
	return e
}
