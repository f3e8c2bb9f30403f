// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/internal/wire"
	"github.com/credhost/credhost/sdk"
)

// Plugin returns the plugin of a type, as it works for a workspace: each
// workspace has processes of its own. It starts nothing; the first call does.
//
// The plugin implements every optional interface of package sdk, and its Can
// says which count. A call reaches what the [egress.Policy] of its ctx names,
// or nothing without one, for as long as it lasts. It ends with ctx, and after
// [Config].CallTimeout at the latest.
//
// A call that dies with the process is made once more, if it has reached no
// service, or only asked. Errors are those of the plugin; the error of ctx; or
// [*sdk.Error]s that name the plugin and say what became of the call.
func (r *Registry) Plugin(workspace, typ string) (sdk.Plugin, error) {
	t, err := r.claim(typ)
	if err != nil {
		return nil, err
	}
	return &facade{r: r, workspace: workspace, claim: t}, nil
}

// ErrDied is the cause of the error of a call whose process ended, or cut its
// connection, before it answered.
var ErrDied = wire.ErrGone

// A facade is a type of a program, without a process: each call finds one.
type facade struct {
	r         *Registry
	workspace string
	claim
}

var (
	_ sdk.Plugin    = (*facade)(nil)
	_ sdk.Tester    = (*facade)(nil)
	_ sdk.Connector = (*facade)(nil)
	_ sdk.Signer    = (*facade)(nil)
	_ sdk.Revoker   = (*facade)(nil)
	_ sdk.Suggester = (*facade)(nil)
	_ sdk.Upgrader  = (*facade)(nil)
	_ sdk.Limiter   = (*facade)(nil)
)

// A call is one call of a plugin, in whatever process.
type call struct {
	name   string         // of the method
	safe   bool           // it may be made again, whatever it did
	asks   func(*secrets) // what is secret of what the plugin is told
	brings func(*secrets) // what is secret of what it answered; nil: nothing
	run    func(context.Context, sdk.Plugin) error
}

// do makes a call.
func (f *facade) do(ctx context.Context, c call) (err error) {
	ctx, end := f.r.measure.begin(ctx, f.Program, f.Schema().Name, c.name)
	defer func() { end(err) }()
	s := f.r.slot(f.Program, f.workspace)
	defer f.r.leave(s)
	limited, cancel := context.WithTimeout(ctx, f.r.cfg.CallTimeout)
	defer cancel()
	again, err := f.try(limited, s, c)
	if again && limited.Err() == nil {
		_, err = f.try(limited, s, c)
	}
	var said *sdk.Error
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &said), !timedOut(limited, err):
		return err
	case !sooner(limited, ctx):
		return context.DeadlineExceeded
	}
	return sdk.Errorf(sdk.Unavailable, "plugin %s did not answer within %s: try again", f.Program, f.r.cfg.CallTimeout).Because(err)
}

// timedOut reports whether the time of a call was up. GRPC's clock may be
// ahead of ctx's.
func timedOut(ctx context.Context, err error) bool {
	return errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, context.DeadlineExceeded)
}

// sooner reports whether the deadline of a comes before that of b.
func sooner(a, b context.Context) bool {
	at, _ := a.Deadline()
	bt, ok := b.Deadline()
	return !ok || at.Before(bt)
}

// current returns the type as it is trusted now. Answers for the schema of an
// older version of the program are nothing for a newer one, unless both have
// the same.
func (f *facade) current() (claim, error) {
	now, err := f.r.claim(f.Schema().Name)
	if err == nil && (now.Program != f.Program || now.Type.Schema.Version != f.Schema().Version) {
		err = sdk.Errorf(sdk.Unavailable, "plugin %s was replaced a moment ago: try again", f.Program)
	}
	return now, err
}

// try makes a call once, and reports whether it may be made again.
func (f *facade) try(ctx context.Context, s *slot, c call) (again bool, err error) {
	var now claim
	p, release, err := s.acquire(ctx, func() (*version, error) {
		var err error
		if now, err = f.current(); err != nil {
			return nil, err
		}
		return now.program.version, nil
	})
	if err != nil {
		return false, err
	}
	defer release()
	attempted(ctx, p)
	policy, _ := egress.PolicyFrom(ctx)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	said := &overheard{next: policy.Through}
	if said.next == nil {
		said.next = f.r.cfg.Guard
	}
	policy.Through = said
	out, id := egress.NewCall(f.r.online(ctx), policy), rand.Text()
	p.live.Store(id, out)
	heard := p.logs.begin(func(s *secrets) {
		s.one(id)
		if c.asks != nil {
			c.asks(s)
		}
	}, said)
	err = c.run(wire.WithCall(ctx, id), p.wire.Plugin(now.wire))
	if !f.r.off(defence.CallEnd) {
		p.live.Delete(id)
	}
	p.finished.Add(1)
	p.logs.end(heard, c.brings)
	if !f.r.off(defence.Redacted) {
		clearError(err, c.asks)
	}
	switch {
	case errors.Is(err, wire.ErrGone):
		return c.safe || !out.Used(), p.died(err)
	case timedOut(ctx, err) && !f.r.off(defence.Pinged):
		f.r.spawn(p.check)
	}
	return false, err
}

// died returns the error of a call whose process is gone, or else gets rid of
// a process that has cut its connection.
func (p *process) died(err error) error {
	select {
	case <-p.child.done:
	case <-time.After(dyingTime):
		p.kill("it closed its connection")
	}
	return sdk.Errorf(sdk.Unavailable, "plugin %s died in the call (%s): try again; its last words are in the log", p.name, p.ending()).Because(err)
}

// lacks returns the error of a method that the type does not have.
func (f *facade) lacks(what string) error {
	return sdk.Errorf(sdk.Internal, "type %s cannot %s", f.Schema().Name, what).Because(fmt.Errorf("plugin %s: %w", f.Program, errors.ErrUnsupported))
}

// Schema returns the type's schema, without asking the program.
func (f *facade) Schema() sdk.Schema { return f.claim.Type.Schema }

// Can returns what the type can do.
func (f *facade) Can() sdk.Abilities { return f.claim.Type.Can }

func (f *facade) Grant(ctx context.Context, in sdk.Input) (sdk.Grant, error) {
	var got sdk.Grant // and no named result: the log looks at it after the return
	err := f.do(ctx, call{
		name:   "Grant",
		asks:   func(s *secrets) { s.input(f.Schema(), in) },
		brings: func(s *secrets) { s.grant(got) },
		run:    func(ctx context.Context, p sdk.Plugin) (err error) { got, err = p.Grant(ctx, in); return err },
	})
	return f.cleared(got, in), err
}

func (f *facade) Test(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	if !f.Can().Test {
		return f.lacks("test")
	}
	return f.do(ctx, call{
		name: "Test",
		safe: true,
		asks: func(s *secrets) { s.input(f.Schema(), in); s.grant(g) },
		run:  func(ctx context.Context, p sdk.Plugin) error { return p.(sdk.Tester).Test(ctx, in, g) },
	})
}

func (f *facade) Connect(ctx context.Context, in sdk.Input, cb sdk.Callback) (a sdk.Approval, err error) {
	if !f.Can().Connect {
		return a, f.lacks("connect")
	}
	err = f.do(ctx, call{
		name:   "Connect",
		asks:   func(s *secrets) { s.input(f.Schema(), in); s.callback(cb) },
		brings: func(s *secrets) { s.add(string(a.State)); s.add(a.URL) },
		run: func(ctx context.Context, p sdk.Plugin) (err error) {
			a, err = p.(sdk.Connector).Connect(ctx, in, cb)
			return err
		},
	})
	return a, err
}

func (f *facade) Exchange(ctx context.Context, in sdk.Input, cb sdk.Callback) (sdk.Grant, error) {
	if !f.Can().Connect {
		return sdk.Grant{}, f.lacks("connect")
	}
	var got sdk.Grant // as in Grant
	err := f.do(ctx, call{
		name:   "Exchange",
		asks:   func(s *secrets) { s.input(f.Schema(), in); s.callback(cb) },
		brings: func(s *secrets) { s.grant(got) },
		run: func(ctx context.Context, p sdk.Plugin) (err error) {
			got, err = p.(sdk.Connector).Exchange(ctx, in, cb)
			return err
		},
	})
	return f.cleared(got, in), err
}

func (f *facade) Sign(ctx context.Context, in sdk.Input, g sdk.Grant, r sdk.Request) (sig sdk.Signature, err error) {
	if !f.Can().Sign {
		return sig, f.lacks("sign")
	}
	err = f.do(ctx, call{
		name:   "Sign",
		safe:   true,
		asks:   func(s *secrets) { s.input(f.Schema(), in); s.grant(g); s.header(r.Header) },
		brings: func(s *secrets) { s.header(sig.Header); s.add(sig.Query) },
		run: func(ctx context.Context, p sdk.Plugin) (err error) {
			sig, err = p.(sdk.Signer).Sign(ctx, in, g, r)
			return err
		},
	})
	return sig, err
}

func (f *facade) Revoke(ctx context.Context, in sdk.Input, g sdk.Grant) error {
	if !f.Can().Revoke {
		return f.lacks("revoke")
	}
	return f.do(ctx, call{
		name: "Revoke",
		asks: func(s *secrets) { s.input(f.Schema(), in); s.grant(g) },
		run:  func(ctx context.Context, p sdk.Plugin) error { return p.(sdk.Revoker).Revoke(ctx, in, g) },
	})
}

func (f *facade) Suggest(ctx context.Context, in sdk.Input, g sdk.Grant, field sdk.Field, search string) (all []sdk.Option, err error) {
	if !f.Can().Suggest {
		return nil, f.lacks("suggest")
	}
	err = f.do(ctx, call{
		name: "Suggest",
		safe: true,
		asks: func(s *secrets) { s.input(f.Schema(), in); s.grant(g) },
		run: func(ctx context.Context, p sdk.Plugin) (err error) {
			all, err = p.(sdk.Suggester).Suggest(ctx, in, g, field, search)
			return err
		},
	})
	return all, err
}

func (f *facade) Upgrade(ctx context.Context, from int, old sdk.Values) (values sdk.Values, err error) {
	if !f.Can().Upgrade {
		return nil, f.lacks("upgrade")
	}
	err = f.do(ctx, call{
		name:   "Upgrade",
		safe:   true,
		asks:   func(s *secrets) { s.values(f.Schema(), old) },
		brings: func(s *secrets) { s.values(f.Schema(), values) },
		run: func(ctx context.Context, p sdk.Plugin) (err error) {
			values, err = p.(sdk.Upgrader).Upgrade(ctx, from, old)
			return err
		},
	})
	return values, err
}
