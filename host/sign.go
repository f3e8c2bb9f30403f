// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"maps"
	"net/http"
	"slices"

	"github.com/credhost/credhost/sdk"
)

// A body is a request's, and how it can be had.
type body struct {
	again bool   // whether it can be sent more than once
	held  []byte // if it was read beforehand
	first bool   // whether it can be had from the request, once
}

// bodyOf says how r's body can be sent with l. One that must be digested is
// read beforehand, up to a limit.
func (h *Host) bodyOf(r *http.Request, l *live) (body, error) {
	switch {
	case r.Body == nil || r.Body == http.NoBody:
		return body{again: true}, nil
	case l.Sign == 0:
		return body{again: r.GetBody != nil, first: true}, nil
	case r.ContentLength > h.cfg.MaxSpool:
		return body{}, h.tooLarge()
	}
	held, err := io.ReadAll(io.LimitReader(r.Body, h.cfg.MaxSpool+1))
	if err != nil {
		return body{}, err
	}
	if int64(len(held)) > h.cfg.MaxSpool {
		return body{}, h.tooLarge()
	}
	closeBody(r)
	return body{again: true, held: held}, nil
}

func (h *Host) tooLarge() error {
	return sdk.Errorf(sdk.Invalid, "the body is larger than %d bytes, and this credential must digest it before it is sent: send less, or raise the limit (Config.MaxSpool)", h.cfg.MaxSpool)
}

// open returns the body to send: the request's own the first time.
func (b *body) open(r *http.Request) (io.ReadCloser, error) {
	switch {
	case b.held != nil:
		return io.NopCloser(bytes.NewReader(b.held)), nil
	case r.Body == nil || r.Body == http.NoBody:
		return r.Body, nil
	case b.first:
		b.first = false
		return r.Body, nil
	}
	return r.GetBody()
}

// sign has the plugin sign r as it will be sent, and adds the signature. It returns
// l as it is for the answer.
func (e *entry) sign(ctx context.Context, l *live, r *http.Request) (*live, error) {
	parts, err := e.parts(l, r)
	if err != nil {
		return nil, err
	}
	s, err := l.signer.Sign(ctx, l.in, l.Grant, parts)
	if err != nil {
		return nil, err
	}
	signed := l.signedWith(s, r.URL.String())
	if !e.w.h.lax.folded {
		own := slices.Collect(maps.Keys(s.Header))
		for name := range r.Header {
			replaceAlike(r.Header, name, own)
		}
	}
	for name, values := range s.Header {
		r.Header[http.CanonicalHeaderKey(name)] = slices.Clone(values)
	}
	if s.Query != "" && r.URL.RawQuery != "" {
		s.Query = "&" + s.Query
	}
	r.URL.RawQuery += s.Query
	return signed, nil
}

// signing makes l ready for [entry.sign], if it is signed with at all.
func (c *credential) signing(ctx context.Context, l *live) error {
	if l.Sign == 0 {
		return nil
	}
	p, err := c.w.h.plugins.Plugin(c.w.name, c.rec.Type)
	if err != nil {
		return err
	}
	signer, ok := p.(sdk.Signer)
	if !ok || !c.typ.Can.Sign {
		return sdk.Errorf(sdk.Internal, "the plugin %s asks for signatures but makes none: tell its author", c.typ.Program)
	}
	l.signer = signer
	l.in, err = c.input(ctx)
	return err
}

// parts returns the parts of r that l names.
func (e *entry) parts(l *live, r *http.Request) (sdk.Request, error) {
	var p sdk.Request
	if l.Sign&sdk.SignURL != 0 {
		p.Method, p.URL = r.Method, r.URL.String()
		if p.Method == "" {
			p.Method = http.MethodGet
		}
	}
	if l.Sign&sdk.SignHeader != 0 {
		p.Header = r.Header.Clone()
		p.Header.Set("Host", r.URL.Host)
	}
	if l.Sign&(sdk.SignSHA256|sdk.SignBody) != 0 {
		content, err := e.w.h.contentOf(r)
		if err != nil {
			return p, err
		}
		if l.Sign&sdk.SignSHA256 != 0 {
			sum := sha256.Sum256(content)
			p.SHA256 = sum[:]
		}
		if l.Sign&sdk.SignBody != 0 {
			p.Body = content
		}
	}
	if l.Sign&sdk.SignCount != 0 {
		p.N = e.signed.Add(1)
	}
	return p, nil
}

// contentOf reads r's body, up to the limit, and puts it back.
func (h *Host) contentOf(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	content, err := io.ReadAll(io.LimitReader(r.Body, h.cfg.MaxSpool+1))
	closeBody(r)
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > h.cfg.MaxSpool {
		return nil, h.tooLarge()
	}
	r.Body = io.NopCloser(bytes.NewReader(content))
	r.ContentLength = int64(len(content))
	return content, nil
}
