// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/credhost/credhost/host/egress"
)

// settings are what a run is told: by flags, by variables of the environment or
// by the configuration file, in this order, each setting by the first of them
// that names it. Settings_table.go has what each means. The zero value of a
// path stands for its default; see complete.
type settings struct {
	config           string
	data, key, lock  string
	keyGroup         bool   // its group may read the key
	store, storeFile string // a URL may hold a password
	plugins          list
	workspace        string
	allowAddress     prefixes
	allowHTTP        bool
	routes           routes
	dev              bool
	sandbox          modeFlag
	cgroup           string
	tls              tlsFile
	allowSkipVerify  bool
	proxy, proxyFile string // may hold a password
	proxyResolves    bool
	noProxy          origins
	auditKeep        span
	json             bool
	lang             string // languages of forms, as in Accept-Language; empty: English
	logLevel         level
	logFormat        format
	serving
	structured // what only the file can say

	from   map[string]string // who said it, by the setting: "--data", "CREDHOST_DATA", "credhost.yaml:3"; no entry: nobody
	quiet  bool              // no warnings of what the settings allow
	warned bool              // they were given
}

// flags defines the flags of all commands.
func (s *settings) flags(c *cobra.Command) {
	s.workspace, s.logLevel = "default", levels["error"]
	s.bind(c.PersistentFlags(), false)
}

// bind defines the flags of all commands, or those of serve, in f.
func (s *settings) bind(f *pflag.FlagSet, serving bool) {
	for _, one := range allSettings {
		if one.serving == serving && !one.fileOnly {
			one.define(f, s, one.name, one.flagHelp())
			if flag := f.Lookup(one.name); !slices.Contains([]string{"bool", "duration", "float64"}, flag.Value.Type()) {
				flag.DefValue = "" // help says it already
			}
		}
	}
}

// all returns a set in which every setting can be set, whatever the command.
func (s *settings) all() *pflag.FlagSet {
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	s.bind(f, false)
	s.bind(f, true)
	return f
}

// complete takes from the environment what no flag says, from the file what
// neither says, and fills in the defaults.
func (s *settings) complete(c *cobra.Command) error {
	s.from = map[string]string{}
	for _, one := range allSettings {
		flags := c.Root().PersistentFlags() // and not a command's own: trust has a --key of an author's
		if one.serving {
			flags = c.Flags()
		}
		if flags.Changed(one.name) {
			s.from[one.name] = "--" + one.name
		}
	}
	all := s.all()
	if err := s.takeEnvironment(all); err != nil {
		return err
	}
	if s.data == "" && s.from["config"] == "" {
		var err error
		if s.data, err = dataFolder(); err != nil {
			return &failure{code: codeUsage, text: err.Error(), next: "set --data or CREDHOST_DATA"}
		}
	}
	if err := s.takeFile(all); err != nil {
		return err
	}
	if err := s.takeSecrets(all); err != nil {
		return err
	}
	return s.fillIn()
}

// takeEnvironment takes from the environment what no flag says.
func (s *settings) takeEnvironment(all *pflag.FlagSet) error {
	for _, one := range allSettings {
		env := os.Getenv(variable(one.name))
		if env == "" || s.from[one.name] != "" || one.fileOnly {
			continue
		}
		values := []string{env}
		if one.separator != "" {
			values = strings.Split(env, one.separator)
		}
		for _, v := range values {
			if err := all.Set(one.name, strings.TrimSpace(v)); err != nil {
				return &failure{code: codeUsage, text: fmt.Sprintf("%s: %s", variable(one.name), one.fault(err)), next: "see credhost help settings"}
			}
		}
		s.from[one.name] = variable(one.name)
	}
	return nil
}

// fault returns what is wrong with a value, without the value: it may be a
// secret, and pflag quotes it.
func (one *setting) fault(err error) string {
	if cause := errors.Unwrap(err); cause != nil && !one.secret {
		var number *strconv.NumError
		if errors.As(cause, &number) && one.separator == "" {
			return "must be true or false"
		}
		return cause.Error()
	}
	return "cannot be taken"
}

// rank says how much a source counts: the more, the higher.
func (s *settings) rank(name string) int {
	switch from := s.from[name]; {
	case from == "":
		return 0
	case strings.HasPrefix(from, "--"):
		return 3
	case strings.HasPrefix(from, "CREDHOST_"):
		return 2
	}
	return 1
}

// takeSecrets reads the files that hold the value of a setting. Such a file
// counts as much as who names it.
func (s *settings) takeSecrets(all *pflag.FlagSet) error {
	for _, one := range allSettings {
		if one.fills == "" || s.rank(one.name) == 0 || s.rank(one.fills) > s.rank(one.name) {
			continue
		}
		if s.rank(one.fills) == s.rank(one.name) {
			return &failure{code: codeUsage, text: fmt.Sprintf("both %s and %s say what %s is", s.from[one.fills], s.from[one.name], one.fills), next: "leave one of them out"}
		}
		path := all.Lookup(one.name).Value.String()
		text, err := os.ReadFile(path)
		if err != nil {
			return &failure{code: codeSetup, text: fmt.Sprintf("%s: %v", s.from[one.name], err), next: "put the value there, alone, and let this user read it", err: err}
		}
		if err := all.Set(one.fills, strings.TrimSpace(string(text))); err != nil {
			return &failure{code: codeSetup, text: fmt.Sprintf("%s: what is in %s cannot be taken", s.from[one.name], path), next: "see credhost help settings"}
		}
		s.from[one.fills] = s.from[one.name]
	}
	return nil
}

// fillIn fills in the defaults.
func (s *settings) fillIn() error {
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
	if s.from["lang"] == "" {
		s.lang = localeLanguage()
	}
	if len(s.plugins) == 0 {
		s.plugins = append(list{filepath.Join(s.data, "plugins")}, besideProgram()...)
	}
	s.completeServing()
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
