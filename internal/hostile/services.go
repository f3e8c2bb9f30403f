// SPDX-License-Identifier: Apache-2.0

package hostile

// services are the cases of services, and of those who pose as one.
var services = []Case{
	{
		Who: Service, Name: "a redirect to another origin",
		Tries:    "It answers a request that carries a credential with a redirect to an origin of the attacker's.",
		Stopped:  "The client follows, as clients do, and the host refuses the new address before anything is attached. The caller sees the refusal.",
		Contrast: "The same redirect to an origin that the credential is for is followed, with the credential.",
	},
}
