// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/credhost/credhost/host/egress"
)

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

// threshold is the least level that is logged.
func (l level) threshold() slog.Level {
	if l.off {
		return slog.Level(math.MaxInt)
	}
	return l.slog
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

// A format says how logs are written.
type format string

// String returns the format.
func (f *format) String() string {
	if *f == "" {
		return "text"
	}
	return string(*f)
}

// Set sets it.
func (f *format) Set(v string) error {
	if v != "text" && v != "json" {
		return errors.New("must be text or json")
	}
	*f = format(v)
	return nil
}

// Type is what help calls a value.
func (f *format) Type() string { return "FORMAT" }

// pairs are workspaces and types: "WORKSPACE/TYPE".
type pairs []string

// String returns them.
func (p *pairs) String() string { return strings.Join(*p, ",") }

// Set adds one.
func (p *pairs) Set(v string) error {
	workspace, typ, ok := strings.Cut(v, "/")
	if !ok || workspace == "" || typ == "" || strings.ContainsAny(v, "*? ") || strings.Contains(typ, "/") {
		return errors.New("must be WORKSPACE/TYPE: one of each, and no pattern")
	}
	*p = append(*p, v)
	return nil
}

// Type is what help calls a value.
func (p *pairs) Type() string { return "WORKSPACE/TYPE" }

// A span is a time, which may be given in days.
type span time.Duration

// String returns it.
func (s *span) String() string {
	d := time.Duration(*s)
	if d > 0 && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return d.String()
}

// Set sets it.
func (s *span) Set(v string) error {
	d, err := parseSpan(v)
	*s = span(d)
	return err
}

// Type is what help calls a value.
func (s *span) Type() string { return "TIME" }

// parseSpan understands 90d, 12h and 30m.
func parseSpan(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil && n > 0 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, errors.New("must be a time such as 90d, 12h or 30m")
	}
	return d, nil
}
