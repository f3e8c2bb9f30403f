// SPDX-License-Identifier: Apache-2.0

package door_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/internal/ground"
)

func TestAPI(t *testing.T) {
	t.Parallel()
	tries(t, map[string]attempt{
		"a credential of another workspace":      {foreign, "404"},
		"what refusals tell of other workspaces": {compared, ""},
		"another's version": {func(x *try) (bool, string) {
			path, etag := x.version()
			got := x.ask(x.owners(access.Read), "GET", path, "", "If-None-Match", etag)
			return got.status == 304, got.String()
		}, "404"},
		"another's version, for a change": {func(x *try) (bool, string) {
			path, etag := x.version()
			got := x.ask(x.owners(access.Read, access.Write), "PATCH", path, `{"name":"probed"}`, "If-Match", etag, "Content-Type", "application/merge-patch+json")
			return got.status == 200, got.String()
		}, "404"},
		"a workspace by its name": {func(x *try) (bool, string) {
			key := x.key(other, access.Read)
			if x.easy {
				key = x.Operator()
			}
			got := x.ask(key, "GET", "/v1/credentials", "", "Credhost-Workspace", ground.Workspace)
			return got.status == 200, got.String()
		}, "404"},
		"the page of another's list": {func(x *try) (bool, string) {
			ids := x.credential(ground.Workspace) + x.credential(ground.Workspace) + x.credential(ground.Workspace)
			first := x.ask(x.key(ground.Workspace, access.Read), "GET", "/v1/credentials?limit=1", "")
			got := x.ask(x.owners(access.Read), "GET", "/v1/credentials?limit=200&cursor="+member(first, "next"), "")
			for id := range strings.SplitSeq(ids, "c-") {
				if id != "" && strings.Contains(got.body, id) {
					return true, got.String()
				}
			}
			return false, got.String()
		}, ""},
		"another's request, again": {func(x *try) (bool, string) {
			key := x.key(ground.Workspace, access.Write)
			first := x.create(key, "once", "Idempotency-Key", "another's")
			if !x.easy {
				key = x.key(other, access.Write)
			}
			got := x.create(key, "once", "Idempotency-Key", "another's")
			return member(first, "id") == member(got, "id"), got.String()
		}, "201"},
		"another request under the same key": {func(x *try) (bool, string) {
			key, name := x.key(ground.Workspace, access.Write), "once"
			x.create(key, name, "Idempotency-Key", "k")
			if !x.easy {
				name = "twice"
			}
			got := x.create(key, name, "Idempotency-Key", "k")
			return got.status == 201 || got.header.Get("Credhost-Replayed") != "", got.String()
		}, "422"},
		"another's trail": {func(x *try) (bool, string) {
			id := member(x.create(x.key(ground.Workspace, access.Write), "recorded"), "id")
			got := x.ask(x.owners(access.Admin), "GET", "/v1/audit?limit=200", "")
			return strings.Contains(got.body, id), got.String()
		}, "200"},
		"another's events": {func(x *try) (bool, string) {
			key := x.owners(access.Read)
			id := member(x.create(x.key(ground.Workspace, access.Write), "told of"), "id")
			x.create(x.key(other, access.Write), "of its own")
			seen := func() bool { return strings.Contains(x.ask(key, "GET", "/v1/events", "").body, id) }
			if x.easy {
				return eventually(seen), ""
			}
			eventually(func() bool { return strings.Contains(x.ask(key, "GET", "/v1/events", "").body, "credential.created") })
			return seen(), ""
		}, ""},
		"another's stream of events": {streamed, ""},
		"secrets in any answer":      {looked, ""},
		"Release that nobody has opened": {func(x *try) (bool, string) {
			got := x.ask(x.key(ground.Workspace, access.Release), "POST", "/v1/credentials/"+x.credential(ground.Workspace)+"/release", "")
			return strings.Contains(got.body, ground.EchoKey), got.String()
		}, "403"},
		"a secret that is led elsewhere": {func(x *try) (bool, string) {
			body := `{"answers":{"baseUrl":"https://evil.example"}}`
			if x.easy {
				body = `{"answers":{"baseUrl":"https://evil.example","apiKey":"mine, for there"}}`
			}
			got := x.ask(x.key(ground.Workspace, access.Write), "PATCH", "/v1/credentials/"+x.credential(ground.Workspace), body,
				"If-Match", "*", "Content-Type", "application/merge-patch+json")
			return got.status == 200, got.String()
		}, "422"},
		"a member twice":              body(`{"seconds":60}`, `{"seconds":1,"seconds":60}`, "400"),
		"a member in capitals":        body(`{"seconds":60}`, `{"seconds":1,"SECONDS":60}`, "422"),
		"JSON without a bottom":       body(`{"seconds":60,"scopes":["read"]}`, `{"seconds":60,"scopes":`+strings.Repeat("[", 100_000)+strings.Repeat("]", 100_000)+`}`, "400"),
		"half a character":            named(`\ud83d\ude00`, `\ud83d`, "400"),
		"bytes that are no text":      named("é", "\xe9", "400"),
		"a zero byte":                 named("a b", `a\u0000b`, "422"),
		"a number beyond all":         body(`{"seconds":60}`, `{"seconds":1e999}`, "400"),
		"a body without end":          {endless, "413"},
		"a form in the place of JSON": {func(x *try) (bool, string) { return x.typed() }, "415"},
		"a page of elsewhere":         {func(x *try) (bool, string) { return x.fromElsewhere() }, ""},
		"the session of the page":     {func(x *try) (bool, string) { return x.bySession() }, "401"},
		"a line of the log":           {forged, ""},
		"an address that a caller invents": {func(x *try) (bool, string) {
			x.create(x.key(ground.Workspace, access.Write), "from elsewhere", "X-Forwarded-For", "203.0.113.77", "Forwarded", "for=203.0.113.77", "X-Real-Ip", "203.0.113.77")
			got := x.ask(x.key(ground.Workspace, access.Admin), "GET", "/v1/audit?limit=200", "")
			return strings.Contains(got.body+x.log.String(), "203.0.113.77"), got.String()
		}, "127.0.0.1"},
		"a request's ID that a caller invents": {func(x *try) (bool, string) {
			got := x.ask("", "GET", "/v1/health", "", "Credhost-Request", "r-of-somebody-else", "X-Request-Id", "r-of-somebody-else")
			return got.header.Get("Credhost-Request") == "r-of-somebody-else", got.String()
		}, "200"},
		"a name that leads here": {func(x *try) (bool, string) {
			got := x.ask(x.key(ground.Workspace, access.Read), "GET", "/v1/credentials", "", "Host", "evil.example")
			return got.status == 200, got.String()
		}, "421"},
		"a method that is another": {func(x *try) (bool, string) {
			id, method, scope := x.credential(ground.Workspace), "GET", access.Read
			if x.easy {
				method, scope = "DELETE", access.Write
			}
			got := x.ask(x.key(ground.Workspace, scope), method, "/v1/credentials/"+id, "", "X-Http-Method-Override", "DELETE", "X-Method-Override", "DELETE", "If-Match", "*")
			_, err := x.Host.Workspace(ground.Workspace).Show(context.Background(), id)
			return err != nil, got.String()
		}, "200"},
		"a head without end": {func(x *try) (bool, string) {
			size := 1 << 20
			if x.easy {
				size = 1 << 10
			}
			got := x.raw("GET /v1/health HTTP/1.1\r\nHost: @at\r\nConnection: close\r\nX-Long: " + strings.Repeat("x", size) + "\r\n\r\n")
			return strings.HasPrefix(got, "HTTP/1.1 200"), got
		}, "431"},
		"a head that trickles":        {trickled, ""},
		"a thousand idle connections": {idle, ""},
	})
}

// owners returns a key of another workspace than the one that is attacked, or, where
// that is allowed, of that one.
func (x *try) owners(scopes ...access.Scope) string {
	x.t.Helper()
	if x.easy {
		return x.key(ground.Workspace, scopes...)
	}
	return x.key(other, scopes...)
}

func member(a answer, name string) string {
	var all map[string]any
	json.Unmarshal([]byte(a.body), &all)
	text, _ := all[name].(string)
	return text
}

// create makes a credential through the API.
func (x *try) create(key, name string, headers ...string) answer {
	x.t.Helper()
	quoted, _ := json.Marshal(name)
	got := x.ask(key, "POST", "/v1/credentials", fmt.Sprintf(`{"type":"acme","name":%s,"answers":{"baseUrl":%q,"apiKey":%q}}`, quoted, x.Echo.URL, ground.EchoKey), headers...)
	return got
}

func foreign(x *try) (bool, string) {
	got := x.ask(x.owners(access.Read), "GET", "/v1/credentials/"+x.credential(ground.Workspace), "")
	return got.status == 200, got.String()
}

// version makes a credential, and returns where it is and its version.
func (x *try) version() (path, etag string) {
	x.t.Helper()
	path = "/v1/credentials/" + x.credential(ground.Workspace)
	return path, x.ask(x.key(ground.Workspace, access.Read), "GET", path, "").header.Get("Etag")
}

// compared compares what is said of a credential that there is with what is said
// of none.
func compared(x *try) (differs bool, told string) {
	real, none := x.credential(ground.Workspace), "c-"+strings.Repeat("a", 26)
	key := x.owners(access.Read, access.Write, access.Use, access.Admin, access.Release)
	said := func(id, method, path, body string) string {
		got := x.ask(key, method, strings.Replace(path, "ID", id, 1), body, "If-Match", "*")
		got.header.Del("Date")
		got.header.Del("Credhost-Request")
		got.header.Del("Ratelimit")
		text := regexp.MustCompile(`"request":"[^"]*"`).ReplaceAllString(got.String(), "")
		return strings.ReplaceAll(text, id, "ID")
	}
	for _, c := range [][3]string{
		{"GET", "/v1/credentials/ID"}, {"GET", "/v1/credentials/ID/form"}, {"POST", "/v1/credentials/ID/test"}, {"POST", "/v1/credentials/ID/revoke"},
		{"POST", "/v1/credentials/ID/release"}, {"POST", "/v1/credentials/ID/suggest", `{"field":"baseUrl"}`}, {"PUT", "/v1/credentials/ID/answers", `{"answers":{}}`},
		{"GET", "/proxy/ID/" + strings.Replace(x.Echo.URL, "://", "/", 1) + "/v1/me"}, {"GET", "/proxy/ID/https/evil.example/"}, {"DELETE", "/v1/credentials/ID"},
	} {
		if a, b := said(real, c[0], c[1], c[2]), said(none, c[0], c[1], c[2]); a != b {
			return true, c[0] + " " + c[1] + ": " + a + "\n" + b
		}
	}
	return false, ""
}

// streamed listens to events while another workspace does something, and then its
// own.
func streamed(x *try) (bool, string) {
	r, _ := http.NewRequest("GET", x.url("/v1/events"), nil)
	r.Header.Set("Authorization", "Bearer "+x.owners(access.Read))
	r.Header.Set("Accept", "text/event-stream")
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return false, err.Error()
	}
	defer resp.Body.Close()
	time.AfterFunc(20*time.Second, func() { resp.Body.Close() })
	id := member(x.create(x.key(ground.Workspace, access.Write), "heard of"), "id")
	last := id
	if !x.easy {
		last = member(x.create(x.key(other, access.Write), "of its own"), "id")
	}
	var heard strings.Builder
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		heard.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), last) {
			return strings.Contains(heard.String(), id), heard.String()
		}
	}
	x.t.Errorf("nothing was heard: %s", heard.String())
	return false, heard.String()
}

// looked looks for a secret in all that the API shows.
func looked(x *try) (bool, string) {
	id := x.credential(ground.Workspace)
	key := x.key(ground.Workspace, access.Scopes...)
	paths := []string{"", "/form", "/form?format=html"}
	for i := range paths {
		paths[i] = "GET /v1/credentials/" + id + paths[i]
	}
	paths = append(paths, "POST /v1/credentials/"+id+"/test", "GET /v1/credentials", "GET /v1/events", "GET /v1/audit", "GET /v1/types", "GET /v1/plugins", "GET /v1/keys",
		"POST /v1/credentials/"+id+"/release", "POST /v1/credentials/"+id+"/revoke", "GET /v1/nothing")
	for _, at := range paths {
		method, path, _ := strings.Cut(at, " ")
		if got := x.ask(key, method, path, ""); strings.Contains(got.String(), ground.EchoKey) {
			return true, at
		}
	}
	return false, ""
}

// body has one body of a request to derive a key be taken, and another not.
func body(good, bad, says string) attempt {
	return attempt{func(x *try) (bool, string) {
		text := bad
		if x.easy {
			text = good
		}
		got := x.ask(x.key(ground.Workspace, access.Read), "POST", "/v1/keys/derive", text)
		return got.status < 300, got.String()
	}, says}
}

// named has one name of a credential be taken, and another not.
func named(good, bad, says string) attempt {
	return attempt{func(x *try) (bool, string) {
		name := bad
		if x.easy {
			name = good
		}
		got := x.ask(x.key(ground.Workspace, access.Write), "POST", "/v1/credentials",
			fmt.Sprintf(`{"type":"acme","name":"%s","answers":{"baseUrl":%q,"apiKey":%q}}`, name, x.Echo.URL, ground.EchoKey))
		return got.status == 201, got.String()
	}, says}
}

// endless sends a body of a name without end, and reads the answer meanwhile.
func endless(x *try) (bool, string) {
	parts := 100
	if x.easy {
		parts = 0
	}
	conn, err := net.Dial("tcp", x.at)
	must(x.t, err)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	begin := `{"type":"acme","name":"long`
	end := fmt.Sprintf(`","answers":{"baseUrl":%q,"apiKey":%q}}`, x.Echo.URL, ground.EchoKey)
	fmt.Fprintf(conn, "POST /v1/credentials HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		x.at, x.key(ground.Workspace, access.Write), len(begin)+parts<<20+len(end), begin)
	sent := make(chan int, 1)
	go func() {
		part, n := []byte(strings.Repeat("x", 1<<20)), 0
		for range parts {
			some, err := conn.Write(part)
			if n += some; err != nil {
				break
			}
		}
		io.WriteString(conn, end)
		sent <- n
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return false, err.Error()
	}
	defer resp.Body.Close()
	if n := <-sent; n > 32<<20 { // what the system takes before anybody reads it
		x.t.Errorf("%d bytes were taken", n)
	}
	return resp.StatusCode == 201, resp.Status
}

func (x *try) typed() (bool, string) {
	media := "text/plain"
	if x.easy {
		media = "application/json"
	}
	got := x.ask(x.key(ground.Workspace, access.Read), "POST", "/v1/keys/derive", `{"seconds":60}`, "Content-Type", media)
	return got.status < 300, got.String()
}

func (x *try) fromElsewhere() (bool, string) {
	got := x.ask(x.key(ground.Workspace, access.Read), "GET", "/v1/credentials", "", "Origin", evil)
	asked := x.ask("", "OPTIONS", "/v1/credentials", "", "Origin", evil, "Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization")
	by := got.header.Get("Access-Control-Allow-Origin") + asked.header.Get("Access-Control-Allow-Origin")
	return by != "", by
}

// bySession calls the API with the cookie of somebody who has signed in.
func (x *try) bySession() (bool, string) {
	v := x.visitor()
	v.signIn()
	headers := []string{"Cookie", "credhost=" + v.session(), "Origin", evil, "Sec-Fetch-Site", "cross-site"}
	if x.easy {
		headers = append(headers, "Origin", x.url(""), "Sec-Fetch-Site", "same-origin", "Credhost-Page", "1", "Credhost-Workspace", ground.Workspace)
	}
	got := x.ask("", "GET", "/v1/credentials", "", headers...)
	return got.status == 200, got.String()
}

// forged puts what looks like a line of the log wherever a caller can.
func forged(x *try) (bool, string) {
	const line = "\nlevel=ERROR msg=forged"
	if x.easy {
		fmt.Fprintf(x.log, "level=INFO msg=%s\n", "a"+line)
	} else {
		x.create(x.key(ground.Workspace, access.Write), "a"+line)
		x.ask("", "GET", "/v1/a%0alevel=ERROR%20msg=forged", "", "User-Agent", "a level=ERROR msg=forged")
		x.ask("chk_a%0alevel=ERROR", "GET", "/w/a%0alevel=ERROR/credentials", "")
		x.raw("GET /proxy/c%0alevel=ERROR/http/a%0alevel=ERROR%20msg=forged/ HTTP/1.1\r\nHost: @at\r\nConnection: close\r\nX-Forwarded-For: a%0alevel=ERROR\r\n\r\n")
		x.Host.Workspace(ground.Workspace).Add(context.Background(), host.New{Type: "acme", Name: "a" + line, Values: x.Values("acme")})
	}
	return strings.Contains(x.log.String(), line), ""
}

// trickled begins a request, and sends a letter now and then.
func trickled(x *try) (bool, string) {
	at := x.at
	if x.easy {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(x.t, err)
		server := &http.Server{Handler: http.NotFoundHandler()}
		go server.Serve(l)
		defer server.Close()
		at = l.Addr().String()
	}
	conn, err := net.Dial("tcp", at)
	must(x.t, err)
	defer conn.Close()
	io.WriteString(conn, "GET / HTTP/1.1\r\nX-Slow: ")
	closed := make(chan bool)
	go func() { io.Copy(io.Discard, conn); close(closed) }()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for begun := time.Now(); time.Since(begun) < 13*time.Second; {
		select {
		case <-closed:
			return false, time.Since(begun).String()
		case <-tick.C:
			io.WriteString(conn, "x")
		}
	}
	return true, "it is still open"
}

// idle has a thousand connections begin, and asks beside them.
func idle(x *try) (bool, string) {
	if x.easy {
		return true, ""
	}
	for range 1000 {
		conn, err := net.Dial("tcp", x.at)
		must(x.t, err)
		defer conn.Close()
		io.WriteString(conn, "GET /v1/health HTTP/1.1\r\nHo")
	}
	begun := time.Now()
	got := x.ask(x.key(ground.Workspace, access.Read), "GET", "/v1/credentials?limit=1", "")
	return got.status != 200 || time.Since(begun) > 5*time.Second, got.String()
}
