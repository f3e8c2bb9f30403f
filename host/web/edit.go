// SPDX-License-Identifier: Apache-2.0

package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/credhost/credhost/host"
	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

// edit shows the form of a credential that is there.
func (v *visit) edit() error {
	c, err := v.load()
	if err != nil {
		return err
	}
	f, view, err := v.editForm(c, nil)
	if err != nil {
		return err
	}
	var s form.State
	if name := v.r.URL.Query().Get("field"); c.Tested != nil && name != "" && name == c.Tested.Field {
		s.Faults = f.Faults(&sdk.Error{Code: sdk.Invalid, Field: name, Message: c.Tested.Message}) // where the test has found it
	}
	view.Hidden = v.seen(c)
	return v.formPage(http.StatusOK, v.editTitle(c, view.Kind), f, s, view)
}

func (v *visit) editTitle(c host.Credential, k kind) string {
	if c.Name != "" {
		return v.words.t("Edit %", c.Name)
	}
	return v.words.t("Edit %", k.Title)
}

// seen says which state of a credential a form shows: its generation, and what
// is in it, since renewals and tests save it too and are no business of a form.
func (v *visit) seen(c host.Credential) []answer {
	return []answer{generationOf(c.Generation), {"_digest", digestOf(c)}, {"_answers", publicAnswers(c)}, {"_tls_was", v.tlsText(c.TLS)}}
}

// digestOf stands for what people can change of a credential and see.
func digestOf(c host.Credential) string {
	text, _ := json.Marshal([]any{c.Name, c.Answers, c.Application, c.TLS}) // what was decoded can be encoded
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:12])
}

// publicAnswers are what a form began with, for the comparison with what
// somebody else has saved. No secret is among them: they are {"set":true}.
func publicAnswers(c host.Credential) string {
	text, _ := json.Marshal(c.Answers)
	return string(text)
}

// save changes a credential. If somebody else has changed it since the form was
// shown, nothing is saved before the person has seen both.
func (v *visit) save() error {
	c, err := v.load()
	if err != nil {
		return err
	}
	f, view, err := v.editForm(c, nil)
	if err != nil {
		return err
	}
	view.Name = v.posted("_name")
	answers, again := f.Parse(v.r.PostForm)
	s := form.State{Answers: answers}
	title := v.editTitle(c, view.Kind)
	if again {
		view.Hidden = v.asSeen()
		return v.formPage(http.StatusOK, title, f, s, view)
	}
	patch := host.Patch{Whole: true, Values: answers, Name: &view.Name, Generation: c.Generation, TLS: v.tlsPatch(c.TLS)}
	if view.Draftable {
		patch.Draft = &view.Draft
	}
	err = host.ErrConflict
	if v.r.PostForm.Get("_digest") == digestOf(c) {
		err = v.ws.Update(v.ctx(), c.ID, patch)
	}
	if errors.Is(err, host.ErrConflict) {
		return v.conflict(c, answers, patch, title)
	}
	if err != nil {
		if s.Faults, err = view.TLS.faults(v, f, err); err != nil {
			return err
		}
		view.Hidden = v.asSeen()
		return v.formPage(http.StatusUnprocessableEntity, title, f, s, view)
	}
	return v.to(v.path("credentials", c.ID), "saved")
}

// asSeen repeats what the form that was posted has seen.
func (v *visit) asSeen() []answer {
	var all []answer
	for _, name := range []string{"_generation", "_digest", "_answers", "_tls_was"} {
		all = append(all, answer{name, v.r.PostForm.Get(name)})
	}
	return all
}

// conflict deals with a credential that was saved since it was looked at. If
// only a host has saved it, which renews and tests, the change is made all the
// same; otherwise the person sees what somebody else has changed.
func (v *visit) conflict(seen host.Credential, answers sdk.Values, patch host.Patch, title string) error {
	for range 3 {
		c, err := v.load()
		if err != nil {
			return err
		}
		if digestOf(c) != v.r.PostForm.Get("_digest") {
			return v.showConflict(c, answers, title)
		}
		patch.Generation = c.Generation
		if err = v.ws.Update(v.ctx(), c.ID, patch); err == nil {
			return v.to(v.path("credentials", c.ID), "saved")
		}
		if !errors.Is(err, host.ErrConflict) {
			return err
		}
	}
	return host.ErrConflict
}

// showConflict shows the form with the person's own answers, and beside it what
// somebody else has put in their place.
func (v *visit) showConflict(c host.Credential, answers sdk.Values, title string) error {
	f, view, err := v.editForm(c, nil)
	if err != nil {
		return err
	}
	view.Name = v.posted("_name")
	var began map[string]json.RawMessage
	if json.Unmarshal([]byte(v.r.PostForm.Get("_answers")), &began) != nil {
		began = nil
	}
	if c.Name != view.Name {
		view.Theirs = append(view.Theirs, difference{v.words.t("Name"), c.Name, view.Name})
	}
	if v.tlsText(c.TLS) != v.posted("_tls_was") {
		view.Theirs = append(view.Theirs, difference{"TLS", v.tlsText(c.TLS), ""})
	}
	for _, field := range f.Schema().Fields {
		theirs := c.Answers[field.Name]
		if field.Kind == sdk.Hidden || bytes.Equal(compact(theirs), compact(began[field.Name])) {
			continue
		}
		d := difference{Title: titleOf(field), Theirs: v.shownText(field, theirs), Yours: optionText(field, answers[field.Name])}
		if field.Secret {
			d.Yours = ""
		}
		view.Theirs = append(view.Theirs, d)
	}
	view.Hidden = v.seen(c)
	return v.formPage(http.StatusConflict, title, f, form.State{Answers: answers}, view)
}

func (v *visit) shownText(f sdk.Field, raw json.RawMessage) string {
	if raw == nil {
		return ""
	}
	a := v.shown(f, raw)
	if a.Secret {
		return v.words.t("set")
	}
	return a.Text
}

func compact(raw json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return nil
	}
	return b.Bytes()
}

// suggest shows the form again, with what the service offers for one field.
func (v *visit) suggest() error {
	c, err := v.load()
	if err != nil {
		return err
	}
	name := v.posted("_suggest")
	offered, failed := v.ws.Suggest(v.ctx(), c.ID, name, v.posted(name))
	f, view, err := v.editForm(c, map[string][]sdk.Option{name: offered})
	if err != nil {
		return err
	}
	s := form.State{}
	s.Answers, _ = f.Parse(v.r.PostForm)
	view.Name, view.Hidden = v.posted("_name"), v.asSeen()
	status := http.StatusOK
	if failed != nil {
		if s.Faults, err = faultsOf(f, failed); err != nil {
			return err
		}
		status = http.StatusUnprocessableEntity
	}
	return v.formPage(status, v.editTitle(c, view.Kind), f, s, view)
}
