// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/proxy"
)

// derived returns a key of the scene's, for five minutes.
func (s *scene) derived(t testing.TB) string {
	t.Helper()
	caller, err := s.Access.Caller(t.Context(), s.key)
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := s.Access.Derive(access.With(t.Context(), caller), caller, nil, access.Limits{}, 5*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// A page shows a key as a subprotocol, if the key is derived, and the page one that
// may call. The service hears nothing of it. (That a browser is content with the
// answer, TestChromium shows.)
func TestKeysAsSubprotocols(t *testing.T) {
	t.Parallel()
	const page = "https://app.example"
	s := newScene(t, setting{proxy: func(c *proxy.Config) { c.Origins = []string{page} }})
	s.Echo.Handler = http.HandlerFunc(sockets)
	short := s.derived(t)
	const handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	const from = "Origin: " + page + "\r\n"
	for name, c := range map[string]struct{ header, status, answer, sent string }{
		"a choice":             {handshake + from + "Sec-WebSocket-Protocol: credhost, credhost.key." + short + ", lines", "101", "lines", "lines"},
		"in lines":             {handshake + from + "Sec-WebSocket-Protocol: lines,words\r\nSec-WebSocket-Protocol: credhost.key." + short + "\r\nsec-websocket-protocol: credhost", "101", "lines", "lines, words"},
		"nothing to choose of": {handshake + from + "Sec-WebSocket-Protocol: credhost.key." + short + ",credhost", "101", "credhost", ""},
		"nothing is chosen":    {handshake + from + "Sec-WebSocket-Protocol: words, credhost, credhost.key." + short, "101", "credhost", "words"},
		"a key that lasts":     {handshake + from + "Sec-WebSocket-Protocol: credhost, credhost.key." + s.key, "401", "", ""},
		"no key":               {handshake + from + "Sec-WebSocket-Protocol: credhost, credhost.key.", "401", "", ""},
		"a wrong key":          {handshake + from + "Sec-WebSocket-Protocol: credhost, credhost.key." + short[:len(short)-1], "401", "", ""},
		"two keys":             {handshake + from + "Sec-WebSocket-Protocol: credhost, credhost.key." + short + ", credhost.key." + short, "400", "", ""},
		"no name for a choice": {handshake + from + "Sec-WebSocket-Protocol: lines, credhost.key." + short, "400", "", ""},
		"another page":         {handshake + "Origin: https://evil.example\r\nSec-WebSocket-Protocol: credhost, credhost.key." + short, "403", "", ""},
		"no page":              {handshake + "Sec-WebSocket-Protocol: credhost, credhost.key." + short, "403", "", ""},
		"no WebSocket":         {from + "Sec-WebSocket-Protocol: credhost, credhost.key." + short, "401", "", ""},
		"a key in Authorization": {handshake + "Authorization: Bearer " + s.key + "\r\nSec-WebSocket-Protocol: lines, credhost, credhost.key." + short,
			"101", "lines", "lines"},
		"the service's own": {handshake + "Authorization: Bearer " + s.key + "\r\nSec-WebSocket-Protocol: lines, credhost", "101", "lines", "lines, credhost"},
	} {
		before := len(s.Echo.Requests())
		got := s.raw(t, "GET "+s.at(s.Echo.URL)+"/ws HTTP/1.1\r\nHost: x\r\n"+c.header+"\r\n\r\n")
		head, _, _ := strings.Cut(got, "\r\n\r\n")
		if !strings.HasPrefix(head, "HTTP/1.1 "+c.status) {
			t.Errorf("%s: %q, want %s", name, head, c.status)
			continue
		}
		sent := s.Echo.Requests()[before:]
		if c.status != "101" {
			if len(sent) > 0 {
				t.Errorf("%s: the service was asked", name)
			}
			continue
		}
		if !strings.Contains(head, "\r\nSec-Websocket-Protocol: "+c.answer+"\r\n") && !strings.HasSuffix(head, "\r\nSec-Websocket-Protocol: "+c.answer) || strings.Contains(head, short) {
			t.Errorf("%s: answered %q, want %s", name, head, c.answer)
		}
		if text := fmt.Sprint(sent[0].Header); strings.Join(sent[0].Header["Sec-Websocket-Protocol"], ", ") != c.sent || strings.Contains(text, short) {
			t.Errorf("%s: the service was sent %s, want %q", name, text, c.sent)
		}
	}
}

// What a page has opened ends with its key.
func TestSocketsOfPagesEndWithTheirKey(t *testing.T) {
	t.Parallel()
	const page = "https://app.example"
	s := newScene(t, setting{proxy: func(c *proxy.Config) {
		c.Origins, c.Limits = []string{page}, proxy.Limits{Recheck: 20 * time.Millisecond}
	}})
	s.Echo.Handler = http.HandlerFunc(sockets)
	conn, err := net.Dial("tcp", s.front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprintf(conn, "GET %s/ws HTTP/1.1\r\nHost: x\r\nOrigin: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: credhost, credhost.key.%s\r\n\r\n", s.at(s.Echo.URL), page, s.derived(t))
	head := make([]byte, 16)
	if _, err := conn.Read(head); err != nil || !strings.HasPrefix(string(head), "HTTP/1.1 101") {
		t.Fatalf("%q, %v", head, err)
	}
	s.deleteKey(nil, nil) // of which it was derived
	eventually(t, "nothing under way", func() bool { return s.proxy.Stats().Active == 0 })
}
