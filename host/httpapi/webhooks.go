// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/host/events"
)

// A Webhook is what may be seen of an address to which events are sent.
type Webhook struct {
	ID          string     `json:"id"`
	URL         string     `json:"url" doc:"Without its query, which may hold a secret."`
	Description string     `json:"description,omitempty"`
	Types       []string   `json:"types,omitempty" doc:"Which events; absent: all."`
	Status      string     `json:"status" enum:"active,failing,off,disabled" doc:"active; failing: the last attempt failed, and is made again; off: a person has switched it off; disabled: it failed for too long."`
	Reason      string     `json:"reason,omitempty"`
	Since       *time.Time `json:"since,omitempty" doc:"Of that status."`
	Pending     int        `json:"pending" doc:"Deliveries that have failed and are tried again."`
	Next        *time.Time `json:"next,omitempty" doc:"When, the soonest."`
	OldUntil    *time.Time `json:"oldUntil,omitempty" doc:"Until when the secret before the last rotation is signed with, too."`
	By          string     `json:"by,omitempty" doc:"Who registered it."`
	Created     time.Time  `json:"created"`
	Updated     time.Time  `json:"updated"`
}

// A NewWebhook says where to send which events.
type NewWebhook struct {
	URL         string   `json:"url" format:"uri" maxLength:"2000" example:"https://engine.example/hooks/credhost" doc:"https, without a name, a password or a fragment."`
	Description string   `json:"description,omitempty" maxLength:"500"`
	Types       []string `json:"types,omitempty" maxItems:"50" doc:"Which events; absent: all."`
}

// A CreatedWebhook is a webhook with its secret, which is shown once.
type CreatedWebhook struct {
	Webhook
	Secret string `json:"secret,omitempty" doc:"With which what is sent is signed, as Standard Webhooks says. Nobody can read it again; a request that is sent again with its Idempotency-Key is answered without it."`
}

// A WebhookPatch is a change to a webhook: a merge patch.
type WebhookPatch struct {
	URL         change[string]   `json:"url,omitzero" maxLength:"2000"`
	Description change[string]   `json:"description,omitzero" maxLength:"500"`
	Types       change[[]string] `json:"types,omitzero" doc:"Null: all."`
	Enabled     change[bool]     `json:"enabled,omitzero" doc:"False: nothing is sent; true: what is new from now on."`
}

// A Delivery is one event on its way to one webhook.
type Delivery struct {
	ID       string     `json:"id" doc:"Of the event, and the message's, as webhook-id has it: the same in each attempt."`
	Type     string     `json:"type"`
	Attempts int        `json:"attempts"`
	Last     time.Time  `json:"last" doc:"The last attempt."`
	Status   int        `json:"status,omitempty" doc:"Its HTTP status; absent: there was no answer."`
	Error    string     `json:"error,omitempty" doc:"Why it failed, in our words."`
	Took     float64    `json:"took" doc:"Of the last attempt, in seconds."`
	Done     bool       `json:"done" doc:"It was taken."`
	Next     *time.Time `json:"next,omitempty" doc:"When it is tried again."`
}

// OneWebhook is the part of a request that says which webhook is meant.
type OneWebhook struct {
	Webhook string `path:"webhook" maxLength:"200" doc:"The webhook's ID."`
}

type createWebhook struct {
	Once string `header:"Idempotency-Key" maxLength:"210" doc:"A key of your choice: the same request with the same key is done once, for 24 hours. Its answer is repeated without the secret."`
	Body NewWebhook
}

type webhookCreated struct {
	Location string `header:"Location" doc:"Where it is."`
	Body     CreatedWebhook
}

type webhookOut struct {
	Noted
	Status int
	Body   Webhook
}

type webhookList struct {
	Link string `header:"Link" doc:"The next page (RFC 8288), if there is one."`
	Body struct {
		Webhooks []Webhook `json:"webhooks"`
		Next     string    `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
	}
}

type (
	showWebhook struct {
		OneWebhook
		UnlessMatch
	}
	updateWebhook struct {
		OneWebhook
		ForVersion
		Body WebhookPatch `contentType:"application/merge-patch+json"`
	}
	deleteWebhook struct {
		OneWebhook
		ForVersion
	}
	rotateWebhook struct {
		OneWebhook
		ForVersion
		Body *struct {
			Keep int `json:"keepSeconds,omitempty" minimum:"0" maximum:"604800" doc:"For how long it is signed with the old secret, too; absent: it ends at once."`
		}
	}
	replayWebhook struct {
		OneWebhook
		Body struct {
			Event string `json:"event,omitempty" maxLength:"200" doc:"Send this event again."`
			After string `json:"after,omitempty" maxLength:"200" doc:"Send all again after this one; oldest: all that are kept."`
		}
	}
	webhookRotated struct{ Body CreatedWebhook }
	deliveryOut    struct{ Body Delivery }
	deliveries     struct {
		Body struct {
			Deliveries []Delivery `json:"deliveries" doc:"The newest first: the last hundred or so, and all that are tried again."`
		}
	}
)

func (s *server) registerWebhooks() {
	one := "/webhooks/{webhook}"
	o := func(id, method, path, summary, text string) operation {
		return operation{id: id, method: method, path: path, tag: tagWebhooks, action: access.SetWebhooks, in: either, summary: summary, text: text}
	}
	create := o("createWebhook", http.MethodPost, "/webhooks", "Have events sent to an address",
		"Signed as Standard Webhooks says, to https addresses that are public or that an operator allows, at least once each.")
	create.status, create.once, create.secret = http.StatusCreated, true, "secret"
	register(s, create, s.createWebhook)
	register(s, o("listWebhooks", http.MethodGet, "/webhooks", "List webhooks", ""), s.listWebhooks)
	register(s, o("getWebhook", http.MethodGet, one, "Show a webhook", ""), s.getWebhook)
	update := o("updateWebhook", http.MethodPatch, one, "Change a webhook", "With a merge patch (RFC 7396).")
	update.takes, update.fails = []string{mergePatch}, editing
	register(s, update, s.updateWebhook)
	remove := o("deleteWebhook", http.MethodDelete, one, "Remove a webhook, and what it is still owed", "")
	remove.status, remove.fails = http.StatusNoContent, editing
	register(s, remove, s.deleteWebhook)
	rotate := o("rotateWebhookSecret", http.MethodPost, one+"/rotate", "Give a webhook another secret",
		"For a while it is signed with both, if the receiver needs time to change over. Of two who do so at once one is refused: each would believe that his is the secret.")
	rotate.fails = editing
	register(s, rotate, s.rotateWebhook)
	test := o("testWebhook", http.MethodPost, one+"/test", "Send a webhook an event now, and see what comes of it", "")
	test.patience = time.Minute
	register(s, test, s.testWebhook)
	register(s, o("listDeliveries", http.MethodGet, one+"/deliveries", "List what was last sent to a webhook", ""), s.listDeliveries)
	replay := o("replayWebhook", http.MethodPost, one+"/replay", "Send events again", "One, or all after one, as far as they are kept. They keep their webhook-id.")
	replay.status, replay.fails = http.StatusNoContent, []string{"conflict"}
	register(s, replay, s.replayWebhook)
}

// typesFrom are the types of events that a webhook is to be sent.
func typesFrom(names []string) []events.Type {
	var all []events.Type
	for _, name := range names {
		all = append(all, events.Type(name))
	}
	return all
}

func webhookView(h events.Hook) Webhook {
	v := Webhook{ID: h.ID, URL: h.URL, Description: h.Description, Status: string(h.Status), Reason: h.Reason, Since: h.Since,
		Pending: h.Pending, Next: h.Next, OldUntil: h.OldUntil, By: string(h.By), Created: h.Created, Updated: h.Updated}
	for _, t := range h.Types {
		v.Types = append(v.Types, string(t))
	}
	return v
}

func (s *server) createWebhook(ctx context.Context, in *createWebhook) (*webhookCreated, error) {
	if s.cfg.Events == nil {
		return nil, fail("unavailable", "this host keeps no events")
	}
	h, secret, err := s.cfg.Events.CreateHook(ctx, events.NewHook{Workspace: workspaceOf(ctx), URL: in.Body.URL, Description: in.Body.Description,
		Types: typesFrom(in.Body.Types)})
	if err != nil {
		return nil, err
	}
	return &webhookCreated{"/v1/webhooks/" + url.PathEscape(h.ID), CreatedWebhook{webhookView(h), secret}}, nil
}

func (s *server) listWebhooks(ctx context.Context, in *Paging) (*webhookList, error) {
	list := listOf("webhooks", workspaceOf(ctx))
	after, err := parseCursor(in.Cursor, list)
	if err != nil {
		return nil, err
	}
	out := &webhookList{}
	out.Body.Webhooks = []Webhook{}
	if s.cfg.Events == nil {
		return out, nil
	}
	all, err := s.cfg.Events.Hooks(ctx, workspaceOf(ctx), after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	for i, h := range all {
		if i == in.Limit {
			out.Body.Next = cursor{list, all[i-1].ID}.String()
			break
		}
		out.Body.Webhooks = append(out.Body.Webhooks, webhookView(h))
	}
	out.Link = nextLink(requestOf(ctx), out.Body.Next)
	return out, nil
}

// hook is the answer that shows a webhook.
func (s *server) hook(ctx context.Context, id string) (*webhookOut, uint64, error) {
	if s.cfg.Events == nil {
		return nil, 0, notFound()
	}
	h, err := s.cfg.Events.Hook(ctx, workspaceOf(ctx), id)
	if err != nil {
		return nil, 0, err
	}
	out := &webhookOut{Body: webhookView(h)}
	out.Status, out.ETag = http.StatusOK, generationTag(h.Generation, encode(out.Body))
	return out, h.Generation, nil
}

func (s *server) getWebhook(ctx context.Context, in *showWebhook) (*webhookOut, error) {
	out, _, err := s.hook(ctx, in.Webhook)
	if err == nil && matchesAny(in.IfNoneMatch, out.ETag) {
		out.Status = http.StatusNotModified
	}
	return out, err
}

func (s *server) updateWebhook(ctx context.Context, in *updateWebhook) (*webhookOut, error) {
	p := events.HookPatch{URL: in.Body.URL.ptr(), Description: in.Body.Description.ptr(), Enabled: in.Body.Enabled.ptr()}
	if in.Body.Types.Set {
		types := typesFrom(in.Body.Types.Value)
		p.Types = &types
	}
	err := s.forVersion(ctx, in.Webhook, in.ForVersion, func(generation uint64) (err error) {
		p.Generation = generation
		_, err = s.cfg.Events.UpdateHook(ctx, workspaceOf(ctx), in.Webhook, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	out, _, err := s.hook(ctx, in.Webhook)
	return out, err
}

// forVersion changes a webhook of the version that a request is for.
func (s *server) forVersion(ctx context.Context, id string, m ForVersion, change func(generation uint64) error) error {
	_, now, err := s.hook(ctx, id)
	if err != nil {
		return err
	}
	generation, err := m.generation(now)
	if err != nil {
		return err
	}
	return m.changed(change(generation))
}

func (s *server) deleteWebhook(ctx context.Context, in *deleteWebhook) (*struct{}, error) {
	return nil, s.forVersion(ctx, in.Webhook, in.ForVersion, func(generation uint64) error {
		return s.cfg.Events.DeleteHook(ctx, workspaceOf(ctx), in.Webhook, generation)
	})
}

func (s *server) rotateWebhook(ctx context.Context, in *rotateWebhook) (*webhookRotated, error) {
	keep := time.Duration(0)
	if in.Body != nil {
		keep = time.Duration(in.Body.Keep) * time.Second
	}
	var h events.Hook
	var secret string
	err := s.forVersion(ctx, in.Webhook, in.ForVersion, func(generation uint64) (err error) {
		h, secret, err = s.cfg.Events.RotateSecret(ctx, workspaceOf(ctx), in.Webhook, keep, generation)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &webhookRotated{CreatedWebhook{webhookView(h), secret}}, nil
}

func deliveryView(d events.Delivery) Delivery {
	return Delivery{d.ID, string(d.Type), d.Attempts, d.Last, d.Status, d.Error, d.Took, d.Done, d.Next}
}

func (s *server) testWebhook(ctx context.Context, in *OneWebhook) (*deliveryOut, error) {
	if s.cfg.Events == nil {
		return nil, notFound()
	}
	d, err := s.cfg.Events.SendTest(ctx, workspaceOf(ctx), in.Webhook)
	if err != nil {
		return nil, err
	}
	return &deliveryOut{deliveryView(d)}, nil
}

func (s *server) listDeliveries(ctx context.Context, in *OneWebhook) (*deliveries, error) {
	if s.cfg.Events == nil {
		return nil, notFound()
	}
	all, err := s.cfg.Events.Deliveries(ctx, workspaceOf(ctx), in.Webhook, 0)
	if err != nil {
		return nil, err
	}
	out := &deliveries{}
	out.Body.Deliveries = []Delivery{}
	for _, d := range all {
		out.Body.Deliveries = append(out.Body.Deliveries, deliveryView(d))
	}
	return out, nil
}

func (s *server) replayWebhook(ctx context.Context, in *replayWebhook) (*struct{}, error) {
	event, after := in.Body.Event, in.Body.After
	switch {
	case s.cfg.Events == nil:
		return nil, notFound()
	case event == "" && after == "" || event != "" && after != "":
		return nil, fail("invalid", "say either which event, or after which one")
	case event != "":
		return nil, s.behind(s.cfg.Events.Resend(ctx, workspaceOf(ctx), in.Webhook, event))
	}
	return nil, s.behind(s.cfg.Events.Replay(ctx, workspaceOf(ctx), in.Webhook, after))
}
