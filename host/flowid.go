// SPDX-License-Identifier: Apache-2.0

package host

import "net/http"

// FlowID returns the [Flow].ID of what a request is about with which a provider
// sends a person back, for whoever keeps something beside the flow; "" if it is
// about none. It proves nothing: [Workspace.Finish] does.
func FlowID(r *http.Request) string {
	state := r.URL.Query().Get("state")
	if state == "" {
		return ""
	}
	return flowID(state)
}
