// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"errors"
	"testing"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/sealer"
)

// TestThiefOfTheStore plays whoever may write to the store: what was moved,
// put back or altered opens nowhere, and what does not open is not used.
func TestThiefOfTheStore(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	ctx := t.Context()
	mine, other := h.create("placed", nil), h.create("placed", nil)
	get := func(id string) host.Record {
		r, err := h.cfg.Store.Get(ctx, "acme", id)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	first := get(mine)
	for name, tamper := range map[string]func(r *host.Record){
		"another's answers":     func(r *host.Record) { r.Sealed = get(other).Sealed },
		"a flipped bit":         func(r *host.Record) { r.Sealed = append([]byte(nil), r.Sealed...); r.Sealed[len(r.Sealed)-1] ^= 1 },
		"nothing":               func(r *host.Record) { r.Sealed = nil },
		"another name":          func(r *host.Record) { r.Name = "payroll" },
		"another type":          func(r *host.Record) { r.Type = "unruly" },
		"what it was yesterday": func(r *host.Record) { r.Sealed = first.Sealed },
	} {
		id := h.create("placed", nil)
		if err := h.Update(ctx, id, host.Patch{Values: map[string]string{"place": "query"}}); err != nil {
			t.Fatal(err)
		}
		r := get(id)
		if tamper(&r); name == "what it was yesterday" {
			if err := h.Update(ctx, mine, host.Patch{Values: map[string]string{"place": "query"}}); err != nil {
				t.Fatal(err)
			}
			r, id = get(mine), mine
			tamper(&r)
		}
		r.Generation++
		if err := h.cfg.Store.Save(ctx, r, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Show(ctx, id); err == nil {
			t.Errorf("%s: the record opened", name)
		}
		if _, err := h.another().Workspace("acme").Client(id).Get("https://placed.example/me"); err == nil {
			t.Errorf("%s: the record was used", name)
		}
	}
	moved := get(other)
	moved.Workspace, moved.Generation = "evil", 1
	if err := h.cfg.Store.Create(ctx, moved); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Host.Workspace("evil").Show(ctx, other); !errors.Is(err, sealer.ErrAltered) {
		t.Errorf("moved to another workspace: %v, want ErrAltered", err)
	}
}

func TestWrongKey(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("placed", nil)
	keys, err := sealer.NewKeyring()
	if err != nil {
		t.Fatal(err)
	}
	h.cfg.Sealer = sealer.New(keys)
	ws := h.another().Workspace("acme")
	if _, err := ws.Show(t.Context(), id); !errors.Is(err, sealer.ErrUnknownKey) {
		t.Errorf("with another key: %v, want ErrUnknownKey", err)
	}
	all, err := ws.List(t.Context(), host.Page{})
	if err != nil || len(all) != 1 || all[0].Status != host.StatusBroken || all[0].Reason == "" {
		t.Errorf("List = %+v, %v; want the record with what is wrong with it", all, err)
	}
}
