// SPDX-License-Identifier: Apache-2.0

package hostile

import "github.com/credhost/credhost/internal/defence"

// describing are the cases of how a plugin starts, and of what it says of
// itself.
var describing = []Case{
	{
		Who: Plugin, Name: "a socket elsewhere",
		Tries:    "It says in its handshake that it listens at a socket of another program, so that the host speaks to that one, with secrets.",
		Stopped:  "The host speaks only to a socket in the folder that it made for this very process. The program is refused, and the path it named is in the error.",
		Defences: only(defence.OwnFolder),
	},
	{
		Who: Plugin, Name: "an address of the network",
		Tries:    "It says that it listens on TCP, at an address of its choice.",
		Stopped:  "The host speaks only to a socket in the folder of this process. The program is refused.",
		Defences: only(defence.OwnFolder),
	},
	{
		Who: Plugin, Name: "a link for a socket",
		Tries:    "It puts a link to another program's socket into its folder, and names that.",
		Stopped:  "It cannot make links, and what it names must be a socket itself. The program is refused.",
		Defences: []defence.Defence{defence.OwnFolder, defence.Filtered, defence.Confined},
	},
	{
		Who: Plugin, Name: "the egress for a socket",
		Tries:    "It names the socket that the host itself listens on for its requests, so that the host speaks to itself.",
		Stopped:  "The host listens where the plugin finds it, and not in the folder that the plugin's own socket must lie in. The program is refused.",
		Contrast: "The same program is started when it says where it listens.",
	},
	{
		Who: Plugin, Name: "a start that never ends",
		Tries:    "It starts and says nothing, so that whoever waits for it waits for ever.",
		Stopped:  "A start has ten seconds. Then the process is killed, and the error says how far it came.",
		Defences: only(defence.StartTime),
	},
	{
		Who: Plugin, Name: "another description",
		Tries:    "It says one thing of itself while it is looked at, and another once it is trusted.",
		Stopped:  "What was trusted is pinned beside the program's bytes. A process that says anything else of itself is not used.",
		Defences: only(defence.Pinned),
	},
	{
		Who: Plugin, Name: "another program's type",
		Tries:    "It serves a type of the name of another program's, to be given that one's credentials.",
		Stopped:  "A type belongs to the program that claimed it first, in the lock file. The second one's is refused, and the listing says whose it is.",
		Defences: only(defence.Claimed),
	},
	{
		Who: Plugin, Name: "an origin that is anybody's",
		Tries:    "It names https://*.co.uk as its service's origin, below which anybody can register a name.",
		Stopped:  "A pattern must not stand above a public suffix. The type is refused.",
		Defences: only(defence.Owned),
	},
	{
		Who: Plugin, Name: "a hundred thousand fields",
		Tries:    "It asks a hundred thousand questions, for the host and every form to choke on.",
		Stopped:  "A schema has 200 fields and a megabyte at most. The type is refused.",
		Defences: only(defence.Askable),
	},
	{
		Who: Plugin, Name: "a condition without a bottom",
		Tries:    "It nests a condition four thousand times.",
		Stopped:  "Conditions are nested sixteen times at most. The type is refused.",
		Defences: only(defence.Askable),
	},
	{
		Who: Plugin, Name: "a pattern that grows",
		Tries:    "It gives a pattern that becomes a program of many megabytes when it is compiled.",
		Stopped:  "A pattern has a largest length, and is one of RE2, whose time grows with the text alone. The type is refused.",
		Defences: only(defence.Askable),
	},
	{
		Who: Plugin, Name: "a picture with a script",
		Tries:    "It brings half a megabyte of script in its icon.",
		Stopped:  "An icon has 16 KiB at most and no script. The type is refused.",
		Defences: only(defence.Askable),
	},
	{
		Who: Plugin, Name: "a title that turns around",
		Tries:    "It calls itself something that a terminal shows as the name of a service that people know.",
		Stopped:  "Titles are plain text. The type is refused, and the fault is shown without what it complains of.",
		Defences: only(defence.Askable),
	},
	{
		Who: Plugin, Name: "an egg and a hen",
		Tries:    "It makes two questions depend on each other, so that whoever completes answers goes round in circles.",
		Stopped:  "A schema whose conditions depend on themselves is refused.",
		Defences: only(defence.Askable),
	},
	{
		Who: Plugin, Name: "a description without measure",
		Tries:    "It describes itself with eight megabytes.",
		Stopped:  "The host stops reading at four megabytes. The program is refused.",
		Defences: []defence.Defence{defence.MessageSize, defence.Askable},
	},
}

// running are the cases of how a plugin's process behaves.
var running = []Case{
	{
		Who: Plugin, Name: "a call that hangs",
		Tries:    "It never answers, and does not listen when it is told to stop.",
		Stopped:  "Every call has a deadline of the host's own. The caller is told how long the plugin had.",
		Defences: only(defence.CallTime),
	},
	{
		Who: Plugin, Name: "a process that stops itself",
		Tries:    "It stops itself with a signal, so that it neither answers nor ends.",
		Stopped:  "After a call that was not answered in time the host pings the process, and kills one that does not answer. The next call gets a new one.",
		Defences: only(defence.Pinged),
	},
	{
		Who: Plugin, Name: "a process that stays",
		Tries:    "It ends neither when it is told to nor with its standard input.",
		Stopped:  "Two seconds later it is killed, with all that it started. Closing the host leaves nothing.",
		Defences: only(defence.Ended),
	},
	{
		Who: Plugin, Name: "one crash after the other",
		Tries:    "It dies in each call, so that the host does nothing but start it.",
		Stopped:  "After the first crash it is started at once, then after waits that double, and after five within ten minutes not for ten more. Callers are told when it is started again; other workspaces have processes of their own.",
		Defences: only(defence.Rested),
	},
	{
		Who: Plugin, Name: "calls that pile up",
		Tries:    "It answers no call, so that callers pile up until the host has no memory left.",
		Stopped:  "Calls under way and those that wait are limited for each process. What goes beyond fails at once, and says that the plugin is busy.",
		Defences: only(defence.Queued),
	},
	{
		Who: Plugin, Name: "a flood of log lines",
		Tries:    "It writes to its log as fast as it can, to fill the host's log, its disk and its time.",
		Stopped:  "What it writes is read at four megabytes a second and passed on at fifty lines a second; the process waits. The log says how many lines were dropped.",
		Defences: only(defence.Paced),
	},
	{
		Who: Plugin, Name: "a log line that escapes",
		Tries:    "It writes escape sequences to its log, for whoever reads the host's log in a terminal.",
		Stopped:  "Control characters are shown as dots.",
		Defences: only(defence.Plain),
	},
	{
		Who: Plugin, Name: "a log line in another's name",
		Tries:    "It writes JSON to its log as the host's own logger would, with another module and time, and some that ends a host which lets go-plugin read it.",
		Stopped:  "The host parses the line itself, believes no more of it than a level and a text, and logs it under the plugin's name.",
		Contrast: "The same line of the host's own logger has the name that it says.",
	},
	{
		Who: Plugin, Name: "connections that are announced",
		Tries:    "It tells the broker of go-plugin of twenty thousand connections to come, each of which makes the host wait.",
		Stopped:  "The broker is never spoken to.",
		Defences: only(defence.Brokerless),
	},
}

// reaching are the cases of plugins at the egress, their only way to the
// network.
var reaching = []Case{
	{
		Who: Plugin, Name: "an origin of its own choice",
		Tries:    "It sends the secret to an address of the attacker's.",
		Stopped:  "A connection names its call and its origin, and the origin must be one of those that were frozen with the answers. The plugin is told that it is not.",
		Defences: only(defence.Destinations),
	},
	{
		Who: Plugin, Name: "a call that it invents",
		Tries:    "It tries a thousand IDs of calls, in the hope for one that may go elsewhere.",
		Stopped:  "An ID has 128 random bits, and is good while its call lasts, at the socket of its process alone.",
		Contrast: "The ID that the call came with is good.",
	},
	{
		Who: Plugin, Name: "a call that is over",
		Tries:    "It goes on after it has answered, and opens connections with the ID of the call that is over.",
		Stopped:  "An ID is forgotten when its call returns. The connection is refused.",
		Defences: only(defence.CallEnd),
	},
	{
		Who: Plugin, Name: "a connection that is kept",
		Tries:    "It keeps a connection open beyond the end of its call, and sends what it has learnt since.",
		Stopped:  "All connections of a call are closed when it returns.",
		Defences: only(defence.CallEnd),
	},
	{
		Who: Plugin, Name: "a call of another workspace",
		Tries:    "It has got hold of the ID of a live call of another workspace, and shows it.",
		Stopped:  "Each workspace has processes of its own, and an ID is good only at the socket of its own process.",
		Defences: only(defence.Apart),
	},
	{
		Who: Plugin, Name: "a secret carried to another workspace",
		Tries:    "It remembers the secret of one workspace's credential, and carries it to the service of another's, whose answers name a server of the attacker's.",
		Stopped:  "Each workspace has processes of its own, which share nothing. Within one workspace a plugin can do this: see what remains.",
		Defences: only(defence.Apart),
	},
	{
		Who: Plugin, Name: "a request for another host",
		Tries:    "On a connection to its own service it sends a request whose Host is another customer's of the same front server.",
		Stopped:  "The Host of a request must be the connection's. The request is refused before anything is sent.",
		Defences: only(defence.HostHeader),
	},
	{
		Who: Plugin, Name: "a request of two lengths",
		Tries:    "It sends a request with Content-Length and Transfer-Encoding, which two readers take for two different ones.",
		Stopped:  "A request says once how long it is. What is sent on is written anew besides.",
		Defences: only(defence.OneReading),
	},
	{
		Who: Plugin, Name: "a request of bare line feeds",
		Tries:    "It ends its lines with LF alone, which some servers read as an end and others do not.",
		Stopped:  "A line ends with CR LF. The request is refused.",
		Defences: only(defence.OneReading),
	},
	{
		Who: Plugin, Name: "a header that is folded",
		Tries:    "It continues a header on the next line, as was once allowed.",
		Stopped:  "A line is a header. The request is refused.",
		Defences: only(defence.OneReading),
	},
	{
		Who: Plugin, Name: "connections without number",
		Tries:    "It opens hundreds of connections in one call.",
		Stopped:  "A call has 32 connections at most. Those beyond are refused.",
		Defences: only(defence.CallConns),
	},
	{
		Who: Plugin, Name: "an upload without end",
		Tries:    "It sends a body that does not end.",
		Stopped:  "A request's body has a largest size. The request is cut off, and the plugin is told why.",
		Defences: only(defence.RequestSize),
	},
	{
		Who: Plugin, Name: "traffic without end",
		Tries:    "It sends request after request, to use the host's line for its own ends.",
		Stopped:  "What a call sends and receives is counted, and ends its connections when it is too much.",
		Defences: only(defence.CallTraffic),
	},
}
