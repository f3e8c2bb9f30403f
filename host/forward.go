// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/credhost/credhost/sdk"
)

// A Forwarding says how [Workspace.Forward] passes a request on. The zero value
// works.
type Forwarding struct {
	// Informed is told of each answer that announces another one (1xx, RFC 9110,
	// section 15.2), but for 100 and 101. It may be called from another goroutine,
	// but not after Forward has returned an answer. The header is its own.
	Informed func(status int, h http.Header)
}

// maxInformed is how many answers may announce another one.
const maxInformed = 16

// Origins returns where the credential's grants may go, as [sdk.MatchOrigin]
// takes them. It costs no I/O while the grant is in the cache.
func (w *Workspace) Origins(ctx context.Context, id string) ([]string, error) {
	if w.err != nil {
		return nil, w.err
	}
	if _, l := w.cached(id); l != nil {
		return slices.Clone(l.origins), nil
	}
	origins, err := w.origins(ctx, id)
	if errors.Is(err, ErrNotFound) {
		w.forget(id) // whoever guesses IDs must not fill the memory
	}
	return slices.Clone(origins), err
}

// Forward sends a request of somebody else with the credential: it is what a
// proxy calls. It does what [Workspace.Client] does, and in addition:
//
//   - The path is sent letter for letter, if r.URL.Path is r.URL.RawPath without
//     its escapes, even where net/url would spell it otherwise.
//   - A GET that asks for a WebSocket (RFC 6455, section 4.1) may be answered with
//     101, and then the answer's Body is an [io.ReadWriteCloser]: the connection,
//     which has a method CloseWrite if its way allows to end one direction. The
//     caller must close it, whatever becomes of r's context.
//   - Trailers are sent that r.Trailer announces, and of which none could be taken
//     for one of the grant's headers (RFC 9110, section 6.5.1). Their values may be
//     set until r.Body ends.
//   - Expect: 100-continue is sent, and the body is read when the service asks for
//     it, or has let a second pass.
//   - If r has a GetBody, and the service refuses the grant, GetBody is asked for
//     the body again; if that reports an error, the caller gets the refusal.
//
// R is Forward's from then on, its header and its body included. Other fields
// that belong to one connection must have been removed from its header: those
// that Connection names, too.
func (w *Workspace) Forward(id string, r *http.Request, f Forwarding) (*http.Response, error) {
	p, err := passOn(r, f)
	if err != nil {
		closeBody(r)
		return nil, err
	}
	return transport{w, id, p}.RoundTrip(r)
}

// A passed request is one that [Workspace.Forward] sends. What it may have that
// other requests may not is put aside while the request is checked.
type passed struct {
	informed func(int, http.Header)
	upgrade  bool        // to a WebSocket
	expects  bool        // to be told to go on before it sends its body
	trailer  http.Header // what the caller will have said when its body ends
}

// passOn takes out of r what [Host.check] refuses.
func passOn(r *http.Request, f Forwarding) (*passed, error) {
	p := &passed{informed: f.Informed, trailer: r.Trailer}
	for name := range r.Trailer {
		if _, usual := spelling(name); !usual || !httpguts.ValidTrailerHeader(name) || hopOf(name) != nil {
			return nil, sdk.Errorf(sdk.Invalid, "the request announces a trailer that may be none: send it as a header")
		}
	}
	r.Trailer = nil
	if expect := r.Header["Expect"]; expect != nil {
		p.expects = len(expect) == 1 && strings.EqualFold(expect[0], "100-continue")
	}
	if r.Header["Upgrade"] == nil {
		return p, nil
	}
	if err := checkHandshake(r); err != nil {
		return nil, err
	}
	p.upgrade = true
	delete(r.Header, "Upgrade")
	delete(r.Header, "Connection")
	return p, nil
}

// checkHandshake refuses an upgrade that is not the opening handshake of a
// WebSocket. To others, a service might take what follows for requests.
func checkHandshake(r *http.Request) error {
	h := r.Header
	upgrade, key := h["Upgrade"], h["Sec-Websocket-Key"]
	switch {
	case len(upgrade) != 1 || !strings.EqualFold(upgrade[0], "websocket"):
		return sdk.Errorf(sdk.Invalid, "the request wants to upgrade the connection to another protocol than websocket: leave Upgrade out")
	case r.Method != http.MethodGet || r.Body != nil && r.Body != http.NoBody || len(key) != 1 || h["Sec-Websocket-Version"] == nil,
		!httpguts.HeaderValuesContainsToken(h["Connection"], "Upgrade"):
		return sdk.Errorf(sdk.Invalid, "the request is no opening handshake of a WebSocket: that is a GET without a body, with Connection, Sec-WebSocket-Key and Sec-WebSocket-Version")
	}
	return nil
}

// fits refuses what cannot go along with l.
func (p *passed) fits(r *http.Request, l *live) error {
	if p == nil {
		return nil
	}
	for name := range p.trailer {
		if l.Sign != 0 || slices.ContainsFunc(l.names, func(own string) bool { return sdk.SameHeader(own, name) }) {
			return sdk.Errorf(sdk.Invalid, "the request announces a trailer that cannot be sent with this credential: send it as a header")
		}
	}
	if l.Sign != 0 && isOdd(r) {
		return sdk.Errorf(sdk.Invalid, "the path cannot be signed as it is: escape what is not a letter, a digit or one of -._~/")
	}
	return nil
}

// isOdd reports whether net/url would spell r's path otherwise.
func isOdd(r *http.Request) bool {
	return r.URL.RawPath != "" && r.URL.RawPath != r.URL.EscapedPath()
}

// ready gives out, which carries l, what was put aside. Out's context is for the
// network.
func (p *passed) ready(out *http.Request, l *live) (*http.Request, error) {
	if p == nil {
		return out, nil
	}
	if isOdd(out) {
		if strings.HasPrefix(out.URL.RawPath, "//") { // net/url would take it for a host
			return nil, sdk.Errorf(sdk.Invalid, "the path cannot be sent as it is: escape what is not a letter, a digit or one of -._~/")
		}
		out.URL.Opaque = out.URL.RawPath
	}
	if p.upgrade {
		out.Header["Connection"], out.Header["Upgrade"] = []string{"Upgrade"}, []string{"websocket"}
	}
	if out.Body != nil && out.Body != http.NoBody {
		if p.expects {
			out.Header["Expect"] = []string{"100-continue"}
		}
		if len(p.trailer) > 0 && out.ContentLength < 0 {
			t := &trailing{ReadCloser: out.Body, said: p.trailer, sent: http.Header{}}
			for name := range p.trailer {
				t.sent[name] = nil
			}
			out.Body, out.Trailer = t, t.sent
		}
	}
	if p.informed != nil {
		out = out.WithContext(httptrace.WithClientTrace(out.Context(), p.trace(l)))
	}
	return out, nil
}

// taken refuses an answer that switches protocols and is none to the handshake
// that was sent (RFC 6455, section 4.2.2): what follows would be anything.
func (p *passed) taken(out *http.Request, resp *http.Response) error {
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return nil
	}
	sum := sha1.Sum([]byte(out.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	if accept := resp.Header["Sec-Websocket-Accept"]; len(accept) == 1 && accept[0] == base64.StdEncoding.EncodeToString(sum[:]) {
		return nil
	}
	resp.Body.Close()
	return sdk.Errorf(sdk.Unavailable, "the service answered the handshake of a WebSocket as one that is none")
}

// trace passes on what announces an answer, without what was attached.
func (p *passed) trace(l *live) *httptrace.ClientTrace {
	n := 0
	return &httptrace.ClientTrace{Got1xxResponse: func(status int, h textproto.MIMEHeader) error {
		if n++; n > maxInformed {
			return sdk.Errorf(sdk.Unavailable, "the service announces its answer without end")
		}
		if status == http.StatusContinue || status == http.StatusSwitchingProtocols {
			return nil
		}
		resp := &http.Response{StatusCode: status, Header: http.Header(h).Clone()}
		keepCookies(resp, l)
		l.unecho(resp)
		p.informed(status, resp.Header)
		return nil
	}}
}

// A trailing body has trailers after it. When it ends, those that were announced
// are sent, and no others: who reads them from a connection is not told which
// are which.
type trailing struct {
	io.ReadCloser
	said, sent http.Header
}

// Read implements [io.Reader].
func (t *trailing) Read(b []byte) (int, error) {
	n, err := t.ReadCloser.Read(b)
	if err == io.EOF {
		for name := range t.sent {
			for _, v := range t.said[name] {
				if httpguts.ValidHeaderFieldValue(v) {
					t.sent[name] = append(t.sent[name], v)
				}
			}
		}
	}
	return n, err
}
