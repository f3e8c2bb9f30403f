// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host/egress"
)

// settings are what all commands are told, by flags or by variables of the
// environment. The zero value of a path stands for its default; see complete.
type settings struct {
	data, store, key, lock string
	plugins                list
	workspace              string

	allowAddress prefixes
	allowHTTP    bool
	routes       routes
	dev          bool
	sandbox      modeFlag
	cgroup       string

	tls             tlsFile
	allowSkipVerify bool
	proxy           string // may hold a password
	proxyResolves   bool
	noProxy         origins

	json     bool
	lang     string // languages of forms, as in Accept-Language; empty: English
	logLevel level
	quiet    bool // no warnings of what the settings allow
	warned   bool // they were given
}

// flags defines the flags of all commands.
func (s *settings) flags(c *cobra.Command) {
	s.logLevel = levels["error"]
	f := c.PersistentFlags()
	f.StringVar(&s.data, "data", "", "`folder` of the store, the key and all else")
	f.StringVar(&s.store, "store", "", "`file` of the store, or URL of a database: postgres://… (default DATA/credhost.db)")
	f.StringVar(&s.key, "key", "", "`file` of the key (default DATA/credhost.key)")
	f.StringVar(&s.lock, "lock", "", "`file` of the plugins that are trusted (default DATA/credhost.lock)")
	f.Var(&s.plugins, "plugins", "where to look for plugins, again for more (default DATA/plugins and the plugins beside the program)")
	f.StringVar(&s.workspace, "workspace", "default", "`name` of the workspace")
	f.Var(&s.allowAddress, "allow-address", "private or special addresses that may be reached, again for more")
	f.BoolVar(&s.allowHTTP, "allow-http", false, "allow http to other machines")
	f.Var(&s.routes, "route", "serve an origin from somewhere else, for tests")
	f.Var(&s.tls, "tls", "how TLS is spoken, by origin: authorities, client certificates, lowest versions")
	f.BoolVar(&s.allowSkipVerify, "allow-skip-verify", false, "allow credentials to take any certificate of their service")
	f.StringVar(&s.proxy, "proxy", "", "`URL` of a proxy for everything: http, https or socks5; with a password, give it as CREDHOST_PROXY")
	f.BoolVar(&s.proxyResolves, "proxy-resolves", false, "leave it to the proxy to resolve names, and to keep private addresses out of reach")
	f.Var(&s.noProxy, "no-proxy", "an origin, or a pattern such as https://*.corp.example, that is reached without the proxy, again for more")
	f.BoolVar(&s.dev, "dev", false, "run every plugin, trusted or not: for plugin authors")
	f.Var(&s.sandbox, "sandbox", "what plugins run in: best (what this machine allows), required (a full sandbox, or nothing) or off")
	f.StringVar(&s.cgroup, "cgroup", "", "`folder` of a control group that was delegated to credhost, to limit plugins in")
	f.BoolVar(&s.json, "json", false, "print JSON")
	f.StringVar(&s.lang, "lang", "", "`languages` of forms, the best first, such as pt-BR,en (default the locale's)")
	f.Var(&s.logLevel, "log-level", "what to log on standard error: debug, info, warn, error or off")
}

// flagNames are the settings that flags and variables give. Each flag, such
// as --allow-http, has a variable, CREDHOST_ALLOW_HTTP, with the separator
// between several values.
var flagNames = []struct{ name, separator string }{
	{"data", ""}, {"store", ""}, {"key", ""}, {"lock", ""}, {"plugins", string(filepath.ListSeparator)}, {"workspace", ""},
	{"allow-address", ","}, {"allow-http", ""}, {"route", ","},
	{"tls", ""}, {"allow-skip-verify", ""}, {"proxy", ""}, {"proxy-resolves", ""}, {"no-proxy", ","}, {"dev", ""}, {"sandbox", ""}, {"cgroup", ""}, {"json", ""}, {"lang", ""}, {"log-level", ""},
}

// variable returns the environment variable of a flag.
func variable(flag string) string {
	return "CREDHOST_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// complete takes from the environment what no flag says, and fills in the
// defaults.
func (s *settings) complete(c *cobra.Command) error {
	flags := c.Root().PersistentFlags() // and not a command's own: trust has a --key of an author's
	for _, f := range flagNames {
		env := os.Getenv(variable(f.name))
		if env == "" || flags.Changed(f.name) {
			continue
		}
		values := []string{env}
		if f.separator != "" {
			values = strings.Split(env, f.separator)
		}
		for _, v := range values {
			if err := flags.Set(f.name, strings.TrimSpace(v)); err != nil {
				return &failure{code: codeUsage, text: fmt.Sprintf("%s: %v", variable(f.name), err), next: "see credhost help settings"}
			}
		}
	}
	if strings.Contains(s.store, "://") && !s.inDatabase() { // not quoted: it may hold a password
		return &failure{code: codeUsage, text: "--store is the path of a file, or a URL that begins with postgres://", next: "see credhost help settings"}
	}
	if s.data == "" {
		var err error
		if s.data, err = dataFolder(); err != nil {
			return &failure{code: codeUsage, text: err.Error(), next: "set --data or CREDHOST_DATA"}
		}
	}
	for _, d := range []struct {
		path *string
		name string
	}{{&s.store, "credhost.db"}, {&s.key, "credhost.key"}, {&s.lock, "credhost.lock"}} {
		if *d.path == "" {
			*d.path = filepath.Join(s.data, d.name)
		}
	}
	if !flags.Changed("lang") {
		s.lang = localeLanguage()
	}
	if len(s.plugins) == 0 {
		s.plugins = append(list{filepath.Join(s.data, "plugins")}, besideProgram()...)
	}
	return nil
}

// cache is the folder of what plugins said of themselves.
func (s *settings) cache() string { return filepath.Join(s.data, "cache") }

// dataFolder is where the data of one user's programs belongs on this system.
func dataFolder() (string, error) {
	home, err := os.UserHomeDir()
	switch {
	case runtime.GOOS == "windows":
		home, err = os.UserCacheDir() // %LocalAppData%
	case runtime.GOOS == "darwin":
		home = filepath.Join(home, "Library", "Application Support")
	case filepath.IsAbs(os.Getenv("XDG_DATA_HOME")):
		home, err = os.Getenv("XDG_DATA_HOME"), nil
	default:
		home = filepath.Join(home, ".local", "share")
	}
	if err != nil {
		return "", errors.New("this user has no home folder to keep data in")
	}
	return filepath.Join(home, "credhost"), nil
}

// besideProgram returns the folder of plugins that was installed with the
// program.
func besideProgram() []string {
	exe, err := os.Executable()
	if err != nil {
		return nil
	}
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	return []string{filepath.Join(filepath.Dir(exe), "plugins")}
}

// egress returns what the operator allows of the network.
func (s *settings) egress() egress.Config {
	return egress.Config{Allow: s.allowAddress, AllowHTTP: s.allowHTTP, Routes: s.routes, TLS: s.tls, AllowSkipVerify: s.allowSkipVerify,
		Proxy: s.proxy, ProxyResolves: s.proxyResolves, NoProxy: s.noProxy}
}

// asksForJSON reports whether arguments that were not understood ask for JSON.
func asksForJSON(args []string) bool {
	if end := slices.Index(args, "--"); end >= 0 {
		args = args[:end]
	}
	env, _ := strconv.ParseBool(os.Getenv(variable("json")))
	return slices.Contains(args, "--json") || slices.Contains(args, "--json=true") || env
}

// A list is a flag that is given any number of times.
type list []string

// String returns the values.
func (l *list) String() string { return strings.Join(*l, ",") }

// Set adds a value.
func (l *list) Set(v string) error {
	if v == "" {
		return errors.New("must not be empty")
	}
	*l = append(*l, v)
	return nil
}

// Type is what help calls a value.
func (l *list) Type() string { return "FOLDER" }

// origins are origins, or patterns of them.
type origins []string

// String returns them.
func (o *origins) String() string { return strings.Join(*o, ",") }

// Set adds one.
func (o *origins) Set(v string) error {
	*o = append(*o, v)
	return egress.Config{NoProxy: *o}.Check()
}

// Type is what help calls a value.
func (o *origins) Type() string { return "ORIGIN" }

// prefixes are addresses.
type prefixes []netip.Prefix

// String returns the addresses.
func (p *prefixes) String() string {
	text := make([]string, len(*p))
	for i, one := range *p {
		text[i] = one.String()
	}
	return strings.Join(text, ",")
}

// Set adds an address, or those with a common prefix.
func (p *prefixes) Set(v string) error {
	if addr, err := netip.ParseAddr(v); err == nil {
		*p = append(*p, netip.PrefixFrom(addr, addr.BitLen()))
		return nil
	}
	prefix, err := netip.ParsePrefix(v)
	if err != nil {
		return errors.New("must be an address, or a prefix such as 10.1.0.0/16")
	}
	*p = append(*p, prefix)
	return nil
}

// Type is what help calls a value.
func (p *prefixes) Type() string { return "CIDR" }

// routes lead origins elsewhere.
type routes map[string]string

// String returns the routes.
func (r *routes) String() string {
	var text []string
	for origin, to := range *r {
		text = append(text, origin+"="+to)
	}
	slices.Sort(text)
	return strings.Join(text, ",")
}

// Set adds a route.
func (r *routes) Set(v string) error {
	origin, to, ok := strings.Cut(v, "=")
	if !ok || origin == "" || to == "" {
		return errors.New("must be ORIGIN=URL")
	}
	if *r == nil {
		*r = routes{}
	}
	(*r)[origin] = to
	return nil
}

// Type is what help calls a value.
func (r *routes) Type() string { return "ORIGIN=URL" }

// A level says how much is logged. The zero level is "error".
type level struct {
	name string
	slog slog.Level
	off  bool
}

var levels = map[string]level{
	"debug": {"debug", slog.LevelDebug, false}, "info": {"info", slog.LevelInfo, false}, "warn": {"warn", slog.LevelWarn, false},
	"error": {"error", slog.LevelError, false}, "off": {"off", 0, true},
}

// String returns the level's name.
func (l *level) String() string { return l.name }

// Set sets the level by its name.
func (l *level) Set(v string) error {
	known, ok := levels[v]
	if !ok {
		return errors.New("must be debug, info, warn, error or off")
	}
	*l = known
	return nil
}

// Type is what help calls a value.
func (l *level) Type() string { return "LEVEL" }
