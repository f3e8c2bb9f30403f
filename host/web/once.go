// SPDX-License-Identifier: Apache-2.0

package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// kindSubmission is the kind of record that remembers what a form has made, so
// that a form which is sent twice makes one thing.
const kindSubmission host.Kind = "submission"

// submissionLife is for how long that is remembered.
const submissionLife = 24 * time.Hour

type submission struct {
	Made string `json:"made"` // the ID; empty: it is being made
}

func newOnce() string { return rand.Text() }

// once calls make for a form that has not been sent yet, whichever host it is
// sent to. For one that has it returns what came of it.
func (v *visit) once(form string, create func() (string, error)) (id string, repeated bool, err error) {
	if form == "" {
		id, err = create()
		return id, false, err
	}
	sum := sha256.Sum256([]byte(v.session + "\n" + v.r.URL.Path + "\n" + form))
	shelf, key := v.h.cfg.Host.Shelf(kindSubmission), "s-"+hex.EncodeToString(sum[:])
	item, err := shelf.Create(v.ctx(), host.Item{Workspace: v.workspace(), ID: key}, submission{})
	if errors.Is(err, host.ErrConflict) {
		id, err = v.made(shelf, key)
		return id, true, err
	}
	if err != nil {
		return "", false, err
	}
	id, err = create()
	// What has been made is remembered, even if the person has gone away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(v.ctx()), 10*time.Second)
	defer cancel()
	if err != nil {
		shelf.Delete(ctx, v.workspace(), key) // it may be corrected, and sent again
		return "", false, err
	}
	if _, err := shelf.Save(ctx, item, submission{id}); err != nil {
		v.h.log.WarnContext(ctx, "what a form has made is not remembered", "err", err)
	}
	v.sweep(ctx, shelf)
	return id, false, nil
}

// made waits for what an earlier click is making.
func (v *visit) made(shelf *host.Shelf, key string) (string, error) {
	ctx, cancel := context.WithTimeout(v.ctx(), 15*time.Second)
	defer cancel()
	for {
		var s submission
		_, err := shelf.Get(ctx, v.workspace(), key, &s)
		switch {
		case errors.Is(err, host.ErrNotFound): // it has failed, and the other answer says why
			return "", sdk.Errorf(sdk.Unavailable, "the form was sent twice, and was not taken: look at it, and send it again")
		case err != nil || s.Made != "":
			return s.Made, err
		}
		select {
		case <-ctx.Done():
			return "", sdk.Errorf(sdk.Unavailable, "the form was sent twice, and the first is still being saved: look among the credentials before you send it again")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// sweep forgets some of what was sent long ago.
func (v *visit) sweep(ctx context.Context, shelf *host.Shelf) {
	old, err := shelf.List(ctx, host.Query{Workspace: v.workspace(), Before: v.h.cfg.Host.Now().Add(-submissionLife), Limit: 20})
	if err != nil {
		return
	}
	for _, item := range old {
		shelf.Delete(ctx, item.Workspace, item.ID)
	}
}
