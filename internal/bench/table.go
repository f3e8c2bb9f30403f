// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"
)

// A metric is one number that one benchmark reports.
type metric struct{ pkg, name, unit string }

// format prints a value of the metric with its unit.
func (m metric) format(v float64) string {
	switch m.unit {
	case "ns/op", "ns/call", "bare-ns/call", "p99-ns", "bare-p99-ns":
		return time.Duration(v).Round(roundTo(v)).String()
	case "allocs/op":
		return fmt.Sprintf("%.0f allocations", v)
	case "req/s", "bare-req/s":
		return fmt.Sprintf("%.0f/s", v)
	case "ms", "more-ms", "bare-ms":
		return fmt.Sprintf("%.2fms", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func roundTo(ns float64) time.Duration {
	switch {
	case ns < 10e3:
		return 1
	case ns < 10e6:
		return 10 * time.Nanosecond
	}
	return 10 * time.Microsecond
}

// A row is one thing that credhost wants to reach.
type row struct {
	title         string
	what, against metric
	base          string // what against is, or why there is none
	reach         string
	reached       func(mine, base float64) bool
}

const (
	host     = "github.com/credhost/credhost/host"
	egress   = host + "/egress"
	form     = host + "/form"
	proxy    = host + "/proxy"
	registry = host + "/registry"
	sealer   = host + "/sealer"
	serve    = "github.com/credhost/credhost/sdk/serve"
)

func below(limit float64) func(float64, float64) bool {
	return func(mine, _ float64) bool { return mine < limit }
}

func within(ratio float64) func(float64, float64) bool {
	return func(mine, base float64) bool { return mine <= ratio*base }
}

func plus(more float64) func(float64, float64) bool {
	return func(mine, base float64) bool { return mine <= base+more }
}

func atLeast(ratio float64) func(float64, float64) bool {
	return func(mine, base float64) bool { return mine >= ratio*base }
}

// proxied are the rows of the proxy, for so many connections and such answers.
func proxied() (rows []row) {
	for _, conns := range []string{"1", "64", "1000"} {
		for _, size := range []string{"small", "64k"} {
			name := "Proxy/" + size + "-" + conns
			title := map[string]string{"small": "100 bytes", "64k": "64 KiB"}[size] + " through the proxy, " + conns + " connections"
			rows = append(rows,
				row{title, metric{proxy, name, "req/s"}, metric{proxy, name, "bare-req/s"}, "a bare httputil.ReverseProxy", "at least 0.9", atLeast(0.9)},
				row{"the slowest 1% of these", metric{proxy, name, "p99-ns"}, metric{proxy, name, "bare-p99-ns"}, "the bare one's", "at most 1.3", within(1.3)})
		}
	}
	return rows
}

var table = append([]row{
	{"authenticate a request, grant cached", metric{host, "Authenticate/cached", "ns/op"}, metric{host, "Authenticate/by-hand", "ns/op"},
		"setting the header by hand", "under 300ns", below(300)},
	{"the same, allocations", metric{host, "Authenticate/cached", "allocs/op"}, metric{host, "Authenticate/by-hand", "allocs/op"},
		"setting the header by hand", "at most 2", below(2.5)},
	{"the same", metric{host, "Authenticate/cached", "ns/op"}, metric{serve, "Sign", "bare-ns/call"},
		"a bare call of a plugin", "500 times cheaper", within(1. / 500)},
	{"a signature, over the wire", metric{serve, "Sign", "ns/call"}, metric{serve, "Sign", "bare-ns/call"},
		"a bare call of the same size", "at most 1.15", within(1.15)},
	{"a call, through the registry", metric{registry, "Call", "ns/call"}, metric{registry, "Call", "bare-ns/call"},
		"the bare connection to the same process", "at most 1.15", within(1.15)},
	{"authenticate, 1,000 cached of 100,000", metric{host, "Credentials/cached", "ns/op"}, metric{host, "Authenticate/cached", "ns/op"},
		"with one credential", "at most 2", within(2)},
	{"slowest 1% of requests, 200 renewals a second", metric{host, "Storm/renewing", "p99-ns"}, metric{host, "Storm/quiet", "p99-ns"},
		"without renewals", "at most 10", within(10)},
	{"first start of a plugin, hashed", metric{registry, "Start/first", "ms"}, metric{registry, "Start/first", "bare-ms"},
		"bare go-plugin", "at most 25ms more", plus(25)},
	{"restart of a plugin", metric{registry, "Start/restart", "ms"}, metric{registry, "Start/restart", "bare-ms"},
		"bare go-plugin", "at most 6ms more", plus(6)},
	{"open with 100 trusted plugins", metric{registry, "Open100", "ms"}, metric{}, "(no process started)", "under 50ms", below(50)},
	{"a plugin's token request, http", metric{egress, "TokenRequest/http", "ns/call"}, metric{egress, "TokenRequest/http", "bare-ns/call"},
		"direct", "at most 0.5ms more", plus(500e3)},
	{"a plugin's token request, https", metric{egress, "TokenRequest/https2", "ns/call"}, metric{egress, "TokenRequest/https2", "bare-ns/call"},
		"direct", "at most 0.5ms more", plus(500e3)},
	{"render 400 types in every format", metric{form, "Formats/every", "ns/op"}, metric{form, "Formats/encoding-json", "ns/op"},
		"their schemas alone, by encoding/json", "under 100ms", below(100e6)},
	{"seal a record of 300 bytes", metric{sealer, "Seal/file", "ns/op"}, metric{}, "(a data key each)", "under 5µs", below(5000)},
	{"open it", metric{sealer, "Open/file", "ns/op"}, metric{}, "(a data key each)", "under 5µs", below(5000)},
}, proxied()...)
