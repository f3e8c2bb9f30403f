// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/audit"
)

func (p *program) auditCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "audit",
		GroupID: "program",
		Short:   "show the audit trail, and verify that nobody has changed it",
		Args:    noArguments,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(p.auditListCommand(), p.auditVerifyCommand(), p.auditTrimCommand())
	return c
}

// A trailFilter is what "audit list" is asked for.
type trailFilter struct {
	credential, actor, action string
	since, until              string
	all, follow               bool
	limit                     int
}

func (p *program) auditListCommand() *cobra.Command {
	var f trailFilter
	c := &cobra.Command{
		Use:   "list",
		Short: "list what was done in the workspace, the newest first",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			q, err := f.query(p.workspace, time.Now())
			if err != nil {
				return usage(c, "%v", err)
			}
			v, err := p.openVault(c.Context())
			if err != nil {
				return err
			}
			defer v.close()
			if f.follow {
				return p.follow(c.Context(), v.trail, q)
			}
			entries, err := pages(c.Context(), v.trail, q, f.limit)
			if err != nil {
				return err
			}
			return p.print(entries, func(w io.Writer) {
				if len(entries) > 0 {
					row(w, "NUMBER", "TIME", "WORKSPACE", "WHO", "FROM", "ACTION", "WHAT", "OUTCOME")
				}
				for _, e := range entries {
					row(w, cells(e)...)
				}
			})
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.credential, "credential", "", "only of the credential with this `ID`")
	flags.StringVar(&f.actor, "actor", "", "only what this `one` did, such as os:anna or key:k-…")
	flags.StringVar(&f.action, "action", "", "only this `action`, such as release")
	flags.StringVar(&f.since, "since", "", "not before this `time`: 2026-05-04, 2026-05-04T15:04:05Z, or 36h for that long ago")
	flags.StringVar(&f.until, "until", "", "before this `time`")
	flags.BoolVar(&f.all, "all-workspaces", false, "of all workspaces, and of the host itself")
	flags.BoolVarP(&f.follow, "follow", "f", false, "go on to print what is done, the oldest first, until Ctrl-C")
	flags.IntVarP(&f.limit, "limit", "n", 100, "at most this `many`; 0: all")
	return c
}

func (f trailFilter) query(workspace string, now time.Time) (q audit.Query, err error) {
	q = audit.Query{Workspace: workspace, Credential: f.credential, Actor: host.Actor(f.actor), Action: f.action}
	if f.all {
		q.Workspace = ""
	}
	if f.limit < 0 {
		return q, errors.New("--limit must not be negative")
	}
	if q.Since, err = parseTime(f.since, now); err != nil {
		return q, fmt.Errorf("--since %w", err)
	}
	if q.Until, err = parseTime(f.until, now); err != nil {
		err = fmt.Errorf("--until %w", err)
	}
	return q, err
}

// parseTime reads a date, a time, or how long ago it was; "" is the zero time.
func parseTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := parseAge(text); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("must be a date, a time such as 2026-05-04T15:04:05Z, or how long ago, such as 36h or 90d")
}

// parseAge reads a duration, which may be in days.
func parseAge(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return time.Duration(n) * 24 * time.Hour, err
	}
	d, err := time.ParseDuration(text)
	if err == nil && d < 0 {
		err = errors.New("must not be negative")
	}
	return d, err
}

// pages returns the newest entries, at most so many; 0: all.
func pages(ctx context.Context, trail *audit.Trail, q audit.Query, most int) ([]audit.Entry, error) {
	all := []audit.Entry{}
	for most == 0 || len(all) < most {
		q.Limit = 1000
		if most > 0 {
			q.Limit = min(1000, most-len(all))
		}
		page, err := trail.List(ctx, q)
		if err != nil || len(page) == 0 {
			return all, err
		}
		all, q.Before = append(all, page...), page[len(page)-1].Seq
	}
	return all, nil
}

// follow prints entries as they come: as JSON, one a line.
func (p *program) follow(ctx context.Context, trail *audit.Trail, q audit.Query) error {
	return trail.Follow(ctx, q, func(e audit.Entry) error {
		if p.json {
			return json.NewEncoder(p.out).Encode(e)
		}
		_, err := fmt.Fprintln(p.out, visible(strings.Join(cells(e), "  ")))
		return err
	})
}

// cells returns what a table shows of an entry.
func cells(e audit.Entry) []string {
	what := []string{}
	for _, part := range []string{e.Credential, e.Subject} {
		if part != "" {
			what = append(what, part)
		}
	}
	if e.Count > 1 {
		what = append(what, fmt.Sprintf("%d times", e.Count))
	}
	for _, of := range []map[string]string{e.Changed, e.Detail} {
		for _, name := range slices.Sorted(maps.Keys(of)) {
			what = append(what, name+"="+of[name])
		}
	}
	return []string{strconv.FormatUint(e.Seq, 10), e.Time.Local().Format(time.DateTime), e.Workspace, string(e.Actor), e.Address,
		e.Action, strings.Join(what, " "), e.Outcome}
}

// A verified is what "audit verify --json" prints.
type verified struct {
	OK bool `json:"ok"`
	audit.Report
	Broken *audit.Broken `json:"broken,omitempty"`
}

func (p *program) auditVerifyCommand() *cobra.Command {
	var head string
	c := &cobra.Command{
		Use:   "verify",
		Short: "verify that the trail is what hosts have written",
		Long: `Compute the chain of keyed hashes anew, from the first entry to the newest, and
say where it breaks if anything was changed, removed or put in by somebody who
has the store and not the key.

That the end was cut off, or that an older copy of all the store was put back,
shows only against something that is kept elsewhere: write down the head that is
printed, on another machine, and give it as --head the next time.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			v, err := p.openVault(c.Context())
			if err != nil {
				return err
			}
			defer v.close()
			said := time.Now()
			r, err := v.trail.Verify(c.Context(), audit.Check{Head: head, Progress: func(n uint64) {
				if time.Since(said) > 2*time.Second {
					said = time.Now()
					p.note("%d entries verified", n)
				}
			}})
			result := verified{OK: err == nil, Report: r}
			if err != nil && !errors.As(err, &result.Broken) {
				return setup(err, "")
			}
			if err := p.print(result, result.write); err != nil {
				return err
			}
			if result.Broken != nil {
				return exit(codeSetup)
			}
			return nil
		},
	}
	c.Flags().StringVar(&head, "head", "", "the `head` that was printed before, which must be in the trail still")
	return c
}

func (v verified) write(w io.Writer) {
	if v.Broken != nil {
		fmt.Fprintln(w, visible(v.Broken.Error()))
		fmt.Fprintf(w, "%d entries before it are as they were written\n", v.Entries)
		fmt.Fprintln(w, "keep a copy of the store as it is, and look into who could write to it")
		return
	}
	switch {
	case v.Entries == 0:
		fmt.Fprintln(w, "the trail is empty")
	default:
		fmt.Fprintf(w, "%d entries, from number %d of %s to number %d of %s, are as they were written\n",
			v.Entries, v.First, v.Since.Local().Format(time.DateTime), v.Last, v.Until.Local().Format(time.DateTime))
	}
	if v.Trimmed > 0 {
		fmt.Fprintf(w, "those up to number %d were trimmed\n", v.Trimmed)
	}
	if len(v.Altered) > 0 {
		fmt.Fprintf(w, "warning: by entry %d, a running host says that entries which it had seen were gone: somebody restored a backup, or cut off the end\n", v.Altered[0])
	}
	if v.Head != "" {
		fmt.Fprintf(w, "head %s\n", v.Head)
	}
}

func (p *program) auditTrimCommand() *cobra.Command {
	var older string
	var yes bool
	c := &cobra.Command{
		Use:   "trim",
		Short: "remove old entries, for good",
		Long: `Remove the entries that are older than --older, for good. A sealed mark takes
their place, from which the rest is verified, and an entry says so. With the
setting audit-keep, "credhost serve" does so each hour.`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx := c.Context()
			age, err := parseAge(older)
			if err != nil || age < 24*time.Hour {
				return usage(c, "--older must be at least a day, such as 365d")
			}
			v, err := p.openVault(ctx)
			if err != nil {
				return err
			}
			defer v.close()
			if !yes {
				if err := p.confirmTrim(ctx, older); err != nil {
					return err
				}
			}
			n, err := v.trail.Trim(ctx, time.Now().Add(-age))
			if err != nil {
				return err
			}
			return p.print(map[string]uint64{"removed": n}, func(w io.Writer) { fmt.Fprintf(w, "%d entries are removed\n", n) })
		},
	}
	c.Flags().StringVar(&older, "older", "", "the `age`, in days or hours")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "ask nothing")
	return c
}

func (p *program) confirmTrim(ctx context.Context, older string) error {
	someone, ok := p.person()
	if !ok {
		return errNobody("to remove entries", "--yes")
	}
	sure, err := someone.yes(ctx, "remove all entries that are older than "+older+" for good?")
	if err == nil && !sure {
		err = &failure{code: codeDeclined, text: "nothing is removed"}
	}
	return err
}
