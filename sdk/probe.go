// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxProbe is how much of an answer is read.
const maxProbe = 1 << 20

// Probe sends a GET for url with g and reports what the answer says about the
// credential. If v is not nil, the answer must be JSON and is decoded into it.
// It is what most implementations of [Tester] need; [Status] says which status
// gives which code. Redirects are not followed: a grant must not leave its
// origins.
func Probe(ctx context.Context, g Grant, url string, v any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return Errorf(Internal, "the address to test is not a URL").Because(err)
	}
	r.Header.Set("Accept", "application/json")
	g.Apply(r)
	return Send(r, v)
}

var prober = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
	return http.ErrUseLastResponse
}}

// Send sends r, which carries what it must, and reads the answer as [Probe]
// does.
func Send(r *http.Request, v any) error {
	resp, err := prober.Do(r)
	if err != nil {
		return unreachable(r.Context(), err)
	}
	defer resp.Body.Close()
	if err := Status(resp); err != nil || v == nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProbe+1))
	switch {
	case err != nil:
		return unreachable(r.Context(), err)
	case len(body) > maxProbe:
		return Errorf(Unavailable, "%s answered with more than 1 MiB", r.URL.Host)
	case !isJSON(resp.Header) || json.Unmarshal(body, v) != nil:
		return Errorf(Unavailable, "%s answered with something other than JSON: check the address", r.URL.Host)
	}
	return nil
}

// unreachable keeps the refusals of the host, and hides everything else: an
// error of net/http quotes the URL, which may hold a secret.
func unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Errorf(Unavailable, "the service could not be reached").Because(err)
}

// isJSON reports whether an answer says that it is JSON, of whatever kind.
func isJSON(h http.Header) bool {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (t == "application/json" || strings.HasSuffix(t, "+json"))
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
	case status == http.StatusTooManyRequests:
		e := Errorf(Unavailable, "the service asks to slow down (%s)", text)
		e.RetryAfter = RetryAfter(resp.Header, time.Now())
		return e
	}
	e := Errorf(Unavailable, "the service could not answer (%s)", text)
	e.RetryAfter = RetryAfter(resp.Header, time.Now())
	return e
}

// RetryAfter reads the header of that name (RFC 9110, section 10.2.3), in
// seconds or as a date. It returns 0 if there is none, and at most a day.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	d := time.Duration(0)
	if n, err := strconv.ParseUint(v, 10, 31); err == nil {
		d = time.Duration(n) * time.Second
	} else if t, err := http.ParseTime(v); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), 24*time.Hour)
}
