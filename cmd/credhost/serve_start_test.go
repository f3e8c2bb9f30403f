// SPDX-License-Identifier: Apache-2.0

//go:build unix

package main

import (
	"net/http"
	"sync"
	"syscall"
	"testing"
)

// BenchmarkServeStart is from the execution of the program until it says that it
// is ready, with three plugins and a thousand credentials in SQLite.
func BenchmarkServeStart(b *testing.B) {
	data := newData(b)
	env := []string{"CREDHOST_ALLOW_ADDRESS=127.0.0.0/8", "CREDHOST_RATE_KEY=-1", "CREDHOST_RATE_WORKSPACE=-1"}
	s := startServing(b, data, env, "--listen", "127.0.0.1:0")
	key := run(b, data, "keys", "create", "--scope", "write")
	_, answers, _ := halo(b)
	var making sync.WaitGroup
	for range 4 {
		making.Go(func() {
			for range 250 {
				if status, made := s.call(key, "POST", "/v1/credentials", answers); status != http.StatusCreated {
					b.Errorf("creating was answered with %d: %v", status, made)
					return
				}
			}
		})
	}
	making.Wait()
	s.end(syscall.SIGTERM)
	for b.Loop() {
		s := startServing(b, data, env, "--listen", "127.0.0.1:0")
		b.StopTimer()
		s.end(syscall.SIGTERM)
		b.StartTimer()
	}
}
