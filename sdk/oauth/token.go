// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/credhost/credhost/sdk"
)

// A Token is what a token endpoint gave (RFC 6749, section 5.1). A plugin may
// change it before it makes a grant of it. It never prints what it holds.
type Token struct {
	AccessToken  string
	TokenType    string // as the service wrote it; empty means Bearer
	RefreshToken string
	Expiry       time.Time // of the access token, counted from before it was asked for; zero: unknown
	Scope        string    // as the service wrote it; empty if the answer does not say

	// Kept is what the plugin wants to find in the token of the next Refresh,
	// beside the refresh token: an instance's address, or when the person
	// approved. State keeps it.
	Kept map[string]string

	answer map[string]json.RawMessage
}

// Extra returns a member of the answer, whatever its name: a string as it is,
// anything else as JSON. It returns "" if there is none, or null.
func (t Token) Extra(name string) string { return member(t.answer, name) }

// Grant returns a grant that carries the access token in the Authorization
// header (RFC 6750) and keeps in its State what Refresh needs. Origins narrow
// it, as [sdk.Grant.Origins] does; none leaves that nil.
//
// The scheme is TokenType. Where a service answers with a type that it does
// not want in the header, set it to "Bearer" first.
func (t Token) Grant(origins ...string) sdk.Grant {
	kind := t.TokenType
	if kind == "" || strings.EqualFold(kind, "bearer") || strings.EqualFold(kind, "N_A") { // the last is RFC 8693's, of no type at all
		kind = "Bearer" // some services do not know it in other letters
	}
	return sdk.Grant{
		Header:  http.Header{"Authorization": {kind + " " + t.AccessToken}},
		Expiry:  t.Expiry,
		Origins: slices.Clone(origins),
		State:   t.State(),
	}
}

// state is the JSON form of a grant's State.
type state struct {
	Version      int               `json:"v"`
	RefreshToken string            `json:"refreshToken,omitempty"`
	Kept         map[string]string `json:"kept,omitempty"`
}

// stateVersion is raised when an older plugin would misunderstand a state.
// Members that it may ignore, and thus lose, need no new version.
const stateVersion = 1

// State returns what [Client.Refresh] and [Restore] need of t: the refresh
// token and what is kept. Its form is this package's business, except that
// equal tokens have equal states. It is nil if there is nothing to keep.
func (t Token) State() []byte {
	if t.RefreshToken == "" && len(t.Kept) == 0 {
		return nil
	}
	encoded, err := json.Marshal(state{stateVersion, t.RefreshToken, t.Kept})
	if err != nil {
		panic("oauth: " + err.Error()) // strings always encode
	}
	return encoded
}

// Restore returns the refresh token, and what was kept with it, of the token
// whose State this is: to revoke it, say. The rest of the token is empty. A
// nil state is that of a credential that is not connected yet.
func Restore(kept []byte) (Token, error) {
	if len(kept) == 0 {
		return Token{}, sdk.Errorf(sdk.Denied, "not connected yet: connect first")
	}
	var form struct {
		Version int `json:"v"`
	}
	if json.Unmarshal(kept, &form) == nil && form.Version > stateVersion {
		return Token{}, sdk.Errorf(sdk.Unavailable, "the kept state is of a newer version of the plugin: use that")
	}
	var s state
	if json.Unmarshal(kept, &s) != nil || s.Version < 1 {
		return Token{}, sdk.Errorf(sdk.Internal, "the kept state is not one of package oauth")
	}
	return Token{RefreshToken: s.RefreshToken, Kept: s.Kept}, nil
}

// String returns until when t lasts.
func (t Token) String() string {
	if t.Expiry.IsZero() {
		return "token[]"
	}
	return "token[until " + t.Expiry.UTC().Format(time.RFC3339) + "]"
}

// Format prints until when t lasts, whatever the verb.
func (t Token) Format(f fmt.State, _ rune) { io.WriteString(f, t.String()) }

// MarshalText returns until when t lasts.
func (t Token) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// String returns the client's ID.
func (c Client) String() string { return "client[" + c.ID + "]" }

// Format prints the client's ID, whatever the verb.
func (c Client) Format(f fmt.State, _ rune) { io.WriteString(f, c.String()) }

// MarshalText returns the client's ID.
func (c Client) MarshalText() ([]byte, error) { return []byte(c.String()), nil }
