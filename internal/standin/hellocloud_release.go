// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"cmp"
	"fmt"
	"strings"
)

// defaultVersion is the release that a HelloCloud is unless it is told otherwise.
const defaultVersion = "7.10.36"

// release is what differs from one SuiteCRM release to the next. Everything
// here was read in SuiteCRM's source, tag by tag, but for the grants of the
// releases before 7.10.10, which follow HelloCloud's own table.
type release struct {
	// old is the API before 7.10.10, which says 401 where the newer one says
	// 500, and which does not check the secret of a public client.
	old bool

	// clientCredentials and refresh tell whether the server knows the grant.
	// Password responses carry a refresh token either way.
	clientCredentials, refresh bool

	// matchGrant refuses a client that asks for another grant than its own
	// with invalid_client. From 7.13.3 to 7.14.4 refreshing counted as another
	// grant, so no refresh token could be used.
	matchGrant, matchRefresh bool

	// league8 is league/oauth2-server 8.4 instead of 5.1.6.
	league8 bool

	currentUser, metaModules bool // which routes exist

	owner ownerRule
}

// ownerRule is how a release finds the user that a token belongs to.
type ownerRule int

const (
	// ownerNone records no owner; current-user asks for the client's user.
	ownerNone ownerRule = iota

	// ownerPosted takes the user named in a form, else the client's user. The
	// user name in a JSON body is not seen.
	ownerPosted

	// ownerPostedOnly does the same, and fails for a password client that
	// sends no form: the password grant in JSON, and every refresh.
	ownerPostedOnly

	// ownerByClient takes the user who signed in with a password client, and
	// the client's user of any other.
	ownerByClient
)

// releaseOf is what a release does. The 7.10 and 7.11 series were kept up side
// by side, so each change has a patch level in both.
func releaseOf(version string) release {
	version = cmp.Or(strings.TrimSuffix(version, "+"), defaultVersion)
	var major, minor, patch int
	if n, _ := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); n != 3 || major != 7 || minor < 10 {
		panic(fmt.Sprintf("standin: %q is not a SuiteCRM release from 7.10.0 on", version))
	}
	since := func(in10, in11 int) bool {
		switch minor {
		case 10:
			return patch >= in10
		case 11:
			return patch >= in11
		}
		return true
	}
	league8 := minor > 13 || minor == 13 && patch >= 3
	r := release{
		old:               !since(10, 0),
		clientCredentials: since(2, 0),
		refresh:           since(21, 9),
		matchGrant:        league8,
		matchRefresh:      league8 && (minor == 13 || minor == 14 && patch < 5),
		league8:           league8,
		currentUser:       since(10, 0),
		metaModules:       since(17, 5),
	}
	switch {
	case since(26, 14):
		r.owner = ownerByClient
	case since(21, 9):
		r.owner = ownerPostedOnly
	case since(16, 4):
		r.owner = ownerPosted
	}
	return r
}
