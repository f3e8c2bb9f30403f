// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/internal/testplugin"
	"github.com/credhost/credhost/sdk"
)

// A stopped store keeps the first that does something to it waiting.
type stopped struct {
	host.WholeStore
	mu    sync.Mutex
	stops map[string]chan struct{} // what is done → who waits to be let on
	met   chan string
}

func (s *stopped) stop(what string) (resume func()) {
	c := make(chan struct{})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stops[what] = c
	return sync.OnceFunc(func() { close(c) })
}

func (s *stopped) pass(what string) {
	s.mu.Lock()
	c := s.stops[what]
	delete(s.stops, what)
	s.mu.Unlock()
	if c != nil {
		s.met <- what
		<-c
	}
}

func (s *stopped) Create(ctx context.Context, r host.Record) error {
	s.pass("before create " + string(r.Kind))
	err := s.WholeStore.Create(ctx, r)
	s.pass("after create " + string(r.Kind))
	return err
}

func (s *stopped) List(ctx context.Context, q host.Query) ([]host.Record, error) {
	all, err := s.WholeStore.List(ctx, q)
	s.pass("after list " + string(q.Kind))
	return all, err
}

func (s *stopped) All(ctx context.Context, workspace, id string, limit int) ([]host.Record, error) {
	all, err := s.WholeStore.All(ctx, workspace, id, limit)
	s.pass("after list credential")
	return all, err
}

func (s *stopped) Lease(ctx context.Context, workspace, id, owner string, ttl time.Duration) (host.Lease, error) {
	l, err := s.WholeStore.Lease(ctx, workspace, id, owner, ttl)
	if errors.Is(err, host.ErrLeased) {
		s.pass("while another has the lease")
	}
	return l, err
}

func inUse(err error) bool {
	var e *sdk.Error
	return errors.As(err, &e) && e.Code == sdk.Invalid && e.Reason == host.ReasonInUse
}

// TestDeleteUnused shows that an application that credentials refer to is not
// deleted unless somebody wants just that, and that no credential refers to one
// that is gone, whatever is done at the same time.
func TestDeleteUnused(t *testing.T) {
	t.Parallel()
	store := &stopped{stops: map[string]chan struct{}{}, met: make(chan string)}
	h := open(t, func(c *host.Config) { store.WholeStore = c.Store.(host.WholeStore); c.Store = store })
	for name, apps := range map[string]host.Applications{"the host's": h.Host.Applications(), "a workspace's": h.Workspace.Applications()} {
		create := func() string {
			app, err := apps.Create(t.Context(), host.New{Type: "homed", Values: testplugin.Answers("homed")})
			if err != nil {
				t.Fatal(err)
			}
			return app
		}
		// It is in use, and then it is not.
		app := create()
		id, err := h.Add(t.Context(), host.New{Type: "homed", Application: app})
		if err != nil {
			t.Fatal(err)
		}
		if err := apps.DeleteUnused(t.Context(), app, 0); !inUse(err) {
			t.Errorf("%s, which is in use: %v", name, err)
		}
		if err := apps.DeleteUnchanged(t.Context(), app, 7); !errors.Is(err, host.ErrConflict) {
			t.Errorf("%s, of another generation: %v", name, err)
		}
		if err := h.Delete(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if err := apps.DeleteUnused(t.Context(), app, 1); err != nil {
			t.Errorf("%s, which is not in use any more: %v", name, err)
		}
		if err := apps.Delete(t.Context(), app); !errors.Is(err, host.ErrNotFound) {
			t.Errorf("%s, once more: %v", name, err)
		}

		// A credential is created after the application was looked for.
		app = create()
		resume := store.stop("before create credential")
		added := make(chan error)
		go func() {
			_, err := h.Add(t.Context(), host.New{Type: "homed", Application: app})
			added <- err
		}()
		<-store.met
		if err := apps.DeleteUnused(t.Context(), app, 0); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		resume()
		if err := <-added; !errors.Is(err, host.ErrNotFound) {
			t.Errorf("a credential of %s, which was deleted meanwhile: %v", name, err)
		}

		// One is created after it was looked whether there are any.
		app = create()
		resume = store.stop("after list credential")
		deleted := make(chan error)
		go func() { deleted <- apps.DeleteUnused(t.Context(), app, 0) }()
		<-store.met
		created := store.stop("after create credential")
		go func() {
			_, err := h.Add(t.Context(), host.New{Type: "homed", Application: app})
			added <- err
		}()
		<-store.met
		resume()
		if err := <-deleted; err != nil {
			t.Errorf("%s, for which a credential is being created: %v", name, err)
		}
		created()
		if err := <-added; !errors.Is(err, host.ErrNotFound) {
			t.Errorf("a credential that was created while %s was being deleted: %v", name, err)
		}

		// The same, and it is not kept before it is known what becomes of the application.
		app = create()
		resume = store.stop("after list credential")
		go func() { deleted <- apps.DeleteUnused(t.Context(), app, 0) }()
		<-store.met
		waits := store.stop("while another has the lease")
		go func() {
			_, err := h.Add(t.Context(), host.New{Type: "homed", Application: app})
			added <- err
		}()
		select {
		case <-store.met:
			resume()
			waits()
			if gone, err := <-deleted, <-added; gone != nil || !errors.Is(err, host.ErrNotFound) {
				t.Errorf("%s: deleting it: %v; a credential of it: %v", name, gone, err)
			}
		case err := <-added:
			resume()
			t.Fatalf("a credential was created while nobody knew whether %s stays: %v; deleting it: %v", name, err, <-deleted)
		}
	}
	left, err := h.List(t.Context(), host.Page{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range left {
		if c.Status == host.StatusBroken {
			t.Errorf("%s was left without its application: %s", c.ID, c.Reason)
		}
	}
}

// TestDeleteWhatChanges shows that what is on a shelf is deleted for the version
// that somebody has seen.
func TestDeleteWhatChanges(t *testing.T) {
	t.Parallel()
	h := open(t, nil)
	shelf := h.Host.Shelf("note")
	item, err := shelf.Create(t.Context(), host.Item{Workspace: "acme", ID: "n-1"}, "first")
	if err != nil {
		t.Fatal(err)
	}
	saved, err := shelf.Save(t.Context(), item, "second")
	if err != nil {
		t.Fatal(err)
	}
	if err := shelf.DeleteUnchanged(t.Context(), item); !errors.Is(err, host.ErrConflict) {
		t.Errorf("what was saved since: %v", err)
	}
	if err := shelf.DeleteUnchanged(t.Context(), saved); err != nil {
		t.Error(err)
	}
	if err := shelf.DeleteUnchanged(t.Context(), saved); !errors.Is(err, host.ErrNotFound) {
		t.Errorf("what is gone: %v", err)
	}
}
