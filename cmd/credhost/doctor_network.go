// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

func (p *program) examineNetwork(e *examination) {
	var open []string
	if len(p.allowAddress) > 0 {
		open = append(open, "private addresses "+p.allowAddress.String())
	}
	if p.allowHTTP {
		open = append(open, "http to other machines")
	}
	if len(p.routes) > 0 {
		open = append(open, "routes "+p.routes.String())
	}
	if p.allowSkipVerify {
		open = append(open, "credentials that take any certificate")
	}
	if len(open) == 0 {
		e.add("ok", "network", "public addresses only, over https", "")
	} else {
		e.add("warning", "network", "allowed besides: "+strings.Join(open, "; "), "")
	}
	for _, origin := range slices.Sorted(maps.Keys(p.tls)) {
		e.add(state(!p.tls[origin].SkipVerify, "ok", "warning"), "tls", tlsText(origin, p.tls[origin]), "")
	}
	if p.proxy != "" {
		p.examineProxy(e)
	}
}

// examineProxy says through which proxy everything goes, without its password.
func (p *program) examineProxy(e *examination) {
	u, err := url.Parse(p.proxy)
	if err != nil || p.egress().Check() != nil {
		return // which is why there is no host
	}
	detail := "everything goes through " + u.Scheme + "://" + u.Host
	if len(p.noProxy) > 0 {
		detail += ", but for " + p.noProxy.String()
	}
	if p.proxyResolves {
		e.add("warning", "proxy", detail+"; the proxy resolves names, and it alone keeps private addresses out of reach", "")
		return
	}
	e.add("ok", "proxy", detail+"; names are resolved and checked here", "")
}
