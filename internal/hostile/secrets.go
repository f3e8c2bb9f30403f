// SPDX-License-Identifier: Apache-2.0

package hostile

import "github.com/credhost/credhost/internal/defence"

// leaking are the cases of secrets that turn up where nobody put them: in what a
// plugin prints, and in what the machine shows of a process. The tests of
// internal/canary search for them, in every spelling.
var leaking = []Case{
	{
		Who: Plugin, Name: "secrets in its log",
		Tries:    "It prints the secrets that it was told: to both its standard streams, to a log, in an error, in a panic.",
		Stopped:  "Lines wait until the host knows what was secret in the call, and are cleared of that: as it is, escaped, quoted, in base64 and in hexadecimal.",
		Defences: []defence.Defence{defence.Redacted},
		In:       "internal/canary", Test: "TestPlantedInARun",
	},
	{
		Who: Plugin, Name: "a token that it never hands over",
		Tries:    "It prints the token that the service has just given to it, and dies before it has told the host of it.",
		Stopped:  "The host hears what a plugin and its service say to each other, and clears the log of what may be a token.",
		Contrast: "A short word of the same answer is printed.",
		In:       "host/registry", Test: "TestOverheardSecretsAreHidden",
	},
	{
		Who: Machine, Name: "another process of the host's user",
		Tries:    "It reads the host's memory, maps and environment from /proc, attaches as a debugger does, and lists what the host has open.",
		Stopped:  "The host's process cannot be dumped: on Linux those files are root's, and the kernel lets nobody attach.",
		Defences: []defence.Defence{defence.HostMemory},
		In:       "internal/canary", Test: "TestMemoryIsHidden",
	},
	{
		Who: Machine, Name: "a crash of the host",
		Tries:    "The host is ended by a signal that writes its memory to disk, whatever the limits were that it was started with.",
		Stopped:  "It has given up the right to write a core.",
		Contrast: "A host that is told to be dumpable leaves one, where the machine keeps them.",
		In:       "internal/canary", Test: "TestNoCore",
	},
	{
		Who: Service, Name: "an answer that repeats everything",
		Tries:    "It refuses, and repeats the whole request in the status line, in headers, in the description of an OAuth error and in an address to go to; or answers with a token that is cut off.",
		Stopped:  "No word of a service's is passed on in an error or a log, and the headers of an answer are cleared of the grant.",
		Defences: []defence.Defence{defence.Unechoed},
		In:       "internal/canary", Test: "TestRepeatedSecrets",
	},
}
