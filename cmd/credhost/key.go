// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sealer"
)

func (p *program) keyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "key",
		GroupID: "program",
		Short:   "list, rotate and retire the keys that seal the store",
		Long: `The key file holds the keys that seal what is in the store: one that seals from
now on, and those that older records need. (The keys that callers of serve show
are another thing: see credhost keys.)

On one machine, or where all machines see the same key file:

  credhost key rotate        a new key, and everything sealed by it
  credhost key disable OLD   when all is well
  credhost key remove OLD    when no backup is left that needs it

Where each machine has a key file of its own, one step everywhere before the
next: credhost key add, then copy the file to all machines; credhost key promote,
then copy it again; credhost key rewrap; and disable and remove as above.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(p.keyListCommand(), p.keyRotateCommand(), p.keyRewrapCommand(), p.keyRemoveCommand(),
		p.keyChangeCommand("add", "add a key that opens, and does not seal yet", 0),
		p.keyChangeCommand("promote", "have a key seal from now on", 1),
		p.keyChangeCommand("disable", "have a key open nothing, until it is enabled", 1),
		p.keyChangeCommand("enable", "have a disabled key open again", 1))
	return c
}

// A vault is a store, the keys that open it, and the trail of what is done.
type vault struct {
	store host.WholeStore
	ring  *sealer.Keyring
	trail *audit.Trail
}

// openVault opens the store without a host. Its caller must close it.
func (p *program) openVault(ctx context.Context) (*vault, error) {
	store, ring, err := p.openStore(ctx, existing)
	if err != nil {
		return nil, err
	}
	v := &vault{ring: ring}
	var ok bool
	if _, isMemory := store.(*memstore.Store); isMemory {
		return nil, &failure{code: codeSetup, text: "there is no store yet: " + p.storeName(), next: "credhost create makes it"}
	}
	if v.store, ok = store.(host.WholeStore); !ok {
		return nil, fmt.Errorf("a %T cannot be gone through whole", store)
	}
	if v.trail, err = audit.Open(ctx, audit.Config{Store: store, Sealer: sealer.New(ring), Logger: p.logger()}); err != nil {
		store.Close()
		return nil, setup(err, "see credhost doctor")
	}
	return v, nil
}

func (v *vault) close() {
	v.trail.Close()
	v.store.Close()
}

// record writes down what is about to be done, does it, and writes down how it
// went.
func (v *vault) record(ctx context.Context, action, subject string, do func() (map[string]string, error)) error {
	e := host.Event{Action: action, Subject: subject, Outcome: host.Begun}
	if err := v.trail.Record(ctx, e); err != nil {
		return &failure{code: codeUnavailable, text: "this cannot be written to the audit trail, and what cannot is not done: " + plain(err), err: err}
	}
	detail, err := do()
	e.Outcome, e.Detail = "ok", detail
	if err != nil {
		e.Outcome = "error"
	}
	if failed := v.trail.Record(ctx, e); err == nil {
		err = failed
	}
	return err
}

// recorded is record for what needs no store: where there is none yet, there is
// no trail either.
func (p *program) recorded(ctx context.Context, action, subject string, do func() error) error {
	there, err := p.stored(ctx)
	if err != nil {
		return err
	}
	if !there {
		return do()
	}
	v, err := p.openVault(ctx)
	if err != nil {
		return err
	}
	defer v.close()
	return v.record(ctx, action, subject, func() (map[string]string, error) { return nil, do() })
}

// A keyView is what "key list --json" prints of a key.
type keyView struct {
	ID      string `json:"id"`
	State   string `json:"state"`   // "seals", "opens", "disabled" or "missing"
	Records int    `json:"records"` // how many need it
}

// keyViews returns the keys, and those that records need and that are missing.
func (v *vault) keyViews(ctx context.Context) ([]keyView, error) {
	keys, err := v.ring.Keys(ctx)
	if err != nil {
		return nil, setup(err, "")
	}
	needed, err := host.KeysInUse(ctx, v.store, sealer.KeyID)
	if err != nil {
		return nil, setup(err, "see credhost doctor")
	}
	views := []keyView{}
	for _, k := range keys {
		view := keyView{k.ID, "opens", needed[k.ID]}
		if k.Primary {
			view.State = "seals"
		} else if !k.Enabled {
			view.State = "disabled"
		}
		views = append(views, view)
		delete(needed, k.ID)
	}
	for id, n := range needed {
		views = append(views, keyView{id, "missing", n})
	}
	return views, nil
}

func (p *program) keyListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the keys, and how many records need each",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			v, err := p.openVault(c.Context())
			if err != nil {
				return err
			}
			defer v.close()
			views, err := v.keyViews(c.Context())
			if err != nil {
				return err
			}
			return p.print(views, func(w io.Writer) {
				row(w, "KEY", "STATE", "RECORDS")
				for _, k := range views {
					row(w, k.ID, k.State, strconv.Itoa(k.Records))
				}
			})
		},
	}
}

// A rotation is what "key rotate --json" and "key rewrap --json" print.
type rotation struct {
	Key     string         `json:"key"` // that seals now
	Resumed bool           `json:"resumed,omitempty"`
	Result  host.Rewrapped `json:"result"`
	Unused  []string       `json:"unused"` // keys that no record needs any more
}

func (p *program) keyRotateCommand() *cobra.Command {
	var fresh bool
	c := &cobra.Command{
		Use:   "rotate",
		Short: "make a new key, and have it seal everything",
		Long: `Make a new key, which seals from now on, and seal everything in the store with
it. Hosts that run go on meanwhile, and take the new key by themselves. It may
be interrupted or killed at any time: called again it goes on where it was,
without another key. The old key stays in the file until it is removed.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			v, err := p.openVault(ctx)
			if err != nil {
				return err
			}
			defer v.close()
			views, err := v.keyViews(ctx)
			if err != nil {
				return err
			}
			done := rotation{Resumed: !fresh && unfinished(views)}
			return v.record(ctx, "rotate key", "", func() (map[string]string, error) {
				if done.Resumed {
					p.note("a rotation was not finished, and goes on; --new makes another key all the same")
				} else if _, err := v.ring.Rotate(ctx); err != nil {
					return nil, setup(err, "")
				}
				return p.rewrap(ctx, v, &done)
			})
		},
	}
	c.Flags().BoolVar(&fresh, "new", false, "make a new key though the last rotation was not finished")
	return c
}

// unfinished reports whether records need a key that opens and does not seal.
func unfinished(views []keyView) bool {
	for _, k := range views {
		if k.State == "opens" && k.Records > 0 {
			return true
		}
	}
	return false
}

func (p *program) keyRewrapCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "rewrap",
		Short: "seal everything with the key that seals from now on",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			v, err := p.openVault(ctx)
			if err != nil {
				return err
			}
			defer v.close()
			return v.record(ctx, "rewrap", "", func() (map[string]string, error) { return p.rewrap(ctx, v, &rotation{}) })
		},
	}
}

// rewrap seals everything anew, says how far it is, and prints the result.
func (p *program) rewrap(ctx context.Context, v *vault, done *rotation) (map[string]string, error) {
	var err error
	if done.Key, err = v.ring.KeyID(ctx); err != nil {
		return nil, setup(err, "")
	}
	detail := map[string]string{"key": done.Key}
	said := time.Now()
	done.Result, err = host.Rewrap(ctx, v.store, sealer.New(v.ring), func(r host.Rewrapped) {
		if time.Since(said) > time.Second {
			said = time.Now()
			p.note("%d records looked at in pass %d, %d sealed anew", r.Seen, r.Pass, r.Changed)
		}
	})
	detail["records"] = strconv.Itoa(done.Result.Changed)
	if err != nil {
		return detail, setup(err, "call it again: it goes on where it was")
	}
	views, err := v.keyViews(ctx)
	if err != nil {
		return detail, err
	}
	done.Unused = []string{}
	for _, k := range views {
		if k.State != "seals" && k.Records == 0 {
			done.Unused = append(done.Unused, k.ID)
		}
	}
	return detail, p.print(done, func(w io.Writer) {
		fmt.Fprintf(w, "key %s seals everything now: %d records were sealed anew\n", done.Key, done.Result.Changed)
		if len(done.Unused) > 0 {
			fmt.Fprintf(w, "no record needs %s any more; backups from before do\n", strings.Join(done.Unused, ", "))
		}
	})
}

// keyChangeCommand returns the command for a small change of the key file.
func (p *program) keyChangeCommand(verb, short string, arg int) *cobra.Command {
	use, past := verb, map[string]string{"add": "added", "promote": "promoted", "disable": "disabled", "enable": "enabled"}[verb]
	if arg > 0 {
		use += " KEY"
	}
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  arguments("the ID of a KEY", arg, arg),
		RunE: func(c *cobra.Command, args []string) error {
			ctx := c.Context()
			v, err := p.openVault(ctx)
			if err != nil {
				return err
			}
			defer v.close()
			id := strings.Join(args, "")
			err = v.record(ctx, verb+" key", id, func() (detail map[string]string, err error) {
				switch verb {
				case "add":
					id, err = v.ring.Add(ctx)
					detail = map[string]string{"key": id}
				case "promote":
					err = v.ring.Promote(ctx, id)
				case "disable":
					err = p.disable(ctx, v, id)
				case "enable":
					err = v.ring.Enable(ctx, id)
				}
				return detail, err
			})
			if err != nil {
				return keyFailure(err)
			}
			return p.print(map[string]string{"id": id, "done": past}, func(w io.Writer) { fmt.Fprintf(w, "key %s is %s\n", id, past) })
		},
	}
}

// keyFailure is for what the key file refuses.
func keyFailure(err error) error {
	if own := (*failure)(nil); errors.As(err, &own) {
		return own
	}
	return setup(err, "credhost key list shows the keys")
}

// disable disables a key that no record needs.
func (p *program) disable(ctx context.Context, v *vault, id string) error {
	if err := v.unneeded(ctx, id); err != nil {
		return err
	}
	return v.ring.Disable(ctx, id)
}

// unneeded refuses a key that a record needs.
func (v *vault) unneeded(ctx context.Context, id string) error {
	views, err := v.keyViews(ctx)
	if err != nil {
		return err
	}
	for _, k := range views {
		if k.ID == id && k.Records > 0 && k.State != "seals" {
			return &failure{code: codeSetup, text: fmt.Sprintf("%d records need key %s: without it they cannot be opened", k.Records, id),
				next: "credhost key rewrap seals them with the key that seals from now on"}
		}
	}
	return nil
}
