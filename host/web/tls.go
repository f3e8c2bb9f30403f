// SPDX-License-Identifier: Apache-2.0

package web

import (
	"strings"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

// A tlsForm is the part of a credential's form that is not of its type: how TLS
// is spoken for it. What is stored is not put into the controls: a key is shown to
// nobody, and of a certificate its outline.
type tlsForm struct {
	Now *host.TLSView // what is stored; nil: nothing

	CA, Certificate         string // what was typed
	DropCA, DropCertificate bool
	Skip                    bool
	CAFault, CertFault      string
	KeyFault, SkipFault     string
	OfType, OfApplication   bool // who asks for a certificate, and who decides whom to trust, instead
	Open                    bool
	Faults                  []tlsFault
}

// A tlsFault is one of the summary, which leads to its control.
type tlsFault struct{ Target, Title, Text string }

// The names of its controls. The key's is among those that a form names as secret.
const (
	tlsCA          = "_tls_ca"
	tlsCertificate = "_tls_certificate"
	tlsKey         = "_tls_key"
	tlsSkip        = "_tls_skip"
	tlsDropCA      = "_tls_drop_ca"
	tlsDropPair    = "_tls_drop_certificate"
)

// tlsForm returns that part for a credential with these settings, with what was
// typed, if anything was.
func (v *visit) tlsForm(s sdk.Schema, now *host.TLSView, application string) *tlsForm {
	f := &tlsForm{Now: now, Skip: now != nil && now.SkipVerify, OfType: s.ClientCertificate != nil, OfApplication: application != ""}
	if v.r.PostForm.Has("_tls") {
		f.CA, f.Certificate = v.posted(tlsCA), v.posted(tlsCertificate)
		f.DropCA, f.DropCertificate, f.Skip = v.ticked(tlsDropCA), v.ticked(tlsDropPair), v.ticked(tlsSkip)
	}
	f.Open = now != nil || f.CA != "" || f.Certificate != "" || f.Skip
	return f
}

// tlsPatch is what the person changes of the settings; nil: nothing.
func (v *visit) tlsPatch(now *host.TLSView) *host.TLSPatch {
	if !v.r.PostForm.Has("_tls") {
		return nil
	}
	var p host.TLSPatch
	set := func(to **string, text string) {
		if text != "" {
			*to = &text
		}
	}
	none := ""
	if v.ticked(tlsDropCA) {
		p.CA = &none
	}
	if v.ticked(tlsDropPair) {
		p.Certificate, p.Key = &none, &none
	}
	set(&p.CA, v.posted(tlsCA))
	set(&p.Certificate, v.posted(tlsCertificate))
	set(&p.Key, v.posted(tlsKey))
	if skip := v.ticked(tlsSkip); skip != (now != nil && now.SkipVerify) {
		p.SkipVerify = &skip
	}
	if p == (host.TLSPatch{}) {
		return nil
	}
	return &p
}

// tlsOf is the same for a credential that is new.
func (v *visit) tlsOf() host.TLS {
	if !v.r.PostForm.Has("_tls") {
		return host.TLS{}
	}
	return host.TLS{CA: v.posted(tlsCA), Certificate: v.posted(tlsCertificate), Key: v.posted(tlsKey), SkipVerify: v.ticked(tlsSkip)}
}

// take takes the faults that are about these settings out of others, and puts
// each beside its control.
func (f *tlsForm) take(t func(string, ...any) string, faults []form.Fault) []form.Fault {
	var others []form.Fault
	for _, fault := range faults {
		text := sentence(fault.Message)
		switch fault.Field {
		case "tls.ca":
			f.CAFault = text
			f.Faults = append(f.Faults, tlsFault{"tls-ca", t("Authorities"), text})
		case "tls.certificate":
			f.CertFault = text
			f.Faults = append(f.Faults, tlsFault{"tls-certificate", t("Certificate of the client"), text})
		case "tls.key":
			f.KeyFault = text
			f.Faults = append(f.Faults, tlsFault{"tls-key", t("Private key"), text})
		case "tls.skipVerify":
			f.SkipFault = text
			f.Faults = append(f.Faults, tlsFault{"tls-skip", t("Take any certificate"), text})
		default:
			others = append(others, fault)
			continue
		}
		f.Open = true
	}
	return others
}

// faults is faultsOf for a form with these settings.
func (f *tlsForm) faults(v *visit, of *form.Form, err error) ([]form.Fault, error) {
	all, err := faultsOf(of, err)
	if err != nil || f == nil {
		return all, err
	}
	return f.take(v.words.t, all), nil
}

// tlsText says in one line what is set, to compare.
func (v *visit) tlsText(t *host.TLSView) string {
	if t == nil {
		return ""
	}
	var all []string
	for _, ca := range t.CA {
		all = append(all, v.words.t("trusts")+" "+ca.Subject)
	}
	if t.Certificate != nil {
		all = append(all, v.words.t("shows the certificate of")+" "+t.Certificate.Subject)
	}
	if t.SkipVerify {
		all = append(all, v.words.t("takes any certificate"))
	}
	return strings.Join(all, "\n")
}
