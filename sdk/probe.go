// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxAnswer is how much of an answer is read.
const maxAnswer = 1 << 20

// Probe sends a GET for rawURL with g and reports what the answer says about the
// credential. If v is not nil, the answer must be JSON and is decoded into it;
// else it may be anything but a page of HTML.
// It is what most implementations of [Tester] need; [Status] says which status
// gives which code. Redirects are not followed: a grant must not leave its
// origins.
func Probe(ctx context.Context, g Grant, rawURL string, v any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, rawURL, nil)
	if err != nil {
		return Errorf(Internal, "the address to test is not a URL") // err quotes it
	}
	r.Header.Set("Accept", "application/json")
	g.Apply(r)
	return Send(r, v)
}

// Send sends r, which carries what it must, and reads the answer as [Probe]
// does.
func Send(r *http.Request, v any) error {
	resp, err := do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := Status(resp); err != nil {
		return err
	}
	if isPage(resp.Header) {
		return Errorf(Unavailable, "a page answers here, where the service was expected: check the address")
	}
	if v == nil {
		return nil
	}
	body, err := readAnswer(resp)
	if err != nil {
		return err
	}
	if !isJSON(resp.Header) || json.Unmarshal(body, v) != nil {
		return Errorf(Unavailable, "the service answered with something other than JSON: check the address")
	}
	return nil
}

// Fetch sends r and returns the answer with its body, which it has read and
// closed, whatever the status. It is for answers that [Send] cannot read. Like
// Send it follows no redirect, sends r once, reads at most 1 MiB, and gives
// errors that are an [*Error] and quote neither the URL nor the service.
//
// A longer answer is an error if it is one of success; else it is cut.
func Fetch(r *http.Request) (*http.Response, []byte, error) {
	resp, err := do(r)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := readAnswer(resp)
	if err != nil && Status(resp) == nil {
		return nil, nil, err
	}
	return resp, body, nil
}

// prober is the client of the whole package. Its transport is the default one,
// whose dial functions are the host's.
var prober = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
	return http.ErrUseLastResponse
}}

func do(r *http.Request) (*http.Response, error) {
	resp, err := prober.Do(r)
	if err != nil {
		return nil, unreachable(r.Context(), err)
	}
	return resp, nil
}

// readAnswer reads the body of resp. With an error it returns what it has.
func readAnswer(resp *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return body, unreachable(resp.Request.Context(), err)
	case len(body) > maxAnswer:
		return body[:maxAnswer], Errorf(Unavailable, "the service answered with more than 1 MiB")
	}
	return body, nil
}

// unreachable keeps the refusals of the host, and hides everything else.
func unreachable(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil {
		return Errorf(Unavailable, "the service did not answer in time").Because(cause)
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Errorf(Unavailable, "the service could not be reached").Because(withoutURL(err))
}

// withoutURL takes the URL out of an error of net/http, which quotes it: it
// may hold a secret, and causes are logged.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// isJSON reports whether an answer says that it is JSON, of whatever kind.
func isJSON(h http.Header) bool {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (t == "application/json" || strings.HasSuffix(t, "+json"))
}

// isPage reports whether an answer is for people: a wrong address often leads
// to a page, with a status of success.
func isPage(h http.Header) bool {
	t, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return t == "text/html" || t == "application/xhtml+xml"
}

// Status returns nil for a 2xx answer; [Denied] for 401; [Forbidden] for 403;
// and [Unavailable] for all others, with the answer's Retry-After.
func Status(resp *http.Response) error {
	status := resp.StatusCode
	text := strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusUnauthorized:
		return Errorf(Denied, "the service does not take the credential (%s)", text)
	case status == http.StatusForbidden:
		return Errorf(Forbidden, "the credential works but lacks a permission (%s)", text)
	case status >= 300 && status < 400:
		return Errorf(Unavailable, "the service answered with a redirect (%s): check the address", text)
	}
	e := Errorf(Unavailable, "the service could not answer (%s)", text)
	if status == http.StatusTooManyRequests {
		e.Message = "the service asks to slow down (" + text + ")"
	}
	e.RetryAfter = RetryAfter(resp.Header, time.Now())
	return e
}

// RetryAfter reads the header of that name (RFC 9110, section 10.2.3), in
// seconds or as a date. It returns 0 if there is none, and at most a day.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	const most = 24 * time.Hour
	v, d := h.Get("Retry-After"), time.Duration(0)
	if n, err := strconv.ParseUint(v, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		d = time.Duration(min(n, uint64(most/time.Second))) * time.Second
	} else if t, err := http.ParseTime(v); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), most)
}
