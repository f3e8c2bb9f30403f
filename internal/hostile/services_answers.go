// SPDX-License-Identifier: Apache-2.0

package hostile

import "github.com/credhost/credhost/internal/defence"

// answers are the cases of services that answer something else than they should,
// in whatever protocol.
var answers = []Case{
	{
		Who: Service, Name: "a redirect to another origin",
		Tries:    "It answers a request that carries a credential with a redirect to an origin of the attacker's.",
		Stopped:  "The client follows, as clients do, and the host refuses the new address before anything is attached. The caller sees the refusal.",
		Defences: []defence.Defence{defence.Destined},
	},
	{
		Who: Service, Name: "a redirect to plain HTTP",
		Tries:    "It redirects from https to http on the same host, so that whoever is on the way reads along.",
		Stopped:  "The client follows, as clients do, and the host refuses the new address before anything is attached. The caller sees the refusal.",
		Defences: []defence.Defence{defence.Destined},
	},
	{
		Who: Service, Name: "a redirect to another port",
		Tries:    "It redirects to another port of the same host, where another program may listen.",
		Stopped:  "The client follows, as clients do, and the host refuses the new address before anything is attached. The caller sees the refusal.",
		Defences: []defence.Defence{defence.Destined},
	},
	{
		Who: Service, Name: "a redirect to a subdomain",
		Tries:    "It redirects to a name below its own, which somebody else may have rented.",
		Stopped:  "The client follows, as clients do, and the host refuses the new address before anything is attached. The caller sees the refusal.",
		Defences: []defence.Defence{defence.Destined},
	},
	{
		Who: Service, Name: "a redirect that keeps the body",
		Tries:    "It redirects a POST with 307, so that its body is sent to an origin of the attacker's as well.",
		Stopped:  "The client follows, as clients do, and the host refuses the new address before anything is attached. The caller sees the refusal.",
		Defences: []defence.Defence{defence.Destined},
	},
	{
		Who: Service, Name: "a redirect in circles",
		Tries:    "It redirects to itself, over and over.",
		Stopped:  "The client gives up after ten.",
		Contrast: "A caller that allows a hundred is led around a hundred times.",
	},
	{
		Who: Service, Name: "a token endpoint that redirects",
		Tries:    "It redirects the plugin's token request with 307, so that the client secret is sent to another origin.",
		Stopped:  "Package sdk follows no redirects; and if a plugin does, the egress refuses an origin that is not the credential's.",
		Defences: []defence.Defence{defence.Destinations},
		Contrast: "A plugin that follows redirects by itself sends the secret on, once the egress allows it.",
	},
	{
		Who: Service, Name: "a token answer without end",
		Tries:    "It answers a token request with bytes that do not end.",
		Stopped:  "The host reads a MiB of it, and no more.",
		Defences: []defence.Defence{defence.GrantSize},
	},
	{
		Who: Service, Name: "an answer to a test without end",
		Tries:    "It answers a plugin's test with bytes that do not end.",
		Stopped:  "The egress ends the answer at a limit of the operator's, whatever the plugin would read.",
		Defences: []defence.Defence{defence.AnswerSize},
	},
	{
		Who: Service, Name: "JSON nested without end",
		Tries:    "It answers a token request with a hundred thousand lists in each other, to exhaust the parser's stack.",
		Stopped:  "The parser stops at ten thousand. The answer is not taken.",
		Contrast: "With a hundred, the same answer is taken.",
	},
	{
		Who: Service, Name: "half an answer",
		Tries:    "It breaks off within the JSON.",
		Stopped:  "What cannot be parsed as a whole is not taken.",
		Contrast: "The whole answer is taken.",
	},
	{
		Who: Service, Name: "two answers in one",
		Tries:    "It sends two JSON objects, of which parsers may take one or the other.",
		Stopped:  "What has something after it is not taken.",
		Contrast: "One alone is taken.",
	},
	{
		Who: Service, Name: "an answer in UTF-16",
		Tries:    "It answers in another encoding than parsers and filters agree on.",
		Stopped:  "JSON is UTF-8 (RFC 8259, section 8.1): the answer is not taken.",
		Contrast: "The same answer in UTF-8 is taken, whatever charset it names.",
	},
	{
		Who: Service, Name: "an answer that begins invisibly",
		Tries:    "It puts a byte order mark before the JSON.",
		Stopped:  "The answer is not taken.",
		Contrast: "Without it, the answer is taken.",
	},
	{
		Who: Service, Name: "a page in the place of an answer",
		Tries:    "It answers with a page of HTML that holds a token, as an attacker may who can store text at the service.",
		Stopped:  "Only what says that it is JSON, or a form, is read for a token.",
		Contrast: "The same bytes as JSON are taken.",
	},
	{
		Who: Service, Name: "a token with a line break",
		Tries:    "It answers with a token that would end the header it stands in, and begin another.",
		Stopped:  "What cannot stand in a header is no token (RFC 6749, appendix A.12).",
		Contrast: "Without the line break, it is taken.",
	},
	{
		Who: Service, Name: "a token with a zero byte",
		Tries:    "It answers with a token that some servers read up to the zero byte.",
		Stopped:  "What cannot stand in a header is no token.",
		Contrast: "Without it, the token is taken.",
	},
	{
		Who: Service, Name: "a token that is not text",
		Tries:    "It answers with an object in the place of the token.",
		Stopped:  "What is not text is no token.",
		Contrast: "A text is taken.",
	},
	{
		Who: Service, Name: "a token as large as a film",
		Tries:    "It answers with a token of half a million bytes, for every request to carry.",
		Stopped:  "A grant carries 64 KiB of headers at most.",
		Contrast: "A token of five thousand bytes is taken.",
	},
	{
		Who: Service, Name: "a lifetime that wraps around",
		Tries:    "It says that the token lives for 10^99 seconds, which is less than nothing in an integer, so that each request renews.",
		Stopped:  "A lifetime counts for ten years at most.",
		Contrast: "A lifetime of a microsecond is believed, and makes each request ask for a token, of the service that said so.",
	},
	{
		Who: Service, Name: "a lifetime below nothing",
		Tries:    "It says that the token has ended an hour ago, so that each request renews.",
		Stopped:  "It is taken as unknown: the token is used until it is refused.",
		Contrast: "A lifetime of a microsecond is believed.",
	},
	{
		Who: Service, Name: "a lifetime that is no number",
		Tries:    "It says that the token lives for NaN, which no comparison holds for.",
		Stopped:  "It is taken as unknown: the token is used until it is refused.",
		Contrast: "A lifetime of a microsecond is believed.",
	},
	{
		Who: Service, Name: "a scheme that is not one",
		Tries:    "It names a token type with line breaks in it, which stands before the token in the header.",
		Stopped:  "What is no scheme is taken for Bearer.",
		Contrast: "A scheme of another name is used as it is.",
	},
	{
		Who: Service, Name: "the secret in a header",
		Tries:    "It repeats the secret in a header of its answer, where workflows log it.",
		Stopped:  "The host takes it out of the headers. Bodies are the service's own.",
		Defences: []defence.Defence{defence.Unechoed},
	},
	{
		Who: Service, Name: "the secret in a challenge",
		Tries:    "It repeats the secret, escaped, in WWW-Authenticate.",
		Stopped:  "The host takes it out.",
		Defences: []defence.Defence{defence.Unechoed},
	},
	{
		Who: Service, Name: "the secret in a redirect",
		Tries:    "It redirects to an address with the same query, which holds the secret; the client quotes that address in its error.",
		Stopped:  "The host takes the secret out of the address, and refuses it.",
		Defences: []defence.Defence{defence.Unechoed},
	},
	{
		Who: Service, Name: "the secret in a token answer",
		Tries:    "It refuses a client and repeats its secret in error_description.",
		Stopped:  "No words of a service get into errors or logs; a code of RFC 6749 is translated. What a plugin says is cleared of the secrets that it was told.",
		Defences: []defence.Defence{defence.Redacted},
		Contrast: "A plugin that quotes what it is told puts the secret into its own error.",
	},
	{
		Who: Service, Name: "the secret in a refusal of a test",
		Tries:    "It answers a test with 401 and the secret.",
		Stopped:  "Only the status gets into the verdict. What a plugin says is cleared of the secrets that it was told.",
		Defences: []defence.Defence{defence.Redacted},
		Contrast: "A plugin that quotes what it is told puts the secret into its own error.",
	},
	{
		Who: Service, Name: "a cookie that the grant carries",
		Tries:    "It sets the session's cookie anew, so that the caller's jar holds it.",
		Stopped:  "The host keeps back cookies of the names that the grant sets.",
		Defences: []defence.Defence{defence.OwnCookie},
	},
	{
		Who: Service, Name: "a refusal for every request",
		Tries:    "It answers every request with 401, so that the host obtains a token for each.",
		Stopped:  "A token that is younger than a minute is not renewed for a refusal: the caller sees the 401.",
		Defences: []defence.Defence{defence.Settled},
	},
	{
		Who: Service, Name: "a token endpoint that is down",
		Tries:    "It answers every token request with 503, while many credentials need one.",
		Stopped:  "After three failures nobody is let through for a while, and then one at a time.",
		Defences: []defence.Defence{defence.Breaker},
	},
	{
		Who: Service, Name: "a wait of ten years",
		Tries:    "It answers 429 and asks to be left alone for ten years.",
		Stopped:  "A day counts, and no more.",
		Contrast: "Within the day, the wait is kept.",
	},
	{
		Who: Service, Name: "a grant of another account's",
		Tries:    "It answers a renewal with a token of somebody else's account, so that a workflow's data ends there.",
		Stopped:  "People are warned, and the credential shows whose it was. It is used: services do move accounts.",
		Defences: []defence.Defence{defence.SameAccount},
	},
}
