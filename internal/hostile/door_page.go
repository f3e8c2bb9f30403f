// SPDX-License-Identifier: Apache-2.0

package hostile

// pageCases are what other pages and people try of the host's page.
var pageCases = []Case{
	{
		Name:     "a form of another page",
		Tries:    "Another page has the browser of somebody who has signed in send a form.",
		Stopped:  "403, before it is looked at.",
		Contrast: "From the page itself it is done.",
	},
	{
		Name:     "a form without its token",
		Tries:    "What looks like the page sends a form without what only the page's own forms have.",
		Stopped:  "It is asked again, and nothing is done.",
		Contrast: "With it, it is done.",
	},
	{
		Name:     "a page in a frame",
		Tries:    "Another page shows the host's page in a frame, and has people click what they do not see.",
		Stopped:  "A browser that asks for a frame is refused, and every page says that it goes into none.",
		Contrast: "Opened as a page, it is shown.",
	},
	{
		Name:     "a page as a script",
		Tries:    "Another page loads the host's pages as scripts, styles or pictures, to see what is in them.",
		Stopped:  "It is refused: 403.",
		Contrast: "Opened as a page, it is shown.",
	},
	{
		Name:     "a link that was used",
		Tries:    "Somebody finds a link to sign in with, in a history or a chat, after the person it was for.",
		Stopped:  "It works once.",
		Contrast: "The first time it signs in.",
	},
	{
		Name:     "a link that somebody looks at",
		Tries:    "What looks at links before people do, such as a scanner of mail, uses it up, or is signed in.",
		Stopped:  "Its secret is behind the #, which nobody sends, and no GET signs in.",
		Contrast: "Sent by the form, it signs in.",
	},
	{
		Name:     "a session that was prepared",
		Tries:    "Somebody sets a session's cookie in another's browser, waits until they sign in, and uses it.",
		Stopped:  "Who signs in gets another session, and the one before ends.",
		Contrast: "Before they sign in, it is good.",
	},
	{
		Name:     "somebody else's sign-in",
		Tries:    "Another page signs a person in as the attacker, so that they give it their secrets.",
		Stopped:  "A form to sign in has a token of the same browser's.",
		Contrast: "The page's own form signs in.",
	},
	{
		Name:     "a way out after signing in",
		Tries:    "A link to the page names where to go after signing in: a page that looks alike.",
		Stopped:  "It leads to a path of the page, or home.",
		Contrast: "A path of the page is gone to.",
	},
	{
		Name:     "a session after it was left",
		Tries:    "Somebody has the cookie of a session that was signed out of.",
		Stopped:  "It is nobody's.",
		Contrast: "Before, it is good.",
	},
	{
		Name:     "a name that is markup",
		Tries:    "A credential's name is a script, for whoever looks at the list.",
		Stopped:  "It is shown letter for letter, and no page runs a script that is in it.",
		Contrast: "In JSON, the name is as it is.",
	},
	{
		Name:     "the page under another name",
		Tries:    "A page's own name is made to lead to the host, so that a browser takes it for one of that page's (DNS rebinding).",
		Stopped:  "It is refused: 421.",
		Contrast: "Under its own name it is shown.",
	},
	{
		Name:     "a file beside the page's",
		Tries:    "Paths climb out of the folder of the page's files, in all spellings.",
		Stopped:  "404: the files are in the program, by their names.",
		Contrast: "A file of the page's is sent.",
	},
	{
		Name:     "another workspace's page",
		Tries:    "Somebody who has signed in to one workspace opens the pages of another.",
		Stopped:  "They do not exist: 404.",
		Contrast: "Those of their own are shown.",
	},
	{
		Name:     "an ID token that was forged",
		Tries:    "Whoever stands between, or another client of the same provider, brings an ID token for another audience, of another nonce, that has ended, is not signed, or is signed with what everybody knows.",
		Stopped:  "Nobody is signed in.",
		Contrast: "In the same test, a good one signs in.",
		In:       "host/access", Test: "TestForgedTokens",
	},
	{
		Name:     "an address that nobody has verified",
		Tries:    "Somebody gives a provider the address of an administrator, or one that looks alike.",
		Stopped:  "Only what the provider vouches for counts, compared letter for letter.",
		Contrast: "In the same test, a verified one is let in.",
		In:       "host/access", Test: "TestRules",
	},
	{
		Name:     "a provider that leads astray",
		Tries:    "A provider's own description names endpoints without TLS, or another issuer.",
		Stopped:  "It is not used.",
		Contrast: "In TestForgedTokens, an honest one is.",
		In:       "host/access", Test: "TestProvidersThatLeadAstray",
	},
	{
		Name:     "keys by guessing",
		Tries:    "Somebody shows the host one key after the other.",
		Stopped:  "After some that were none, the address waits: 429. Others are answered.",
		Contrast: "In the same test, the first ones are answered at once.",
		In:       "host/access", Test: "TestGuessing",
	},
}

// trailCases are what is tried of the audit trail.
var trailCases = []Case{
	{
		Who: Thief, Name: "a trail that was changed",
		Tries:    "Entries of the audit trail are changed, taken out, put in, exchanged or cut off at the end, in the database.",
		Stopped:  "Each is bound to all before it with the trail's key, and the end is kept sealed: credhost audit verify says where it breaks.",
		Contrast: "In the same test, the trail as it was written verifies.",
		In:       "host/audit", Test: "TestTampering",
	},
	{
		Who: Thief, Name: "a trail that was put back",
		Tries:    "An old copy of the whole trail takes its place while a host runs.",
		Stopped:  "The host notices with its next entry, and says so. A head that was noted elsewhere proves it later, too.",
		Contrast: "In the same test, the host goes on as long as nothing was changed.",
		In:       "host/audit", Test: "TestRunningHostNotices",
	},
}
