// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"net/http"
	"strings"
)

// A page cannot give a WebSocket a header. What it can name are subprotocols, so
// that is where it shows a key:
//
//	new WebSocket(url, ["credhost", "credhost.key." + key, "lines"])
//
// The service is asked for those that are not ours. A browser gives up if none of
// what it has named is answered: if the service chooses none, the answer is
// "credhost", which is why it must be named.
//
// A key in such a place may be written down by what stands between the page and
// the proxy, where Authorization never is. So only a derived key is taken, which
// ends by itself, can make nothing and has never the scope admin; and only from
// pages of [Config].Origins, of which a browser speaks the truth.
const (
	protocolHeader = "Sec-Websocket-Protocol" // RFC 6455, section 11.3.4, as net/http spells it
	ownProtocol    = "credhost"
	keyProtocol    = "credhost.key."
)

// protocols are the subprotocols that a caller names.
type protocols struct {
	keys  []string // that are shown in the place of one
	own   bool     // whether "credhost" is among them
	other string   // those that are for the service; empty: none
}

// namedProtocols reads what a caller names. Most name nothing.
func namedProtocols(h http.Header) (p protocols) {
	var others []string
	for _, line := range h[protocolHeader] {
		for name := range strings.SplitSeq(line, ",") {
			name = strings.Trim(name, " \t")
			key, isKey := strings.CutPrefix(name, keyProtocol)
			switch {
			case isKey:
				p.keys = append(p.keys, key)
			case name == ownProtocol:
				p.own = true
			case name != "":
				others = append(others, name)
			}
		}
	}
	p.other = strings.Join(others, ", ")
	return p
}

// keyOfPage finds the key that a page has shown as a subprotocol, where there is
// no other. Which key it is, is looked at later: see derivedAlone.
func (x *exchange) keyOfPage() (key string, err error) {
	if x.r.Header["Upgrade"] == nil || x.r.ProtoMajor > 1 {
		return "", nil
	}
	switch p := namedProtocols(x.r.Header); {
	case len(p.keys) == 0:
		return "", nil
	case len(p.keys) > 1:
		return "", malformed("Sec-WebSocket-Protocol has more keys than one")
	case !p.own:
		return "", malformed(`name the subprotocol "credhost" beside the key: it is answered where the service chooses none, or the browser would give up`)
	case !x.fromPage():
		return "", fail("origin", "a key as a subprotocol is for pages whose origin the operator has named (proxy.Config.Origins): show it in Authorization")
	default:
		x.asProtocol = true
		return p.keys[0], nil
	}
}

// derivedAlone refuses a key that lasts where it may be written down.
func (x *exchange) derivedAlone() error {
	if x.asProtocol && x.caller.Derived == "" {
		return x.unauthorized("as a subprotocol only a derived key is taken, which ends by itself: derive one of this key")
	}
	return nil
}

// forService leaves in the header that is sent what is for the service. Where a
// page shows a key as a subprotocol, no part of that is.
func (x *exchange) forService(out http.Header) {
	if !x.target.byPath || x.r.Header[protocolHeader] == nil {
		return
	}
	p := namedProtocols(x.r.Header)
	if !x.asProtocol && len(p.keys) == 0 {
		return // what is named is the caller's own business
	}
	delete(out, protocolHeader)
	if p.other != "" {
		out[protocolHeader] = []string{p.other}
	}
}

// chosen answers a page whose service has chosen no subprotocol.
func (x *exchange) chosen(h http.Header) {
	if len(h[protocolHeader]) == 0 && x.asProtocol {
		h[protocolHeader] = []string{ownProtocol}
	}
}
