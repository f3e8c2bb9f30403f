// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/connectflow"
)

// TestVisitWithCode shows that a program that was given a code for a person need
// not wait itself, and that another host goes on where one was stopped.
func TestVisitWithCode(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	id := h.create("device", nil)
	first, err := connectflow.Open(connectflow.Config{Host: h.Host, StartURL: "https://credhost.example/connect/start"})
	if err != nil {
		t.Fatal(err)
	}
	v, err := first.Begin(t.Context(), "acme", host.Visit{Credential: id, Actor: "key:k-one"})
	if err != nil {
		t.Fatal(err)
	}
	if v.UserCode == "" || v.URL == "" || v.Interval == 0 || v.Status != connectflow.Begun {
		t.Errorf("begun %+v; want a code, and where to type it", v)
	}
	if err := first.Close(); err != nil { // while it waits
		t.Fatal(err)
	}

	h.approve(v.UserCode)
	h.waits(h.Host, nil)
	second, err := connectflow.Open(connectflow.Config{Host: h.Host, StartURL: "https://credhost.example/connect/start"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { second.Close() })
	for v.Status == connectflow.Begun {
		if v, err = second.Show(t.Context(), "acme", v.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond) // the background is another goroutine's
	}
	if v.Status != connectflow.Connected || v.Failure != nil {
		t.Errorf("it ended as %+v", v)
	}
	if c, err := h.Show(t.Context(), id); err != nil || c.Status != host.StatusReady {
		t.Errorf("%+v, %v", c, err)
	}
}
