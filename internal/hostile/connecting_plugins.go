// SPDX-License-Identifier: Apache-2.0

package hostile

import "github.com/credhost/credhost/internal/defence"

// connectingPlugins are the cases of plugins that decide where people approve
// access. Their tests are in internal/attack.
var connectingPlugins = []Case{
	{
		Who: Plugin, Name: "a page elsewhere",
		Tries:    "It sends the person to a page of the attacker's, in the middle of a visit that they trust.",
		Stopped:  "The host refuses the address before anybody is sent there.",
		Defences: []defence.Defence{defence.Page},
		In:       "internal/attack", Test: "TestWhereAPluginSendsPeople",
	},
	{
		Who: Plugin, Name: "a redirect URI elsewhere",
		Tries:    "It has the service send the code to an address of the attacker's.",
		Stopped:  "The host refuses the address before anybody is sent there.",
		Defences: []defence.Defence{defence.Redirect},
		In:       "internal/attack", Test: "TestWhereAPluginSendsPeople",
	},
	{
		Who: Plugin, Name: "a second redirect URI",
		Tries:    "It gives two redirect URIs, of which a service may take the second.",
		Stopped:  "The host refuses the address before anybody is sent there.",
		Defences: []defence.Defence{defence.Redirect, defence.Single},
		In:       "internal/attack", Test: "TestWhereAPluginSendsPeople",
	},
	{
		Who: Plugin, Name: "a request that overrides the redirect URI",
		Tries:    "It adds a request object, which overrides the redirect URI.",
		Stopped:  "The host refuses the address before anybody is sent there.",
		Defences: []defence.Defence{defence.Redirect},
		In:       "internal/attack", Test: "TestWhereAPluginSendsPeople",
	},
	{
		Who: Plugin, Name: "code injection where PKCE was dropped",
		Tries:    "It leaves the challenge out, so that a stolen code can be brought in somebody else's visit.",
		Stopped:  "The host refuses the address before anybody is sent there. Only a type that says that its service takes no PKCE does without.",
		Defences: []defence.Defence{defence.Challenge},
		In:       "internal/attack", Test: "TestWhereAPluginSendsPeople",
	},
	{
		Who: Plugin, Name: "a challenge in the clear",
		Tries:    "It gives the verifier itself as the challenge, for everybody who sees the address.",
		Stopped:  "The host refuses the address before anybody is sent there.",
		Defences: []defence.Defence{defence.Challenge, defence.Secrets},
		In:       "internal/attack", Test: "TestWhereAPluginSendsPeople",
	},
	{
		Who: Plugin, Name: "pushed parameters without a challenge",
		Tries:    "It pushes the parameters to the service, and leaves the challenge out where nobody sees it.",
		Stopped:  "The host listens to what is pushed, and takes no other request_uri.",
		Defences: []defence.Defence{defence.Challenge},
		In:       "internal/attack", Test: "TestWhereAPluginSendsPeople",
	},
	{
		Who: Plugin, Name: "parameters that nobody has pushed",
		Tries:    "It gives a request_uri whose parameters the host has not heard.",
		Stopped:  "The host refuses the address before anybody is sent there.",
		Defences: []defence.Defence{defence.Pushed},
		In:       "internal/attack", Test: "TestWhereAPluginSendsPeople",
	},
	{
		Who: Plugin, Name: "a token in place of a code",
		Tries:    "It asks for a token, which then stands in the address, the history and every log on the way.",
		Stopped:  "The host refuses the address before anybody is sent there.",
		Defences: []defence.Defence{defence.CodeOnly},
		In:       "internal/attack", Test: "TestWhereAPluginSendsPeople",
	},
	{
		Who: Plugin, Name: "an answer that is posted",
		Tries:    "It asks for an answer that another site posts.",
		Stopped:  "The host refuses the address before anybody is sent there.",
		Defences: []defence.Defence{defence.CodeOnly},
		In:       "internal/attack", Test: "TestWhereAPluginSendsPeople",
	},
	{
		Who: Plugin, Name: "a fragment",
		Tries:    "It adds a fragment, which the service does not see, and a page does.",
		Stopped:  "The host refuses the address before anybody is sent there.",
		Defences: []defence.Defence{defence.CodeOnly},
		In:       "internal/attack", Test: "TestWhereAPluginSendsPeople",
	},
	{
		Who: Plugin, Name: "a secret in the address",
		Tries:    "It puts a secret answer into the address, where the person and every log see it.",
		Stopped:  "The host refuses the address before anybody is sent there.",
		Defences: []defence.Defence{defence.Secrets},
		In:       "internal/attack", Test: "TestWhereAPluginSendsPeople",
	},
}
