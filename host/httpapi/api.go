// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

// api is huma's API with what this package does otherwise: it routes by path
// first, so that a method that is missing is answered as a problem; it has
// looked at a request's body and at what its caller accepts before a handler is
// called; and it says of a request that is wrong what is wrong, never what was
// sent.
//
// huma has variables of the whole process for some of that. They are left alone:
// they are the embedder's, who may use huma too.
type api struct {
	huma.API
	s *server
}

func newAPI(s *server) *api {
	format := huma.Format{
		Marshal: func(w io.Writer, v any) error {
			_, err := w.Write(encode(v))
			return err
		},
		Unmarshal: func(data []byte, v any) error {
			d := json.NewDecoder(bytes.NewReader(data))
			return d.Decode(v)
		},
	}
	cfg := huma.Config{
		OpenAPI: about(), DefaultFormat: media[0], NoFormatFallback: true, RejectUnknownQueryParameters: true,
		Formats: map[string]huma.Format{media[0]: format, "json": format},
	}
	cfg.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	return &api{huma.NewAPI(cfg, (*adapter)(s)), s}
}

// Config gives huma back what New has set, which it looks for in its own type.
func (a *api) Config() huma.Config {
	return a.API.(interface{ Config() huma.Config }).Config()
}

// Negotiate is called when an answer is written. What the caller accepts was
// looked at before.
func (a *api) Negotiate(string) (string, error) { return media[0], nil }

// Unmarshal reads a body, whose Content-Type was looked at before.
func (a *api) Unmarshal(_ string, data []byte, v any) error {
	return a.API.Unmarshal(media[0], data, v)
}

// Transform replaces huma's own errors.
func (a *api) Transform(ctx huma.Context, status string, v any) (any, error) {
	switch v := v.(type) {
	case *huma.ErrorModel:
		f := ofHuma(v)
		f.Request = requestID(ctx.Context())
		return f.Problem, nil
	case *failure:
		return v.Problem, nil
	}
	return a.API.Transform(ctx, status, v)
}

// adapter is the server as huma's adapter.
type adapter server

// Handle implements [huma.Adapter].
func (a *adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	s := (*server)(a)
	e := s.routes[op.Path]
	if e == nil {
		e = &endpoint{s, map[string]*route{}}
		s.routes[op.Path] = e
		s.mux.Handle(op.Path, e)
	}
	meta, _ := op.Metadata[metaKey].(operation)
	e.methods[op.Method] = &route{meta, op, handler}
}

// ServeHTTP implements [huma.Adapter].
func (a *adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { (*server)(a).ServeHTTP(w, r) }
