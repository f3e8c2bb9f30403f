// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/credhost/credhost/sdk"
)

func TestParseLine(t *testing.T) {
	for _, c := range []struct {
		raw   string
		level hclog.Level
		text  string
		args  []any
	}{
		{`{"@level":"warn","@message":"careful","@module":"x","n":3,"s":"y"}`, hclog.Warn, "careful", []any{"module", "x", "n", "3", "s", "y"}},
		{`{"@level":"trace","@message":""}`, hclog.Trace, "", nil},
		{`{"@message":1}`, hclog.Info, `{"@message":1}`, nil},
		{`{"@level":7,"@message":"x"}`, hclog.Info, `{"@level":7,"@message":"x"}`, nil},
		{`{"@level":"warn","@message":"x","@timestamp":[1]}`, hclog.Warn, "x", []any{"timestamp", "[1]"}},
		{`{"level":"warn","msg":"slog"}`, hclog.Info, `{"level":"warn","msg":"slog"}`, nil},
		{`{broken`, hclog.Info, `{broken`, nil},
		{`[ERROR] it broke`, hclog.Error, "it broke", nil},
		{`[DEBUG]fine`, hclog.Debug, "fine", nil},
		{`[LOUD] what`, hclog.Info, "[LOUD] what", nil},
		{`panic: no`, hclog.Error, "panic: no", nil},
		{`fatal error: all goroutines are asleep`, hclog.Error, "fatal error: all goroutines are asleep", nil},
		{`hello`, hclog.Info, "hello", nil},
	} {
		got := parseLine([]byte(c.raw))
		if got.level != c.level || got.text != c.text || !cmp.Equal(got.args, c.args) {
			t.Errorf("%s: %v %q %q", c.raw, got.level, got.text, got.args)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add([]byte(`{"@level":"warn","@message":"careful","n":[{}]}`))
	f.Add([]byte("[ERROR] \xff\x00\x1b[2J"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		line := parseLine(raw).clean(secrets{"hunter22"}.replacer(), false)
		size := len(line.text)
		for _, a := range line.args {
			size += len(a.(string))
		}
		if size > maxShown+2*maxArgs*40 {
			t.Errorf("%d bytes are shown", size)
		}
		for _, text := range append([]any{line.text}, line.args...) {
			if strings.ContainsAny(text.(string), "\x00\x1b\n\r") || strings.Contains(text.(string), "hunter22") {
				t.Errorf("%q is shown", text)
			}
		}
	})
}

// book returns logs that write into a book.
func book() (*logs, *strings.Builder) {
	out := &strings.Builder{}
	return newLogs(hclog.New(&hclog.LoggerOptions{Output: out, Level: hclog.Trace}), time.Now), out
}

func TestLogsHideSecretsOfCalls(t *testing.T) {
	schema := sdk.Schema{Name: "x", Fields: []sdk.Field{
		{Name: "url"}, {Name: "password", Secret: true}, {Name: "key", Secret: true, Kind: sdk.LongText}, {Name: "list", Secret: true, Many: true},
	}}
	in := sdk.NewInput(schema, sdk.Values{"url": "https://public.example", "password": `p&ss "word"/1`, "key": "-----BEGIN\nbGluZTE=\nbGluZTI=\n-----END", "list": `["first-item","second-item"]`})
	in.State = []byte(`{"refresh":"r3fresh-t0ken","n":[1,{"deep":"deep-secret"}]}`)
	l, out := book()
	call := l.begin(func(s *secrets) { s.input(schema, in) }, nil)
	quoted, _ := json.Marshal(in.Values()["password"])
	l.write([]byte("at https://public.example with " + in.Values()["password"]))
	l.write([]byte("escaped " + url.QueryEscape(in.Values()["password"]) + " and " + url.PathEscape(in.Values()["password"]) + " and " + string(quoted)))
	l.write([]byte("key line bGluZTE= and second-item and r3fresh-t0ken and deep-secret"))
	basic := base64.StdEncoding.EncodeToString([]byte("user:new-password"))
	l.write([]byte(`{"@level":"info","@message":"granted","header":"Basic ` + basic + `","token":"` + basic + `"}`))
	if out.String() != "" {
		t.Errorf("lines are passed on before the call has ended: %s", out)
	}
	l.end(call, func(s *secrets) { s.grant(sdk.Basic("user", "new-password")) })
	text := out.String()
	for _, secret := range []string{"p&ss", "p%26ss", "bGluZTE", "second-item", "r3fresh", "deep-secret", basic} {
		if strings.Contains(text, secret) {
			t.Errorf("the log shows %q:\n%s", secret, text)
		}
	}
	for _, shown := range []string{"https://public.example", "granted", "[secret]"} {
		if !strings.Contains(text, shown) {
			t.Errorf("the log does not show %q:\n%s", shown, text)
		}
	}
	l.write([]byte("later: second-item"))
	if text := out.String(); strings.Contains(text, "second-item") || !strings.Contains(text, "later") {
		t.Errorf("after the call: %s", text)
	}
}

// A line waits for the calls that were under way when it was written, and for
// no later ones.
func TestLinesWaitForTheirCalls(t *testing.T) {
	l, out := book()
	first := l.begin(nil, nil)
	l.write([]byte("one"))
	second := l.begin(nil, nil)
	l.write([]byte("two"))
	l.end(first, nil)
	if text := out.String(); !strings.Contains(text, "one") || strings.Contains(text, "two") {
		t.Errorf("after the first call: %s", text)
	}
	l.begin(nil, nil) // never ends
	l.end(second, nil)
	if text := out.String(); !strings.Contains(text, "two") {
		t.Errorf("after the second call: %s", text)
	}
	l.write([]byte("three"))
	last := l.finish()
	if !cmp.Equal(last, []string{"one", "two", "three"}) || !strings.Contains(out.String(), "three") {
		t.Errorf("last %q in %s", last, out)
	}
}

func TestLogsAreLimited(t *testing.T) {
	l, out := book()
	clock := time.Unix(1e9, 0)
	l.now = func() time.Time { return clock }
	for n := range lineBurst + 100 {
		l.write(fmt.Appendf(nil, "line %d", n))
	}
	if n := strings.Count(out.String(), "line "); n != lineBurst {
		t.Errorf("%d lines at once, want %d", n, lineBurst)
	}
	clock = clock.Add(time.Second)
	l.write([]byte("again"))
	if !strings.Contains(out.String(), "lines were dropped: lines=100") || !strings.Contains(out.String(), "again") {
		t.Errorf("after a second: %s", out.String()[len(out.String())-200:])
	}
}

func TestLogsForgetOldCalls(t *testing.T) {
	l, _ := book()
	clock := time.Unix(1e9, 0)
	l.now = func() time.Time { return clock }
	open := l.begin(nil, nil)
	for range 10 * recentCalls {
		l.end(l.begin(nil, nil), nil)
	}
	if n := len(l.calls); n > recentCalls+1 || l.calls[0] != open {
		t.Errorf("%d calls are remembered", n)
	}
	clock = clock.Add(2 * recentTime)
	l.end(l.begin(nil, nil), nil)
	if n := len(l.calls); n != 2 {
		t.Errorf("%d calls are remembered after a while", n)
	}
}

func TestLongLinesAreCut(t *testing.T) {
	l, out := book()
	secret := strings.Repeat("s3cret", 500)
	l.begin(func(s *secrets) { s.add(secret) }, nil)
	w := &lineWriter{logs: l, wait: func(int) {}}
	line := strings.Repeat("x", maxShown-10) + secret + strings.Repeat("y", 2*maxLine)
	for i := 0; i < len(line); i += 1000 {
		w.Write([]byte(line[i:min(i+1000, len(line))]))
	}
	w.Write([]byte("\nnext"))
	w.flush()
	l.finish()
	text := out.String()
	if strings.Contains(text, "s3cret") || !strings.Contains(text, "bytes more") || !strings.Contains(text, "next") || len(text) > 2*maxShown {
		t.Errorf("%d bytes in the log: …%s", len(text), text[max(0, len(text)-300):])
	}
}

// However a plugin writes a secret, it is hidden, as long as there is a common
// name for how.
func TestEncodedSecretsAreHidden(t *testing.T) {
	const secret = `pass "word"/+&7f3a9`
	for _, bare := range []bool{false, true} {
		l, out := book()
		l.bare = bare
		l.end(l.begin(func(s *secrets) { s.add(secret) }, nil), nil)
		for _, line := range []string{
			base64.StdEncoding.EncodeToString([]byte(secret)), base64.URLEncoding.EncodeToString([]byte("u:" + secret)),
			base64.RawStdEncoding.EncodeToString([]byte("x" + secret + "y")), fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret),
			fmt.Sprint([]byte(secret)), fmt.Sprintf("%q", secret),
		} {
			l.write([]byte("it is " + line))
		}
		if n := strings.Count(out.String(), "[secret]"); bare && n != 0 || !bare && n != 7 {
			t.Errorf("%d secrets were hidden:\n%s", n, out)
		}
	}
}

// saying answers every request with the same body.
type saying string

func (s saying) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		io.Copy(io.Discard, r.Body)
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Set-Cookie": {"sid=c00kie-0123456789"}},
		Body: io.NopCloser(strings.NewReader(string(s)))}, nil
}

// What a plugin and its service have said to each other is hidden, even if the
// plugin dies before it says any of it to the host.
func TestOverheardSecretsAreHidden(t *testing.T) {
	for _, dies := range []bool{false, true} {
		l, out := book()
		said := &overheard{next: saying(`{"access_token":"t0ken-abcdefghijkl\/x","scope":"read.everything.there.is","id":"a%2Fb%2Fc0123456789abc"}`)}
		call := l.begin(nil, said)
		r, _ := http.NewRequest(http.MethodPost, "https://a.example", strings.NewReader("grant=refresh&refresh_token=r3fresh-mnopqrstuvw"))
		r.Header.Set("Authorization", "Basic dXNlcjpwYXNzd29yZDEyMw==")
		resp, err := said.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		l.write([]byte("sent dXNlcjpwYXNzd29yZDEyMw and r3fresh-mnopqrstuvw"))
		l.write([]byte("got c00kie-0123456789, a/b/c0123456789abc and " + string(body)))
		l.write([]byte("panic: t0ken-abcdefghijkl, read.everything.there.is"))
		if dies {
			l.finish()
		} else {
			l.end(call, nil)
		}
		for _, secret := range []string{"dXNlcjpwYXNzd29yZDEyMw", "r3fresh", "c00kie", "t0ken", "a/b/c0", "a%2Fb"} {
			if strings.Contains(out.String(), secret) {
				t.Errorf("the log shows %q:\n%s", secret, out)
			}
		}
		if !strings.Contains(out.String(), "read.everything.there.is") {
			t.Errorf("nothing is left of the log:\n%s", out)
		}
	}
}
