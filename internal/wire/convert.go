// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/credhost/credhost/internal/wire/pluginv1"
	"github.com/credhost/credhost/sdk"
)

// The functions of this file and the next translate between the values of
// package sdk and the messages of the protocol. What a to function makes, its
// from function turns back into the same value, except that empty maps and
// slices are nil where the protocol does not tell them apart. A from function
// refuses what has no meaning; what has one, but a forbidden one, is for the
// check functions.

// toHeader puts all of h into four pieces of memory: a signature is asked for
// with every request.
func toHeader(h http.Header) []*pluginv1.Header {
	if len(h) == 0 {
		return nil
	}
	count, size := 0, 0
	for _, values := range h {
		count += len(values)
		for _, v := range values {
			size += len(v)
		}
	}
	all, messages := make([]*pluginv1.Header, 0, len(h)), make([]pluginv1.Header, len(h))
	slices, text := make([][]byte, 0, count), make([]byte, 0, size)
	for name, values := range h {
		m := &messages[len(all)]
		begin := len(slices)
		for _, v := range values {
			text = append(text, v...)
			slices = append(slices, text[len(text)-len(v):])
		}
		m.Name, m.Values = name, slices[begin:len(slices):len(slices)]
		all = append(all, m)
	}
	return all
}

func fromHeader(all []*pluginv1.Header) (http.Header, error) {
	if len(all) == 0 {
		return nil, nil
	}
	count := 0
	for _, m := range all {
		count += len(m.GetValues())
	}
	h, texts := make(http.Header, len(all)), make([]string, 0, count)
	for i, m := range all {
		name := http.CanonicalHeaderKey(m.GetName())
		if h[name] != nil {
			return nil, fmt.Errorf("header %d has the name of an earlier one", i+1)
		}
		begin := len(texts)
		for _, v := range m.GetValues() {
			texts = append(texts, string(v))
		}
		h[name] = texts[begin:len(texts):len(texts)]
	}
	return h, nil
}

func fromQuery(encoded string) (url.Values, error) {
	if encoded == "" {
		return nil, nil
	}
	v, err := url.ParseQuery(encoded)
	if err != nil { // which quotes it
		return nil, errors.New("the query is not application/x-www-form-urlencoded")
	}
	return v, nil
}

func toTime(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func fromTime(what string, m *timestamppb.Timestamp) (time.Time, error) {
	if m == nil {
		return time.Time{}, nil
	}
	if m.CheckValid() != nil {
		return time.Time{}, fmt.Errorf("%s is not a time", what)
	}
	return m.AsTime(), nil
}

func toDuration(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}

func fromDuration(what string, m *durationpb.Duration) (time.Duration, error) {
	if m == nil {
		return 0, nil
	}
	if m.CheckValid() != nil {
		return 0, fmt.Errorf("%s is not a duration", what)
	}
	return m.AsDuration(), nil
}

// toStatus keeps a number that no status has from becoming one.
func toStatus(status int) int32 { return int32(min(max(status, -1), math.MaxInt32)) }

func toRefusal(r *sdk.Refusal) *pluginv1.Refusal {
	if r == nil {
		return nil
	}
	return &pluginv1.Refusal{Status: toStatus(r.Status), Header: toHeader(r.Header)}
}

func fromRefusal(m *pluginv1.Refusal) (*sdk.Refusal, error) {
	if m == nil {
		return nil, nil
	}
	h, err := fromHeader(m.GetHeader())
	return &sdk.Refusal{Status: int(m.GetStatus()), Header: h}, err
}

func toInput(in sdk.Input) *pluginv1.Input {
	return &pluginv1.Input{Values: in.Values(), State: in.State, Refused: toRefusal(in.Refused)}
}

func fromInput(s sdk.Schema, m *pluginv1.Input) (sdk.Input, error) {
	if m == nil {
		return sdk.Input{}, errors.New("it has no input")
	}
	refused, err := fromRefusal(m.GetRefused())
	in := sdk.NewInput(s, m.GetValues())
	in.State, in.Refused = m.GetState(), refused
	return in, err
}

func toCallback(cb sdk.Callback) *pluginv1.Callback {
	return &pluginv1.Callback{
		RedirectUrl: cb.RedirectURL,
		State:       cb.State,
		Verifier:    cb.Verifier,
		Query:       cb.Query.Encode(),
		Kept:        cb.Kept,
	}
}

func fromCallback(m *pluginv1.Callback) (sdk.Callback, error) {
	if m == nil {
		return sdk.Callback{}, errors.New("it has no callback")
	}
	query, err := fromQuery(m.GetQuery())
	return sdk.Callback{
		RedirectURL: m.GetRedirectUrl(),
		State:       m.GetState(),
		Verifier:    m.GetVerifier(),
		Query:       query,
		Kept:        m.GetKept(),
	}, err
}

// toRequest returns the parts of q that a grant names, and no others.
func toRequest(parts sdk.Part, q sdk.Request) *pluginv1.Request {
	m := &pluginv1.Request{}
	if parts&sdk.SignURL != 0 {
		m.Method, m.Url = q.Method, q.URL
	}
	if parts&sdk.SignHeader != 0 {
		m.Header = toHeader(q.Header)
	}
	if parts&sdk.SignSHA256 != 0 {
		m.Sha256 = q.SHA256
	}
	if parts&sdk.SignBody != 0 {
		m.Body = q.Body
	}
	if parts&sdk.SignCount != 0 {
		m.N = q.N
	}
	return m
}

func fromRequest(m *pluginv1.Request) (sdk.Request, error) {
	if m == nil {
		return sdk.Request{}, errors.New("it has no request")
	}
	h, err := fromHeader(m.GetHeader())
	return sdk.Request{
		Method: m.GetMethod(),
		URL:    m.GetUrl(),
		Header: h,
		SHA256: m.GetSha256(),
		Body:   m.GetBody(),
		N:      m.GetN(),
	}, err
}
