// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/credhost/credhost/internal/front"
)

// examineServing looks at the settings of serve. It listens nowhere.
func (p *program) examineServing(e *examination) {
	if err := p.settings.check(); err != nil {
		r := p.explain(err)
		e.add("broken", "serve", r.Message, r.Next)
		return
	}
	detail := "listens at " + p.listen.String()
	var open []string
	for _, text := range append(append(list{}, p.listen...), p.proxyListen...) {
		if at, err := front.ParseAddress(text); err == nil && !at.Local() {
			open = append(open, text)
		}
	}
	switch {
	case len(open) == 0 || p.encrypts():
		e.add("ok", "serve", detail, "")
	case p.behindProxy:
		e.add("warning", "serve", detail+", in the clear: let nobody reach it but the reverse proxy", "")
	case p.insecureListen:
		e.add("warning", "serve", detail+", in the clear: keys and answers can be read on the way", "give it a certificate")
	default:
		e.add("broken", "serve", strings.Join(open, ", ")+" can be reached from other machines, and there is no TLS", "give it a certificate, or say --behind-proxy")
	}
	p.examineCertificate(e)
}

// examineCertificate says when the certificate that serve shows ends.
func (p *program) examineCertificate(e *examination) {
	if p.tlsCert == "" {
		return
	}
	files, err := front.ReadCertificates(p.tlsCert, p.tlsKey, p.tlsClientCA)
	if err != nil {
		return // which was said
	}
	left := time.Until(files.Expiry())
	detail := fmt.Sprintf("%s, until %s", p.tlsCert, files.Expiry().Format(time.DateOnly))
	switch {
	case left <= 0:
		e.add("broken", "certificate", detail+": it has ended", "put another in its place")
	case left < 14*24*time.Hour:
		e.add("warning", "certificate", detail, "put another in its place; it is read at once")
	default:
		e.add("ok", "certificate", detail, "")
	}
}
