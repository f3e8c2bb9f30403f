// SPDX-License-Identifier: Apache-2.0

package hostile

import "slices"

// doors are the cases of what is served. Their tests are in internal/door, and
// some beside what they attack.
var doors = slices.Concat(
	at("TestAPI", Caller, apiCases), at("TestKeys", Caller, keyCases), at("TestProxy", Caller, proxyCases), at("TestTargets", Caller, targetCases),
	trailCases, at("TestProxiedServices", Service, proxiedCases), at("TestWebhooks", Caller, hookCases), at("TestPage", Page, pageCases),
)

// at returns cases of one test in internal/door.
func at(test string, who Who, all []Case) []Case {
	for i := range all {
		all[i].Who = who
		if all[i].In == "" {
			all[i].In, all[i].Test = "internal/door", test
		}
	}
	return all
}

// apiCases are what callers try of the API.
var apiCases = []Case{
	{
		Name:     "a credential of another workspace",
		Tries:    "A caller asks for it by its ID.",
		Stopped:  "It does not exist: 404.",
		Contrast: "With a key of its own workspace it is shown.",
	},
	{
		Name:     "what refusals tell of other workspaces",
		Tries:    "A caller compares what is answered for a credential of another workspace with what is answered for none at all, in every operation on one.",
		Stopped:  "The answers are the same, to the letter.",
		Contrast: "Within its own workspace they differ.",
	},
	{
		Name:     "another's version",
		Tries:    "A caller who has seen an ETag of another workspace's credential asks whether it is still so.",
		Stopped:  "404, and no 304.",
		Contrast: "With a key of its own workspace, nothing has changed.",
	},
	{
		Name:     "another's version, for a change",
		Tries:    "A caller probes versions of another workspace's credential with If-Match.",
		Stopped:  "404 for each, the right one too, and nothing has changed.",
		Contrast: "With a key of its own workspace, it is changed.",
	},
	{
		Name:     "a workspace by its name",
		Tries:    "A caller names another workspace than its key's.",
		Stopped:  "It does not exist: 404.",
		Contrast: "A key of the host itself names whichever it wants.",
	},
	{
		Name:     "the page of another's list",
		Tries:    "A caller goes on in a list with a cursor of another workspace's.",
		Stopped:  "Nothing of the other is listed.",
		Contrast: "Its owner goes on.",
	},
	{
		Name:     "another's request, again",
		Tries:    "A caller sends another workspace's Idempotency-Key with the same body, to be told what the other was answered.",
		Stopped:  "It is another request, with an answer of its own.",
		Contrast: "The one who has sent it is answered alike.",
	},
	{
		Name:     "another request under the same key",
		Tries:    "The body behind an Idempotency-Key is exchanged, so that one answer passes for another.",
		Stopped:  "The request is refused.",
		Contrast: "The same body is answered alike.",
	},
	{
		Name:     "another's trail",
		Tries:    "An administrator of a workspace looks for another in the audit trail.",
		Stopped:  "Each sees its own part.",
		Contrast: "The other's administrator sees it.",
	},
	{
		Name:     "another's events",
		Tries:    "A caller reads the log of events for those of another workspace.",
		Stopped:  "They are not there.",
		Contrast: "They are in its own workspace's.",
	},
	{
		Name:     "another's stream of events",
		Tries:    "A caller listens to what happens, to hear of another workspace.",
		Stopped:  "Nothing of it comes.",
		Contrast: "In its own workspace's stream it comes.",
	},
	{
		Name:     "secrets in any answer",
		Tries:    "Somebody with every scope looks through all that the API can show of a credential for its secret.",
		Stopped:  "It is nowhere: what was given is shown as given.",
		Contrast: "Where an operator has opened Release for the workspace and the type, that shows it, and is on record.",
	},
	{
		Name:     "Release that nobody has opened",
		Tries:    "A key with the scope release asks for the secret.",
		Stopped:  "403, until an operator opens it for the workspace and the type.",
		Contrast: "Opened, it is shown.",
	},
	{
		Name:     "a secret that is led elsewhere",
		Tries:    "A change gives a credential another address, and leaves the secret as it is.",
		Stopped:  "The secrets are asked for again.",
		Contrast: "Who has the secret gives both.",
	},
	{
		Name:     "a member twice",
		Tries:    "A body has a member twice, so that two who read it read two things.",
		Stopped:  "It is refused: 400.",
		Contrast: "Once, it is taken.",
	},
	{
		Name:     "a member in capitals",
		Tries:    "A body has a member beside the same in capitals, which Go takes for one.",
		Stopped:  "It is no member that is known: 422.",
		Contrast: "As it should be, it is taken.",
	},
	{
		Name:     "JSON without a bottom",
		Tries:    "A body has a hundred thousand arrays in each other.",
		Stopped:  "400, at the first too deep.",
		Contrast: "One array is read.",
	},
	{
		Name:     "a body without end",
		Tries:    "A hundred megabytes are sent for a name.",
		Stopped:  "413, after the first, without keeping them.",
		Contrast: "A name of usual length is taken.",
	},
	{
		Name:     "half a character",
		Tries:    "A name has half a pair of UTF-16, which some cannot write, and others not compare.",
		Stopped:  "It is refused.",
		Contrast: "The whole pair is taken.",
	},
	{
		Name:     "bytes that are no text",
		Tries:    "A name has bytes that are no UTF-8.",
		Stopped:  "It is refused: 400.",
		Contrast: "UTF-8 is taken.",
	},
	{
		Name:     "a zero byte",
		Tries:    "A name has a zero byte, at which some stop to read.",
		Stopped:  "422, for the name.",
		Contrast: "Without it, it is taken.",
	},
	{
		Name:     "a number beyond all",
		Tries:    "A derived key is to live for 1e999 seconds.",
		Stopped:  "It is refused.",
		Contrast: "For sixty, it is made.",
	},
	{
		Name:     "a form in the place of JSON",
		Tries:    "A page sends JSON as text/plain, as browsers let every page do without asking.",
		Stopped:  "It is refused: 415.",
		Contrast: "As JSON it is taken, for which a browser asks first.",
	},
	{
		Name:     "a page of elsewhere",
		Tries:    "The script of a page that the operator does not know calls with a key that it got somewhere, and reads the answer.",
		Stopped:  "No header lets a browser show it.",
		Contrast: "Of an origin that the operator has named it may.",
	},
	{
		Name:     "the session of the page",
		Tries:    "Another page has a browser send the session's cookie to the API.",
		Stopped:  "A cookie is no key: 401.",
		Contrast: "The host's own page says that it is, in a header that no other page can set.",
	},
	{
		Name:     "a line of the log",
		Tries:    "A path, a user agent and a name have line breaks in them, and then what looks like a line of the log.",
		Stopped:  "Each is part of one line, or is not logged at all.",
		Contrast: "Written as they are, they begin a line.",
	},
	{
		Name:     "an address that a caller invents",
		Tries:    "X-Forwarded-For says that the request came from elsewhere, to mislead the trail and the limits.",
		Stopped:  "On record is where it came from.",
		Contrast: "Where the operator trusts whoever is in front, its word is taken.",
	},
	{
		Name:     "a request's ID that a caller invents",
		Tries:    "A caller gives its request the ID of another's, to be found in its place.",
		Stopped:  "Each request has an ID of the host's.",
		Contrast: "A proxy that the operator trusts may give it one.",
	},
	{
		Name:     "a name that leads here",
		Tries:    "A page's own name is made to lead to the host, so that a browser shows the page what it answers (DNS rebinding).",
		Stopped:  "421 for every name but the host's own.",
		Contrast: "A name that the operator has named is answered.",
	},
	{
		Name:     "a method that is another",
		Tries:    "A key that may only read sends GET, and X-HTTP-Method-Override: DELETE.",
		Stopped:  "The header is nothing here.",
		Contrast: "DELETE with a key that may write deletes.",
	},
	{
		Name:     "a head without end",
		Tries:    "A request has a megabyte of headers.",
		Stopped:  "It is refused: 431.",
		Contrast: "A kilobyte is read.",
	},
	{
		Name:     "a head that trickles",
		Tries:    "A connection sends its head a letter at a time, for as long as it can (slowloris).",
		Stopped:  "It is closed after ten seconds.",
		Contrast: "A server without that limit waits on.",
	},
	{
		Name:     "a thousand idle connections",
		Tries:    "A thousand connections begin a request each, and say no more.",
		Stopped:  "Others are answered as ever.",
		Contrast: "Nothing can be switched off: that others are answered is all there is to see.",
	},
}

// keyCases are what callers try with keys.
var keyCases = []Case{
	{
		Name:     "a key that makes a wider one",
		Tries:    "A key makes a key that may do what it may not.",
		Stopped:  "It may give what it has: 403 or 422.",
		Contrast: "It makes one that may do less.",
	},
	{
		Name:     "an administrator who is derived",
		Tries:    "A key derives one that may make keys, which would outlive it.",
		Stopped:  "No derived key has the scope admin.",
		Contrast: "It derives one that reads.",
	},
	{
		Name:     "a derived key of wider limits",
		Tries:    "A key for one path derives one for all.",
		Stopped:  "Each limit on the way holds: the proxy answers 403.",
		Contrast: "A key without limits goes there.",
	},
	{
		Name:     "a derived key that is written anew",
		Tries:    "What a derived key says of itself is changed, to live for ever.",
		Stopped:  "It is signed: 401.",
		Contrast: "Unchanged, it is one.",
	},
	{
		Name:     "a derived key without what it is of",
		Tries:    "A key was derived of one that is deleted then.",
		Stopped:  "It ends with it: 401.",
		Contrast: "Until then it is good.",
	},
	{
		Name:     "a key that has ended",
		Tries:    "A key is shown when its time is over, and was shown before, so that the host remembers it.",
		Stopped:  "It is refused: 401.",
		Contrast: "Until then it is good.",
	},
	{
		Name:     "a key that was deleted, on an open connection",
		Tries:    "A connection of HTTP/2, over which the key was good, is kept for when it is not.",
		Stopped:  "The key is looked at with each request: 401.",
		Contrast: "Until then it is good.",
	},
	{
		Name:     "a WebSocket that outlives its key",
		Tries:    "A WebSocket is opened through the proxy, and the key deleted.",
		Stopped:  "It ends within the quarter of a minute, in the test within less.",
		Contrast: "With its key it goes on.",
	},
	{
		Name:     "a stream that outlives its key",
		Tries:    "A stream of events is opened, and the key deleted.",
		Stopped:  "The stream ends, too.",
		Contrast: "With its key it goes on.",
	},
	{
		Name:     "a credential beyond the limits",
		Tries:    "A key that is limited to one credential asks for another of its workspace.",
		Stopped:  "It does not exist for it: 404.",
		Contrast: "The one that it is limited to is shown.",
	},
	{
		Name:     "a key in the address",
		Tries:    "A key is sent as a parameter, where logs and histories keep it, in the hope that it works and people get used to it.",
		Stopped:  "It is refused: 401.",
		Contrast: "In Authorization it works.",
	},
}

// hookCases are what callers, and those who are told, try of webhooks.
var hookCases = []Case{
	{
		Name:     "a webhook inside",
		Tries:    "A webhook names an address of the host's own machine, to have it asked there.",
		Stopped:  "Nothing is sent there.",
		Contrast: "Where an operator has opened the address to webhooks, it is.",
	},
	{
		Name:     "a webhook whose name leads inside",
		Tries:    "A webhook's name leads to somebody at first, and to the host's own machine when it is used (DNS rebinding).",
		Stopped:  "Nothing is sent there: what counts is the address that is connected to, each time.",
		Contrast: "Where an operator has opened the address to webhooks, it is.",
	},
	{
		Name:     "a webhook to the secrets of a machine",
		Tries:    "A webhook names the address at which clouds hand out what their machines may do.",
		Stopped:  "It is refused.",
		Contrast: "An address that the operator has opened is taken.",
	},
	{
		Name:     "a receiver that leads elsewhere",
		Tries:    "A receiver answers with a redirect to an address inside.",
		Stopped:  "It is not followed, and counts as a failure.",
		Contrast: "Named itself, where it is open, it is asked.",
	},
	{
		Name:     "a message that somebody else made",
		Tries:    "Somebody without the secret sends the receiver a message of their own, with the signature of another.",
		Stopped:  "The signature is of the ID, the time and the body: it is wrong.",
		Contrast: "The host's own message verifies.",
	},
	{
		Name:     "a message that comes late",
		Tries:    "Somebody who has heard a message sends it again later, with a time of that moment.",
		Stopped:  "The time is signed: it is wrong.",
		Contrast: "With its own time it verifies, which is for the receiver to compare with its clock.",
	},
	{
		Name:     "a receiver without end",
		Tries:    "A receiver answers with bytes that never end.",
		Stopped:  "They are left unread, and the delivery is done.",
		Contrast: "A short answer is taken.",
	},
}
