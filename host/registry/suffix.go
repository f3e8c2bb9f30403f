// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/credhost/credhost/sdk"
)

// tooWide says why a type's origins are anybody's, if they are: labels above
// https://*.co.uk, or an answer in front of it, may be whosoever's. Suffixes
// that a company hands out, such as myshopify.com, are a service's own.
func tooWide(s sdk.Schema) string {
	for _, template := range slices.Concat(s.Origins, s.AnswerOrigins) {
		suffix, open := fixedSuffix(template)
		if !open {
			continue
		}
		if public, icann := publicsuffix.PublicSuffix(suffix); icann && public == suffix {
			return fmt.Sprintf("type %q is refused: the origin %s may be anybody's, since anybody can register a name below %s", s.Name, template, suffix)
		}
	}
	return ""
}

// fixedSuffix returns the labels at the end of a template that no answer and
// no star decides, and whether there are others before them.
func fixedSuffix(template string) (suffix string, open bool) {
	scheme, host, _ := strings.Cut(template, "://")
	if scheme == "tcp" || host == "" { // a host or a URL that a person answers
		return "", false
	}
	host, _, _ = strings.Cut(host, "/")
	cut := max(strings.LastIndex(host, "*."), strings.LastIndex(host, "}."))
	if cut < 0 {
		return "", false
	}
	suffix, _, _ = strings.Cut(host[cut+2:], ":")
	return strings.ToLower(suffix), true
}
