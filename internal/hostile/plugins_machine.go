// SPDX-License-Identifier: Apache-2.0

package hostile

import "github.com/credhost/credhost/internal/defence"

// looking are the cases of plugins that look for what is on the machine. Each
// is stopped more than once: all that stop it must be off for it to succeed.
var looking = []Case{
	{
		Who: Plugin, Name: "the system's files",
		Tries:    "It reads /etc/passwd, as a beginning.",
		Stopped:  "Its root holds its socket folder and what it was trusted to read. There is no such file.",
		Defences: []defence.Defence{defence.OwnRoot, defence.Confined},
	},
	{
		Who: Plugin, Name: "the store's file",
		Tries:    "It reads the file in which the host keeps credentials.",
		Stopped:  "Its root does not hold that file, and Landlock opens no file but its own.",
		Defences: []defence.Defence{defence.OwnRoot, defence.Confined},
	},
	{
		Who: Plugin, Name: "another plugin's program",
		Tries:    "It reads another plugin's program, for the secrets that its author has put there.",
		Stopped:  "Its root does not hold the folders of plugins, nor any program: its own is executed from memory, and cannot be read.",
		Defences: []defence.Defence{defence.OwnRoot, defence.Confined},
	},
	{
		Who: Plugin, Name: "its own program",
		Tries:    "It reads itself by way of /proc/self/exe.",
		Stopped:  "There is no /proc. What it is executed from can be executed, and not read.",
		Defences: []defence.Defence{defence.OwnRoot, defence.Confined, defence.Undumpable},
	},
	{
		Who: Plugin, Name: "the root folder",
		Tries:    "It lists the root folder, and looks around.",
		Stopped:  "Its root is its own, in memory. It finds its socket folder there, and what it was trusted to read.",
		Defences: []defence.Defence{defence.OwnRoot, defence.Confined},
	},
	{
		Who: Plugin, Name: "the host's arguments",
		Tries:    "It reads the command line of the host from /proc.",
		Stopped:  "There is no /proc in its root, and its namespace of processes holds its own.",
		Defences: []defence.Defence{defence.OwnRoot, defence.Confined},
	},
	{
		Who: Plugin, Name: "the host's environment",
		Tries:    "It reads the environment of the host from /proc, where operators put keys.",
		Stopped:  "There is no /proc in its root. A process without privileges reads nothing of one with more, besides.",
		Defences: []defence.Defence{defence.Spaces, defence.OwnRoot, defence.Confined, defence.Powerless},
	},
	{
		Who: Plugin, Name: "the host's memory",
		Tries:    "It reads a secret out of the host's memory with process_vm_readv.",
		Stopped:  "The filter knows no such call; there is no such process in its namespace; and a guest without privileges may read nobody's memory.",
		Defences: []defence.Defence{defence.Filtered, defence.Spaces, defence.OwnRoot, defence.Confined, defence.Powerless},
	},
	{
		Who: Plugin, Name: "another process, traced",
		Tries:    "It attaches to another process with ptrace, to do as it likes in its name.",
		Stopped:  "The filter knows no such call, there is no such process in its namespace, and Landlock lets it trace nobody outside.",
		Defences: []defence.Defence{defence.Filtered, defence.Spaces, defence.OwnRoot, defence.Confined, defence.Powerless},
	},
	{
		Who: Plugin, Name: "another process, ended",
		Tries:    "It sends a signal to another process of the host's user.",
		Stopped:  "There is no such process in its namespace, and Landlock lets it signal nobody outside.",
		Defences: []defence.Defence{defence.Spaces, defence.OwnRoot, defence.Confined, defence.Powerless},
	},
	{
		Who: Plugin, Name: "a file elsewhere",
		Tries:    "It leaves a file in a folder of the host's, for something to find and run.",
		Stopped:  "Its root is read-only but for its socket folder, and holds none of the host's folders.",
		Defences: []defence.Defence{defence.OwnRoot, defence.Confined},
	},
	{
		Who: Plugin, Name: "the lock file, emptied",
		Tries:    "It empties the file that says what is trusted.",
		Stopped:  "Its root does not hold that file, and Landlock lets it change nobody's.",
		Defences: []defence.Defence{defence.OwnRoot, defence.Confined},
	},
	{
		Who: Plugin, Name: "a folder that is filled",
		Tries:    "It fills its socket folder with files until the disk has no more.",
		Stopped:  "The folder is in memory, and holds 64 names and 64 KiB.",
		Defences: []defence.Defence{defence.OwnRoot},
	},
	{
		Who: Plugin, Name: "a file that grows",
		Tries:    "It writes to a file in its socket folder.",
		Stopped:  "The largest size of a file is nothing. It dies with the first byte.",
		Defences: []defence.Defence{defence.Bounded},
	},
	{
		Who: Plugin, Name: "another program's socket",
		Tries:    "It connects to a Unix socket at its path: another plugin's, a database's, a container engine's.",
		Stopped:  "No socket but its own is in its root.",
		Defences: []defence.Defence{defence.OwnRoot},
	},
	{
		Who: Plugin, Name: "an abstract socket",
		Tries:    "It connects to an abstract Unix socket, which has no path, and so no folder that could be hidden.",
		Stopped:  "Abstract sockets are those of its own network namespace, and Landlock lets it connect to no others.",
		Defences: []defence.Defence{defence.Spaces, defence.OwnRoot, defence.Confined},
	},
	{
		Who: Plugin, Name: "a connection over TCP",
		Tries:    "It connects to a service by itself, past the host.",
		Stopped:  "The filter lets it make Unix sockets alone, its network namespace has no network, and Landlock lets it connect nowhere.",
		Defences: []defence.Defence{defence.Filtered, defence.Spaces, defence.OwnRoot, defence.Confined},
	},
	{
		Who: Plugin, Name: "a datagram",
		Tries:    "It sends a datagram, as a name server would take it.",
		Stopped:  "The filter lets it make Unix sockets alone, and its network namespace has no network.",
		Defences: []defence.Defence{defence.Filtered, defence.Spaces, defence.OwnRoot},
	},
	{
		Who: Plugin, Name: "a port of its own",
		Tries:    "It listens on TCP, for somebody outside to call it.",
		Stopped:  "The filter lets it make Unix sockets alone, its network namespace has no network, and Landlock lets it bind no port.",
		Defences: []defence.Defence{defence.Filtered, defence.Spaces, defence.OwnRoot, defence.Confined},
	},
}

// taking are the cases of plugins that take more than their share.
var taking = []Case{
	{
		Who: Plugin, Name: "a shell",
		Tries:    "It starts a shell.",
		Stopped:  "The filter lets it start no process, and execute nothing; there is no shell in its root.",
		Defences: []defence.Defence{defence.Filtered, defence.OwnRoot, defence.Confined},
	},
	{
		Who: Plugin, Name: "processes without number",
		Tries:    "It forks and forks, and would go on when its parent is dead.",
		Stopped:  "The filter lets it start threads, and no process: so there is nothing that could outlive it.",
		Defences: []defence.Defence{defence.Filtered, defence.Bounded},
	},
	{
		Who: Plugin, Name: "threads without number",
		Tries:    "It starts threads until the machine has no more.",
		Stopped:  "It may have 128. It dies with the next one.",
		Defences: []defence.Defence{defence.Bounded},
	},
	{
		Who: Plugin, Name: "memory without measure",
		Tries:    "It takes memory until the machine has no more.",
		Stopped:  "It may have 512 MiB. It dies with the next one.",
		Defences: []defence.Defence{defence.Bounded},
	},
	{
		Who: Plugin, Name: "descriptors without number",
		Tries:    "It opens descriptors until the machine has no more.",
		Stopped:  "It may have 256.",
		Defences: []defence.Defence{defence.Bounded},
	},
	{
		Who: Plugin, Name: "a processor for itself",
		Tries:    "It answers its call, and goes on computing for ever, for its own ends.",
		Stopped:  "The host looks at how much time it has used since it last finished what it was asked, and kills it when that is too much.",
		Defences: []defence.Defence{defence.CPUTime},
	},
	{
		Who: Plugin, Name: "older system calls",
		Tries:    "It makes its system calls as programs of 32 bits do, whose numbers mean something else to a filter that does not look.",
		Stopped:  "The filter looks first for whom the call is made, and kills the process.",
		Defences: []defence.Defence{defence.Filtered},
	},
}

// call is the case of a system call.
func call(name, tries string, off ...defence.Defence) Case {
	c := Case{
		Who: Plugin, Name: name, Tries: tries,
		Stopped:  "It is not on the list of what a guest may ask of the kernel: the filter answers that there is no such thing, or that it is not allowed.",
		Defences: append(only(defence.Filtered), off...),
	}
	if len(off) > 0 {
		c.Stopped += " Nor has the guest the rights that it takes."
	}
	return c
}

// asking are the cases of what plugins ask of the kernel.
var asking = []Case{
	call("netlink", "It opens a netlink socket, by which the kernel is told of networks."),
	call("raw packets", "It opens a raw socket, to forge packets.", defence.Powerless),
	call("link packets", "It opens a packet socket, to read what passes by.", defence.Powerless),
	call("pairs of datagrams", "It makes a pair of datagram sockets, which nobody has looked at."),
	call("io_uring", "It sets up a ring by which system calls are made past a filter.", defence.Bounded),
	call("userfaultfd", "It asks to handle page faults, which makes races in the kernel easy to win."),
	call("memory with a name", "It makes a file in memory, to put another program into it."),
	call("the user's keys", "It looks for the keyring of the user, where other programs keep keys."),
	call("dumpable", "It makes its own memory readable for others of its user."),
	call("no death", "It no longer wants to die with its host."),
	call("another personality", "It switches off that addresses are random."),
	call("handles of files", "It asks for handles of files, by which they are opened past their folders."),
	call("performance counters", "It opens a performance counter, through which the kernel's addresses have leaked."),
	call("programs in the kernel", "It loads a map for a program in the kernel.", defence.Powerless),
	call("a mount", "It mounts a file system over its own folder.", defence.Powerless, defence.Confined),
	call("another root", "It changes its root, the first step out of one.", defence.Powerless),
	call("another name", "It renames the machine.", defence.Powerless),
	call("a restart", "It restarts the machine.", defence.Powerless),
	call("swap", "It adds a swap file, to which memory is written.", defence.Powerless),
	call("the clock", "It sets a clock, so that what has ended lives on."),
	call("a device", "It makes a device node in its folder.", defence.Powerless, defence.Confined),
	call("a pipe with a name", "It makes a pipe in its folder, which whoever opens it waits for.", defence.Confined),
	call("a link", "It makes a link in its folder that leads out of it, for the host to follow.", defence.Confined),
	call("a folder", "It makes a folder in its folder, for the host to walk down.", defence.Confined),
	call("limits of its own", "It changes one of its limits."),
	call("a filter of its own", "It asks what filters the kernel has, to put one over the host's."),
	call("another's namespace", "It enters another namespace by a descriptor."),
	call("a namespace of its own", "It leaves what it shares with its threads, as a step into a namespace where it is root."),
}
