// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"cmp"
	"context"
	"net/http"
)

// Fault is something that goes wrong, asked for with [Service.Fail]. The
// fields combine: a fault may hold a request and then lose its answer.
type Fault struct {
	// Status is answered instead of doing the work: 429, 500, 503, and so on.
	Status int

	// RetryAfter is the answer's Retry-After header, seconds or an HTTP date;
	// empty: the answer has none. It needs a Status.
	RetryAfter string

	// Location is the answer's Location header, for a Status that redirects.
	Location string

	// HTML answers a page instead of what the service would say, as a wrong
	// URL or a proxy in between does. Without a Status its status is 200.
	HTML bool

	// Body is answered as JSON; empty: the service's usual answer to Status.
	Body string

	// Lose lets the work be done, so that codes and refresh tokens are spent,
	// and then cuts the connection instead of answering.
	Lose bool

	// Hold is called when the request has arrived and been recorded, before
	// anything else is done with it, and may take as long as it likes.
	Hold func(context.Context)

	// Times is how many requests meet the fault; 0: every one until Fail is
	// called again.
	Times int
}

// answers tells whether the fault answers instead of the service.
func (f Fault) answers() bool { return f.Status != 0 || f.HTML || f.Body != "" }

func (f Fault) write(w http.ResponseWriter, shape func(int) answer) {
	status := cmp.Or(f.Status, http.StatusOK)
	a := shape(status)
	switch {
	case f.HTML:
		a = htmlPage(status, http.StatusText(status))
	case f.Body != "":
		a = answer{status, "application/json", f.Body}
	}
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	if f.Location != "" {
		w.Header().Set("Location", f.Location)
	}
	a.write(w)
}
