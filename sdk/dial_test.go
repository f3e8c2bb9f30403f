// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"context"
	"errors"
	"net"
	"testing"

	"github.com/credhost/credhost/sdk"
)

func TestDial(t *testing.T) {
	t.Parallel()
	var asked string
	ours, theirs := net.Pipe()
	defer theirs.Close()
	ctx := sdk.WithDialer(t.Context(), func(_ context.Context, origin string) (net.Conn, error) {
		asked = origin
		return ours, nil
	})
	conn, err := sdk.Dial(ctx, "tcp://db.example.com:5432")
	if err != nil || conn != ours || asked != "tcp://db.example.com:5432" {
		t.Errorf("it asks for %q and gets %v, %v", asked, conn, err)
	}
	ours.Close()
}

func TestDialOutsideACall(t *testing.T) {
	t.Parallel()
	if conn, err := sdk.Dial(t.Context(), "tcp://db.example.com:5432"); !errors.Is(err, sdk.Internal) || conn != nil {
		t.Errorf("it gives %v, %v", conn, err)
	}
}
