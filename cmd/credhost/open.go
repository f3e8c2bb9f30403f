// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/host/memstore"
	"github.com/credhost/credhost/host/sandbox"
	"github.com/credhost/credhost/host/sealer"
)

// A use says what a command needs of the store.
type use int

const (
	typesOnly use = iota // nothing
	existing             // what is there: looking makes no files
	making               // a store, which is made if there is none
)

// An opened is a host, the workspace that the run is about, the trail of what is
// done, and the store.
type opened struct {
	host    *host.Host
	ws      *host.Workspace
	trail   *audit.Trail
	store   host.Store
	missing bool // there is no store yet, and an empty one stands in for it
}

// Close closes the host, the trail and the store.
func (o *opened) Close() error { return errors.Join(o.host.Close(), o.trail.Close(), o.store.Close()) }

// open opens the host as the settings say. Its caller must Close it.
func (p *program) open(ctx context.Context, u use) (*opened, error) {
	return p.openWith(ctx, u, host.Config{}, nil)
}

// openWith is open with more of a configuration, of which last, unless it is
// nil, has the last word.
func (p *program) openWith(ctx context.Context, u use, cfg host.Config, last func(*host.Config)) (*opened, error) {
	p.warn()
	store, keys, err := p.openStore(ctx, u)
	if err != nil {
		return nil, err
	}
	cfg.Plugins, cfg.Lock, cfg.Cache, cfg.Dev, cfg.Sandbox = p.plugins, p.lock, p.cache(), p.dev, sandbox.Mode(p.sandbox)
	cfg.Cgroup = p.cgroup
	cfg.Store, cfg.Sealer, cfg.Egress = store, sealer.New(keys), p.egress()
	if cfg.Logger == nil {
		cfg.Logger = p.logger()
	}
	if cfg.CallbackURL == "" {
		cfg.CallbackURL = callbackURL(callbackPort)
	}
	trail, err := audit.Open(ctx, audit.Config{Store: store, Sealer: cfg.Sealer, Keep: time.Duration(p.auditKeep), Metrics: cfg.Metrics, Logger: cfg.Logger})
	if err != nil {
		return nil, errors.Join(setup(err, "see credhost doctor"), store.Close())
	}
	cfg.Audit, cfg.Fingerprint = trail.Record, trail.Fingerprint
	if last != nil {
		last(&cfg)
	}
	h, err := host.Open(ctx, cfg)
	if err != nil {
		return nil, errors.Join(setup(err, "see credhost doctor"), trail.Close(), store.Close())
	}
	_, isMemory := store.(*memstore.Store)
	return &opened{host: h, ws: h.Workspace(p.workspace), trail: trail, store: store, missing: isMemory && u != typesOnly}, nil
}

// openStore opens the store and its key. Both are made at once or not at all,
// so that a new key never takes the place of a lost one.
func (p *program) openStore(ctx context.Context, u use) (host.Store, *sealer.Keyring, error) {
	there := false
	if u != typesOnly {
		var err error
		if there, err = p.stored(ctx); err != nil && p.inDatabase() {
			return nil, nil, setup(err, "")
		} else if err != nil {
			return nil, nil, setup(err, "check --store and the permissions of the folder")
		}
	}
	if u == typesOnly || u == existing && !there {
		keys, err := sealer.NewKeyring()
		return memstore.New(), keys, err
	}
	if err := os.MkdirAll(p.data, 0o700); err != nil {
		return nil, nil, setup(err, "choose another data folder with --data")
	}
	keys, err := sealer.OpenFile(ctx, sealer.FileConfig{Path: p.key, Create: !there, GroupMayRead: p.keyGroup, Announce: p.announceKey})
	if errors.Is(err, sealer.ErrNoKeyFile) {
		return nil, nil, setup(err, "restore "+p.key+" from its backup: without it nobody can open "+p.storeName())
	}
	if err != nil {
		return nil, nil, setup(err, "")
	}
	store, err := p.openPlace(ctx)
	if err != nil {
		return nil, nil, setup(err, "")
	}
	return store, keys, nil
}

// announceKey tells the operator of a key that was made.
func (p *program) announceKey(sentence string) {
	if !p.quiet {
		p.note("%s", sentence)
	}
}

// warn says loudly what weakens the host.
func (p *program) warn() {
	if p.quiet || p.warned {
		return
	}
	p.warned = true
	if p.dev {
		p.note("warning: --dev runs every plugin, trusted or not")
	}
	for origin, t := range p.tls {
		if t.SkipVerify {
			p.note("warning: --tls takes whoever answers for %s, and verifies nothing", origin)
		}
	}
	if p.allowSkipVerify {
		p.note("warning: --allow-skip-verify lets credentials take any certificate of their service")
	}
	for origin, to := range p.routes {
		p.note("warning: --route sends what is meant for %s, secrets included, to %s", origin, to)
	}
}

// logger returns where the host logs.
func (p *program) logger() *slog.Logger {
	if p.logLevel.off {
		return slog.New(slog.DiscardHandler)
	}
	return newLogger(p.err, p.logFormat, p.logLevel.slog)
}

// newLogger returns a logger that writes lines of a format.
func newLogger(w io.Writer, f format, from slog.Leveler) *slog.Logger {
	options := &slog.HandlerOptions{Level: from}
	if f == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
