// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// What systemd is told (sd_notify(3), systemd.service(5) on notify-reload).
const (
	ready     = daemon.SdNotifyReady
	reloading = daemon.SdNotifyReloading
	stopping  = daemon.SdNotifyStopping
	alive     = daemon.SdNotifyWatchdog
)

// notify tells systemd, if that has started this process.
func (s *server) notify(state string) {
	if state == reloading {
		state += "\n" + daemon.SdNotifyMonotonicUsec()
	}
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.Warn("systemd could not be told", "error", err)
	}
}

// watchdog tells systemd, if that wants to know, that the server lives: that it
// answers. One that does not any more is started anew.
func (s *server) watchdog() (stop func()) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every <= 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		tick := time.NewTicker(every / 2)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if s.answers(ctx) {
					s.notify(alive)
				}
			}
		}
	})
	return func() { cancel(); running.Wait() }
}

// answers reports whether the API says that it lives.
func (s *server) answers(ctx context.Context) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/v1/health", nil)
	if err != nil {
		return false
	}
	w := &answer{header: http.Header{}}
	s.inside.ServeHTTP(w, r)
	return w.status < 300
}

// An answer is one of which only the status counts.
type answer struct {
	header http.Header
	status int
}

// Header implements [http.ResponseWriter].
func (a *answer) Header() http.Header { return a.header }

// Write implements [http.ResponseWriter].
func (a *answer) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(status int) { a.status = status }
