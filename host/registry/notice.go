// SPDX-License-Identifier: Apache-2.0

package registry

import "time"

// A NoticeKind says what a [Notice] is about.
type NoticeKind string

// The kinds of notices.
const (
	NoticeQuarantined NoticeKind = "quarantined" // it crashed too often, and is not started before Until
	NoticeRecovered   NoticeKind = "recovered"   // it was started again after that
)

// A Notice says what became of a program in one workspace. It holds no secret,
// and no word of the program's.
type Notice struct {
	Time      time.Time
	Kind      NoticeKind
	Program   string
	Workspace string
	Until     time.Time // of a quarantine; or else zero
}

// notice tells whoever listens, in the background: a slot's lock is held.
func (s *slot) notice(kind NoticeKind, until time.Time) {
	tell := s.r.cfg.Notice
	if tell == nil {
		return
	}
	n := Notice{Time: s.r.cfg.now().UTC(), Kind: kind, Program: s.name, Workspace: s.workspace, Until: until}
	s.notices = append(s.notices, n)
	if len(s.notices) > 1 {
		return // who tells of the one before tells of this one, too
	}
	if !s.r.spawn(s.tell) {
		s.notices = nil
	}
}

// tell tells the notices of a slot, in their order.
func (s *slot) tell() {
	for {
		s.mu.Lock()
		if len(s.notices) == 0 {
			s.mu.Unlock()
			return
		}
		n := s.notices[0]
		s.mu.Unlock()
		s.r.cfg.Notice(s.r.ctx, n)
		s.mu.Lock()
		s.notices = s.notices[1:]
		s.mu.Unlock()
	}
}
