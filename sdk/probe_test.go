// SPDX-License-Identifier: Apache-2.0

package sdk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/credhost/credhost/sdk"
)

// canary is a secret that no test may see again where it does not belong.
const canary = "c4n4ry-5ecret"

// service answers every request in the same way, and counts them.
func service(t *testing.T, status int, header http.Header, body string) (string, *atomic.Int32) {
	t.Helper()
	var count atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		count.Add(1)
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL, &count
}

var jsonType = http.Header{"Content-Type": {"application/json; charset=utf-8"}}

func TestProbeSendsTheGrant(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/vnd.api+json")
		fmt.Fprintf(w, `{"got": %q}`, r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization")+" "+r.Header.Get("Accept"))
	}))
	t.Cleanup(server.Close)
	g := sdk.Bearer("tok", time.Time{})
	g.Path = map[string]string{"id": "7"}
	var answer struct{ Got string }
	if err := sdk.Probe(t.Context(), g, server.URL+"/me/{id}?a=b", &answer); err != nil {
		t.Fatal(err)
	}
	if want := "GET /me/7?a=b Bearer tok application/json"; answer.Got != want {
		t.Errorf("it sent %q, want %q", answer.Got, want)
	}
}

func TestProbe(t *testing.T) {
	t.Parallel()
	html := http.Header{"Content-Type": {"text/html"}}
	tests := []struct {
		name   string
		status int
		header http.Header
		body   string
		code   error // nil: none
	}{
		{"JSON", 200, jsonType, `{"id":1}`, nil},
		{"empty JSON", 200, jsonType, ``, sdk.Unavailable},
		{"broken JSON", 200, jsonType, `{"id":` + canary, sdk.Unavailable},
		{"JSON of another form", 200, jsonType, `{"id":"` + canary + `"}`, sdk.Unavailable},
		{"a page instead", 200, html, "<html>" + canary, sdk.Unavailable},
		{"JSON that says it is a page", 200, html, `{"id":1}`, sdk.Unavailable},
		{"no content type", 200, http.Header{"Content-Type": nil}, `{"id":1}`, sdk.Unavailable},
		{"1 MiB", 200, jsonType, `{"id":1}` + strings.Repeat(" ", 1<<20-8), nil},
		{"more than 1 MiB", 200, jsonType, `{"id":1}` + strings.Repeat(" ", 1<<20), sdk.Unavailable},
		{"a redirect", 302, http.Header{"Location": {"/" + canary}}, "", sdk.Unavailable},
		{"a redirect that keeps the method", 307, http.Header{"Location": {"/" + canary}}, "", sdk.Unavailable},
		{"400", 400, jsonType, canary, sdk.Unavailable},
		{"401", 401, html, canary, sdk.Denied},
		{"403", 403, jsonType, canary, sdk.Forbidden},
		{"404", 404, html, canary, sdk.Unavailable},
		{"429", 429, jsonType, canary, sdk.Unavailable},
		{"500", 500, jsonType, canary, sdk.Unavailable},
		{"503", 503, jsonType, canary, sdk.Unavailable},
		{"599", 599, jsonType, canary, sdk.Unavailable},
	}
	for _, test := range tests {
		url, count := service(t, test.status, test.header, test.body)
		var answer struct{ ID int }
		err := sdk.Probe(t.Context(), sdk.Bearer(canary, time.Time{}), url+"/"+canary, &answer)
		if !errors.Is(err, test.code) {
			t.Errorf("%s: the code is %v, want %v", test.name, err, test.code)
		}
		if n := count.Load(); n != 1 {
			t.Errorf("%s: %d requests were sent", test.name, n)
		}
		quotesNothing(t, test.name, err)
	}
}

// quotesNothing fails if an error, or a cause of it, has the canary.
func quotesNothing(t *testing.T, name string, err error) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		if text := fmt.Sprintf("%v %+v %#v %s %d", err, err, err, err, err); strings.Contains(text, canary) {
			t.Errorf("%s: the error quotes a secret: %s", name, text)
		}
	}
}

func TestProbeWithoutAnAnswerToRead(t *testing.T) {
	t.Parallel()
	url, _ := service(t, 200, http.Header{"Content-Type": {"text/plain"}}, strings.Repeat("x", 2<<20))
	if err := sdk.Probe(t.Context(), sdk.Grant{}, url, nil); err != nil {
		t.Errorf("an answer that nobody reads gives %v", err)
	}

	page, _ := service(t, 200, http.Header{"Content-Type": {"text/html; charset=utf-8"}}, "<html>"+canary)
	if err := sdk.Probe(t.Context(), sdk.Grant{}, page, nil); !errors.Is(err, sdk.Unavailable) {
		t.Errorf("a page where the service was expected gives %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(nil)
	gone.Close()
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, `{"x":"`+canary)
	}))
	t.Cleanup(broken.Close)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name string
		ctx  context.Context
		url  string
		code error
	}{
		{"nobody listens", t.Context(), gone.URL, sdk.Unavailable},
		{"the answer breaks off", t.Context(), broken.URL, sdk.Unavailable},
		{"the call has ended", ended, broken.URL, sdk.Unavailable},
		{"the call has ended, as the cause", ended, broken.URL, context.Canceled},
		{"not a URL", t.Context(), "://", sdk.Internal},
		{"not a URL of HTTP", t.Context(), "ftp://example.invalid/", sdk.Unavailable},
	}
	for _, test := range tests {
		var v any
		err := sdk.Probe(test.ctx, sdk.Grant{}, test.url+"/%41?token="+canary, &v)
		if !errors.Is(err, test.code) {
			t.Errorf("%s: %v, want %v", test.name, err, test.code)
		}
		var e *sdk.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: the error is a %T", test.name, err)
		}
		if late := test.ctx == ended; late != strings.Contains(err.Error(), "in time") {
			t.Errorf("%s: it says %v", test.name, err)
		}
		quotesNothing(t, test.name, err)
	}
	quotesNothing(t, "a URL that does not parse", sdk.Probe(t.Context(), sdk.Grant{}, "http://[::1"+canary, nil))
}

// What the host refuses, and why, must reach the person. Not parallel: the
// transport is that of the whole process, as the host's is.
func TestRefusalsOfTheHost(t *testing.T) {
	usual := http.DefaultTransport
	t.Cleanup(func() { http.DefaultTransport = usual })
	refusal := sdk.Errorf(sdk.Forbidden, "https://example.com is no origin of this credential")
	http.DefaultTransport = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, fmt.Errorf("egress: %w", refusal)
	}}
	if err := sdk.Probe(t.Context(), sdk.Grant{}, "http://example.com/"+canary, nil); err != error(refusal) {
		t.Errorf("the refusal becomes %#v", err)
	}
}

func TestFetch(t *testing.T) {
	t.Parallel()
	url, count := service(t, 302, http.Header{"Location": {"/login"}, "Set-Cookie": {"sid=1"}}, "moved")
	resp, body, err := sdk.Fetch(request(t, url, nil))
	if err != nil || resp.StatusCode != 302 || resp.Header.Get("Set-Cookie") != "sid=1" || string(body) != "moved" || count.Load() != 1 {
		t.Errorf("a redirect gives %v, %q, %v after %d requests", resp, body, err, count.Load())
	}
	long := strings.Repeat("x", 1<<20+1)
	url, _ = service(t, 401, nil, long)
	if resp, body, err := sdk.Fetch(request(t, url, nil)); err != nil || resp.StatusCode != 401 || len(body) != 1<<20 {
		t.Errorf("a long refusal gives %d bytes, %v", len(body), err)
	}
	url, _ = service(t, 200, nil, long)
	if _, body, err := sdk.Fetch(request(t, url, nil)); !errors.Is(err, sdk.Unavailable) || body != nil {
		t.Errorf("a long answer gives %d bytes, %v", len(body), err)
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for status := 200; status < 600; status++ {
		var want error = sdk.Unavailable
		switch {
		case status < 300:
			want = nil
		case status == 401:
			want = sdk.Denied
		case status == 403:
			want = sdk.Forbidden
		}
		err := sdk.Status(&http.Response{StatusCode: status, Header: http.Header{"Retry-After": {"7"}}})
		if !errors.Is(err, want) {
			t.Errorf("%d gives %v, want %v", status, err, want)
		}
		var e *sdk.Error
		if !errors.As(err, &e) {
			continue
		}
		if !strings.Contains(e.Message, strconv.Itoa(status)) {
			t.Errorf("%d is not in %q", status, e.Message)
		}
		if asks := status >= 400 && want == sdk.Unavailable; asks != (e.RetryAfter == 7*time.Second) {
			t.Errorf("%d: retry after %v", status, e.RetryAfter)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 22, 17, 0, 0, time.UTC)
	tests := []struct {
		value string
		want  time.Duration
	}{
		{"", 0}, {"0", 0}, {"120", 2 * time.Minute}, {"86401", 24 * time.Hour}, {"99999999999999999999999", 24 * time.Hour},
		{"-5", 0}, {"1.5", 0}, {"soon", 0}, {"18446744073709551615", 24 * time.Hour},
		{"Sat, 21 Nov 2026 22:18:00 GMT", time.Minute}, {"Sat, 21 Nov 2026 22:16:00 GMT", 0}, {"Sun, 21 Nov 2027 22:18:00 GMT", 24 * time.Hour},
		{"Saturday, 21-Nov-26 22:18:00 GMT", time.Minute}, {"Sat Nov 21 22:18:00 2026", time.Minute},
	}
	for _, test := range tests {
		if got := sdk.RetryAfter(http.Header{"Retry-After": {test.value}}, now); got != test.want {
			t.Errorf("%q is %v, want %v", test.value, got, test.want)
		}
	}
	if sdk.RetryAfter(nil, now) != 0 {
		t.Error("no header is not 0")
	}
}
