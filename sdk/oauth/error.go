// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/credhost/credhost/sdk"
)

// A ResponseError is an answer of a token endpoint that is not a token, or one
// of its neighbours' that is not what it should be. It is the cause of the [*sdk.Error] that a call returns, and is found with
// errors.As. It prints its status and code, never what else the service said.
type ResponseError struct {
	Status int    // of HTTP; some services report errors with 200
	Code   string // the answer's "error", if it is a word of a standard; else ""

	answer map[string]json.RawMessage
	body   []byte
}

// Says reports whether the service's own words contain text: its error code,
// standard or not, or its explanation, which has one of the names
// error_description, message and hint. It is how a plugin tells apart what its
// service does not, without ever holding words that may quote a secret.
func (e *ResponseError) Says(text string) bool {
	return slices.ContainsFunc([]string{"error", "error_description", "message", "hint"}, func(name string) bool {
		return strings.Contains(e.member(name), text)
	})
}

func (e *ResponseError) member(name string) string { return member(e.answer, name) }

// Body returns the answer's body, of which at most 1 MiB was read. It may
// quote secrets: it must go to no log, and into no error.
func (e *ResponseError) Body() []byte { return e.body }

// Error returns the status and the code.
func (e *ResponseError) Error() string {
	text := "the service answered " + strconv.Itoa(e.Status)
	if e.Code != "" {
		text += " " + e.Code
	}
	return text
}

// Format prints the status and the code, whatever the verb.
func (e ResponseError) Format(f fmt.State, _ rune) { io.WriteString(f, e.Error()) }

// A meaning is what an error code means to a person.
type meaning struct {
	code    sdk.Code
	message string
}

func (m meaning) error(word string) *sdk.Error {
	return &sdk.Error{Code: m.code, Reason: word, Message: m.message}
}

// codes are the error codes of RFC 6749 (sections 4.1.2.1 and 5.2), RFC 7009
// (section 2.2.1), RFC 8628 (section 3.5), RFC 8693 (section 2.2.2), RFC 9396
// (section 5), RFC 9449 (section 12) and OpenID Connect (Core, section 3.1.2.6),
// by who must act.
//
// Where a request is invalid, it is the answers that made it so: the plugin
// sends the same one for everybody, and its author has seen it work.
var codes = map[string]meaning{
	"invalid_client":      {sdk.Denied, "the service does not take the client's ID and secret: enter them again"},
	"invalid_grant":       {sdk.Denied, "the service does not take the approval, the token or the password: connect or enter it again"},
	"unauthorized_client": {sdk.Denied, "the service does not let this client obtain tokens in this way: check how the client is registered"},
	"access_denied":       {sdk.Denied, "access was not approved: connect again"},
	"expired_token":       {sdk.Denied, "the time to approve is over: connect again"},

	"invalid_request":               {sdk.Invalid, "the service does not understand the request: check the answers, and the address first"},
	"invalid_scope":                 {sdk.Invalid, "the service does not grant these scopes: check them, and what the client may ask for"},
	"unsupported_grant_type":        {sdk.Invalid, "the service does not offer tokens of this kind: choose another way to sign in"},
	"unsupported_response_type":     {sdk.Invalid, "the service does not offer approval of this kind: choose another way to sign in"},
	"invalid_target":                {sdk.Invalid, "the service does not know what the token is for: check the audience or resource"},
	"invalid_authorization_details": {sdk.Invalid, "the service does not grant these authorization details: check them"},
	"unsupported_token_type":        {sdk.Internal, "the service does not revoke tokens of this kind"},
	"invalid_dpop_proof":            {sdk.Internal, "the service does not take the proof of possession"},
	"use_dpop_nonce":                {sdk.Internal, "the service wants a nonce in the proof of possession"},

	"login_required":             {sdk.Denied, "the service wants the person to sign in: connect again"},
	"interaction_required":       {sdk.Denied, "the service wants to ask the person something: connect again"},
	"consent_required":           {sdk.Denied, "the service wants the person's consent: connect again"},
	"account_selection_required": {sdk.Denied, "the service wants the person to choose an account: connect again"},

	"server_error":            {sdk.Unavailable, "the service met an error of its own: try again later"},
	"temporarily_unavailable": {sdk.Unavailable, "the service is overloaded or being maintained: try again later"},
	"authorization_pending":   {sdk.Unavailable, "the person has not approved yet"},
	"slow_down":               {sdk.Unavailable, "the person has not approved yet, and the service asks to slow down"},
}

// refused makes an error of an answer that is not a token. The order matters:
// a service that cannot answer now decides nothing, whatever it says; then its
// word counts, and only then its status.
func refused(resp *http.Response, body []byte, answer map[string]json.RawMessage) error {
	cause := &ResponseError{Status: resp.StatusCode, answer: answer, body: body}
	if said := cause.member("error"); codes[said] != (meaning{}) {
		cause.Code = said
	}
	e := cause.meaning(resp).Because(cause)
	if e.Code == sdk.Unavailable {
		e.RetryAfter = sdk.RetryAfter(resp.Header, time.Now())
	}
	return e
}

// meaning says who must act on e.
func (e *ResponseError) meaning(resp *http.Response) *sdk.Error {
	byStatus, _ := errors.AsType[*sdk.Error](sdk.Status(resp)) // nil for success
	isJSON, said := e.answer != nil, e.member("error") != ""
	switch {
	case e.Status >= 500 || e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout:
		return byStatus
	case e.Code != "":
		return codes[e.Code].error(e.Code)
	case byStatus == nil && !isJSON:
		return sdk.Errorf(sdk.Unavailable, "the service answered with something other than JSON: check the address")
	case byStatus == nil && !said:
		return sdk.Errorf(sdk.Unavailable, "the service answered without what it was asked for: check the address")
	case byStatus == nil, isJSON && slices.Contains([]int{400, 403, 422}, e.Status):
		return sdk.Errorf(sdk.Denied, "the service refuses to give a token: check what was entered, or connect again")
	case e.Status == http.StatusForbidden: // what stands before the service, rather than it
		return sdk.Errorf(sdk.Unavailable, "the service could not be asked (403 Forbidden): check the address")
	}
	return byStatus
}

// refreshError makes Denied of Invalid: the answers were good once, and no
// correction of them helps, but a new approval does. Services differ in the
// word for a refresh token that is worth nothing.
func refreshError(err error) error {
	e, ok := errors.AsType[*sdk.Error](err)
	if _, said := errors.AsType[*ResponseError](err); !ok || !said || e.Code != sdk.Invalid {
		return err
	}
	return &sdk.Error{Code: sdk.Denied, Reason: e.Reason, Err: e.Err,
		Message: "the service does not take the refresh token: connect again"}
}

// callbackError returns what is wrong with the query that a person brought
// back from the service, if anything.
func callbackError(query url.Values) error {
	word := query.Get("error")
	switch {
	case codes[word] != meaning{}:
		return codes[word].error(word)
	case word != "":
		return sdk.Errorf(sdk.Denied, "access was not approved: connect again")
	case query.Get("code") == "":
		return sdk.Errorf(sdk.Denied, "the service sent no code: connect again")
	}
	return nil
}
