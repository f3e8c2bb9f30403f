// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"testing"

	"github.com/credhost/credhost/host/egress"
	"github.com/credhost/credhost/internal/defence"
	"github.com/credhost/credhost/sdk"
)

// bomb returns a gzip of size zeros.
func bomb(t testing.TB, size int64) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	const part = 32 << 20 // a gzip may have several, one after the other (RFC 1952, section 2.2)
	if _, err := io.CopyN(w, zeros{}, part); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.Repeat(b.Bytes(), int(size/part))
}

// peakHeap calls f and returns by how much the heap has grown at its end, with
// all that f still holds.
func peakHeap(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return max(after.HeapSys, before.HeapSys) - before.HeapSys
}

// A gibibyte in a mebibyte of gzip is inflated by the host, as far as an answer
// may go, and not by the plugin's client, which has no limit.
func TestBomb(t *testing.T) {
	const size = 1 << 30
	packed := bomb(t, size)
	if len(packed) > 2<<20 {
		t.Fatalf("the bomb has %d bytes: it is none", len(packed))
	}
	for _, way := range []string{"asked for", "not asked for"} {
		origin := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(packed)
		})
		fetch := func(off ...defence.Defence) (n int64, err error) {
			w := newWay(t, egress.NewWithContext(defence.Without(t.Context(), off...), egress.Config{Allow: loopback}))
			_, end := w.call(call1, origin)
			defer end()
			client := w.client(call1)
			client.Transport.(*http.Transport).DisableCompression = way == "not asked for"
			resp, err := client.Get(origin)
			if err != nil {
				return 0, err
			}
			defer resp.Body.Close()
			return io.Copy(io.Discard, resp.Body)
		}
		grown := peakHeap(func() {
			if n, err := fetch(); err == nil || n > 16<<20 {
				t.Errorf("%s: the plugin got %d bytes, %v; want at most 16 MiB, and an error", way, n, err)
			}
		})
		if grown > 64<<20 {
			t.Errorf("%s: the host took %d MiB", way, grown>>20)
		}
		if way == "not asked for" {
			continue
		}
		if n, err := fetch(defence.Inflated); err != nil || n != size {
			t.Errorf("%s: without the defence the plugin got %d bytes, %v; want all of them", way, n, err)
		}
	}
}

// What is compressed arrives as what it was, with the headers of that.
func TestCompressedAnswers(t *testing.T) {
	t.Parallel()
	const text = "an answer of some length, of some length, of some length"
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	io.WriteString(z, text)
	z.Close()
	origin := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Asked", fmt.Sprint(r.Header["Accept-Encoding"]))
		coding, body := r.URL.Query().Get("coding"), packed.Bytes()
		switch r.URL.Path {
		case "/plain":
			body = []byte(text)
		case "/partial":
			w.Header().Set("Content-Encoding", coding)
			w.WriteHeader(http.StatusPartialContent)
			w.Write(body)
			return
		case "/empty":
			body = nil
		case "/broken":
			body = body[:len(body)-9]
		}
		if coding != "" {
			w.Header().Set("Content-Encoding", coding)
		}
		if body != nil {
			w.Write(body)
		}
	})
	w := newWay(t, newGuard(t, egress.Config{Allow: loopback}))
	w.call(call1, origin)
	client := w.client(call1)
	for _, test := range []struct{ path, accept, asked, want string }{
		{"/?coding=gzip", "", "[gzip]", text}, // net/http asks by itself
		{"/?coding=GZIP", "gzip, br", "[gzip]", text},
		{"/?coding=x-gzip", "br;q=1.0, gzip;q=0.8, *;q=0.1", "[gzip]", text},
		{"/?coding=gzip", "identity", "[]", text},
		{"/?coding=gzip", "br, gzip;q=0", "[]", text},
		{"/plain", "deflate", "[]", text},
		{"/plain?coding=identity", "gzip", "[gzip]", text},
		{"/empty?coding=gzip", "gzip", "[gzip]", ""},
	} {
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, origin+test.path, nil)
		if test.accept != "" {
			r.Header.Set("Accept-Encoding", test.accept)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Errorf("%s: %v", test.path, err)
			continue
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(body) != test.want || err != nil {
			t.Errorf("%s asking for %q: got %q, %v", test.path, test.accept, body, err)
		}
		if got := resp.Header.Get("X-Asked"); got != test.asked {
			t.Errorf("%s asking for %q: the service was asked for %s, want %s", test.path, test.accept, got, test.asked)
		}
		if c := resp.Header.Get("Content-Encoding"); c == "gzip" && test.want != "" {
			t.Errorf("%s: the plugin is told that it is still compressed", test.path)
		}
	}
	for _, path := range []string{"/?coding=br", "/?coding=deflate", "/?coding=zstd", "/?coding=gzip,gzip", "/?coding=gzip,identity", "/partial?coding=gzip"} {
		resp, err := client.Get(origin + path)
		if err == nil {
			resp.Body.Close()
			t.Errorf("%s: got %s, want a refusal", path, resp.Status)
			continue
		}
		refused(t, err, sdk.Unavailable, "was not asked for")
	}
	resp, err := client.Get(origin + "/broken?coding=gzip")
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err == nil {
		t.Error("what is broken off passes for whole")
	}
	if resp, err := client.Head(origin + "/?coding=gzip"); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("HEAD: %v, %v", resp, err)
	}
	// The host's own clients get what the service sent: they ask for it themselves.
	g := newGuard(t, egress.Config{Allow: loopback})
	if _, body, err := get(t, t.Context(), g, origin+"/?coding=gzip"); err != nil || body != packed.String() {
		t.Errorf("the host's own: %q, %v", body, err)
	}
	// Whoever listens on the way hears what was said.
	through := egress.WithPolicy(t.Context(), egress.Policy{Origins: []string{origin}})
	if _, body, err := get(t, through, g, origin+"/?coding=gzip"); err != nil || body != text {
		t.Errorf("with a policy: %q, %v", body, err)
	}
	_, _, err = get(t, through, g, origin+"/?coding=br")
	refused(t, err, sdk.Unavailable, origin, "was not asked for")
}
