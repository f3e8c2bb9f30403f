// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/go-cmp/cmp"

	"github.com/credhost/credhost/sdk"
)

// Check calls every method of p, which is a [Plugin] or the remote of one, and
// reports where what the plugin got is not what was sent, or the other way
// round.
func Check(ctx context.Context, p sdk.Plugin, seed uint64) error {
	s := p.Schema()
	want := Plugin{s.Name}
	in, g := New(seed, "input").Input(s, seed), New(seed, "grant").Grant()
	cb, fate := New(seed, "callback").Callback(), want.fate(seed)

	granted, err := p.Grant(ctx, in)
	faults := []error{differ("Grant", granted, g, err, fate)}
	faults = append(faults, differ("Test", 0, 0, p.(sdk.Tester).Test(ctx, in, g), fate))
	approval, err := p.(sdk.Connector).Connect(ctx, in, cb)
	faults = append(faults, differ("Connect", approval, New(seed, "approval").Approval(), err, fate))
	granted, err = p.(sdk.Connector).Exchange(ctx, in, cb)
	faults = append(faults, differ("Exchange", granted, g, err, fate))
	signature, err := p.(sdk.Signer).Sign(ctx, in, g, New(seed, "request").Request())
	faults = append(faults, differ("Sign", signature, New(seed, "signature").Signature(), err, fate))
	faults = append(faults, differ("Revoke", 0, 0, p.(sdk.Revoker).Revoke(ctx, in, g), fate))
	options, err := p.(sdk.Suggester).Suggest(ctx, in, g, Site, New(seed, "search").text(40))
	faults = append(faults, differ("Suggest", options, New(seed, "options").Options(), err, fate))
	values, err := p.(sdk.Upgrader).Upgrade(ctx, int(seed%3), New(seed, "old").Values(seed))
	faults = append(faults, differ("Upgrade", values, New(seed, "values").Values(seed), err, fate))
	return errors.Join(faults...)
}

// differ reports how the outcome of a call is not the expected one. Of an
// error everything crosses but its cause.
func differ[T any](method string, got, want T, gotErr, wantErr error) error {
	if wantErr == nil && gotErr == nil {
		if d := cmp.Diff(want, got); d != "" {
			return fmt.Errorf("%s: what was returned (-) is not what came (+):\n%s", method, d)
		}
		return nil
	}
	var e, wanted *sdk.Error
	if !errors.As(gotErr, &e) || !errors.As(wantErr, &wanted) {
		return fmt.Errorf("%s: got the error %v, want %v", method, gotErr, wantErr)
	}
	if d := cmp.Diff(*wanted.Because(nil), *e); d != "" {
		return fmt.Errorf("%s: the error that was returned (-) is not what came (+):\n%s", method, d)
	}
	return nil
}
