// SPDX-License-Identifier: Apache-2.0

package web

import (
	"net/http"
	"strconv"

	"github.com/credhost/credhost/host"
)

// A question asks whether something is to be done that cannot be undone, and
// says before what that means.
type question struct {
	Heading string
	Lead    string
	Facts   []string // what will happen, and what will not
	Action  string
	Button  string
	Back    string
	Hidden  []answer
	Fault   string // it was tried, and this is what came of it
	Confirm string // what must be typed; empty: nothing
}

// ask shows a question.
func (v *visit) ask(status int, q question) error {
	v.show(status, "question", q.Heading, q)
	return nil
}

// generationOf goes with a question or a form, so that what is done is done to what
// the person has seen.
func generationOf(n uint64) answer { return answer{"_generation", strconv.FormatUint(n, 10)} }

// generation returns the one that came back; of a form that lacks it, the first.
func (v *visit) generation() uint64 {
	n, _ := strconv.ParseUint(v.posted("_generation"), 10, 64)
	return max(n, 1)
}

// nameOf returns what people call a credential.
func (v *visit) nameOf(c host.Credential) string {
	if c.Name != "" {
		return c.Name
	}
	return v.kindOf(c.Type).Title
}

// askRevoke says what revoking does.
func (v *visit) askRevoke() error {
	c, err := v.load()
	if err != nil {
		return err
	}
	return v.ask(http.StatusOK, v.revokeQuestion(c))
}

func (v *visit) revokeQuestion(c host.Credential) question {
	t := v.words.t
	q := question{Heading: t("Revoke the access of %?", v.nameOf(c)), Action: v.path("credentials", c.ID, "revoke"), Back: v.path("credentials", c.ID), Button: t("Revoke access"),
		Lead: t("The service is told to end what it has granted, and is asked afterwards whether it has.")}
	q.Facts = append(q.Facts, t("Requests that use this credential stop at once, on every host."))
	if typ, err := v.h.cfg.Host.Type(c.Type); err == nil && typ.Can.Connect && typ.Schema.NeedsConnect(v.public(c, typ.Schema)) {
		q.Facts = append(q.Facts, t("It must be connected again before it can be used."))
	} else {
		q.Facts = append(q.Facts, t("The answers stay: the next use obtains a new grant with them. To end that, too, change the secret at the service."))
	}
	return q
}

// revoke revokes, and says what became of it.
func (v *visit) revoke() error {
	c, err := v.load()
	if err != nil {
		return err
	}
	done, err := v.ws.Revoke(v.ctx(), c.ID)
	if err == nil {
		return v.to(v.path("credentials", c.ID), "revoked")
	}
	if done.Reason == "" {
		return err
	}
	q := v.revokeQuestion(c)
	q.Fault, q.Button = v.words.say(v.schema(c.Type), done.Reason), v.words.t("Try again")
	if done.Kept {
		q.Facts = append(q.Facts, v.words.t("What is needed to try again is kept. No request carries it meanwhile."))
	}
	return v.ask(http.StatusUnprocessableEntity, q)
}

// askForget says what it means to forget an approval without telling anybody.
func (v *visit) askForget() error {
	c, err := v.load()
	if err != nil {
		return err
	}
	t := v.words.t
	return v.ask(http.StatusOK, question{Heading: t("Forget the approval of %?", v.nameOf(c)), Action: v.path("credentials", c.ID, "forget"), Back: v.path("credentials", c.ID),
		Button: t("Forget the approval"), Lead: t("This host drops what the service has granted, and tells the service nothing."),
		Facts: []string{t("The answers stay. It must be connected again before it can be used."), t("At the service the access lives on until it ends by itself: end it there, too, in the settings of the account.")}})
}

func (v *visit) forget() error {
	if err := v.ws.Forget(v.ctx(), v.r.PathValue("id")); err != nil {
		return err
	}
	return v.to(v.path("credentials", v.r.PathValue("id")), "forgotten")
}

// askDelete says what deleting does.
func (v *visit) askDelete() error {
	c, err := v.load()
	if err != nil {
		return err
	}
	return v.ask(http.StatusOK, v.deleteQuestion(c))
}

func (v *visit) deleteQuestion(c host.Credential) question {
	t := v.words.t
	q := question{Heading: t("Delete %?", v.nameOf(c)), Action: v.path("credentials", c.ID, "delete"), Back: v.path("credentials", c.ID), Button: t("Delete for good"),
		Lead:   t("Its answers and everything that was obtained with them are destroyed, with the key they are sealed with. Nobody can bring them back."),
		Facts:  []string{t("Workflows that use it fail from now on. If you make it anew, it has another ID.")},
		Hidden: []answer{{"_digest", digestOf(c)}}}
	typ, err := v.h.cfg.Host.Type(c.Type)
	switch {
	case len(c.Unrevoked) > 0 || c.Granted && err == nil && typ.Can.Revoke:
		q.Facts = append(q.Facts, t("The service is not told, and what it has granted lives on there: revoke access first."))
	default:
		q.Facts = append(q.Facts, t("The service is not told: if the secret should not work any more, end it there, too."))
	}
	return q
}

// delete deletes what the person has seen, and nothing that was changed since.
func (v *visit) delete() error {
	c, err := v.load()
	if err != nil {
		return err
	}
	if v.posted("_digest") != digestOf(c) {
		q := v.deleteQuestion(c)
		q.Fault = v.words.t("Somebody has changed it since you looked at it. Look at it again before you delete it.")
		return v.ask(http.StatusConflict, q)
	}
	if err := v.ws.DeleteUnchanged(v.ctx(), c.ID, c.Generation); err != nil {
		return err
	}
	return v.to(v.path("credentials"), "deleted")
}

// message makes an error that is somebody's own a sentence; others are returned.
func (v *visit) message(err error) (string, error) {
	f := v.failure(err)
	if f.Status == http.StatusInternalServerError {
		return "", err
	}
	return f.Text, nil
}
