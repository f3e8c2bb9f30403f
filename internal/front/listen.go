// SPDX-License-Identifier: Apache-2.0

package front

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
)

// An Address is where to listen.
type Address struct {
	Network string // "tcp", "unix" or "systemd"
	Place   string // host:port, an absolute path, or the name of a socket
}

// ParseAddress understands "127.0.0.1:8686", "[::1]:8686", ":8686" (every
// address of this machine), "unix:/run/credhost.sock" and "systemd:NAME": the
// sockets of that name that systemd has passed (sd_listen_fds(3)).
func ParseAddress(text string) (Address, error) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		if !filepath.IsAbs(path) || filepath.Clean(path) != path {
			return Address{}, fmt.Errorf("%q must be unix: and an absolute path", text)
		}
		return Address{"unix", path}, nil
	}
	if name, ok := strings.CutPrefix(text, "systemd:"); ok && name != "" {
		return Address{"systemd", name}, nil
	}
	host, port, err := net.SplitHostPort(text)
	if n, e := strconv.ParseUint(port, 10, 16); err != nil || e != nil || strconv.FormatUint(n, 10) != port {
		return Address{}, fmt.Errorf("%q must be HOST:PORT, unix:/path or systemd:NAME", text)
	}
	return Address{"tcp", net.JoinHostPort(host, port)}, nil
}

// String returns the address as ParseAddress takes it.
func (a Address) String() string {
	if a.Network == "tcp" {
		return a.Place
	}
	return a.Network + ":" + a.Place
}

// Local reports whether only this machine reaches the address, as far as can be
// said without listening: of systemd's sockets it is not known, and taken to be.
func (a Address) Local() bool {
	host, _, _ := net.SplitHostPort(a.Place)
	ip, err := netip.ParseAddr(host)
	return a.Network != "tcp" || host == "localhost" || err == nil && ip.IsLoopback()
}

// Listen listens at an address, or at all sockets that it names. A Unix socket
// is for this user alone, and takes the place of one that nobody listens at.
func Listen(a Address) ([]net.Listener, error) {
	switch a.Network {
	case "unix":
		l, err := listenUnix(a.Place)
		return []net.Listener{l}, err
	case "systemd":
		all := passed()[a.Place]
		if len(all) == 0 {
			return nil, fmt.Errorf("systemd has passed no socket named %q: set FileDescriptorName= in the .socket unit, and start that", a.Place)
		}
		return all, nil
	}
	l, err := net.Listen("tcp", a.Place)
	return []net.Listener{l}, err
}

// passed are the sockets that systemd has passed. They can be asked for once:
// the variables that tell of them go, so that no child believes they are its.
var passed = sync.OnceValue(func() map[string][]net.Listener {
	all, _ := activation.ListenersWithNames()
	return all
})

// listenUnix listens at a path. The socket is made in a folder that nobody else
// may enter and moved from there, so that it is at no moment anybody else's.
func listenUnix(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&os.ModeSocket == 0 {
			return nil, fmt.Errorf("%s is there, and is no socket", path)
		}
		if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
			c.Close()
			return nil, fmt.Errorf("another program listens at %s", path)
		}
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".credhost-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	made := filepath.Join(dir, "s")
	l, err := net.Listen("unix", made)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // by its first name
	if err := errors.Join(os.Chmod(made, 0o600), os.Rename(made, path)); err != nil {
		l.Close()
		return nil, err
	}
	return &unixListener{l, path}, nil
}

// A unixListener removes its socket when it is closed.
type unixListener struct {
	net.Listener
	path string
}

// Close implements [net.Listener].
func (l *unixListener) Close() error {
	err := l.Listener.Close()
	if err == nil {
		os.Remove(l.path)
	}
	return err
}

// Addr implements [net.Listener].
func (l *unixListener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

// Local reports whether only this machine can reach a listener: it is a Unix
// socket, or its address is a loopback one.
func Local(l net.Listener) bool {
	switch at := l.Addr().(type) {
	case *net.UnixAddr:
		return true
	case *net.TCPAddr:
		return at.IP.IsLoopback()
	}
	return false
}

// URL returns the address by which a listener is called from this machine, or
// empty for a Unix socket.
func URL(l net.Listener, secure bool) string {
	at, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return ""
	}
	scheme := "http"
	if secure {
		scheme = "https"
	}
	ip, _ := netip.AddrFromSlice(at.IP)
	host := ip.Unmap().String()
	if at.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, strconv.Itoa(at.Port))
}
