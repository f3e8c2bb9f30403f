// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/credhost/credhost/host/audit"
	"github.com/credhost/credhost/sdk"
)

// A trailState is what is known of whether the trail is what hosts have written.
type trailState struct {
	Tone, Text string    // as a [state]'s; an empty Text: nobody has verified it
	Details    []string  // what else is worth knowing
	At         time.Time // when it was verified

	// Head stands for all of the trail up to an entry, and is to be kept elsewhere;
	// empty: there is none. Up is the number of the entry, and Until its time.
	Head  string
	Up    uint64
	Until *time.Time

	Entries string // how many were verified, for who runs the host

	Action           string // where it is verified; empty: the person may not
	Given, HeadFault string // the head that was given to compare with, and what is wrong with it
	Fault            string // why it was not verified
}

// trailState returns what the last verification of this process has found.
func (v *visit) trailState() (trailState, error) {
	s := trailState{}
	if v.may("POST " + within + "audit") {
		s.Action = v.path("audit")
	}
	found, ok := v.h.cfg.Audit.Inspected()
	if !ok {
		return s, nil
	}
	return s, v.tellState(&s, found)
}

// verify verifies the trail, and shows it with what was found. A head that the
// person has kept must then be in it.
func (v *visit) verify() error {
	if v.h.cfg.Audit == nil {
		return errNowhere
	}
	head := v.posted("head")
	found, err := v.h.cfg.Audit.Inspect(v.ctx(), v.ws.Name(), head)
	s, stateErr := v.trailState()
	if stateErr != nil {
		return stateErr
	}
	status := http.StatusOK
	var e *sdk.Error
	switch {
	case err == nil:
		if err := v.tellState(&s, found); err != nil {
			return err
		}
		if head != "" && found.Broken == nil {
			s.Details = append(s.Details, v.words.t("The entry whose head you gave is in it."))
		}
	case errors.As(err, &e) && e.Field == "head":
		status, s.HeadFault = http.StatusUnprocessableEntity, v.words.say(sdk.Schema{}, e.Message)
	case errors.As(err, &e) && e.Reason == audit.ReasonSoon:
		status = http.StatusTooManyRequests
		v.w.Header().Set("Retry-After", seconds(e.RetryAfter))
		s.Fault = v.words.t("It was verified a moment ago, or is being verified: try again in % s.", seconds(e.RetryAfter))
	default:
		return err
	}
	s.Given = head
	return v.showTrail(status, s)
}

// tellState puts what was found into words.
func (v *visit) tellState(s *trailState, found audit.Inspection) error {
	t := v.words.t
	s.At = found.At
	if v.caller.Operator() {
		s.Entries = strconv.FormatUint(found.Entries, 10)
	}
	if b := found.Broken; b != nil {
		s.Tone, s.Text = "bad", t("The trail is broken at entry %: it is not what this host has written.", b.Seq)
		if b.Head {
			s.Text = t("The trail has not the entry % whose head you gave.", b.Seq)
		}
		s.Details = append(s.Details, v.reasonOf(*b), t("Keep a copy of the store as it is, and find out who could write to it."))
		return nil
	}
	s.Tone, s.Text = "good", t("The trail is whole: no entry was changed, taken out or put in.")
	if len(found.Altered) > 0 {
		s.Tone, s.Text = "warn", t("What is there is whole, but a running host has noticed that entries were lost: its end was cut off, or a backup was restored.")
		s.Details = append(s.Details, t("It says so in these entries: %", strings.Trim(fmt.Sprint(found.Altered), "[]")))
	}
	if found.Trimmed > 0 {
		s.Details = append(s.Details, t("The entries up to % are gone because they were old, as this host is told to do.", found.Trimmed))
	}
	return v.headOf(s, found.Report)
}

// headOf fills in the head of the newest entry that was verified: of the
// workspace, or for who runs the host that of all.
func (v *visit) headOf(s *trailState, r audit.Report) error {
	workspace := v.ws.Name()
	if v.caller.Operator() {
		workspace = ""
	}
	h, err := v.h.cfg.Audit.HeadOf(v.ctx(), workspace, r)
	if err != nil || h.Seq == 0 {
		return err
	}
	s.Head, s.Up, s.Until = h.String(), h.Seq, &h.Time
	return nil
}

// reasonOf says why the trail is broken, in the person's language.
func (v *visit) reasonOf(b audit.Broken) string {
	t := v.words.t
	switch b.Flaw {
	case audit.Missing:
		return t("It is missing, and perhaps more after it; nobody has removed it for its age.")
	case audit.CutOff:
		return t("Its end was cut off, or an older copy of the store was put back.")
	case audit.Changed:
		return t("It was changed, or was written by somebody who has not the key, or the entry before it is another.")
	case audit.Unreadable:
		return t("It cannot be read.")
	case audit.Misfiled:
		return t("The columns of the store by which it is found were changed.")
	case audit.Another:
		return t("There is another entry in its place: the trail is another one.")
	}
	return sentence(b.Reason)
}

// seconds is a wait in whole seconds, as Retry-After has it (RFC 9110, section
// 10.2.3).
func seconds(wait time.Duration) string {
	return strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10)
}
