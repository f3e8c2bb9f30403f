// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
	"unicode"

	"github.com/hashicorp/go-plugin"

	"github.com/credhost/credhost/internal/wire"
)

// checkHello says what is wrong with the first line that a plugin wrote on its
// standard output. It must be go-plugin's handshake:
//
//	1|1|unix|/path/to/socket|grpc
func checkHello(line string) error {
	parts := strings.Split(strings.TrimSpace(line), "|")
	if len(parts) < 4 {
		return fmt.Errorf("it is not a credhost plugin: its first line on standard output was %q, not a handshake", printable(line, 60))
	}
	if parts[0] != strconv.Itoa(plugin.CoreProtocolVersion) {
		return fmt.Errorf("it speaks version %q of go-plugin's handshake, and this host speaks %d: build it with a current go-plugin", printable(parts[0], 10), plugin.CoreProtocolVersion)
	}
	if version, err := strconv.Atoi(parts[1]); err != nil || wire.Versions(nil)[version] == nil {
		return fmt.Errorf("it speaks version %q of the plugin protocol, and this host speaks version %d: get a plugin, or a host, of the same version", printable(parts[1], 10), wire.Version)
	}
	if len(parts) < 5 || parts[4] != string(plugin.ProtocolGRPC) {
		return errors.New("it does not speak gRPC: a plugin must say grpc in the fifth part of its handshake")
	}
	return nil
}

// printable returns s fit for a message: at most n bytes, and without control
// characters.
func printable(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return '·'
		}
		return r
	}, s)
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

// startError says in words why a program could not be executed.
func startError(err error) error {
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("it is not a program for this machine: build it for %s", platform)
	case errors.Is(err, fs.ErrPermission):
		return errors.New("the system does not allow to execute it: set a runtime folder that is not mounted noexec")
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("its loader or interpreter is not on this machine: build it with CGO_ENABLED=0")
	}
	return fmt.Errorf("it could not be executed: %w", err)
}
