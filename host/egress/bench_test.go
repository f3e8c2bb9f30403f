// SPDX-License-Identifier: Apache-2.0

package egress_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host/egress"
)

// The benchmarks ask for a token as plugins do: BenchmarkDirect as if they had
// a network, BenchmarkEgress through the host. The host's way should cost no
// more than half a millisecond.

// token is an answer of a common length.
var token = `{"access_token":"` + strings.Repeat("x", 900) + `","token_type":"Bearer","expires_in":3600}`

func answerToken(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, token)
}

// askToken sends a token request.
func askToken(b *testing.B, client *http.Client, origin string) {
	resp, err := client.Post(origin+"/token", "application/x-www-form-urlencoded",
		strings.NewReader("grant_type=client_credentials&client_id=someone&client_secret=something"))
	if err != nil {
		b.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || len(body) != len(token) {
		b.Fatal(len(body), err)
	}
}

// services are what a token is asked of: one that speaks plain HTTP, and two
// that speak TLS.
func services(b *testing.B, run func(b *testing.B, addr string, secure bool, roots *x509.CertPool)) {
	b.Run("http", func(b *testing.B) {
		run(b, strings.TrimPrefix(serve(b, answerToken), "http://"), false, nil)
	})
	b.Run("https1", func(b *testing.B) {
		addr, roots := serveTLS(b, answerToken, func(s *httptest.Server) { s.EnableHTTP2 = false })
		run(b, addr, true, roots)
	})
	b.Run("https2", func(b *testing.B) {
		addr, roots := serveTLS(b, answerToken, nil)
		run(b, addr, true, roots)
	})
}

func BenchmarkDirect(b *testing.B) {
	services(b, func(b *testing.B, addr string, secure bool, roots *x509.CertPool) {
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
		defer tr.CloseIdleConnections()
		origin := "http://" + addr
		if secure {
			origin = "https://" + addr
		}
		client := &http.Client{Transport: tr}
		askToken(b, client, origin)
		for b.Loop() {
			askToken(b, client, origin)
		}
	})
}

func BenchmarkEgress(b *testing.B) {
	services(b, func(b *testing.B, addr string, secure bool, roots *x509.CertPool) {
		origin := "http://" + addr
		if secure {
			origin = "https://" + addr
		}
		w := newWay(b, newGuard(b, egress.Config{Allow: loopback, RootCAs: roots}))
		w.call(call1, origin)
		// A connection of the socket belongs to one call, and most calls make
		// one request: so it is opened anew for each.
		b.Run("anew", func(b *testing.B) {
			client := w.client(call1)
			client.Transport.(*http.Transport).DisableKeepAlives = true
			askToken(b, client, origin)
			for b.Loop() {
				askToken(b, client, origin)
			}
		})
		b.Run("kept", func(b *testing.B) {
			client := w.client(call1)
			askToken(b, client, origin)
			for b.Loop() {
				askToken(b, client, origin)
			}
		})
	})
}

// BenchmarkTokenRequest has a direct request and one through the host take
// turns, so that whatever else the machine does hits both, and reports the
// medians. The connection to the host is opened anew for each, as most calls do.
func BenchmarkTokenRequest(b *testing.B) {
	services(b, func(b *testing.B, addr string, secure bool, roots *x509.CertPool) {
		origin := "http://" + addr
		if secure {
			origin = "https://" + addr
		}
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
		defer tr.CloseIdleConnections()
		direct := &http.Client{Transport: tr}
		w := newWay(b, newGuard(b, egress.Config{Allow: loopback, RootCAs: roots}))
		w.call(call1, origin)
		through := w.client(call1)
		through.Transport.(*http.Transport).DisableKeepAlives = true
		var bare, ours []time.Duration
		take := func(client *http.Client, all *[]time.Duration) {
			begin := time.Now()
			askToken(b, client, origin)
			*all = append(*all, time.Since(begin))
		}
		for range 10 {
			askToken(b, direct, origin)
			askToken(b, through, origin)
		}
		for b.Loop() {
			take(direct, &bare)
			take(through, &ours)
		}
		b.ReportMetric(median(bare), "bare-ns/call")
		b.ReportMetric(median(ours), "ns/call")
	})
}

// median returns the median, in nanoseconds.
func median(all []time.Duration) float64 {
	slices.Sort(all)
	return float64(all[len(all)/2])
}

// BenchmarkGuard is what the host's own clients pay, to be compared with
// BenchmarkDirect.
func BenchmarkGuard(b *testing.B) {
	services(b, func(b *testing.B, addr string, secure bool, roots *x509.CertPool) {
		origin := "http://" + addr
		if secure {
			origin = "https://" + addr
		}
		client := &http.Client{Transport: newGuard(b, egress.Config{Allow: loopback, RootCAs: roots})}
		askToken(b, client, origin)
		for b.Loop() {
			askToken(b, client, origin)
		}
	})
}
