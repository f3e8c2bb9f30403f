// SPDX-License-Identifier: Apache-2.0

package web

import (
	"strings"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/sdk"
)

// A state says in one sentence how a credential is and what to do next. Tone is
// "good", "warn", "bad" or "idle"; Word is the same in a word or two.
type state struct {
	Tone, Word, Text string
	Detail           string // what the service, or the plugin, says of it

	Connect, Test, Edit bool // what to do next, at most one of them
	Field               string
}

// stateOf says how a credential is.
func (v *visit) stateOf(c host.Credential, s sdk.Schema) state {
	t := v.words.t
	reason := func() string { return v.reason(s, c.Reason) }
	switch c.Status {
	case host.StatusBroken:
		return state{Tone: "bad", Word: t("Cannot be opened"), Text: t("It cannot be opened here. Whoever runs this host must look at it.")}
	case host.StatusDraft:
		return state{Tone: "idle", Word: t("Draft"), Text: t("It is a draft: give the answers that are missing."), Edit: true}
	case host.StatusAnswers:
		return state{Tone: "warn", Word: t("Needs answers"), Text: t("A newer version of the plugin asks for more: look at the answers, and save them."), Detail: reason(), Edit: true}
	case host.StatusConnect:
		return state{Tone: "idle", Word: t("Not connected"), Text: t("Nobody has approved access yet: connect it."), Connect: true}
	case host.StatusAgain:
		return state{Tone: "bad", Word: t("Connect again"), Text: t("The service does not take the approval any more: connect it again."), Detail: reason(), Connect: true}
	case host.StatusDenied:
		if c.Tested != nil && c.Tested.Outcome == host.Wrong {
			return v.tested(*c.Tested, s) // which says more
		}
		return state{Tone: "bad", Word: t("Refused"), Text: t("The service does not take it: correct the answers."), Detail: reason(), Edit: true}
	}
	if c.Warning != "" {
		return v.ending(c, s)
	}
	if c.Tested != nil {
		return v.tested(*c.Tested, s)
	}
	return state{Tone: "idle", Word: t("Not tested"), Text: t("It is ready. Test it to see whether the service takes it."), Test: true}
}

// ending says that a credential will die, or has, unless somebody does something.
func (v *visit) ending(c host.Credential, s sdk.Schema) state {
	connects := false
	if typ, err := v.h.cfg.Host.Type(c.Type); err == nil && typ.Can.Connect {
		connects = c.Reconnect != nil && c.Granted && typ.Schema.NeedsConnect(v.public(c, typ.Schema))
	}
	return state{Tone: "warn", Word: v.words.t("Ends soon"), Text: v.words.say(s, c.Warning), Connect: connects, Edit: !connects}
}

// public returns a credential's answers as conditions see them.
func (v *visit) public(c host.Credential, s sdk.Schema) sdk.Values {
	f, _, err := v.editForm(c, nil)
	if err != nil {
		return nil
	}
	return f.Assume(f.Stored())
}

// tested says what a test has found.
func (v *visit) tested(d host.Verdict, s sdk.Schema) state {
	t := v.words.t
	st := state{Detail: v.words.say(s, d.Message), Field: d.Field}
	switch d.Outcome {
	case host.Works:
		st.Tone, st.Word, st.Text = "good", t("Works"), t("It works: the service takes it.")
	case host.Limited:
		st.Tone, st.Word, st.Text = "warn", t("Lacks a permission"), t("It works, but lacks a permission: have whoever gives permissions at the service add it, and test again.")
		st.Test = true
	case host.Wrong:
		st.Tone, st.Word, st.Text, st.Edit = "bad", t("Does not work"), t("It does not work: correct the answers, and test again."), true
		if field, ok := s.Field(d.Field); ok {
			st.Text = t("It does not work: correct “%”, and test again.", titleOf(field))
		}
	case host.Down:
		st.Tone, st.Word, st.Text, st.Test = "warn", t("Service down"), t("The service could not be asked. Nothing is wrong with the credential, as far as anybody can say: test again later."), true
	default:
		st.Tone, st.Word, st.Text, st.Detail = "idle", t("Unknown"), t("Nobody can say whether it works: this type has no test."), ""
	}
	return st
}

func titleOf(f sdk.Field) string {
	if f.Title != "" {
		return f.Title
	}
	return f.Name
}

// reason says why a status is what it is. Where the reason is about an answer it
// begins with the name of its field, which people know by its title.
func (v *visit) reason(s sdk.Schema, reason string) string {
	if name, message, ok := strings.Cut(reason, ": "); ok {
		if field, known := s.Field(name); known {
			return titleOf(field) + ": " + v.words.say(s, message)
		}
	}
	return v.words.say(s, reason)
}

// attention reports whether a person should do something about a credential.
func attention(c host.Credential) bool {
	return c.Status != host.StatusReady || c.Warning != "" || len(c.Unrevoked) > 0 || c.Tested != nil && (c.Tested.Outcome == host.Wrong || c.Tested.Outcome == host.Limited)
}

// endsWithin reports whether a credential dies soon, or has died.
func endsWithin(c host.Credential, now time.Time, d time.Duration) bool {
	return c.Ends != nil && c.Ends.Before(now.Add(d))
}
