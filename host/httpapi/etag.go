// SPDX-License-Identifier: Apache-2.0

package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/credhost/credhost/host"
)

// Noted is the part of an answer that says which version it is (RFC 9110,
// section 8.8.3).
type Noted struct {
	ETag string `header:"ETag" doc:"Which version this is: for If-None-Match, and If-Match."`
}

// UnlessMatch is the part of a request that wants an answer only if it is new.
type UnlessMatch struct {
	IfNoneMatch string `header:"If-None-Match" maxLength:"1000" doc:"The ETag of what the caller has: if that is still so, the answer is 304 without a body."`
}

// ForVersion is the part of a request that changes a certain version.
type ForVersion struct {
	IfMatch string `header:"If-Match" maxLength:"1000" doc:"The ETag of what the change is for: if it has changed since, the answer is 412. An asterisk stands for whatever it is now."`
}

// note gives an answer its ETag, and returns its status: a 304 if the caller has
// it already.
func (n *Noted) note(ifNoneMatch, kind string, body []byte) (status int) {
	sum := sha256.Sum256(append([]byte(kind+"\n"), body...))
	n.ETag = `"` + hex.EncodeToString(sum[:12]) + `"`
	if matchesAny(ifNoneMatch, n.ETag) {
		return http.StatusNotModified
	}
	return http.StatusOK
}

// generationTag is the ETag of a record: the generation first, which is what a
// change is for, and then what distinguishes two views of one generation, such
// as the time.
func generationTag(generation uint64, body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + strconv.FormatUint(generation, 10) + "-" + hex.EncodeToString(sum[:6]) + `"`
}

// matchesAny reports whether a list of ETags has one, compared weakly.
func matchesAny(list, tag string) bool {
	for one := range splitQuoted(list) {
		if one == "*" || one != "" && strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}

// wanted are the generations that a change is for, by the header If-Match; 0
// alone is whatever it is now. A change that does not say is refused (RFC 6585,
// section 3): who does not know what it changes undoes what others have done.
func (m ForVersion) wanted() ([]uint64, error) {
	switch strings.TrimSpace(m.IfMatch) {
	case "":
		return nil, fail("precondition-required", "say which version you mean: send its ETag as If-Match, or an asterisk for whatever it is now")
	case "*":
		return []uint64{0}, nil
	}
	var all []uint64
	for one := range splitQuoted(m.IfMatch) {
		if len(one) < 2 || one[0] != '"' || one[len(one)-1] != '"' { // weak ones never match (RFC 9110, section 13.1.1)
			continue
		}
		text, _, _ := strings.Cut(one[1:len(one)-1], "-")
		if n, err := strconv.ParseUint(text, 10, 64); err == nil && n != 0 && len(all) < 8 {
			all = append(all, n)
		}
	}
	return all, nil
}

// match reports whether a change is for a certain generation, and refuses it if
// that is not the one that it is.
func (m ForVersion) match(now uint64) (certain bool, err error) {
	wanted, err := m.wanted()
	if err != nil {
		return false, err
	}
	if slices.Contains(wanted, 0) {
		return false, nil
	}
	if !slices.Contains(wanted, now) {
		return true, changed()
	}
	return true, nil
}

// generation returns the generation that a change is for; 0: whatever it is. It
// refuses what is for another than the one that it is now.
func (m ForVersion) generation(now uint64) (uint64, error) {
	certain, err := m.match(now)
	if err != nil || !certain {
		return 0, err
	}
	return now, nil
}

// changed says of a change that was for a certain version, and that somebody was
// faster than, what all those are told that come later.
func (m ForVersion) changed(err error) error {
	if errors.Is(err, host.ErrConflict) && strings.TrimSpace(m.IfMatch) != "*" {
		return changed()
	}
	return err
}

// changed is for a change that is for another version.
func changed() *failure {
	return fail("changed", "somebody has changed it since: get it again, and see whether the change is still right")
}
