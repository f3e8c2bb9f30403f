// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/connectflow"
	"github.com/credhost/credhost/sdk"
)

// A Visit is a person's visit to a provider, to approve what a credential may do.
type Visit struct {
	ID         string      `json:"id"`
	Credential string      `json:"credential"`
	Status     string      `json:"status" enum:"open,visiting,connected,failed,ended" doc:"open: nobody has come yet; visiting: the person was sent to the provider; connected; failed: see failure; ended: nobody came in time, or it was cancelled."`
	URL        string      `json:"url,omitempty" format:"uri" doc:"Where to send the person, and nobody else: whoever opens it decides whose account is connected. It works once, and only connectCredential says it. With a userCode it is the service's own page."`
	UserCode   string      `json:"userCode,omitempty" doc:"What the person types there (RFC 8628)."`
	Interval   float64     `json:"interval,omitempty" doc:"How many seconds to wait before asking getVisit again."`
	Expiry     time.Time   `json:"expiry" doc:"The person must have come back by then."`
	Account    string      `json:"account,omitempty" doc:"Whose it is at the service, once it is connected."`
	Was        string      `json:"was,omitempty" doc:"Whose it was before, if that was somebody else: warn the person."`
	Replaced   *Revocation `json:"replaced,omitempty" doc:"What became of the grant before, if it was to be revoked."`
	Failure    *Fault      `json:"failure,omitempty" doc:"Why it failed."`
}

type connectCredential struct {
	OneCredential
	Body *struct {
		Return string `json:"return,omitempty" maxLength:"200" doc:"The name of the address to which the person is sent in the end, among those that the operator has named. Absent: a page that can be closed."`
	}
}

type aVisit struct {
	Visit string `path:"visit" maxLength:"200" doc:"The visit's ID."`
}

type visitOut struct {
	Location string `header:"Location" doc:"Where to ask what has become of it."`
	Body     Visit
}

type visitShown struct{ Body Visit }

func (s *server) registerConnecting() {
	register(s, operation{id: "connectCredential", method: http.MethodPost, path: "/credentials/{credential}/connect", tag: tagConnecting,
		action: access.ConnectCredential, in: workspaced, status: http.StatusCreated, fails: []string{"denied", "forbidden"},
		summary: "Begin to connect a credential, or to connect it again",
		text:    "Send the person to url, in a window of their browser, within ten minutes. Then ask getVisit, or follow the events, until it is connected. It takes no Idempotency-Key: the link is a secret, and is not kept; of too many visits the oldest ends."},
		s.connectCredential)
	register(s, operation{id: "getVisit", method: http.MethodGet, path: "/visits/{visit}", tag: tagConnecting, action: access.ConnectCredential,
		in: workspaced, summary: "Ask what has become of a visit", text: "It is remembered for an hour."}, s.getVisit)
	register(s, operation{id: "cancelVisit", method: http.MethodDelete, path: "/visits/{visit}", tag: tagConnecting, action: access.ConnectCredential,
		in: workspaced, status: http.StatusNoContent, fails: []string{"denied"}, summary: "End a visit that nobody is to finish",
		text: "Whoever comes back later is refused."}, s.cancelVisit)
}

func (s *server) connectCredential(ctx context.Context, in *connectCredential) (*visitOut, error) {
	if s.cfg.Connect == nil {
		return nil, fail("unavailable", "this host connects nothing: it has no address for people to come back to")
	}
	visit := host.Visit{Credential: in.Credential, Actor: access.From(ctx).Actor}
	if in.Body != nil {
		visit.Return = in.Body.Return
	}
	v, err := s.cfg.Connect.Begin(ctx, workspaceOf(ctx), visit)
	if err != nil {
		return nil, err
	}
	return &visitOut{Location: "/v1/visits/" + url.PathEscape(v.ID), Body: visitView(v)}, nil
}

func visitView(v connectflow.Visit) Visit {
	out := Visit{ID: v.ID, Credential: v.Credential, Status: string(v.Status), URL: v.URL, UserCode: v.UserCode,
		Interval: v.Interval.Seconds(), Expiry: v.Expiry, Account: v.Account, Was: v.Was}
	if r := v.Replaced; r != nil {
		out.Replaced = &Revocation{Told: r.Told, Grant: string(r.Grant), Refresh: string(r.Refresh), Kept: r.Kept, Reason: r.Reason}
	}
	if e := v.Failure; e != nil {
		out.Failure = &translated(e, []*sdk.Error{e}, nil)[0]
	}
	return out
}

// visit returns a visit of a credential that the caller sees.
func (s *server) visit(ctx context.Context, id string) (connectflow.Visit, error) {
	if s.cfg.Connect == nil {
		return connectflow.Visit{}, notFound()
	}
	v, err := s.cfg.Connect.Show(ctx, workspaceOf(ctx), id)
	if err == nil && !access.From(ctx).Sees(v.Credential) {
		err = notFound()
	}
	return v, err
}

func (s *server) getVisit(ctx context.Context, in *aVisit) (*visitShown, error) {
	v, err := s.visit(ctx, in.Visit)
	if err != nil {
		return nil, err
	}
	return &visitShown{visitView(v)}, nil
}

func (s *server) cancelVisit(ctx context.Context, in *aVisit) (*struct{}, error) {
	if _, err := s.visit(ctx, in.Visit); err != nil {
		return nil, err
	}
	return nil, s.cfg.Connect.Cancel(ctx, workspaceOf(ctx), in.Visit)
}
