// SPDX-License-Identifier: Apache-2.0

package hostile

import "github.com/credhost/credhost/internal/defence"

// trusting are the cases of those who can put files where programs, signatures
// or the lock file are, or on the way there.
var trusting = []Case{
	{
		Who: Machine, Name: "a program that was swapped",
		Tries:    "They put another program in the place of one that is trusted, before it is started.",
		Stopped:  "What is executed is the copy that was hashed, in sealed memory, and its hash must be the one that was trusted. The program is not started, and the error says that it has changed.",
		Defences: only(defence.Exact),
	},
	{
		Who: Machine, Name: "a program that was swapped while somebody looked",
		Tries:    "They put another program in its place after a person has seen what it asks for, and before that person says yes.",
		Stopped:  "What is trusted is the digest of what was shown, whatever lies there by then. The other one is not started.",
		Defences: only(defence.Exact),
	},
	{
		Who: Machine, Name: "a program that was changed in place",
		Tries:    "They write to the program through a hard link elsewhere, and put its size and times back, so that its listing shows nothing.",
		Stopped:  "Files are told apart for the listing alone. What is executed is hashed at that moment, and is not started.",
		Defences: only(defence.Exact),
	},
	{
		Who: Machine, Name: "a library that was changed",
		Tries:    "They change a file of the system that the plugin reads, and leave the plugin alone.",
		Stopped:  "What a plugin reads is pinned with it, and looked at before each start. The error names the file.",
		Defences: only(defence.SameRead),
	},
	{
		Who: Machine, Name: "a manifest that names the passwords",
		Tries:    "They install a plugin whose manifest says that it reads the file of the system's passwords, among many others, for somebody to overlook it.",
		Stopped:  "Whatever a manifest names must be for everybody to read. The plugin is refused before it is started, and the error names the file.",
		Contrast: "The same manifest is taken when it names a file that everybody may read, and the plugin is used.",
	},
	{
		Who: Machine, Name: "a name that looks the same",
		Tries:    "They install a program whose name a person takes for that of a plugin: with a letter of another alphabet, or a capital.",
		Stopped:  "A name has lower-case Latin letters, digits and hyphens. The listing says why the program is not used.",
		Contrast: "The same program is used under a plain name of its own.",
	},
	{
		Who: Machine, Name: "a copy that looks like a backup",
		Tries:    "They put a program beside a plugin's, under its name and an ending such as .old, for the host to pick up.",
		Stopped:  "What has a dot in its name is no program, and is not even listed.",
		Contrast: "The same program is used under a plain name of its own.",
	},
	{
		Who: Machine, Name: "a lock file that says two things",
		Tries:    "They send a change of the lock file for review in which a plugin's entry comes twice: a reader sees the first, and a host would take the last.",
		Stopped:  "A lock file with a name twice is refused as a whole, and so is one with names that differ in case alone, or with fields that the host does not know.",
		Defences: only(defence.OneLock),
	},
	{
		Who: Machine, Name: "a lock file that everybody may write",
		Tries:    "They trust a program of theirs, in a lock file that was left open to everybody.",
		Stopped:  "The host does not start on such a lock file, and says how to close it.",
		Defences: only(defence.OwnLock),
	},
	{
		Who: Machine, Name: "a lock file that leads elsewhere",
		Tries:    "They put a symbolic link in the place of the lock file, which leads to one of their own.",
		Stopped:  "A link that leads out of its folder is refused, because who may write there is another's business.",
		Defences: only(defence.OwnLock),
	},
	{
		Who: Machine, Name: "an update that nobody signed",
		Tries:    "They replace a plugin that is trusted by its author's key, with a program that the key did not sign.",
		Stopped:  "Only what the key signed is taken for an update. The old program goes on where it runs, and the listing says what is wrong.",
		Defences: only(defence.Signed),
	},
	{
		Who: Machine, Name: "an update that is another plugin",
		Tries:    "They pass one plugin of an author off as another one, with its own, valid signature.",
		Stopped:  "A signature says, in what it signs, which plugin it is of.",
		Defences: only(defence.Named),
	},
	{
		Who: Machine, Name: "an update that is an old version",
		Tries:    "They bring back an old version, which has a hole, with its own, valid signature.",
		Stopped:  "A signature says when it was made, and an update must be later than what it replaces. A person can trust an older one by hand, and is told that it is older.",
		Defences: only(defence.Newer),
	},
	{
		Who: Machine, Name: "an update that asks for more",
		Tries:    "An author's key is stolen, or the author sold the plugin: the next version, validly signed, asks for more types.",
		Stopped:  "What was trusted bounds what an update may ask for. More waits for a person, who sees what is new; and a type that nobody trusted the plugin with is not its own.",
		Defences: []defence.Defence{defence.Agreed, defence.Claimed},
	},
}
