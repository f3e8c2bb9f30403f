// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"strings"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
)

// maxScan is how many credentials a request looks at to fill a page: filters
// that hold for few must not keep a host busy.
const maxScan = 1000

func (s *server) listCredentials(ctx context.Context, in *listCredentials) (*credentialList, error) {
	list := listOf("credentials", in.Type, in.Status, in.Search, in.Application, in.Ending.Format(time.RFC3339Nano))
	after, err := parseCursor(in.Cursor, list)
	if err != nil {
		return nil, err
	}
	out := &credentialList{}
	out.Body.Credentials = []Credential{}
	caller := access.From(ctx)
	for looked := 0; looked < maxScan; {
		page, err := s.of(ctx).List(ctx, host.Page{Type: in.Type, After: after, Limit: maxPage})
		if err != nil {
			return nil, err
		}
		for i, c := range page {
			after = c.ID
			if caller.Sees(c.ID) && in.wants(c) {
				out.Body.Credentials = append(out.Body.Credentials, credentialView(c))
			}
			if len(out.Body.Credentials) == in.Limit && (i < len(page)-1 || len(page) == maxPage) {
				return out.continued(ctx, list, after), nil
			}
		}
		if looked += len(page); len(page) < maxPage {
			return out, nil
		}
	}
	return out.continued(ctx, list, after), nil
}

// continued is a page that is not the last.
func (l *credentialList) continued(ctx context.Context, list, after string) *credentialList {
	l.Body.Next = cursor{list, after}.String()
	l.Link = nextLink(requestOf(ctx), l.Body.Next)
	return l
}

// wants reports whether the list has a credential, as far as filters go.
func (in *listCredentials) wants(c host.Credential) bool {
	switch {
	case in.Status != "" && string(c.Status) != in.Status,
		in.Application != "" && c.Application != in.Application,
		!in.Ending.IsZero() && (c.Ends == nil || !c.Ends.Before(in.Ending)):
		return false
	}
	search := strings.ToLower(in.Search)
	return search == "" || c.ID == in.Search || strings.Contains(strings.ToLower(c.Name+"\n"+c.Account), search)
}
