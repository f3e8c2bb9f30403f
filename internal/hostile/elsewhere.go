// SPDX-License-Identifier: Apache-2.0

package hostile

import "github.com/credhost/credhost/internal/defence"

// elsewhere are the cases whose tests are beside what they attack.
var elsewhere = []Case{
	{
		Who: Plugin, Name: "a code for elsewhere",
		Tries:    "It sends the code that a person brings to an origin of its own.",
		Stopped:  "It reaches the credential's origins alone. A type that names another origin shows it to whoever trusts the plugin.",
		Contrast: "A type that names the other origin sends the code there.",
		In:       "internal/attack", Test: "TestAPluginThatLeaksTheCode",
	},
	{
		Who: Plugin, Name: "a lie about revocation",
		Tries:    "It says that it has revoked a grant, and has not.",
		Stopped:  "The host looks, with the type's test, and reports that the grant is alive.",
		Contrast: "An honest plugin's grant is seen to be dead.",
		In:       "internal/attack", Test: "TestAPluginThatLiesAboutRevocation",
	},
	{
		Who: Page, Name: "a state of another workspace",
		Tries:    "A browser comes back to another workspace than it left.",
		Stopped:  "A flow is a record of its workspace: there is none.",
		Contrast: "In its own workspace, the visit ends well, as every other test shows.",
		In:       "internal/attack", Test: "TestAStateOfAnotherWorkspace",
	},
	{
		Who: Plugin, Name: "requests that are two",
		Tries:    "It writes requests to its socket that two readers take for different ones.",
		Stopped:  "The egress takes a request apart before net/http does, and refuses what has two readings.",
		Defences: []defence.Defence{defence.OneReading},
		Contrast: "Without it, a request with a bare line feed gets through.",
		In:       "host/egress", Test: "TestSocketDefencesCanBeSwitchedOff",
	},
	{
		Who: Service, Name: "every special address",
		Tries:    "Names and answers lead to each of the ranges of IPv4 and IPv6 that the IANA keeps for special purposes.",
		Stopped:  "All are refused, with the same words.",
		Contrast: "A prefix of the operator's opens each.",
		In:       "host/egress", Test: "TestEverySpecialRange",
	},
	{
		Who: Service, Name: "what refusals tell",
		Tries:    "A tenant compares refusals, and the time they take, to learn what listens inside.",
		Stopped:  "All that is refused is refused alike, before anything is connected to.",
		Defences: []defence.Defence{defence.Alike},
		Contrast: "Without that, the words differ. TestNoOracle also compares the times.",
		In:       "host/egress", Test: "TestAlikeDefence",
	},
	{
		Who: Service, Name: "an answer that trickles",
		Tries:    "It sends an answer's head a letter at a time, or announces it over and over, so that each wait is short and all together are without end.",
		Stopped:  "The time and the size of a head count as a whole.",
		Defences: []defence.Defence{defence.AnswerTime},
		Contrast: "Without that, it is waited for.",
		In:       "host/egress", Test: "TestFloods",
	},
	{
		Who: Service, Name: "a thousand headers",
		Tries:    "It sends small headers by the thousand.",
		Stopped:  "An answer has a thousand at most.",
		Defences: []defence.Defence{defence.HeadSize},
		Contrast: "Without that, they are taken.",
		In:       "host/egress", Test: "TestManyHeaders",
	},
	{
		Who: Service, Name: "a refusal in the host's name",
		Tries:    "It answers with the headers by which the host tells a plugin of a refusal.",
		Stopped:  "They are taken off.",
		Defences: []defence.Defence{defence.Unforged},
		Contrast: "Without that, a plugin believes it.",
		In:       "host/egress", Test: "TestSocketDefencesCanBeSwitchedOff",
	},
	{
		Who: Caller, Name: "every request that is two",
		Tries:    "Requests in forty spellings that some server or proxy may take for others.",
		Stopped:  "None is sent, or exactly one, with exactly one key.",
		Contrast: "TestRequestsWithoutDefence sends each of them.",
		In:       "host", Test: "TestRequests",
	},
	{
		Who: Service, Name: "a grant of a service that forgets",
		Tries:    "The service, the hosts and the store fail at any moment of a renewal.",
		Stopped:  "In a hundred thousand simulated histories no grant is lost, spent twice or used before it is stored.",
		Defences: []defence.Defence{defence.Reread, defence.Committed},
		Contrast: "With any of five faults planted, two of them these defences off, histories are found in which that happens.",
		In:       "host", Test: "TestSimulationFindsFaults",
	},
	{
		Who: Thief, Name: "a key file with a letter changed",
		Tries:    "They change letters of the key file, so that what is sealed from then on opens for nobody.",
		Stopped:  "The file has a checksum, and is refused.",
		Contrast: "Unchanged, it is read.",
		In:       "host/sealer", Test: "TestADamagedKeyFileNeverOpensAsAnother",
	},
	{
		Who: Machine, Name: "a key file that others can read",
		Tries:    "Others of the machine may read the key file.",
		Stopped:  "The host refuses to begin, and says how to close it.",
		Contrast: "Closed, it is read.",
		In:       "host/sealer", Test: "TestAKeyFileThatOthersCanReadIsRefused",
	},
	{
		Who: Machine, Name: "kill -9 while a record is saved",
		Tries:    "The host is killed at any moment of a save, over and over.",
		Stopped:  "What was acknowledged is there afterwards, and nothing is there in part.",
		Contrast: "This is a test of endurance: nothing can be switched off.",
		In:       "host/sqlitestore", Test: "TestNothingAcknowledgedIsLostByKill",
	},
	{
		Who: Machine, Name: "kill -9 of a host that renews",
		Tries:    "Hosts that share a store are killed for a minute, while they renew.",
		Stopped:  "No grant is lost, and no plugin process outlives its host.",
		Contrast: "This is a test of endurance: nothing can be switched off. The service ends what a token that is shown twice came from.",
		In:       "internal/storm", Test: "TestKill",
	},
}
