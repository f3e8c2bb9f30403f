// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/credhost/credhost/host/registry"
	"github.com/credhost/credhost/host/sandbox"
	"github.com/credhost/credhost/sdk"
)

// printOffer prints what a person decides on: all that the host will hold the
// program to, and how it differs from what was trusted.
func printOffer(w io.Writer, o registry.Offer) {
	row(w, "plugin", strings.TrimSpace(o.Name+" "+o.Version))
	row(w, "program", o.Path)
	row(w, "digest", o.Digest)
	row(w, "signed", signature(o))
	row(w, "reads", reads(o.Reads))
	row(w, "runs in", confinement(o.Confined))
	for _, t := range o.Types {
		asks := o.Asks[t.Schema.Name]
		row(w)
		row(w, "type", fmt.Sprintf("%s (%s)", t.Schema.Name, t.Schema.Title))
		row(w, "  answers go to", destinations(asks.Answers))
		row(w, "  grants go to", destinations(asks.Grants))
		row(w, "  can", listed(asks.Abilities, "nothing but grant"))
		for _, name := range asks.Loosened {
			row(w, "  loosened", loosened(name))
		}
	}
	for _, f := range o.Faults { // of which each may be a list
		row(w, "refused", strings.ReplaceAll(f, "; ", "\n\t"))
	}
	printChanges(w, o)
	row(w)
}

// printChanges prints how what is asked for differs from what was trusted.
func printChanges(w io.Writer, o registry.Offer) {
	if o.Older {
		row(w)
		row(w, "older", "it was signed before the version that is trusted")
	}
	if len(o.Changes) == 0 {
		return
	}
	row(w)
	row(w, "what differs from what is trusted:")
	for _, c := range o.Changes {
		var parts []string
		for _, part := range []struct {
			name   string
			values []string
		}{{"new", c.New}, {"gone", c.Gone}, {"unchanged", c.Unchanged}} {
			if len(part.values) > 0 {
				parts = append(parts, part.name+": "+strings.Join(part.values, ", "))
			}
		}
		row(w, "  "+respect(c), strings.Join(parts, "; "))
	}
}

// respect says in which respect something has changed.
func respect(c registry.Change) string {
	words := map[string]string{
		"answers": "answers go to", "grants": "grants go to", "abilities": "can",
		"shown": "shown, not secret any more", "interpreter": "is run by",
	}
	word := words[c.Of]
	if word == "" {
		word = c.Of
	}
	return strings.TrimSpace(c.Type + " " + word)
}

// signature says who signed what is offered.
func signature(o registry.Offer) string {
	if o.Signed == nil {
		return "by nobody whose key is trusted"
	}
	return fmt.Sprintf("by %s on %s", o.KeyID, o.Signed.Format(time.DateOnly))
}

// confinement says what a program runs in.
func confinement(c registry.Confinement) string {
	cell := map[sandbox.Level]string{
		sandbox.Full:    "a full sandbox",
		sandbox.Partial: "a partial sandbox (it sees other programs, and may reach their sockets)",
		sandbox.None:    "no sandbox (it can do what this user can)",
	}[c.Level]
	if c.Level == sandbox.None {
		return cell
	}
	return fmt.Sprintf("%s, with %d MiB of memory, %d files, %d threads, %s of the processor for a call",
		cell, c.Memory>>20, c.Files, c.Threads, time.Duration(c.CPU*float64(time.Second)))
}

// loosened says what it means that a check is left out.
func loosened(name string) string {
	name, value, _ := strings.Cut(name, "=")
	switch name {
	case "noPkce":
		return "no PKCE: a code that is stolen on its way can be used by the thief"
	case "noIssuer":
		return "no issuer: that the right service sends people back is not checked"
	case "reuseSeconds":
		return "what was spent may be spent again for " + value + " seconds"
	case "revokeReplaced":
		return "grants that were replaced are revoked"
	}
	return name
}

// fewLibraries is how many are named; beyond, they are counted.
const fewLibraries = 6

// reads says what of the system is read.
func reads(paths []string) string {
	others := slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return strings.Contains(path, ".so") })
	libraries := len(paths) - len(others)
	if libraries <= fewLibraries {
		return listed(paths, "no file of the system")
	}
	return listed(append(others, fmt.Sprintf("and %d libraries of the system, which --json names", libraries)), "")
}

// listed joins values, or says that there are none.
func listed(values []string, none string) string {
	if len(values) == 0 {
		return none
	}
	return strings.Join(values, ", ")
}

// destinations says where secrets go, for people.
func destinations(origins []string) string {
	text := slices.Clone(origins)
	for i, t := range text {
		for _, name := range sdk.TemplateFields(t) {
			field, values, suggested := strings.Cut(name, "=")
			if t != "{"+name+"}" {
				break
			}
			text[i] = "the address that is answered for " + field
			if suggested {
				text[i] += " (suggested: " + strings.ReplaceAll(values, "|", ", ") + ")"
			}
		}
	}
	return listed(text, "nowhere")
}
