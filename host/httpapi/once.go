// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
)

// Requests that create something may carry a key of the caller's choice, so that
// it can send one again when it has not learnt what became of it
// (draft-ietf-httpapi-idempotency-key-header).
const (
	onceHeader     = "Idempotency-Key"
	replayedHeader = "Credhost-Replayed" // the answer is that of an earlier request

	kindOnce host.Kind = "request"
	onceTime           = 24 * time.Hour
)

// done is what a request has come to. It holds nothing that was shown once.
type done struct {
	Salt   []byte            `json:"salt"`
	Hash   []byte            `json:"hash"` // of the salt and the body
	Status int               `json:"status,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	Body   []byte            `json:"body,omitempty"`
}

// hash binds what is kept to a request's body.
func (d done) hash(body []byte) []byte {
	sum := sha256.Sum256(slices.Concat(d.Salt, body))
	return sum[:]
}

// onceKey reads the header: a string as of RFC 8941, section 3.3.3, or the same
// without quotes.
func onceKey(text string) (string, bool) {
	if len(text) >= 2 && text[0] == '"' && text[len(text)-1] == '"' {
		text = text[1 : len(text)-1]
	}
	ok := text != "" && len(text) <= 200 && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
	return text, ok
}

// doOnce answers a request with an idempotency key: as it was answered before,
// if it was.
func (s *server) doOnce(to *route, key string, w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	key, ok := onceKey(key)
	if !ok || len(r.Header.Values(onceHeader)) != 1 {
		fail("malformed", "the idempotency key must be 1 to 200 visible letters, in double quotes or not", Fault{Parameter: onceHeader, Reason: "invalid",
			Detail: "must be 1 to 200 visible letters, without quotes and backslashes"}).write(w, r)
		return
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{string(access.From(ctx).Actor), to.id, key}, "\x00")))
	item := host.Item{Workspace: workspaceOf(ctx), ID: "i-" + hex.EncodeToString(sum[:])}
	item, d, mine, err := s.claim(ctx, item)
	switch {
	case err != nil:
		s.asFailure(ctx, err).write(w, r)
	case mine:
		s.doFirst(to, item, d, w, r)
	default:
		s.replay(item, d, w, r)
	}
}

// claim makes a request the first with its key, or returns what is kept of the
// first.
func (s *server) claim(ctx context.Context, item host.Item) (host.Item, done, bool, error) {
	s.sweepOnce(ctx, item.Workspace)
	for {
		first := done{Salt: []byte(rand.Text())}
		first.Hash = first.hash(bodyOf(ctx))
		claimed, err := s.once.Create(ctx, item, first)
		if !errors.Is(err, host.ErrConflict) {
			return claimed, first, true, err
		}
		var d done
		kept, err := s.once.Get(ctx, item.Workspace, item.ID, &d)
		if err == nil && s.h.Now().Sub(kept.Created) < onceTime {
			return kept, d, false, nil
		}
		if err == nil {
			err = s.once.Delete(ctx, item.Workspace, item.ID)
		}
		if err != nil && !errors.Is(err, host.ErrNotFound) {
			return item, d, false, err
		}
	}
}

// doFirst lets a request happen, and keeps what it came to if it changed
// something. What failed has changed nothing, and may be tried again.
func (s *server) doFirst(to *route, item host.Item, d done, w http.ResponseWriter, r *http.Request) {
	rec := &recorded{header: http.Header{}, status: http.StatusOK}
	keep := context.WithoutCancel(r.Context())
	finished := false
	defer func() {
		if !finished { // by a panic
			s.once.Delete(keep, item.Workspace, item.ID)
		}
	}()
	to.handle(humago.NewContext(to.op, r, rec))
	finished = true
	if rec.status >= 300 {
		s.once.Delete(keep, item.Workspace, item.ID)
	} else {
		d.Status, d.Body, d.Header = rec.status, to.withoutOnce(rec.body.Bytes()), map[string]string{}
		for _, name := range []string{"Content-Type", "Location", "ETag"} {
			if v := rec.header.Get(name); v != "" {
				d.Header[name] = v
			}
		}
		if _, err := s.once.Save(keep, item, d); err != nil {
			s.log.WarnContext(r.Context(), "what a request has come to is not kept: sent again, it is refused", "request", requestID(r.Context()), "err", err)
		}
	}
	maps.Copy(w.Header(), rec.header)
	w.WriteHeader(rec.status)
	w.Write(rec.body.Bytes())
}

// withoutOnce is an answer without the member that is shown once.
func (to *route) withoutOnce(body []byte) []byte {
	if to.secret == "" {
		return body
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return nil
	}
	delete(members, to.secret)
	return encode(members)
}

// replay answers a request whose key was used before.
func (s *server) replay(item host.Item, d done, w http.ResponseWriter, r *http.Request) {
	switch {
	case subtle.ConstantTimeCompare(d.Hash, d.hash(bodyOf(r.Context()))) != 1:
		fail("key-reused", "this idempotency key was used for a request with another body: use a new key for a new request").write(w, r)
	case d.Status == 0:
		f := fail("busy", "a request with this idempotency key is being worked on: send it again in a while")
		if s.h.Now().Sub(item.Created) > 5*time.Minute {
			f.Detail = "nobody knows what became of the first request with this idempotency key: look whether it was done, and use a new key"
		}
		f.with("Retry-After", "1").write(w, r)
	default:
		for name, v := range d.Header {
			w.Header().Set(name, v)
		}
		w.Header().Set(replayedHeader, "true")
		w.WriteHeader(d.Status)
		w.Write(d.Body)
	}
}

// sweepOnce removes some of what is kept too long.
func (s *server) sweepOnce(ctx context.Context, workspace string) {
	old, err := s.once.List(ctx, host.Query{Workspace: workspace, Before: s.h.Now().Add(-onceTime), Limit: 10})
	if err != nil {
		return // the next one tries again
	}
	for _, item := range old {
		s.once.Delete(ctx, workspace, item.ID)
	}
}

// recorded is an answer that was not sent yet.
type recorded struct {
	header http.Header
	status int
	wrote  bool
	body   bytes.Buffer
}

// Header implements [http.ResponseWriter].
func (r *recorded) Header() http.Header { return r.header }

// WriteHeader implements [http.ResponseWriter].
func (r *recorded) WriteHeader(status int) {
	if !r.wrote {
		r.status, r.wrote = status, true
	}
}

// Write implements [http.ResponseWriter].
func (r *recorded) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}
