// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

// A Problem is the answer to a request that failed (RFC 9457). It holds nothing
// that was sent but names, and no word of a service.
type Problem struct {
	Type    string  `json:"type" format:"uri" doc:"What has happened: one of the URNs that the description of this API lists. It never changes."`
	Title   string  `json:"title" doc:"The type in a few words."`
	Status  int     `json:"status" minimum:"400" maximum:"599" doc:"The status of the answer."`
	Detail  string  `json:"detail" doc:"What happened this time, and what to do next: for a person."`
	Code    string  `json:"code" enum:"invalid,denied,forbidden,unavailable,internal" doc:"Who must act: invalid, the caller, who must send something else; denied, the person, who must show another key, or enter or connect the credential again; forbidden, whoever gives permissions; unavailable, nobody: try again later; internal, the operator."`
	Request string  `json:"request" doc:"The ID of the request, as the logs and the audit trail have it."`
	Errors  []Fault `json:"errors,omitempty" doc:"All that is wrong, in the order of the fields."`
}

// A Fault is one thing that is wrong with a request.
type Fault struct {
	Field     string `json:"field,omitempty" doc:"The field of the credential's type whose answer is wrong."`
	Pointer   string `json:"pointer,omitempty" doc:"Where in the body it is: a JSON Pointer (RFC 6901)."`
	Parameter string `json:"parameter,omitempty" doc:"The parameter that is wrong: of the query, the path or the header."`
	Reason    string `json:"reason" doc:"A word for programs and translators, such as required."`
	Detail    string `json:"detail" doc:"What is wrong, in the caller's language where it is about an answer."`
}

// problems are the types of problems, by the last part of their URN.
var problems = map[string]struct {
	status int
	code   sdk.Code
	title  string
}{
	"malformed":             {400, sdk.Invalid, "The request cannot be read"},
	"key":                   {401, sdk.Denied, "A valid key is needed"},
	"scope":                 {403, sdk.Forbidden, "The key may not do this"},
	"origin":                {403, sdk.Forbidden, "Pages of this origin may not call"},
	"forbidden":             {403, sdk.Forbidden, "A permission lacks"},
	"not-found":             {404, sdk.Invalid, "There is no such thing"},
	"method":                {405, sdk.Invalid, "This cannot be done here"},
	"not-acceptable":        {406, sdk.Invalid, "It cannot be had in this form"},
	"slow":                  {408, sdk.Invalid, "The request came too slowly"},
	"denied":                {409, sdk.Denied, "The service does not take the credential"},
	"conflict":              {409, sdk.Invalid, "It has changed meanwhile"},
	"busy":                  {409, sdk.Unavailable, "The same request is being worked on"},
	"in-use":                {409, sdk.Invalid, "Others refer to it"},
	"changed":               {412, sdk.Invalid, "It has changed since you looked"},
	"too-large":             {413, sdk.Invalid, "The request is too large"},
	"media-type":            {415, sdk.Invalid, "The body is of a type that is not taken here"},
	"invalid":               {422, sdk.Invalid, "Something is wrong with what was sent"},
	"key-reused":            {422, sdk.Invalid, "The idempotency key was used for another request"},
	"precondition-required": {428, sdk.Invalid, "Say which version you mean"},
	"rate":                  {429, sdk.Unavailable, "Too many requests"},
	"internal":              {500, sdk.Internal, "Something went wrong on our side"},
	"unavailable":           {503, sdk.Unavailable, "It cannot be done now"},
}

// urn is what the types of problems begin with.
const urn = "urn:credhost:problem:"

// A failure is a Problem on its way, with headers of its own. It is an error
// that huma answers with.
type failure struct {
	Problem
	header http.Header
}

// fail returns the failure of a type.
func fail(kind, detail string, faults ...Fault) *failure {
	of := problems[kind]
	return &failure{Problem: Problem{Type: urn + kind, Title: of.title, Status: of.status, Detail: detail, Code: of.code.Error(), Errors: faults},
		header: http.Header{}}
}

// with returns f with a header.
func (f *failure) with(name, value string) *failure {
	f.header.Set(name, value)
	return f
}

// Error returns the detail.
func (f *failure) Error() string { return f.Detail }

// GetStatus implements [huma.StatusError].
func (f *failure) GetStatus() int { return f.Status }

// GetHeaders implements [huma.HeadersError].
func (f *failure) GetHeaders() http.Header { return f.header }

// ContentType implements [huma.ContentTypeFilter].
func (f *failure) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

// notFound is for all that does not exist for the caller, whatever the reason:
// it is the same for what is not there and for what is another's.
func notFound() *failure {
	return fail("not-found", "there is nothing here that this key may see: check the ID, and the workspace")
}

// asFailure says what an error of the host means to a caller. What is not for a
// caller's eyes is logged.
func (s *server) asFailure(ctx context.Context, err error) *failure {
	var f *failure
	var many sdk.Errors
	var one *sdk.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, host.ErrNotFound):
		return notFound()
	case errors.Is(err, host.ErrConflict):
		return fail("conflict", "somebody else has changed it at the same time: look at it again, and repeat what you want")
	case errors.As(err, &many) && len(many) > 1:
		one = many[0].Because(nil)
		one.Field, one.Message = "", strconv.Itoa(len(many))+" answers are wrong: see errors"
	case errors.As(err, &one):
	case errors.Is(err, context.DeadlineExceeded):
		return fail("unavailable", "it took too long: try again").with("Retry-After", "5")
	default:
		if ctx.Err() == nil {
			s.log.LogAttrs(ctx, slog.LevelError, "request failed", slog.String("request", requestID(ctx)), slog.String("err", err.Error()))
		}
		return fail("internal", "something went wrong on our side: try again later, or give the request's ID to who runs this host")
	}
	if one.Field != "" && !isSafeName(one.Field) {
		one = one.Because(nil)
		one.Field = ""
	}
	return s.ofSDK(ctx, one, faultsOf(err, nil))
}

// ofSDK is asFailure for the errors of the host, and of plugins.
func (s *server) ofSDK(ctx context.Context, e *sdk.Error, faults []Fault) *failure {
	switch e.Code {
	case sdk.Invalid:
		return fail("invalid", e.Error(), faults...)
	case sdk.Denied:
		return fail("denied", e.Error(), faults...)
	case sdk.Forbidden:
		return fail("forbidden", e.Error(), faults...)
	case sdk.Unavailable:
		return fail("unavailable", e.Error(), faults...).with("Retry-After", seconds(max(e.RetryAfter, time.Second)))
	}
	if cause := errors.Unwrap(e); cause != nil {
		s.log.LogAttrs(ctx, slog.LevelError, "request failed", slog.String("request", requestID(ctx)), slog.String("err", e.Error()))
	}
	return fail("internal", e.Error(), faults...)
}

// faultsOf returns what an error says of answers: in the form's language, if
// there is a form.
func faultsOf(err error, f *form.Form) []Fault {
	var many sdk.Errors
	var one *sdk.Error
	switch {
	case errors.As(err, &many):
	case errors.As(err, &one):
		many = sdk.Errors{one}
	default:
		return nil
	}
	var faults []Fault
	for i, said := range translated(err, many, f) {
		if many[i].Field == "" && (many[i].Reason == "" || len(many) == 1) {
			continue // the detail says it all
		}
		faults = append(faults, said)
	}
	return faults
}

// translated returns the faults of errors, in a form's language if there is one.
// A field that nobody has may be anything, a secret in the wrong place, say: its
// name is not repeated.
func translated(err error, many sdk.Errors, f *form.Form) []Fault {
	faults := make([]Fault, len(many))
	for i, e := range many {
		faults[i] = Fault{Field: e.Field, Reason: cmp.Or(e.Reason, e.Code.Error()), Detail: e.Message}
	}
	if f != nil {
		for i, said := range f.Faults(err) {
			faults[i].Detail = said.Message
		}
	}
	for i, e := range many {
		if e.Field != "" && !isSafeName(e.Field) {
			faults[i].Field, faults[i].Detail = "", "there is no such field"
		}
	}
	return faults
}

// seconds writes a duration as the header Retry-After has it, rounded up.
func seconds(d time.Duration) string {
	return strconv.Itoa(int((d + time.Second - 1) / time.Second))
}

// ofHuma is the problem in the place of one of huma's, which would repeat what
// was sent: of each fault it takes where and what, never the value.
func ofHuma(m *huma.ErrorModel) *failure {
	kind, detail := "invalid", "the request is not what this operation takes: see errors"
	switch m.Status {
	case http.StatusBadRequest:
		kind, detail = "malformed", "the body cannot be read as JSON"
	case http.StatusRequestTimeout:
		return fail("slow", "the body came too slowly: try again")
	case http.StatusInternalServerError:
		return fail("internal", "something went wrong on our side: try again later, or give the request's ID to who runs this host")
	}
	f := fail(kind, detail)
	for _, e := range m.Errors {
		f.Errors = append(f.Errors, ofHumaDetail(e))
	}
	return f
}

// safeName is what may be repeated as the name of something, of at most 64
// characters.
var safeName = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9_.-]*$`)

func isSafeName(s string) bool { return len(s) <= 64 && safeName.MatchString(s) }

func ofHumaDetail(e *huma.ErrorDetail) Fault {
	place, name, _ := strings.Cut(e.Location, ".")
	fault := Fault{Reason: "invalid", Detail: e.Message}
	switch {
	case strings.Contains(e.Message, "required"):
		fault.Reason = sdk.ReasonRequired
	case strings.Contains(e.Message, "unknown"), strings.Contains(e.Message, "unexpected"):
		fault.Reason = sdk.ReasonUnknown
	}
	if place == "body" {
		fault.Pointer = pointer(name)
		return fault
	}
	if !isSafeName(name) { // a name that is none may be anything: a secret in the wrong place, say
		name = ""
	}
	fault.Parameter = name
	return fault
}

// pointer is the JSON Pointer of a place as huma writes it, such as
// "limits.urls[0]", up to the first name that is none.
func pointer(path string) string {
	var b strings.Builder
	path = strings.NewReplacer("[", ".", "]", "").Replace(path)
	for part := range strings.SplitSeq(path, ".") {
		if part == "" {
			continue
		}
		if !isSafeName(part) {
			break
		}
		b.WriteString("/" + part)
	}
	return b.String()
}

// write answers with a failure outside of huma.
func (f *failure) write(w http.ResponseWriter, r *http.Request) {
	maps.Copy(w.Header(), f.header)
	f.Request = requestID(r.Context())
	w.Header().Set("Content-Type", problemType)
	body := encode(f.Problem)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(f.Status)
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}
