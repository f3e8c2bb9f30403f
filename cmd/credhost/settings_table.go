// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// A setting is one thing that a run can be told. Its name, allow-http for one,
// is that of the flag, --allow-http, of the variable, CREDHOST_ALLOW_HTTP, and
// of the key in the configuration file, allow-http. What is here is all that
// there is to say of it: help, "credhost config show", what a running serve
// takes of a change, and the table in docs/operating.md are made of it.
type setting struct {
	name      string
	serving   bool   // of serve and those that look at it; otherwise of all commands
	separator string // between several in the variable; empty: there is only one
	preset    string // what it is where nobody says, for people; empty: nothing
	help      string // with what it takes in backquotes
	secret    bool   // it may hold one, and is not shown
	path      bool   // in the configuration file it is relative to that
	live      bool   // a running serve takes a change of it
	fileOnly  bool   // it has more to say than a flag could
	fills     string // the secret setting whose value is in the file that this one names
	define    definer
}

// A definer binds a setting to its place.
type definer func(f *pflag.FlagSet, s *settings, name, help string)

func text(at func(*settings) *string) definer {
	return func(f *pflag.FlagSet, s *settings, name, help string) { f.StringVar(at(s), name, *at(s), help) }
}

func yes(at func(*settings) *bool) definer {
	return func(f *pflag.FlagSet, s *settings, name, help string) { f.BoolVar(at(s), name, *at(s), help) }
}

func lasting(at func(*settings) *time.Duration) definer {
	return func(f *pflag.FlagSet, s *settings, name, help string) { f.DurationVar(at(s), name, *at(s), help) }
}

func number(at func(*settings) *float64) definer {
	return func(f *pflag.FlagSet, s *settings, name, help string) { f.Float64Var(at(s), name, *at(s), help) }
}

func whole(at func(*settings) *int) definer {
	return func(f *pflag.FlagSet, s *settings, name, help string) { f.IntVar(at(s), name, *at(s), help) }
}

func value(at func(*settings) pflag.Value) definer {
	return func(f *pflag.FlagSet, s *settings, name, help string) { f.Var(at(s), name, help) }
}

// allSettings is every setting there is, those of all commands first.
var allSettings = append(settingsOfAll, settingsOfServe...)

var settingsOfAll = []setting{
	{name: "config", define: text(func(s *settings) *string { return &s.config }), preset: "credhost.yaml in the data folder, if it is there",
		help: "`file` of settings"},
	{name: "data", define: text(func(s *settings) *string { return &s.data }), path: true, preset: "this user's own, see credhost help settings",
		help: "`folder` of the store, the key and all else"},
	{name: "store", define: text(func(s *settings) *string { return &s.store }), path: true, secret: true, preset: "credhost.db in the data folder",
		help: "`file` of the store, or URL of a database: postgres://…"},
	{name: "store-file", define: text(func(s *settings) *string { return &s.storeFile }), path: true, fills: "store",
		help: "`file` that holds the URL of the database"},
	{name: "key", define: text(func(s *settings) *string { return &s.key }), path: true, preset: "credhost.key in the data folder",
		help: "`file` of the key"},
	{name: "key-group-may-read", define: yes(func(s *settings) *bool { return &s.keyGroup }),
		help: "take a key that its group can read: Kubernetes and systemd hand secrets to a process in that way"},
	{name: "lock", define: text(func(s *settings) *string { return &s.lock }), path: true, preset: "credhost.lock in the data folder",
		help: "`file` of the plugins that are trusted"},
	{name: "plugins", define: value(func(s *settings) pflag.Value { return &s.plugins }), path: true, separator: string(filepath.ListSeparator),
		preset: "plugins in the data folder, and the plugins beside the program",
		help:   "`folder` in which to look for plugins, again for more"},
	{name: "workspace", define: text(func(s *settings) *string { return &s.workspace }), preset: "default", help: "`name` of the workspace"},
	{name: "allow-address", define: value(func(s *settings) pflag.Value { return &s.allowAddress }), separator: ",", live: true,
		help: "private or special addresses that may be reached, a `CIDR`, again for more"},
	{name: "allow-http", define: yes(func(s *settings) *bool { return &s.allowHTTP }), help: "allow http to other machines"},
	{name: "route", define: value(func(s *settings) pflag.Value { return &s.routes }), separator: ",",
		help: "serve an origin from somewhere else, for tests: `ORIGIN=URL`"},
	{name: "tls", define: value(func(s *settings) pflag.Value { return &s.tls }), path: true,
		help: "how TLS is spoken with services, by origin: a `file` of authorities, client certificates, lowest versions"},
	{name: "allow-skip-verify", define: yes(func(s *settings) *bool { return &s.allowSkipVerify }),
		help: "allow credentials to take any certificate of their service"},
	{name: "proxy", define: text(func(s *settings) *string { return &s.proxy }), secret: true,
		help: "`URL` of a proxy for everything: http, https or socks5; with a password, give it in a file or as CREDHOST_PROXY"},
	{name: "proxy-file", define: text(func(s *settings) *string { return &s.proxyFile }), path: true, fills: "proxy",
		help: "`file` that holds the URL of the proxy"},
	{name: "proxy-resolves", define: yes(func(s *settings) *bool { return &s.proxyResolves }),
		help: "leave it to the proxy to resolve names, and to keep private addresses out of reach"},
	{name: "no-proxy", define: value(func(s *settings) pflag.Value { return &s.noProxy }), separator: ",",
		help: "an `origin`, or a pattern such as https://*.corp.example, that is reached without the proxy, again for more"},
	{name: "dev", define: yes(func(s *settings) *bool { return &s.dev }), help: "run every plugin, trusted or not: for plugin authors"},
	{name: "sandbox", define: value(func(s *settings) pflag.Value { return &s.sandbox }), preset: "best",
		help: "what plugins run in, a `mode`: best (what this machine allows), required (a full sandbox, or nothing) or off"},
	{name: "cgroup", define: text(func(s *settings) *string { return &s.cgroup }),
		help: "`folder` of a control group that was delegated to credhost, to limit plugins in"},
	{name: "audit-keep", define: value(func(s *settings) pflag.Value { return &s.auditKeep }), preset: "for ever",
		help: "a `time`, such as 400d, for which the audit trail is kept"},
	{name: "json", define: yes(func(s *settings) *bool { return &s.json }), help: "print JSON"},
	{name: "lang", define: text(func(s *settings) *string { return &s.lang }), preset: "the locale's",
		help: "`languages` of forms, the best first, such as pt-BR,en"},
	{name: "log-level", define: value(func(s *settings) pflag.Value { return &s.logLevel }), preset: "error; of serve: info", live: true,
		help: "what to log on standard error, a `level`: debug, info, warn, error or off"},
	{name: "log-format", define: value(func(s *settings) pflag.Value { return &s.logFormat }), preset: "text",
		help: "how to log, a `format`: text or json"},
}

// variable returns the environment variable of a setting.
func variable(name string) string {
	return "CREDHOST_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// find returns a setting; nil if there is none of that name.
func find(name string) *setting {
	for i := range allSettings {
		if allSettings[i].name == name {
			return &allSettings[i]
		}
	}
	return nil
}

// flagHelp is what the help of a flag says: what it is, and what it is by default.
func (one *setting) flagHelp() string {
	if one.preset == "" {
		return one.help
	}
	return one.help + " (default " + one.preset + ")"
}

// line is what the page of help says of a setting.
func (one *setting) line() string {
	switch {
	case one.fileOnly:
		return fmt.Sprintf("%-28s in the file alone", one.name+":")
	case one.separator != "":
		return fmt.Sprintf("%-28s --%s, several separated by %s", variable(one.name), one.name, one.separator)
	}
	return fmt.Sprintf("%-28s --%s", variable(one.name), one.name)
}
