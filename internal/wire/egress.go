// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/credhost/credhost/sdk"
)

// The limits of the egress. See docs/protocol.md for the lines themselves.
const (
	MaxEgressRequest = 512              // bytes of the line that a plugin writes
	MaxEgressAnswer  = 1024             // bytes of the line that a host writes
	EgressTimeout    = 30 * time.Second // for the two lines together
)

// Dialer returns what dials through the egress that listens at a Unix socket,
// on behalf of a call. Behind the first two lines, a connection belongs to
// whoever dialled.
//
// A refusal of the host is an [*sdk.Error] with the host's code and words. On
// a connection for HTTP it may come later, in the place of a response: then
// Read returns it.
func Dialer(socket, call string) sdk.Dialer {
	return func(ctx context.Context, origin string) (net.Conn, error) {
		line := call + " " + sdk.Origin(origin) + "\n"
		if !isCall(call) || sdk.Origin(origin) == "" || len(line) > MaxEgressRequest {
			return nil, sdk.Errorf(sdk.Internal, "only a call can connect, and only to an origin such as https://api.example.com")
		}
		conn, err := new(net.Dialer).DialContext(ctx, "unix", socket)
		if err != nil {
			return nil, ended(ctx, sdk.Errorf(sdk.Internal, "the host offers no way to the network").Because(err))
		}
		if err := greet(ctx, conn, line); err != nil {
			conn.Close()
			return nil, ended(ctx, err)
		}
		if strings.HasPrefix(origin, "http") {
			return &responses{Conn: conn, sign: refusalSign(call)}, nil
		}
		return conn, nil
	}
}

// ended returns ctx's own error, if it has ended, rather than what came of it.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// greet writes the plugin's line and reads the host's.
func greet(ctx context.Context, conn net.Conn, line string) error {
	if err := conn.SetDeadline(time.Now().Add(EgressTimeout)); err != nil {
		return lostEgress(err)
	}
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := io.WriteString(conn, line); err != nil {
		return lostEgress(err)
	}
	answer, err := readAnswer(conn)
	if err != nil {
		return err
	}
	if answer != "" {
		return refusal(answer)
	}
	if !stop() {
		return ctx.Err()
	}
	return conn.SetDeadline(time.Time{})
}

// readAnswer returns the host's line, "" for ok. It reads not a byte more: the
// next belongs to the service.
func readAnswer(conn io.Reader) (string, error) {
	line := make([]byte, 3, MaxEgressAnswer)
	if _, err := io.ReadFull(conn, line); err != nil {
		return "", lostEgress(err)
	}
	if string(line) == "ok\n" {
		return "", nil
	}
	for len(line) < MaxEgressAnswer {
		next := line[len(line) : len(line)+1]
		if _, err := io.ReadFull(conn, next); err != nil {
			return "", lostEgress(err)
		}
		if next[0] == '\n' {
			return string(line), nil
		}
		line = line[:len(line)+1]
	}
	return "", lostEgress(errors.New("the line does not end"))
}

// refusal returns the error that a line says.
func refusal(line string) error {
	rest, ok := strings.CutPrefix(line, "no ")
	word, message, _ := strings.Cut(rest, " ")
	var code sdk.Code
	if !ok || code.UnmarshalText([]byte(word)) != nil || message == "" {
		return lostEgress(errors.New("the line is neither ok nor no"))
	}
	return sdk.Errorf(code, "%s", plain(message, MaxEgressAnswer))
}

func lostEgress(cause error) *sdk.Error {
	return sdk.Errorf(sdk.Unavailable, "the host did not connect").Because(cause)
}

// isCall reports whether id may be a call's.
func isCall(id string) bool {
	return len(id) >= 16 && len(id) <= 128 && !strings.ContainsFunc(id, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-')
	})
}
