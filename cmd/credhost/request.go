// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/sdk"
)

// A sending is a request as the command line describes it.
type sending struct {
	method, url string
	headers     []string
	data        []string

	include, fail, follow bool
	timeout               time.Duration
}

func (p *program) requestCommand() *cobra.Command {
	var s sending
	c := &cobra.Command{
		Use:     "request ID [METHOD] URL",
		GroupID: "credentials",
		Short:   "make a request that carries a credential, like curl",
		Long: `Make a request that carries a credential, and print the answer's body. The
credential goes only where it is for; the host refuses every other address.

URL may be a path, such as /api/tickets, if the credential is for one address.`,
		Example: `  credhost request c-… https://acme.halopsa.com/api/tickets
  credhost request c-… POST /api/tickets -H 'Content-Type: application/json' -d @ticket.json`,
		Args:              arguments("an ID, perhaps a METHOD, and a URL", 2, 3),
		ValidArgsFunction: p.completeIDs,
		RunE: func(c *cobra.Command, args []string) error {
			if s.url = args[len(args)-1]; len(args) == 3 {
				if s.method != "" {
					return usage(c, "has two methods, %s and %s", args[1], s.method)
				}
				s.method = args[1]
			}
			o, err := p.open(c.Context(), existing)
			if err != nil {
				return err
			}
			defer o.Close()
			return p.send(c.Context(), o, args[0], s)
		},
	}
	f := c.Flags()
	f.StringArrayVarP(&s.headers, "header", "H", nil, "a `header`, such as 'Accept: text/csv'")
	f.StringArrayVarP(&s.data, "body", "d", nil, "the `body`, as it is; @FILE or @- for what is in a file or on standard input; makes it a POST")
	f.StringVarP(&s.method, "request", "X", "", "the `method`")
	f.BoolVarP(&s.include, "include", "i", false, "print the answer's status and headers, too")
	f.BoolVarP(&s.fail, "fail", "f", false, "exit with 22, and without the body, if the status is 400 or more")
	f.BoolVarP(&s.follow, "location", "L", false, "follow redirects, where the credential is for them")
	f.DurationVar(&s.timeout, "timeout", 0, "how long all of it may take, such as 30s; 0: as long as it takes")
	return c
}

// send sends the request and prints the answer.
func (p *program) send(ctx context.Context, o *opened, id string, s sending) error {
	r, err := p.request(ctx, o.ws, id, s)
	if err != nil {
		return err
	}
	client := o.ws.Client(id)
	client.Timeout = s.timeout
	if !s.follow {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	resp, err := client.Do(r)
	use := audit.Use{Workspace: o.ws.Name(), Credential: id, Origin: r.URL.Scheme + "://" + r.URL.Host}
	if err != nil {
		err = requestError(err)
		use.Outcome = p.explain(err).Code
	}
	o.trail.Use(ctx, use) // Close writes it
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	failed := s.fail && resp.StatusCode >= 400
	switch {
	case failed:
		return &failure{code: codeHTTP, text: "the service answered " + resp.Status}
	case p.json:
		return p.printAnswer(resp)
	case s.include:
		fmt.Fprintf(p.out, "%s %s\n", resp.Proto, resp.Status)
		for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
			for _, v := range resp.Header[name] {
				fmt.Fprintf(p.out, "%s: %s\n", name, v)
			}
		}
		fmt.Fprintln(p.out)
	}
	if _, err := io.Copy(p.out, resp.Body); err != nil {
		return requestError(err)
	}
	return nil
}

// request makes the request that s describes.
func (p *program) request(ctx context.Context, ws *host.Workspace, id string, s sending) (*http.Request, error) {
	target, err := address(ctx, ws, id, s.url)
	if err != nil {
		return nil, err
	}
	body, err := p.body(s.data)
	if err != nil {
		return nil, err
	}
	method := strings.ToUpper(s.method)
	switch {
	case method == "" && len(s.data) > 0:
		method = http.MethodPost
	case method == "":
		method = http.MethodGet
	}
	var reader io.Reader
	if len(s.data) > 0 {
		reader = bytes.NewReader(body) // which can be sent again, unlike a stream
	}
	r, err := http.NewRequestWithContext(ctx, method, target, reader)
	if err != nil {
		return nil, &failure{code: codeUsage, text: "this is no request: " + err.Error()}
	}
	r.Header.Set("User-Agent", "credhost/"+programVersion())
	r.Header.Set("Accept", "*/*")
	if len(s.data) > 0 {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded") // as curl does
	}
	return r, setHeaders(r, s.headers)
}

// setHeaders sets headers in curl's manner: one without a value is taken out.
func setHeaders(r *http.Request, lines []string) error {
	own := map[string]bool{}
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		name = http.CanonicalHeaderKey(strings.TrimSpace(name))
		value = strings.TrimSpace(value)
		switch {
		case !ok || name == "":
			return &failure{code: codeUsage, text: "a header must be 'Name: value'"}
		case name == "Host":
			r.Host = value
		case value == "":
			r.Header[name] = nil
		case own[name]:
			r.Header.Add(name, value)
		default:
			r.Header.Set(name, value)
		}
		own[name] = true
	}
	return nil
}

// address returns the URL to send a request to. A path is one of the only
// origin that the credential is for.
func address(ctx context.Context, ws *host.Workspace, id, text string) (string, error) {
	if !strings.HasPrefix(text, "/") {
		if u, err := url.Parse(text); err != nil || u.Host == "" {
			return "", &failure{code: codeUsage, text: "the URL must begin with https://, or be a path that begins with /"}
		}
		return text, nil
	}
	view, err := ws.Show(ctx, id)
	if err != nil {
		return "", err
	}
	if origins := view.Origins.Grant; len(origins) == 1 && !strings.Contains(origins[0], "*") {
		return origins[0] + text, nil
	}
	return "", &failure{code: codeUsage, text: "a path does not do, because the credential is for " + strings.Join(view.Origins.Grant, " and ")}
}

// body joins what -d gives with &, as curl does.
func (p *program) body(data []string) ([]byte, error) {
	var body []byte
	var files answering
	for i, d := range data {
		part := []byte(d)
		if file, ok := strings.CutPrefix(d, "@"); ok {
			var err error
			if part, err = files.read(p, file); err != nil {
				return nil, err
			}
		}
		if i > 0 {
			body = append(body, '&')
		}
		body = append(body, part...)
	}
	return body, nil
}

// printAnswer prints an answer as JSON: a body that is JSON as it is, other
// text as text, and all else in base64.
func (p *program) printAnswer(resp *http.Response) error {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return requestError(err)
	}
	a := struct {
		Status int             `json:"status"`
		Header http.Header     `json:"header"`
		Body   json.RawMessage `json:"body,omitempty"`
		Text   string          `json:"text,omitempty"`
		Base64 string          `json:"base64,omitempty"`
	}{Status: resp.StatusCode, Header: resp.Header}
	switch {
	case json.Valid(body):
		a.Body = body
	case utf8.Valid(body):
		a.Text = string(body)
	default:
		a.Base64 = base64.StdEncoding.EncodeToString(body)
	}
	return p.encode(a)
}

// requestError returns err without the URL that net/http puts before it: there
// may be a secret in its query.
func requestError(err error) error {
	var outer *url.Error
	var own *sdk.Error
	switch {
	case errors.As(err, &own), errors.Is(err, host.ErrNotFound):
		return err
	case errors.As(err, &outer) && outer.Timeout(), os.IsTimeout(err):
		return &failure{code: codeUnavailable, text: "the service did not answer in time: try again, or raise --timeout"}
	case errors.As(err, &outer):
		return &failure{code: codeUnavailable, text: outer.Err.Error(), err: err}
	}
	return &failure{code: codeUnavailable, text: "the answer ended early: " + err.Error(), err: err}
}
