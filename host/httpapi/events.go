// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/events"
	"github.com/credhost/credhost/sdk"
)

const eventStream = "text/event-stream"

// An Event is one thing that happened.
type Event struct {
	ID        string    `json:"id" doc:"IDs of one workspace rise in the order of their bytes."`
	Type      string    `json:"type" example:"credential.tested" doc:"What happened. More may come: ignore what you do not know."`
	Time      time.Time `json:"timestamp"`
	Workspace string    `json:"workspace" doc:"Empty: the host's own."`
	Data      EventData `json:"data"`
}

// EventData is what an event is about. What does not apply is absent.
type EventData struct {
	Credential string     `json:"credential,omitempty"`
	Plugin     string     `json:"plugin,omitempty"`
	Key        string     `json:"key,omitempty"`
	Webhook    string     `json:"webhook,omitempty"`
	Type       string     `json:"type,omitempty" doc:"Of the credential."`
	Name       string     `json:"name,omitempty" doc:"What people call it."`
	Actor      string     `json:"actor,omitempty" doc:"Who did it."`
	Derived    string     `json:"derived,omitempty" doc:"The ID of the derived key that was shown, if it was one: the actor is who that is of."`
	Request    string     `json:"request,omitempty" doc:"The ID of the request with which it was done."`
	Outcome    string     `json:"outcome,omitempty" doc:"Of a test: as of Verdict."`
	Tenant     string     `json:"tenant,omitempty" doc:"In the host's own log: the workspace in which it happened."`
	At         *time.Time `json:"at,omitempty" doc:"When it will happen, or has."`
}

// EventList is a part of the log.
type EventList struct {
	Events []Event `json:"events"`
	Last   string  `json:"last" doc:"What to give as after, to go on; what was given if there are none."`
}

type listEvents struct {
	After      string `query:"after" maxLength:"200" doc:"The ID of the last event that the caller has; oldest: all that are kept. Absent: a stream begins now, a list at the oldest."`
	Type       string `query:"type" maxLength:"1000" doc:"Only those of these types, with commas between."`
	Credential string `query:"credential" maxLength:"200" doc:"Only those of this credential."`
	Limit      int    `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"The most events that a list has. A stream has no end."`
	Last       string `header:"Last-Event-ID" maxLength:"200" doc:"The ID of the last event that the caller has, as browsers send it."`
}

func (s *server) registerEvents() {
	register(s, operation{id: "listEvents", method: http.MethodGet, path: "/events", tag: tagEvents, action: access.ReadEvents, in: either,
		gives: []string{media[0], eventStream}, patience: -1, fails: []string{"conflict"}, summary: "Follow what happens",
		text: "As server-sent events if Accept asks for text/event-stream: each has the event's ID, its type, and an Event as data. Otherwise the part of the log after an ID. The host's own log is had with a key of the host, and without a workspace."},
		s.listEvents)
	answers := s.routes["/v1/events"].methods[http.MethodGet].op.Responses["200"].Content
	answers[media[0]].Schema = schemaOf[EventList](s.api.OpenAPI().Components.Schemas)
	answers[eventStream].Schema = &huma.Schema{Type: huma.TypeString, Description: "Each event has its ID as id, its type as event, and an Event as data."}
}

func (s *server) listEvents(ctx context.Context, in *listEvents) (*huma.StreamResponse, error) {
	if s.cfg.Events == nil {
		return nil, fail("unavailable", "this host keeps no events")
	}
	r := requestOf(ctx)
	if acceptable(joined(r.Header["Accept"]), []string{media[0], eventStream}) == eventStream {
		return s.streamEvents(ctx), nil
	}
	list, err := s.eventsSince(ctx, in)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		h.SetHeader("Content-Type", media[0])
		h.SetStatus(http.StatusOK)
		h.BodyWriter().Write(encode(list))
	}}, nil
}

// streamEvents is the answer with the events as they come. What is wrong with
// the query is found out before anything is written.
func (s *server) streamEvents(ctx context.Context) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(h huma.Context) {
		r, w := humago.Unwrap(h)
		err := s.cfg.Events.Stream(w, r, workspaceOf(ctx), events.For(access.From(ctx)), s.alive(r))
		if err != nil {
			s.asFailure(ctx, err).write(w, r)
		}
	}}
}

// alive returns what says whether a caller is still let in.
func (s *server) alive(r *http.Request) func() bool {
	return func() bool {
		_, f := s.caller(r)
		return f == nil || f.Status >= http.StatusInternalServerError || f.Status == http.StatusTooManyRequests
	}
}

// eventsSince is a part of the log: what the filters leave of so many events.
func (s *server) eventsSince(ctx context.Context, in *listEvents) (EventList, error) {
	after := in.After
	if after == "" {
		after = events.Oldest
	}
	var types []string
	for name := range strings.SplitSeq(in.Type, ",") {
		if name == "" {
			continue
		}
		if !slices.Contains(events.Types, events.Type(name)) {
			return EventList{}, fail("invalid", "there are no events of this type", Fault{Parameter: "type", Reason: sdk.ReasonOption, Detail: "must be types of events"})
		}
		types = append(types, name)
	}
	all, err := s.cfg.Events.Since(ctx, workspaceOf(ctx), after, in.Limit)
	if err != nil {
		return EventList{}, s.behind(err)
	}
	sees := events.For(access.From(ctx))
	list := EventList{Events: []Event{}, Last: in.After}
	for _, ev := range all {
		list.Last = ev.ID
		if sees(ev) && (types == nil || slices.Contains(types, string(ev.Type))) && (in.Credential == "" || ev.Data.Credential == in.Credential) {
			list.Events = append(list.Events, eventView(ev))
		}
	}
	return list, nil
}

func eventView(ev events.Event) Event {
	d := ev.Data
	return Event{ev.ID, string(ev.Type), ev.Time, ev.Workspace, EventData{d.Credential, d.Plugin, d.Key, d.Webhook, d.Type, d.Name,
		string(d.Actor), d.Derived, d.Request, d.Outcome, d.Tenant, d.At}}
}

// behind says that events are not kept any more.
func (s *server) behind(err error) error {
	if errors.Is(err, events.ErrBehind) {
		return fail("conflict", "what came after this event is not kept any more: look at everything anew, and go on from oldest")
	}
	return err
}
