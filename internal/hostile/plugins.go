// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"slices"

	"github.com/credhost/credhost/internal/defence"
)

// plugins are the cases of plugins: guests in a cell, with one credential at a
// time.
var plugins = slices.Concat(answering, describing, running, reaching, looking, taking, asking)

// only is one defence.
func only(d defence.Defence) []defence.Defence { return []defence.Defence{d} }

// answering are the cases of what a plugin answers.
var answering = []Case{
	{
		Who: Plugin, Name: "a grant for elsewhere",
		Tries:    "It returns a grant that is to go to an origin of its own choice as well.",
		Stopped:  "The host compares the grant's origins with those that were frozen with the answers, and keeps no such grant. The caller is told that the plugin is at fault.",
		Defences: only(defence.Within),
	},
	{
		Who: Plugin, Name: "a header that is two",
		Tries:    "It returns a header whose value has a line end in it, and a second header behind that.",
		Stopped:  "A header's value must be one that HTTP allows. The answer is refused as a whole, and what it says is not quoted.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "a header Host",
		Tries:    "It sets the header Host, so that a front server takes the request for another customer's.",
		Stopped:  "Headers of the connection and of the address are not for plugins to set. The answer is refused.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "a header Connection",
		Tries:    "It sets Connection to the names of other headers, which a proxy on the way then removes.",
		Stopped:  "Headers of the connection are not for plugins to set. The answer is refused.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "a header of length",
		Tries:    "It sets Content-Length, so that the rest of a body is read as a request of its own.",
		Stopped:  "Headers that say how long a message is are not for plugins to set. The answer is refused.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "a header of encoding",
		Tries:    "It sets Transfer-Encoding, for the same end.",
		Stopped:  "Headers that say how long a message is are not for plugins to set. The answer is refused.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "a header for the proxy",
		Tries:    "It sets Proxy-Authorization, to speak to a proxy of the operator's in the host's name.",
		Stopped:  "Headers for proxies are not for plugins to set. The answer is refused.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "a header without a name",
		Tries:    "It returns a header whose name has a space and a zero byte.",
		Stopped:  "A header's name must be one that HTTP allows. The answer is refused.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "a path that climbs",
		Tries:    "It returns two dots as what stands for a placeholder in the path, so that the request climbs to another part of the service.",
		Stopped:  "A path parameter is never empty or made of dots alone, and what else it holds is escaped. The answer is refused.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "a success that counts as refused",
		Tries:    "It says that the status 200 means that its grant is no longer good, so that each request is sent twice.",
		Stopped:  "Only statuses from 400 to 599 can mean that. The answer is refused, and nothing is sent.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "an account that escapes",
		Tries:    "It names an account with escape sequences and a mark that turns text around, for whoever lists credentials in a terminal.",
		Stopped:  "What people are shown is plain text. The answer is refused.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "a state without measure",
		Tries:    "It wants three megabytes kept for it with each renewal.",
		Stopped:  "A state has one megabyte at most. The answer is refused, and the store is not written to.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "an expiry before all clocks",
		Tries:    "It returns an expiry in 1960, which looks like one that is far ahead to a reader without a sign.",
		Stopped:  "Times are those that every encoding agrees on. The answer is refused.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "a thousand facts",
		Tries:    "It learns a thousand facts of the account, and wants all of them shown.",
		Stopped:  "A grant has a hundred facts at most. The answer is refused.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "an answer without measure",
		Tries:    "It answers a call with twenty megabytes, to use up the host's memory.",
		Stopped:  "The host stops reading at four megabytes. The call fails and says so.",
		Defences: []defence.Defence{defence.MessageSize, defence.Checked},
	},
	{
		Who: Plugin, Name: "trailers without measure",
		Tries:    "It adds eight megabytes of trailers to a small answer.",
		Stopped:  "The headers and trailers of an answer have a largest size, too. The call fails.",
		Defences: only(defence.MessageSize),
	},
	{
		Who: Plugin, Name: "an error that escapes",
		Tries:    "It fails with words that clear the screen of whoever reads them, and turn the rest around.",
		Stopped:  "Control characters are taken out of errors. Their words arrive as plain text.",
		Defences: only(defence.Plain),
	},
	{
		Who: Plugin, Name: "an error about no field",
		Tries:    "It blames a field that it does not have, whose name is a piece of script for a careless form.",
		Stopped:  "The field of an error is one of the type's own, or none.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "a pause of years",
		Tries:    "It asks the host to come back in some centuries, so that a credential is never tried again.",
		Stopped:  "No pause is longer than a day.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "an error that holds the secret",
		Tries:    "It fails with words that hold the secret, which the engine shows to whoever may see that something failed.",
		Stopped:  "An error is cleared of the secrets that the plugin was told in that call.",
		Defences: only(defence.Redacted),
	},
	{
		Who: Plugin, Name: "an account that holds the secret",
		Tries:    "It returns the secret as the account's name and as a fact, which are shown to whoever lists credentials.",
		Stopped:  "What people see of a grant is cleared of the secrets that the plugin was told in that call.",
		Defences: only(defence.Redacted),
	},
	{
		Who: Plugin, Name: "a status with words",
		Tries:    "It breaks the protocol with a gRPC status whose words hold the secret, as a server that prints its exceptions does.",
		Stopped:  "Of a status only the code is used, and errors are cleared of secrets. The caller reads that the protocol was broken.",
		Defences: []defence.Defence{defence.Wordless, defence.Redacted},
	},
	{
		Who: Plugin, Name: "a page that is script",
		Tries:    "It sends the person who connects to a javascript: address, which runs in the engine's own page.",
		Stopped:  "The page must be https, or http on a loopback address. The answer is refused; that it must lie where the answers may go is checked besides.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "a device code that escapes",
		Tries:    "It hides what a person is to type behind escape sequences.",
		Stopped:  "A device code is plain text of 64 bytes at most. The answer is refused.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "a device flow without a pause",
		Tries:    "It gives a negative time between two questions, so that the host asks without end.",
		Stopped:  "The pause is one from nothing to an hour, and nothing means the standard's five seconds. The answer is refused.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "a signature with a fragment",
		Tries:    "It signs with a fragment and a path behind it.",
		Stopped:  "What a signature adds to the query has no fragment. The signature is refused, and the request is not sent.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "a signature with a second request",
		Tries:    "It signs with the end of a request line, headers, and a request behind it.",
		Stopped:  "What a signature adds to the query is visible ASCII. The signature is refused.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "a signature for another host",
		Tries:    "It returns the header Host as a part of its signature.",
		Stopped:  "A signature's headers are held to the same as a grant's. The signature is refused.",
		Defences: only(defence.Checked),
	},
	{
		Who: Plugin, Name: "options that escape",
		Tries:    "It suggests options whose titles are escape sequences, to whoever fills in a form in a terminal.",
		Stopped:  "Options are plain text. The answer is refused.",
		Defences: only(defence.Checked),
	},
}
