// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// A body that stops coming is not waited for, one that comes slowly is.
func TestStalledBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, plugin := net.Pipe()
		defer plugin.Close()
		b := &stream{body: conn, conn: conn, left: 1 << 10}
		go func() {
			for range 5 {
				time.Sleep(stallTime - time.Second)
				io.WriteString(plugin, "x")
			}
		}()
		begin := time.Now()
		got, err := io.ReadAll(b)
		if string(got) != "xxxxx" || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %q, %v, want xxxxx and a timeout", got, err)
		}
		if took, want := time.Since(begin), 6*stallTime; took > want {
			t.Errorf("it was waited for for %v, want at most %v", took, want)
		}
	})
}

// Once a body is stopped, nobody reads the connection, whoever holds the body.
func TestStoppedBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, plugin := net.Pipe()
		defer plugin.Close()
		b := &stream{body: conn, conn: conn, left: 1 << 10}
		read := make(chan error)
		go func() {
			_, err := b.Read(make([]byte, 1))
			read <- err
		}()
		synctest.Wait()
		begin := time.Now()
		if b.stop() {
			t.Error("it has not been read to its end")
		}
		if err := <-read; err == nil || time.Since(begin) > 0 {
			t.Errorf("the read that waited got %v after %v, want an error at once", err, time.Since(begin))
		}
		if _, err := b.Read(make([]byte, 1)); !errors.Is(err, errStopped) {
			t.Errorf("a later read got %v, want %v", err, errStopped)
		}
	})
}
