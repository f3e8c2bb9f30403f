// SPDX-License-Identifier: Apache-2.0

package hostile

import "github.com/credhost/credhost/internal/defence"

// wire are the cases of services that do not keep to HTTP or TLS, and of names
// that lead elsewhere.
var wire = []Case{
	{
		Who: Service, Name: "two lengths",
		Tries:    "It says twice how long the body is, and differs, so that what is between may read another answer.",
		Stopped:  "The answer is not taken, and the caller told so.",
		Contrast: "With one length, the answer is taken.",
	},
	{
		Who: Service, Name: "a length that is none",
		Tries:    "It writes the length as no number of HTTP is written, which others read as none.",
		Stopped:  "The answer is not taken, and the caller told so.",
		Contrast: "As a number, it is taken.",
	},
	{
		Who: Service, Name: "a length below nothing",
		Tries:    "It gives a length below zero.",
		Stopped:  "The answer is not taken, and the caller told so.",
		Contrast: "As a number, it is taken.",
	},
	{
		Who: Service, Name: "chunks that are none",
		Tries:    "It sends chunks whose length is no number.",
		Stopped:  "The caller gets an error in the place of a body.",
		Contrast: "With one length, the answer is taken.",
	},
	{
		Who: Service, Name: "an encoding that is none",
		Tries:    "It names a transfer encoding after chunked, which others take for no encoding.",
		Stopped:  "The answer is not taken, and the caller told so.",
		Contrast: "With one length, the answer is taken.",
	},
	{
		Who: Service, Name: "an answer of HTTP/0.9",
		Tries:    "It answers without any header, so that whatever a port says becomes an answer.",
		Stopped:  "The answer is not taken, and the caller told so.",
		Contrast: "With a head, the answer is taken.",
	},
	{
		Who: Service, Name: "an answer that ends early",
		Tries:    "It promises a hundred bytes, sends three, and hangs up, so that half of it passes for the whole.",
		Stopped:  "The caller gets an error in the place of the end.",
		Contrast: "With a length of three, the answer is taken.",
	},
	{
		Who: Service, Name: "chunks that end early",
		Tries:    "It hangs up before the last chunk, so that half of an answer passes for the whole.",
		Stopped:  "The caller gets an error in the place of the end.",
		Contrast: "With the last chunk, the answer is taken.",
	},
	{
		Who: Service, Name: "hints without end",
		Tries:    "It sends two thousand answers that announce another one (1xx), two megabytes in all.",
		Stopped:  "The answer is not taken, and the caller told so.",
		Contrast: "After one of them, the answer is taken.",
	},
	{
		Who: Service, Name: "another protocol",
		Tries:    "It switches to another protocol, unasked, and keeps the connection.",
		Stopped:  "The answer is not taken, and the caller told so.",
		Contrast: "An answer in HTTP is taken.",
	},
	{
		Who: Service, Name: "a second answer in advance",
		Tries:    "It answers a request twice, so that the second answer is taken for that to the next request.",
		Stopped:  "A connection on which something comes unasked is closed. The next request has another one.",
		Contrast: "A service that answers when it is asked is heard.",
	},
	{
		Who: Service, Name: "a body where there is none",
		Tries:    "It sends a body with 204, which has none, and in it an answer to the next request.",
		Stopped:  "The connection is closed. The next request has another one.",
		Contrast: "A service that answers when it is asked is heard.",
	},
	{
		Who: Service, Name: "a body of what has not changed",
		Tries:    "It sends a body with 304, which has none, and in it an answer to the next request.",
		Stopped:  "The connection is closed. The next request has another one.",
		Contrast: "A service that answers when it is asked is heard.",
	},
	{
		Who: Service, Name: "a length and chunks",
		Tries:    "It gives a length and sends chunks, and an answer to the next request where the one or the other ends.",
		Stopped:  "Chunks go before a length (RFC 9112, section 6.3). What comes after them closes the connection.",
		Contrast: "A service that answers when it is asked is heard.",
	},
	{
		Who: Service, Name: "a header in the trailer",
		Tries:    "It sends a header after the body, for whoever merges the two.",
		Stopped:  "It stays in the trailer.",
		Contrast: "Before the body, it is a header.",
	},
	{
		Who: Service, Name: "a connection that is reset",
		Tries:    "It resets the connection within a body that ends with the connection.",
		Stopped:  "The caller gets an error in the place of the end.",
		Contrast: "Closed in order, the answer is taken.",
	},
	{
		Who: Service, Name: "an answer that never begins",
		Tries:    "It takes the request, and says nothing.",
		Stopped:  "The host waits for the headers of an answer for a time of the operator's.",
		Defences: []defence.Defence{defence.AnswerTime},
	},
	{
		Who: Service, Name: "headers without end",
		Tries:    "It sends megabytes of headers, and thousands of them.",
		Stopped:  "An answer has a thousand headers at most, and 256 KiB of them.",
		Defences: []defence.Defence{defence.HeadSize},
	},
	{
		Who: Service, Name: "a bomb for a plugin",
		Tries:    "It sends a little that grows to 32 MiB when it is unpacked.",
		Stopped:  "The egress unpacks what plugins are answered, and counts what comes of it.",
		Defences: []defence.Defence{defence.Inflated},
	},
	{
		Who: Service, Name: "a bomb for a workflow",
		Tries:    "It sends a little that grows to 32 MiB when it is unpacked, unasked.",
		Stopped:  "The host unpacks nothing for workflows. They get the bytes as they came.",
		Contrast: "A client of net/http, as it is, unpacks all of it.",
	},
	{
		Who: Service, Name: "headers without end in HTTP/2",
		Tries:    "It sends megabytes of headers, compressed and in frames.",
		Stopped:  "The same limits hold for HTTP/2.",
		Defences: []defence.Defence{defence.HeadSize},
	},
	{
		Who: Service, Name: "pings without end",
		Tries:    "It sends HTTP/2 pings without end, each of which must be answered, and reads no answer.",
		Stopped:  "The host waits for the headers of an answer for a time of the operator's, whatever else comes.",
		Defences: []defence.Defence{defence.AnswerTime},
	},
	{
		Who: Service, Name: "settings without end",
		Tries:    "It changes the settings of an HTTP/2 connection without end, and reads no acknowledgement.",
		Stopped:  "The host waits for the headers of an answer for a time of the operator's.",
		Defences: []defence.Defence{defence.AnswerTime},
	},
	{
		Who: Service, Name: "continuations without end",
		Tries:    "It sends the headers of an HTTP/2 answer in frames that never end.",
		Stopped:  "The connection is closed when the headers are too large.",
		Contrast: "Headers that end are taken.",
	},
	{
		Who: Service, Name: "a certificate that has expired",
		Tries:    "Somebody with an old key of the service's answers in its place.",
		Stopped:  "The certificate is verified before anything is sent.",
		Defences: []defence.Defence{defence.Verified},
	},
	{
		Who: Service, Name: "a certificate of another name",
		Tries:    "Somebody with a certificate of their own answers in the service's place.",
		Stopped:  "The certificate is verified before anything is sent.",
		Defences: []defence.Defence{defence.Verified},
	},
	{
		Who: Service, Name: "a certificate for the domain above",
		Tries:    "Somebody with a certificate for one level of names answers two levels below.",
		Stopped:  "A star stands for one label (RFC 9525, section 6.3).",
		Defences: []defence.Defence{defence.Verified},
	},
	{
		Who: Service, Name: "a certificate of nobody's",
		Tries:    "Somebody on the way issues a certificate in the service's name.",
		Stopped:  "Its authority is not one that the operator trusts.",
		Defences: []defence.Defence{defence.Verified},
	},
	{
		Who: Service, Name: "TLS as of twenty years ago",
		Tries:    "Somebody on the way allows TLS 1.1 at most.",
		Stopped:  "TLS 1.2 is the least.",
		Contrast: "With TLS 1.3, the service is spoken to.",
	},
	{
		Who: Service, Name: "a cipher that is broken",
		Tries:    "Somebody on the way allows RC4 and 3DES alone.",
		Stopped:  "They are not offered.",
		Contrast: "With the ciphers of today, the service is spoken to.",
	},
	{
		Who: Service, Name: "no TLS at all",
		Tries:    "What listens in the service's place speaks plain HTTP.",
		Stopped:  "Nothing is sent before TLS is agreed on.",
		Contrast: "Where the operator says that the origin is served so, it is spoken to.",
	},
	{
		Who: Service, Name: "a question for a certificate",
		Tries:    "A service that has no right to one asks for a client certificate, to learn who somebody is.",
		Stopped:  "A certificate is shown to the origins of its own credential. Others are told that there is none.",
		Contrast: "A credential whose type has a certificate shows it.",
	},
	{
		Who: Service, Name: "a handshake that never ends",
		Tries:    "It takes the connection, and says nothing.",
		Stopped:  "A handshake has a time of the operator's.",
		Defences: []defence.Defence{defence.AnswerTime},
	},
	{
		Who: Service, Name: "a name that leads inside",
		Tries:    "A name that a tenant chooses leads to this machine.",
		Stopped:  "The address is looked at when it is connected to. Private and special ones are refused, with the same words.",
		Defences: []defence.Defence{defence.EachAttempt},
	},
	{
		Who: Service, Name: "a name that changes its mind",
		Tries:    "A name leads to a public address when it is looked up, and to this machine when it is connected to.",
		Stopped:  "Only the address that is connected to counts.",
		Defences: []defence.Defence{defence.EachAttempt},
	},
	{
		Who: Service, Name: "an address of this machine",
		Tries:    "A tenant's answer is an address of this machine.",
		Stopped:  "It is refused when the answers are saved.",
		Defences: []defence.Defence{defence.Addresses, defence.OwnAddresses},
	},
	{
		Who: Service, Name: "an address in another notation",
		Tries:    "A tenant's answer is an address of this machine, as IPv6 maps it.",
		Stopped:  "Every notation is read before it is judged.",
		Defences: []defence.Defence{defence.Addresses, defence.OwnAddresses},
	},
	{
		Who: Service, Name: "the address of a cloud's secrets",
		Tries:    "A tenant's answer is the address at which a cloud hands out its machines' secrets, on a host whose operator opens link-local addresses.",
		Stopped:  "Such an address is opened by a prefix of it alone.",
		Defences: []defence.Defence{defence.Metadata},
	},
	{
		Who: Service, Name: "plain HTTP",
		Tries:    "A tenant's answer is an http address, so that whoever is on the way reads along.",
		Stopped:  "It is refused when the answers are saved, unless the operator allows it.",
		Defences: []defence.Defence{defence.Encrypted},
	},
}
