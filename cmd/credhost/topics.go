// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// topics are the pages of help that belong to no command.
func topics() []*cobra.Command {
	topic := func(name, short, long string) *cobra.Command {
		return &cobra.Command{Use: name, Short: short, Long: long}
	}
	return []*cobra.Command{
		topic("exit-codes", "what the exit codes mean", exitCodes()),
		topic("json", "what --json prints", jsonHelp),
		topic("settings", "flags, variables and files", settingsHelp()),
	}
}

func exitCodes() string {
	var b strings.Builder
	b.WriteString("The exit codes, and the words for them in JSON:\n\n")
	for _, c := range codes {
		fmt.Fprintf(&b, "  %3d  %-12s %s\n", c.exit, c.word, c.meaning)
	}
	return strings.TrimRight(b.String(), "\n")
}

const jsonHelp = `With --json, standard output holds one JSON document: the result, or

  {"error": {"code": "invalid", "exit": 3, "field": "clientSecret",
             "reason": "required", "message": "is required"}}

"code" and "exit" are those of "credhost help exit-codes". "field" and "reason"
are there if an answer is wrong, "all" has every wrong answer if there are
several, "retryAfter" is in seconds, and "next" says what to do.

Warnings and questions go to standard error. "connect" prints two documents:
first where to send the person, then how it ended. No command prints a secret:
those that are answered are {"set": true}.`

func settingsHelp() string {
	var b strings.Builder
	b.WriteString(`A setting has one name, which is that of its flag, of its variable of the
environment, and of its key in the configuration file (YAML). A flag goes before
a variable, a variable before the file, and the file before the default.

  --allow-address 10.1.0.0/16
  CREDHOST_ALLOW_ADDRESS=10.1.0.0/16
  allow-address: [10.1.0.0/16]

"credhost config show" says what holds, and who said so. These are of all
commands, and then those of serve:

`)
	for _, one := range allSettings {
		if one.name == "listen" {
			b.WriteString("\n")
		}
		b.WriteString("  " + one.line() + "\n")
	}
	b.WriteString(`
The data folder is $XDG_DATA_HOME/credhost or ~/.local/share/credhost, on macOS
~/Library/Application Support/credhost, and on Windows %LocalAppData%\credhost.
Its files are made when they are needed first:

  credhost.db    the store, unless it is in a database
  credhost.key   the key that opens it; keep a copy elsewhere: whoever has lost
                 it has lost every credential
  credhost.lock  the plugins that are trusted
  credhost.yaml  settings; nobody makes it but you
  plugins/       plugins; those beside the program, in plugins/, are found too
  cache/         what plugins said of themselves
  acme/          certificates that were obtained by ACME`)
	return b.String()
}
