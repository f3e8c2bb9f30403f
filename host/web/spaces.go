// SPDX-License-Identifier: Apache-2.0

package web

import (
	"errors"
	"net/http"

	"github.com/credhost/credhost/host/access"
	"github.com/credhost/credhost/sdk"
)

type spacesView struct {
	Spaces    []spaceRow
	Name      string
	NameFault string
	More      string
}

type spaceRow struct {
	access.Workspace
	Path, Delete string
}

// spaces lists the workspaces of the host.
func (v *visit) spaces() error { return v.showSpaces(http.StatusOK, "") }

func (v *visit) showSpaces(status int, fault string) error {
	const most = 100
	all, err := v.h.cfg.Access.Workspaces(v.ctx(), v.r.URL.Query().Get("after"), most)
	if err != nil {
		return err
	}
	view := spacesView{Name: v.posted("name"), NameFault: fault}
	for _, w := range all {
		r := spaceRow{Workspace: w, Path: workspacePath(w.Name, "credentials")}
		if w.Name != firstSpace {
			r.Delete = "/workspaces/" + w.Name + "/delete"
		}
		view.Spaces = append(view.Spaces, r)
	}
	if len(all) == most {
		view.More = withQuery("/workspaces", "after", all[most-1].Name)
	}
	v.show(status, "spaces", v.words.t("Workspaces"), view)
	return nil
}

func (v *visit) createSpace() error {
	w, err := v.h.cfg.Access.CreateWorkspace(v.ctx(), v.posted("name"))
	if err != nil {
		text, err := v.message(err)
		if err != nil {
			return err
		}
		return v.showSpaces(http.StatusUnprocessableEntity, text)
	}
	return v.to(workspacePath(w.Name, "credentials"), "")
}

// askDeleteSpace says what would go with a workspace.
func (v *visit) askDeleteSpace() error {
	q, err := v.spaceQuestion()
	if err != nil {
		return err
	}
	return v.ask(http.StatusOK, q)
}

func (v *visit) spaceQuestion() (question, error) {
	t, name := v.words.t, v.r.PathValue("name")
	in, err := v.h.cfg.Access.Contents(v.ctx(), name)
	if err != nil {
		return question{}, err
	}
	q := question{Heading: t("Delete the workspace %?", name), Action: "/workspaces/" + name + "/delete", Back: "/workspaces", Button: t("Delete all of it"), Confirm: name,
		Lead: t("Everything in it is deleted for good. Grants are revoked where the service takes that.")}
	q.Facts = append(q.Facts, t("Credentials: %", in.Credentials), t("Applications: %", in.Applications), t("Keys: %", in.Keys),
		t("Who is signed in there is signed out. The trail of what was done in it stays."))
	return q, nil
}

func (v *visit) deleteSpace() error {
	_, err := v.h.cfg.Access.DeleteWorkspace(v.ctx(), v.r.PathValue("name"), v.posted("confirm"))
	var e *sdk.Error
	if errors.As(err, &e) && e.Field == "confirm" {
		q, err := v.spaceQuestion()
		if err != nil {
			return err
		}
		q.Fault = v.words.t("Type the name of the workspace, letter for letter.")
		return v.ask(http.StatusUnprocessableEntity, q)
	}
	if err != nil {
		return err
	}
	return v.to("/workspaces", "deleted")
}
