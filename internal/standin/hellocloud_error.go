// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"errors"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// leagueError is what league/oauth2-server answers with. An exception of
// SuiteCRM's that it catches becomes unknown_error, message and all.
type leagueError struct {
	status              int
	code, message, hint string // hint: empty for none
}

func (e leagueError) Error() string { return e.code }

// errSlim is an exception that nobody catches before Slim does.
var errSlim = errors.New("slim")

func (r release) unsupportedGrant() error {
	hint := "Check the `grant_type` parameter"
	if r.league8 {
		hint = "Check that all required parameters have been provided"
	}
	return leagueError{http.StatusBadRequest, "unsupported_grant_type",
		"The authorization grant type is not supported by the authorization server.", hint}
}

func missing(parameter string) error {
	return leagueError{http.StatusBadRequest, "invalid_request",
		"The request is missing a required parameter, includes an invalid parameter value, " +
			"includes a parameter more than once, or is otherwise malformed.", "Check the `" + parameter + "` parameter"}
}

var invalidClient = leagueError{http.StatusUnauthorized, "invalid_client", "Client authentication failed", ""}

func invalidScope(scope string) error {
	scope = strings.ReplaceAll(html.EscapeString(scope), "&#34;", "&quot;") // as PHP spells it
	scope = strings.ReplaceAll(scope, "&#39;", "&#039;")
	return leagueError{http.StatusBadRequest, "invalid_scope",
		"The requested scope is invalid, unknown, or malformed", "Check the `" + scope + "` scope"}
}

func (r release) invalidRefresh(hint string) error {
	status := http.StatusBadRequest
	if r.league8 {
		status = http.StatusUnauthorized
	}
	return leagueError{status, "invalid_request", "The refresh token is invalid.", hint}
}

func accessDenied(hint string) error {
	return leagueError{http.StatusUnauthorized, "access_denied",
		"The resource owner or authorization server denied the request.", hint}
}

func unknownError(message string) error {
	return leagueError{http.StatusInternalServerError, "unknown_error", message, ""}
}

// refuse answers an error in the dialect of the release.
func (c call) refuse(w http.ResponseWriter, err error) {
	var e leagueError
	if !errors.As(err, &e) {
		c.slimError(w)
		return
	}
	auth, sent := c.authorization()
	if e.code == "invalid_client" && (!c.release.league8 || sent && auth != "") {
		scheme := "Basic"
		if strings.HasPrefix(auth, "Bearer") {
			scheme = "Bearer"
		}
		w.Header().Set("WWW-Authenticate", scheme+` realm="OAuth"`)
	}
	answer{e.status, "application/json", e.body(c.release)}.write(w)
}

func (e leagueError) body(r release) string {
	switch {
	case utf8.ValidString(e.message + e.hint):
	case r.league8: // json_encode fails, and only the newer one notices
		return "JSON encoding of payload failed"
	default:
		return ""
	}
	if r.league8 {
		return phpJSON(struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
			Hint        string `json:"hint,omitempty"`
			Message     string `json:"message"`
		}{e.code, e.message, e.hint, e.message})
	}
	return phpJSON(struct {
		Error   string `json:"error"`
		Message string `json:"message"`
		Hint    string `json:"hint,omitempty"`
	}{e.code, e.message, e.hint})
}

// slimError is Slim's answer to an exception.
func (c call) slimError(w http.ResponseWriter) {
	c.slimAnswer(http.StatusInternalServerError, "{\n    \"message\": \"Slim Application Error\"\n}",
		"<error>\n  <message>Slim Application Error</message>\n</error>", "Slim Application Error").write(w)
}

func (c call) slimNotFound(w http.ResponseWriter) {
	c.slimAnswer(http.StatusNotFound, `{"message":"Not found"}`,
		"<root><message>Not found</message></root>", "Page Not Found").write(w)
}

// slimNotAllowed answers a known route's wrong method.
func (c call) slimNotAllowed(w http.ResponseWriter, allow string) {
	w.Header().Set("Allow", allow)
	if c.Method == http.MethodOptions {
		answer{http.StatusOK, "text/plain", "Allowed methods: " + allow}.write(w)
		return
	}
	text := "Method not allowed. Must be one of: " + allow
	c.slimAnswer(http.StatusMethodNotAllowed, `{"message":"`+text+`"}`,
		"<root><message>"+text+"</message></root>", "Method not allowed").write(w)
}

var plusSuffix = regexp.MustCompile(`\+(json|xml)`)

// slimAnswer picks the form that the Accept header asks for, the way Slim 3
// does: a known type between commas, untrimmed; else a suffix; else a page.
func (c call) slimAnswer(status int, inJSON, inXML, title string) answer {
	accept := c.Header.Get("Accept")
	known := []string{"application/json", "application/xml", "text/xml", "text/html"}
	kind := "text/html"
	if m := plusSuffix.FindStringSubmatch(accept); m != nil {
		kind = "application/" + m[1]
	}
	for _, want := range strings.Split(accept, ",") {
		if slices.Contains(known, want) {
			kind = want
			break
		}
	}
	switch kind {
	case "application/json":
		return answer{status, kind, inJSON}
	case "text/html":
		return answer{status, kind, htmlPage(status, title).body}
	}
	return answer{status, kind, inXML}
}
