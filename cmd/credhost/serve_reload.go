// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"reflect"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"
)

// certificateTime is how often the files of certificates are looked at.
const certificateTime = 30 * time.Second

// hangups has the signal that ends other commands, when their window is closed,
// ask for a reload instead.
func (p *program) hangups() <-chan os.Signal {
	p.reloads.Store(true)
	asked := make(chan os.Signal, 1) // another one while it waits adds nothing
	signal.Notify(asked, syscall.SIGHUP)
	return asked
}

// reload takes a change of the settings and of the certificates, and looks for
// plugins anew. What cannot be taken changes nothing. What needs a restart is
// named.
func (s *server) reload(ctx context.Context) {
	s.notify(reloading)
	defer s.notify(ready)
	before := s.now.Load()
	next, err := s.p.again()
	if err == nil {
		err = s.take(ctx, before, next)
	}
	if err != nil {
		r := s.p.explain(err)
		s.log.Error("nothing is changed: "+r.Message, "next", r.Next)
		return
	}
	if err := s.inside.opened.host.Registry().Rescan(ctx); err != nil {
		s.log.Warn("the plugins could not be looked for anew", "error", s.p.explain(err).Message)
	}
	live, kept := changes(before, next)
	s.log.Info("reloaded", "changed", strings.Join(live, " "))
	if len(kept) > 0 {
		s.log.Warn("changed settings that need a restart are as before", "settings", strings.Join(kept, " "))
	}
}

// again reads all settings once more, as the run did when it began.
func (p *program) again() (*settings, error) {
	fresh := &program{in: p.in, out: p.out, err: p.err, settings: settings{quiet: true}}
	c, rest, err := fresh.root().Find(p.args)
	if err != nil {
		return nil, err
	}
	if err := c.ParseFlags(rest); err != nil {
		return nil, err
	}
	if err := fresh.settings.complete(c); err != nil {
		return nil, err
	}
	if fresh.from["log-level"] == "" {
		fresh.logLevel = levels["info"]
	}
	return &fresh.settings, nil
}

// take takes what a running server can. What can fail comes first.
func (s *server) take(ctx context.Context, before, next *settings) error {
	if err := errors.Join(next.egress().Check(), s.checkCertificates()); err != nil {
		return err
	}
	if err := s.inside.access.Reload(s.accessConfig(next)); err != nil {
		return err
	}
	if !reflect.DeepEqual(before.allowAddress, next.allowAddress) {
		s.inside.opened.host.Allow(next.allowAddress)
		s.guard.Allow(next.allowAddress)
	}
	s.from.Set(next.logLevel.threshold())
	s.setRules(next)
	s.now.Store(next)
	return nil
}

// checkCertificates reads the certificates again.
func (s *server) checkCertificates() error {
	if s.files == nil {
		return nil
	}
	changed, err := s.files.Read()
	if err != nil {
		return setup(err, "the certificate of before is shown still")
	}
	if changed {
		s.log.Info("the certificates were read again", "until", s.files.Expiry())
	}
	return nil
}

// readCertificates reads the certificates again if they have changed.
func (s *server) readCertificates(ctx context.Context) {
	if err := s.checkCertificates(); err != nil {
		s.log.WarnContext(ctx, "the certificates have changed and cannot be used: those of before are shown still", "error", err.Error())
	}
}

// changes returns the names of the settings that differ: those that a running
// server takes, and those that it cannot.
func changes(before, after *settings) (live, kept []string) {
	a, b := before.texts(), after.texts()
	for _, one := range allSettings {
		if a[one.name] == b[one.name] && (!one.fileOnly || reflect.DeepEqual(before.structured, after.structured)) {
			continue
		}
		if one.live {
			live = append(live, one.name)
		} else {
			kept = append(kept, one.name)
		}
	}
	return live, kept
}

// texts returns all settings as texts, by name. They may hold secrets.
func (s *settings) texts() map[string]string {
	copied := *s
	texts := map[string]string{}
	copied.all().VisitAll(func(f *pflag.Flag) { texts[f.Name] = f.Value.String() })
	return texts
}
