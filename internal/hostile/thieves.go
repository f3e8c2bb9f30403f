// SPDX-License-Identifier: Apache-2.0

package hostile

import "github.com/credhost/credhost/internal/defence"

// thieves are the cases of those who read the store, or write it. Nobody who has
// no key reads a secret, nor makes a host use one otherwise than it was saved.
var thieves = []Case{
	{
		Who: Thief, Name: "a record given to another tenant",
		Tries:    "They give a tenant's record to another tenant.",
		Stopped:  "It does not open: what is sealed is bound to its workspace, ID, kind, type, name, date and number.",
		Defences: []defence.Defence{defence.InPlace},
	},
	{
		Who: Thief, Name: "what is sealed in another record",
		Tries:    "They put what is sealed for a victim into a record of their own.",
		Stopped:  "It does not open: what is sealed is bound to its workspace, ID, kind, type, name, date and number.",
		Defences: []defence.Defence{defence.InPlace},
	},
	{
		Who: Thief, Name: "a record under another ID",
		Tries:    "They give a record another ID.",
		Stopped:  "It does not open: what is sealed is bound to its workspace, ID, kind, type, name, date and number.",
		Defences: []defence.Defence{defence.InPlace},
	},
	{
		Who: Thief, Name: "a record of another type",
		Tries:    "They give a record to another type, whose plugin would get the secret.",
		Stopped:  "It does not open: what is sealed is bound to its workspace, ID, kind, type, name, date and number.",
		Defences: []defence.Defence{defence.InPlace},
	},
	{
		Who: Thief, Name: "a record under another name",
		Tries:    "They give a record another name, so that a workflow's author takes one for the other.",
		Stopped:  "It does not open: what is sealed is bound to its workspace, ID, kind, type, name, date and number.",
		Defences: []defence.Defence{defence.InPlace},
	},
	{
		Who: Thief, Name: "a record with another date",
		Tries:    "They change when a record was made.",
		Stopped:  "It does not open: what is sealed is bound to its workspace, ID, kind, type, name, date and number.",
		Defences: []defence.Defence{defence.InPlace},
	},
	{
		Who: Thief, Name: "an old secret under a new number",
		Tries:    "They put an old secret back that somebody has replaced.",
		Stopped:  "It does not open: what is sealed is bound to its workspace, ID, kind, type, name, date and number. An old record as a whole, its number included, is not told from itself: see below.",
		Defences: []defence.Defence{defence.InPlace},
	},
	{
		Who: Thief, Name: "a bit of the beginning",
		Tries:    "They change a bit of what is sealed.",
		Stopped:  "It does not open, and the record is shown as broken.",
		Contrast: "Unchanged, it opens.",
	},
	{
		Who: Thief, Name: "a bit of the key",
		Tries:    "They change a bit of the wrapped data key.",
		Stopped:  "It does not open.",
		Contrast: "Unchanged, it opens.",
	},
	{
		Who: Thief, Name: "a bit of what is sealed",
		Tries:    "They change a bit of the ciphertext.",
		Stopped:  "It does not open.",
		Contrast: "Unchanged, it opens.",
	},
	{
		Who: Thief, Name: "a bit of the end",
		Tries:    "They change a bit of the tag.",
		Stopped:  "It does not open.",
		Contrast: "Unchanged, it opens.",
	},
	{
		Who: Thief, Name: "half of what is sealed",
		Tries:    "They cut it in half.",
		Stopped:  "It does not open.",
		Contrast: "Unchanged, it opens.",
	},
	{
		Who: Thief, Name: "nothing",
		Tries:    "They take it out.",
		Stopped:  "It does not open.",
		Contrast: "Unchanged, it opens.",
	},
	{
		Who: Thief, Name: "more than was sealed",
		Tries:    "They append to it.",
		Stopped:  "It does not open.",
		Contrast: "Unchanged, it opens.",
	},
	{
		Who: Thief, Name: "a record under a thief's own key",
		Tries:    "They open the store with a key of their own.",
		Stopped:  "It does not open.",
		Contrast: "With the operator's key, it opens.",
	},
	{
		Who: Thief, Name: "a secret in the files",
		Tries:    "They search the store's file and its write-ahead log for a secret, and for one that was replaced.",
		Stopped:  "There is none: nothing leaves the host unsealed.",
		Contrast: "A sealer that seals nothing leaves them there.",
	},
	{
		Who: Thief, Name: "what was deleted",
		Tries:    "They search the files for pieces of what was sealed and has been deleted, to open it once they have the key.",
		Stopped:  "A deletion overwrites what it deletes, and cuts the log off.",
		Contrast: "Before it is deleted, it is found.",
	},
}
