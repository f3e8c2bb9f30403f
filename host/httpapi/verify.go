// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/sdk"
)

// An AuditHead is what to keep of the trail elsewhere.
type AuditHead struct {
	Head   string     `json:"head,omitempty" example:"41:9f0c6a4e1b7d2c8350e4f96ab1c2d3e4f5061728394a5b6c7d8e9f0a1b2c3d4e" doc:"The number of the newest entry, and the hash of it and of all before it. Absent: there is no entry yet."`
	Number uint64     `json:"number" example:"41" doc:"The number alone; 0: there is no entry yet."`
	Time   *time.Time `json:"time,omitempty" doc:"Of that entry."`
}

// A KeptHead is one that somebody has kept.
type KeptHead struct {
	Head string `json:"head,omitempty" maxLength:"90" pattern:"^[0-9]{1,20}:[0-9a-f]{64}$" example:"41:9f0c6a4e1b7d2c8350e4f96ab1c2d3e4f5061728394a5b6c7d8e9f0a1b2c3d4e" doc:"What getAuditHead or an earlier verifyAudit said: then it must be in the trail still. Only so it is seen that the end was cut off, or that an older copy of the store was put back."`
}

// An AuditReport says what became of a trail. What is said of the whole host's
// trail is for who asks for the host itself.
type AuditReport struct {
	Whole   bool        `json:"whole" doc:"It is as hosts have written it, and has the head that was given."`
	Broken  *AuditBreak `json:"broken,omitempty" doc:"Where it is not. Keep a copy of the store as it is, and look into who could write to it."`
	Head    string      `json:"head,omitempty" example:"41:9f0c6a4e1b7d2c8350e4f96ab1c2d3e4f5061728394a5b6c7d8e9f0a1b2c3d4e" doc:"Of the newest entry that was verified: keep it elsewhere, and send it the next time. Absent if the trail is broken or empty."`
	At      time.Time   `json:"at" doc:"When it was begun: of later changes this says nothing."`
	Took    float64     `json:"took" doc:"Seconds."`
	Trimmed uint64      `json:"trimmed,omitempty" doc:"The number of the last entry that was removed because it was old. What is there now goes on from it."`
	Altered []uint64    `json:"altered,omitempty" doc:"The numbers of entries by which a running host says that others were gone which it had seen: a backup was restored, or the end was cut off. At most 100."`
	Entries *uint64     `json:"entries,omitempty" doc:"Of the host's trail: how many were verified."`
	First   *uint64     `json:"first,omitempty" doc:"The number of the first of them; 0: there is none."`
	Last    *uint64     `json:"last,omitempty"`
	Since   *time.Time  `json:"since,omitempty" doc:"Of the first of them."`
	Until   *time.Time  `json:"until,omitempty"`
}

// An AuditBreak says where a trail is not what it should be.
type AuditBreak struct {
	Number uint64 `json:"number" doc:"Of the first entry that is wrong, or that is missing."`
	Flaw   string `json:"flaw" enum:"missing,changed,unreadable,misfiled,cut off,another" doc:"What is wrong. Of the last two, the head that was given is not in the trail: its end is gone, or it is another trail."`
	Reason string `json:"reason" doc:"The same for a person."`
	Head   bool   `json:"head,omitempty" doc:"All that is there is as hosts have written it; it is the head that was given that is not in it."`
}

type (
	auditHeadOut   struct{ Body AuditHead }
	verifyAudit    struct{ Body *KeptHead }
	auditReportOut struct{ Body AuditReport }
)

func (s *server) registerVerify() {
	register(s, operation{id: "getAuditHead", method: http.MethodGet, path: "/audit/head", tag: tagAudit, action: access.ReadAudit, in: either,
		summary: "Get what to keep of the trail elsewhere",
		text:    "Of the workspace's newest entry, which stands for all before it, of whatever workspace. With a key of the host and without a workspace it is the newest of all. Keep it where this host's machines cannot reach, and give it to verifyAudit later: then nobody has cut off what was there, nor put back an older copy of the store."},
		s.getAuditHead)
	register(s, operation{id: "verifyAudit", method: http.MethodPost, path: "/audit/verify", tag: tagAudit, action: access.VerifyAudit, in: either, patience: 5 * time.Minute,
		summary: "Verify that the trail is what hosts have written",
		text:    "It reads all of the host's trail, as credhost audit verify does, and computes its chain of hashes anew. So a host does that for one caller at a time, and has a rest afterwards of four times as long; one workspace's are further apart than that. Who asks too soon is told when to ask again. That the trail is broken is an answer, not an error."},
		s.verifyAudit)
}

func noTrail() *failure { return fail("unavailable", "this host keeps no audit trail") }

func (s *server) getAuditHead(ctx context.Context, _ *struct{}) (*auditHeadOut, error) {
	if s.cfg.Audit == nil {
		return nil, noTrail()
	}
	h, err := s.cfg.Audit.Head(ctx, workspaceOf(ctx))
	if err != nil {
		return nil, err
	}
	out := &auditHeadOut{AuditHead{Head: h.String(), Number: h.Seq}}
	if h.Seq > 0 {
		out.Body.Time = &h.Time
	}
	return out, nil
}

func (s *server) verifyAudit(ctx context.Context, in *verifyAudit) (*auditReportOut, error) {
	if s.cfg.Audit == nil {
		return nil, noTrail()
	}
	workspace := workspaceOf(ctx)
	kept := ""
	if in.Body != nil {
		kept = in.Body.Head
	}
	found, err := s.cfg.Audit.Inspect(ctx, workspace, kept)
	var e *sdk.Error
	switch {
	case errors.As(err, &e) && e.Code == sdk.Invalid:
		return nil, fail("invalid", e.Message, Fault{Pointer: "/head", Reason: "invalid", Detail: e.Message})
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fail("unavailable", "the trail is too long to be verified while you wait: have who runs this host do it, with credhost audit verify")
	case err != nil:
		return nil, rated(s.asFailure(ctx, err), err)
	}
	out := &auditReportOut{AuditReport{Whole: found.Broken == nil, At: found.At, Took: found.Took.Seconds(), Trimmed: found.Trimmed, Altered: found.Altered}}
	if b := found.Broken; b != nil {
		out.Body.Broken = &AuditBreak{b.Seq, string(b.Flaw), b.Reason, b.Head}
	}
	if workspace == "" {
		r := found.Report
		out.Body.Entries, out.Body.First, out.Body.Last, out.Body.Since, out.Body.Until = &r.Entries, &r.First, &r.Last, r.Since, r.Until
	}
	if !out.Body.Whole {
		return out, nil
	}
	h, err := s.cfg.Audit.HeadOf(ctx, workspace, found.Report)
	out.Body.Head = h.String()
	return out, err
}
