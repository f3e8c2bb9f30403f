// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/registry"
	"github.com/credhost/credhost/internal/standin"
)

// A demo shows the main job: three types of credential, from the plugin to the
// renewed grant, against stand-ins of their services on this machine. It has a
// store, a key and a lock file of its own in a temporary folder, and a clock
// that it moves rather than to wait. Demo_stage.go has the stand-ins,
// demo_acts.go what is shown, demo_steps.go how, demo_door.go what is served,
// demo_poster.go how it looks.
type demo struct {
	folder   string
	clock    *standin.Clock
	stage    *stage
	listener net.Listener // where the browser comes back to
	opened   *opened
	door     *door
	poster   *poster
}

func (p *program) demoCommand() *cobra.Command {
	var keep bool
	c := &cobra.Command{
		Use:     "demo",
		GroupID: "program",
		Short:   "show credhost at work, against stand-ins on this machine",
		Long: `Show credhost at work: credentials of HaloPSA, HelloCloud and Fax.Plus, from the
plugin to the renewed grant. The services are stand-ins on this machine, and all
files are temporary; nothing is sent anywhere, and nothing is left.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			d, err := p.newDemo(c.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, d.close(keep)) }()
			return d.run(c.Context())
		},
	}
	c.Flags().BoolVar(&keep, "keep", false, "keep the temporary folder, and print where it is")
	return c
}

// newDemo sets the stage.
func (p *program) newDemo(ctx context.Context) (_ *demo, err error) {
	d := &demo{clock: standin.NewClock(time.Now()), poster: newPoster(p)}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close(false))
		}
	}()
	if d.folder, err = os.MkdirTemp("", "credhost-"); err != nil { // a short path: sockets lie in it
		return nil, err
	}
	if d.stage, err = newStage(d.clock.Now); err != nil {
		return nil, err
	}
	if d.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	quiet := &program{in: p.in, out: p.out, err: os.Stderr, settings: d.stage.settings(d.folder, p.settings)}
	d.opened, err = quiet.openWith(ctx, making, host.Config{
		CallbackURL: callbackURL(d.listener.Addr().(*net.TCPAddr).Port), Now: d.clock.Now,
		Runtime: d.folder,
	}, nil)
	if err == nil {
		d.door, err = quiet.openDoor(ctx, d.opened)
	}
	return d, err
}

// close takes everything away again.
func (d *demo) close(keep bool) error {
	var errs []error
	errs = append(errs, d.closeHost())
	if d.listener != nil {
		d.listener.Close() // again, where the browser came back
	}
	if d.stage != nil {
		errs = append(errs, d.stage.Close())
	}
	if keep {
		d.poster.kept(d.folder)
		return errors.Join(errs...)
	}
	return errors.Join(append(errs, os.RemoveAll(d.folder))...)
}

// closeHost closes the host, and what is in front of it, once.
func (d *demo) closeHost() error {
	var errs []error
	if d.door != nil {
		errs = append(errs, d.door.close())
	}
	if d.opened != nil {
		errs = append(errs, d.opened.Close())
	}
	d.door, d.opened = nil, nil
	return errors.Join(errs...)
}

// run shows everything. It ends with the first thing that is not as it should
// be.
func (d *demo) run(ctx context.Context) error {
	d.poster.open()
	for _, t := range []string{"halopsa", "hellocloud", "faxplus"} {
		if err := d.presentType(ctx, t); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		for _, a := range d.stage.acts(t) {
			d.clock.Advance(time.Since(d.clock.Now())) // back to the present
			if err := d.play(ctx, a); err != nil {
				return err
			}
		}
	}
	// First the store is closed: SQLite's locks would not survive that this
	// process reads its file.
	if err := d.closeHost(); err != nil {
		return err
	}
	secrets, err := d.searchStore()
	if err != nil {
		return err
	}
	return d.poster.end(secrets)
}

// presentType trusts a type's plugin, and shows it and its form.
func (d *demo) presentType(ctx context.Context, name string) error {
	r := d.opened.host.Registry()
	offer, err := r.Inspect(ctx, name)
	if err != nil {
		return setup(err, "build the plugins with make build, or say where they are with --plugins")
	}
	if err := r.Trust(ctx, offer); err != nil {
		return err
	}
	t, err := d.opened.host.Type(name)
	if err != nil {
		return err
	}
	for _, p := range r.Programs() {
		if p.Name == name && p.State == registry.Trusted && p.Digest == offer.Digest {
			d.poster.plugin(p, t)
			return nil
		}
	}
	return errors.New("the plugin is trusted and not found again")
}
