// SPDX-License-Identifier: Apache-2.0

package web

import (
	"cmp"
	"slices"
	"strings"
)

// doings are what the trail can say was done, in the words of programs and of the
// page's English: what hosts record, what is recorded around them, and what the
// commands record.
var doings = map[string]string{
	"create":         "created",
	"update":         "changed",
	"delete":         "deleted",
	"test":           "tested",
	"connect":        "connecting begun",
	"finish":         "connected",
	"cancel":         "connecting given up",
	"change account": "connected to another account",
	"revoke":         "access revoked",
	"forget":         "approval forgotten",
	"suggest":        "choices asked for",
	"use":            "used",
	"authenticate":   "headers handed out",
	"release":        "secrets handed out",

	"create application": "application created",
	"update application": "application changed",
	"delete application": "application deleted",

	"create key":         "key made",
	"derive key":         "short-lived key made",
	"delete key":         "key deleted",
	"rotate signing key": "short-lived keys signed anew",
	"invite":             "sign-in link made",
	"sign in":            "signed in",
	"sign out":           "signed out",
	"end session":        "session ended",

	"create webhook":        "webhook registered",
	"update webhook":        "webhook changed",
	"delete webhook":        "webhook deleted",
	"test webhook":          "webhook tested",
	"rotate webhook secret": "webhook given another secret",
	"replay webhook":        "webhook sent events again",
	"resend webhook":        "webhook sent what had failed",

	"create workspace": "workspace made",
	"delete workspace": "workspace deleted",
	"trust":            "plugin trusted",
	"distrust":         "plugin trusted no more",
	"reset plugin":     "plugin let out of quarantine",

	"backup":        "backup made",
	"restore":       "backup restored",
	"rotate key":    "sealing key rotated",
	"rewrap":        "records sealed anew",
	"add key":       "sealing key added",
	"promote key":   "sealing key put first",
	"disable key":   "sealing key disabled",
	"enable key":    "sealing key enabled",
	"remove key":    "sealing key removed",
	"trim trail":    "old entries of the trail removed",
	"trail changed": "entries of the trail found changed",
}

// doing says what was done; of what an embedder records, in the embedder's words.
func (v *visit) doing(action string) string {
	if text := doings[action]; text != "" {
		return v.words.t(text)
	}
	return action
}

// allDoings are the choices of what to look for in the trail, in the order of the
// person's language; one that is looked for, and is none of them, is added.
func (v *visit) allDoings(chosen string) []choice {
	all := make([]choice, 0, len(doings)+1)
	for action := range doings {
		all = append(all, choice{action, v.doing(action), action == chosen})
	}
	if chosen != "" && doings[chosen] == "" {
		all = append(all, choice{chosen, chosen, true})
	}
	slices.SortFunc(all, func(a, b choice) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Text), strings.ToLower(b.Text)), strings.Compare(a.Value, b.Value))
	})
	return all
}

// endings are how it can have ended, if it did not succeed.
var endings = map[string]string{
	"begun":       "begun",
	"invalid":     "something was wrong",
	"denied":      "refused",
	"forbidden":   "not allowed",
	"unavailable": "not possible then",
	"internal":    "failed on this side",
	"error":       "failed on this side",
	"not found":   "there was none",
	"conflict":    "somebody else was faster",
}

// howEnded says how what was done has ended.
func (v *visit) howEnded(outcome string) string {
	if text := endings[outcome]; text != "" {
		return v.words.t(text)
	}
	return outcome
}
