// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"os/user"
	"sync/atomic"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
)

// A program is one run of credhost: what it was told, and where it speaks.
// Results go to out; questions, warnings and progress go to err, so that a
// script reads nothing but results.
type program struct {
	settings
	in       *os.File
	out, err io.Writer

	args    []string    // of the command line
	reloads atomic.Bool // the signal that a window is closed does not end the run
}

// run runs the command that args name, and returns its exit code.
func (p *program) run(args []string) int {
	if err := host.ProtectMemory(); err != nil { // before anything secret is read
		return p.fail(setup(err, ""))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends a run that does not end by itself
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		// A window that is closed may say so more than once, before a read of it
		// fails and after: until the run is over none of that kills it.
		closed := make(chan os.Signal, 1)
		signal.Notify(closed, syscall.SIGHUP)
		go func() {
			for range closed {
				if !p.reloads.Load() {
					cancel()
				}
			}
		}()
	}

	p.args = args
	root := p.root()
	root.SetArgs(args)
	err := root.ExecuteContext(host.WithActor(ctx, actor()))
	if ctx.Err() != nil && err != nil {
		err = errInterrupted
	}
	if err == nil {
		return 0
	}
	p.json = p.json || asksForJSON(args) // flags that cannot be parsed leave it unset
	return p.fail(err)
}

// The groups of commands, as help lists them.
var groups = []*cobra.Group{
	{ID: "credentials", Title: "Credentials:"},
	{ID: "types", Title: "Types and plugins:"},
	{ID: "callers", Title: "Callers of serve:"},
	{ID: "program", Title: "The program:"},
}

// root returns the command that all others are below.
func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "credhost",
		Short: "keep the credentials of an automation engine",
		Long: `credhost keeps the credentials of an automation engine: sealed, tested,
connected, renewed, and put on requests without anybody seeing them.

Start with "credhost demo", or with "credhost types" and "credhost create".`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		Args:              noArguments,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error { return p.settings.complete(c) },
		RunE:              func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.AddGroup(groups...)
	root.SetHelpCommandGroupID("program")
	root.SetCompletionCommandGroupID("program")
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usage(c, "%v", err) })
	p.settings.flags(root)
	root.AddCommand(
		p.createCommand(), p.listCommand(), p.showCommand(), p.editCommand(), p.testCommand(), p.connectCommand(),
		p.requestCommand(), p.revokeCommand(), p.deleteCommand(),
		p.typesCommand(), p.schemaCommand(), p.pluginCommand(),
		p.keysCommand(), p.webhooksCommand(), p.workspacesCommand(), p.signinCommand(),
		p.auditCommand(), p.keyCommand(), p.backupCommand(), p.restoreCommand(),
		p.serveCommand(), p.healthCommand(), p.configCommand(), p.doctorCommand(), p.demoCommand(), p.versionCommand(),
	)
	root.AddCommand(topics()...)
	return root
}

// actor is the person who runs the program, as the audit trail knows them.
func actor() host.Actor {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return host.Actor("os:" + u.Username)
	}
	return "os:unknown"
}

// noArguments refuses arguments.
func noArguments(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case c.HasSubCommands():
		return usage(c, "there is no command %q", args[0])
	}
	return usage(c, "takes no arguments")
}

// arguments demands from least to most arguments, which names tells apart.
func arguments(names string, least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usage(c, "needs %s", names)
		case len(args) > most:
			return usage(c, "takes only %s", names)
		}
		return nil
	}
}
