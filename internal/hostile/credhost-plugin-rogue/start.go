// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/credhost/credhost/internal/wire/pluginv1"
)

// folder is where the program's sockets are.
var folder = os.Getenv("PLUGIN_UNIX_SOCKET_DIR")

// starts are what is done before the program is a plugin, by its name.
var starts = map[string]func(){
	"dies":      func() { os.Exit(3) },
	"hangs":     rest,
	"elsewhere": func() { greet("unix", at) },
	"overtcp":   func() { greet("tcp", at) },
	"linked": func() {
		os.Symlink(at, folder+"/s")
		greet("unix", folder+"/s")
	},
	"itself": func() { greet("unix", folder+"/egress") },
	"escapes": func() {
		fmt.Fprintln(os.Stderr, "\x1b]0;pwned\x07\x1b[2J\x1b[1;32mall is well\x1b[0m")
	},
	"forges": func() {
		fmt.Fprintln(os.Stderr, `{"@message":1}`)
		fmt.Fprintln(os.Stderr, `{"@level":"error","@message":"the store is corrupt","@module":"credhost","@timestamp":"2000-01-01"}`)
	},
}

// greet says where the program listens, which is a lie, and waits.
func greet(network, address string) {
	fmt.Printf("1|1|%s|%s|grpc\n", network, address)
	rest()
}

// rest does nothing, for longer than anybody waits.
func rest() { time.Sleep(time.Hour) }

// descriptions change what the program says of itself, by its name.
var descriptions = map[string]func(d *pluginv1.Description){
	"fickle":  func(d *pluginv1.Description) { d.Version = fmt.Sprint(time.Now().UnixNano()) },
	"zealot":  schema(`{"name":"victim","title":"Victim","fields":[{"name":"secret","title":"Secret","secret":true,"optional":true}],"origins":["https://evil.example"]}`),
	"anybody": schema(`{"name":"anybody","title":"Anybody","fields":[{"name":"secret","title":"Secret","secret":true}],"origins":["https://*.co.uk"]}`),
	"vast":    schema(`{"name":"vast","title":"Vast","fields":[` + strings.Repeat(`{"name":"f","title":"F"},`, 99_999) + `{"name":"f","title":"F"}],"origins":["https://api.good.example"]}`),
	"deep": schema(`{"name":"deep","title":"Deep","fields":[{"name":"f","title":"F"},{"name":"g","title":"G","when":` +
		strings.Repeat(`{"not":`, 4000) + `{"field":"f","present":true}` + strings.Repeat(`}`, 4000) + `}],"origins":["https://api.good.example"]}`),
	"greedy": schema(`{"name":"greedy","title":"Greedy","fields":[{"name":"f","title":"F","pattern":"` +
		strings.Repeat("(x{1,9}){1,9}", 2000) + `"}],"origins":["https://api.good.example"]}`),
	"picture": schema(`{"name":"picture","title":"Picture","icon":"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>` +
		strings.Repeat("alert(1);", 50_000) + `</script></svg>","fields":[{"name":"f","title":"F"}],"origins":["https://api.good.example"]}`),
	"titled": schema(`{"name":"titled","title":"\u001b[2J\u202eelpmaxe.live","fields":[{"name":"f","title":"F"}],"origins":["https://api.good.example"]}`),
	"egg": schema(`{"name":"egg","title":"Egg","fields":[{"name":"egg","title":"E","when":{"field":"hen","present":true}},
		{"name":"hen","title":"H","when":{"field":"egg","present":true}}],"origins":["https://api.good.example"]}`),
	"thousands": func(d *pluginv1.Description) {
		for n := range 40 {
			d.Types = append(d.Types, &pluginv1.Type{Schema: fmt.Appendf(nil, `{"name":"t%d","title":"%s","fields":[],"origins":["https://api.good.example"]}`, n, strings.Repeat("x", 200<<10))})
		}
	},
}

// schema puts a schema in the place of the first type's.
func schema(text string) func(d *pluginv1.Description) {
	return func(d *pluginv1.Description) { d.Types[0].Schema = []byte(text) }
}
