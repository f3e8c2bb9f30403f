// SPDX-License-Identifier: Apache-2.0

package hostile

// proxyCases are what callers try of the proxy.
var proxyCases = []Case{
	{
		Name:     "a credential of another workspace, to use",
		Tries:    "A caller sends a request with it through the proxy.",
		Stopped:  "It does not exist: 404, and nothing is sent.",
		Contrast: "With a key of its own workspace the request is sent.",
	},
	{
		Name:     "the key in the service's hands",
		Tries:    "A client puts its key into headers of all kinds, by mistake or to have the service keep it for somebody.",
		Stopped:  "No header that has the key in it is sent.",
		Contrast: "With other words in it, each is sent.",
	},
	{
		Name:     "the key as a proxy's",
		Tries:    "A client in path mode also sends Proxy-Authorization.",
		Stopped:  "What is for proxies goes no further.",
		Contrast: "A header of another name does.",
	},
	{
		Name:     "the key in the query",
		Tries:    "A client has its key in the service's query, too.",
		Stopped:  "It is for this host alone: 400.",
		Contrast: "Another value is sent.",
	},
	{
		Name:     "the page's cookie in the service's hands",
		Tries:    "A browser that has signed in asks by path, and its session's cookie goes along.",
		Stopped:  "The host's own cookies are taken out.",
		Contrast: "The service's are sent.",
	},
	{
		Name:     "the grant's header, by Connection",
		Tries:    "Connection names the header that the grant is in, so that it is taken off on the way, and the service sees somebody anonymous.",
		Stopped:  "What Connection names is taken off before the grant is put on: the service gets it.",
		Contrast: "A header of the caller's that Connection names is taken off.",
	},
	{
		Name:     "an origin of the proxy's own",
		Tries:    "Via, Forwarded, X-Real-IP and X-Forwarded-For tell the service a story of where the request comes from.",
		Stopped:  "They are left out.",
		Contrast: "A header of another name is sent.",
	},
	{
		Name:     "Content-Length and chunks",
		Tries:    "A request has both, for two readers who believe one each (CL.TE), with a second request in its body.",
		Stopped:  "The service gets one request, or none.",
		Contrast: "The second, sent openly, arrives.",
	},
	{
		Name:     "chunks and Content-Length",
		Tries:    "The same the other way round (TE.CL).",
		Stopped:  "The service gets one request, or none.",
		Contrast: "The second, sent openly, arrives.",
	},
	{
		Name:     "chunks by another name",
		Tries:    "Transfer-Encoding is spelt so that one of two readers does not know it (TE.TE).",
		Stopped:  "The service gets one request, or none.",
		Contrast: "The second, sent openly, arrives.",
	},
	{
		Name:     "two lengths",
		Tries:    "A request has two Content-Lengths that differ.",
		Stopped:  "The service gets one request, or none.",
		Contrast: "The second, sent openly, arrives.",
	},
	{
		Name:     "a chunk's size that is none",
		Tries:    "A chunk says its size with a sign, a space, or more digits than there are numbers.",
		Stopped:  "The body breaks off, and with it the request: nothing after it is read.",
		Contrast: "The second, sent openly, arrives.",
	},
	{
		Name:     "a line that ends early",
		Tries:    "A header has a bare line feed or carriage return in it, and then a second request.",
		Stopped:  "The service gets one request, or none.",
		Contrast: "The second, sent openly, arrives.",
	},
	{
		Name:     "a line break by HTTP/2",
		Tries:    "A header over HTTP/2 has a line break in it, which would begin another where the proxy speaks HTTP/1.1.",
		Stopped:  "The stream is refused.",
		Contrast: "Without the break it is sent.",
	},
	{
		Name:     "a trailer for a header",
		Tries:    "A request's trailers have another Authorization, and the grant's header, for a service that joins both.",
		Stopped:  "It is not sent so.",
		Contrast: "A trailer of another name arrives.",
	},
	{
		Name:     "a tunnel to the secrets of a machine",
		Tries:    "CONNECT asks for a tunnel to the address at which clouds hand out what their machines may do.",
		Stopped:  "405: there are no tunnels.",
		Contrast: "A request to the credential's own address is sent.",
	},
	{
		Name:     "the API through the proxy",
		Tries:    "A request in absolute form names the host itself, to reach its API as from inside.",
		Stopped:  "It is one for the proxy: 407 without a proxy's key, and else the credential is not for that address.",
		Contrast: "The API itself answers who shows it a key.",
	},
	{
		Name:     "a proxy that asks itself",
		Tries:    "A tenant makes a credential for the host's own address, and asks for a path in which the proxy asks itself, again and again.",
		Stopped:  "What is sent carries no key of the host's, so that the first step is the last: 401.",
		Contrast: "To the echo, the request is sent.",
	},
	{
		Name:     "more at once than a key may",
		Tries:    "A caller has a service hang with as many requests as it can, so that others wait.",
		Stopped:  "A key has its share, and no more: others are answered.",
		Contrast: "Nothing can be switched off: that others are answered is all there is to see.",
		In:       "host/proxy", Test: "TestNobodyTakesMoreThanTheirShare",
	},
}

// targetCases are the spellings in which a caller tries to send a grant where it
// may not go, or a key where it may not be used.
var targetCases = []Case{
	target("another port", "The host is the right one, and the port another's.", "403"),
	target("a user before the host", "The right host stands where a user does, and another after it.", "400"),
	target("a user, escaped", "The same, with %40 for the sign.", "400"),
	target("a backslash in the host", "The right host ends with a backslash, which some take for a slash, and another follows.", "400"),
	target("a fragment in the host", "The right host ends with an escaped fragment.", "400"),
	target("a final dot", "The host is a name of the same place with a final dot, which is another origin and the same address.", "400"),
	target("a slash, escaped, in the host", "The host has %2f in it, and another's name.", "400"),
	target("letters that look alike", "The host is in letters beyond ASCII that some fold into others.", "400"),
	target("a host in capitals", "The name is in capitals, for two readers who compare otherwise.", "It is the same host to all: what is sent goes where the credential may go, and 403 where it may not"),
	target("a number for an address", "The host is the address written as one number, for a check that reads names.", "400 or 403"),
	target("another scheme", "The address begins with file, gopher or ftp.", "400"),
	limited("a path that climbs", "The path begins as it may, and climbs out with two dots."),
	limited("a path that climbs, escaped", "The dots are escaped."),
	limited("a path that climbs, escaped twice", "The escapes are escaped, for a service that unescapes twice."),
	limited("a path with a parameter", "The dots have a parameter (..;), which some servers take off."),
	limited("a slash, escaped", "The slash after the dots is escaped."),
	limited("a backslash", "The slash after the dots is a backslash, plain or escaped."),
	limited("two slashes", "Slashes are doubled, so that some see a path of another root."),
	limited("a path in capitals", "The path is in capitals, for services that do not tell them apart."),
	limited("a method by a header", "The method is one that it may use, and X-HTTP-Method-Override says another, in several spellings."),
	limited("a method by a parameter", "The method is one that it may use, and the parameter _method says another."),
	limited("a URL by a header", "The URL is one that it may use, and X-Original-URL or X-Rewrite-URL says another."),
	limited("a method in small letters", "The method that it may not use is spelt in small letters."),
}

func target(name, tries, stopped string) Case {
	return Case{Name: name, Tries: tries, Stopped: stopped + ", and nothing is sent elsewhere.",
		Contrast: "A credential whose answers name that address is sent there."}
}

func limited(name, tries string) Case {
	return Case{Name: name, Tries: "A derived key is for GET of one path. " + tries, Stopped: "403: what could be read in two ways is not sent with a key that is limited.",
		Contrast: "A key without limits sends it as it is."}
}

// proxiedCases are what services try of those who ask them through the proxy.
var proxiedCases = []Case{
	{
		Name:     "the secret in a header",
		Tries:    "A service repeats the secret in headers of its answer, also within other words.",
		Stopped:  "Such headers are left out.",
		Contrast: "In the body it is passed on: what a service says there is the caller's, as that of WebSockets is, and nobody could look into what is packed or encrypted.",
	},
	{
		Name:     "the secret in a trailer",
		Tries:    "A service repeats it in a trailer.",
		Stopped:  "The trailer is left out.",
		Contrast: "In the body it is passed on.",
	},
	{
		Name:     "the secret in the status line",
		Tries:    "A service repeats it in the words after the status.",
		Stopped:  "The words are the host's own.",
		Contrast: "In the body it is passed on.",
	},
	{
		Name:     "the secret in what announces an answer",
		Tries:    "A service repeats it in the headers of 103.",
		Stopped:  "They are left out.",
		Contrast: "In the body it is passed on.",
	},
	{
		Name:     "an error in the proxy's name",
		Tries:    "A service answers with Credhost-Error and Credhost-Request, to be taken for the proxy.",
		Stopped:  "Headers that begin so are left out.",
		Contrast: "Others are passed on.",
	},
	{
		Name:     "settings of the host's site",
		Tries:    "By path, a service answers with Strict-Transport-Security, Clear-Site-Data, Alt-Svc and Service-Worker-Allowed, which browsers would take for the host's.",
		Stopped:  "By path they are left out.",
		Contrast: "As a proxy, the address is the service's own, and so are they.",
	},
	{
		Name:     "leave for other pages",
		Tries:    "By path, a service lets every page read its answers (CORS), which are the host's to a browser.",
		Stopped:  "By path it is left out.",
		Contrast: "As a proxy it is passed on.",
	},
	{
		Name:     "a page on the host's address",
		Tries:    "By path, a service answers with a page whose script would have the host's origin, and with it the session.",
		Stopped:  "Browsers are told to keep it in a sandbox.",
		Contrast: "As a proxy, the origin is the service's own.",
	},
	{
		Name:     "a cookie of the page's name",
		Tries:    "By path, a service sets a cookie of the page's session's name for all paths.",
		Stopped:  "It is for the service's own paths below the proxy, and the page never gets it.",
		Contrast: "As a proxy it is passed on as it is.",
	},
	{
		Name:     "a way into the API",
		Tries:    "By path, a service redirects to /v1/keys, so that a client shows its key to the API with what the service chose.",
		Stopped:  "Location leads back to the service, through the proxy.",
		Contrast: "As a proxy it is passed on as it is, and is the service's own path.",
	},
	{
		Name:     "a key that is led elsewhere",
		Tries:    "By path, a service redirects to another's address, where clients repeat Credhost-Key.",
		Stopped:  "There is no Location, but Credhost-Location for who wants to know.",
		Contrast: "Who shows the key in Authorization, which clients keep from others, is led there.",
	},
	{
		Name:     "half an answer",
		Tries:    "A service goes in the middle of its answer, so that half of it passes for the whole.",
		Stopped:  "The caller's connection breaks, too.",
		Contrast: "A whole answer is passed on.",
	},
	{
		Name:     "a tunnel that nobody asked for",
		Tries:    "A service answers 101 to an ordinary request, and speaks to the caller as it likes.",
		Stopped:  "It is refused: 502.",
		Contrast: "Asked for a WebSocket, it gets one.",
		In:       "host/proxy", Test: "TestSwitchesThatAreRefused",
	},
	{
		Name:     "a second answer",
		Tries:    "A service says more than its answer, for the next request on the connection.",
		Stopped:  "The connection is given up.",
		Contrast: "Other spellings of one answer, in the same test, are passed on.",
		In:       "host/proxy", Test: "TestNothingIsSmuggledBack",
	},
}
