// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bytes"
	"context"
	"errors"
)

// Opens reports an error unless the host can seal something and open it again:
// for whoever must know whether the host is ready.
func (h *Host) Opens(ctx context.Context) error {
	plain, bound := []byte("credhost"), []byte("credhost probe 1")
	sealed, err := h.cfg.Sealer.Seal(ctx, plain, bound)
	if err != nil {
		return err
	}
	opened, err := h.cfg.Sealer.Open(ctx, sealed, bound)
	if err == nil && !bytes.Equal(opened, plain) {
		err = errors.New("host: the sealer opens something else than it sealed")
	}
	return err
}

// Releases reports whether [Config.Release] allows to hand out the workspace's
// credentials of a type.
func (w *Workspace) Releases(typ string) bool {
	return w.err == nil && w.h.cfg.Release != nil && w.h.cfg.Release(w.name, typ)
}
