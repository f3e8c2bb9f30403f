// SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"regexp"
	"strings"
	"sync"
)

// checkPattern returns what is wrong with a field's pattern. It must be a
// regular expression here and in a browser, where it is read with the flag u:
// what only one of RE2 and ECMAScript knows, or the two read differently, is
// refused.
func checkPattern(pattern string) string {
	if len(pattern) > MaxText {
		return "is longer than 4 KiB"
	}
	if _, err := regexp.Compile(pattern); err != nil {
		return "is not a regular expression"
	}
	p := patternCheck{rest: pattern}
	for p.rest != "" && p.fault == "" {
		if p.class {
			p.inClass()
		} else {
			p.outside()
		}
	}
	return p.fault
}

// A patternCheck reads a pattern that RE2 takes, for what ECMAScript does not.
type patternCheck struct {
	rest  string
	class bool // within [ and ]
	bare  bool // before rest stands what cannot be repeated; within a class, what cannot begin a range
	fault string
}

// outside reads one item that does not stand in a class.
func (p *patternCheck) outside() {
	bare, n := false, 1
	switch c := p.rest[0]; {
	case c == '\\':
		n, bare = 2, strings.ContainsRune("bB", rune(p.rest[1]))
		p.check(strings.ContainsRune(escapes, rune(p.rest[1])), "has an escape that browsers do not know")
	case c == '^', c == '$':
		bare = true
	case c == '[':
		n, p.class = len(classBegin.FindString(p.rest)), true // with a hyphen that stands first
		p.check(!emptyClass.MatchString(p.rest), "has a bracket in brackets: escape it")
	case strings.HasPrefix(p.rest, "(?"):
		n = len("(?:")
		p.check(strings.HasPrefix(p.rest, "(?:"), "has a group other than ( and (?:")
	case c == '{' && repetition.MatchString(p.rest):
		n = len(repetition.FindString(p.rest))
		p.check(!p.bare, "repeats what has no length")
	case c == '*', c == '+', c == '?':
		p.check(!p.bare, "repeats what has no length")
	case c == '{', c == '}', c == ']':
		p.check(false, "has a bracket that belongs to nothing: escape it")
	}
	p.rest, p.bare = p.rest[n:], bare
}

// inClass reads one item of a class.
func (p *patternCheck) inClass() {
	bare, n := false, 1
	switch c := p.rest[0]; {
	case c == ']':
		p.class = false
	case c == '[':
		p.check(false, "has a bracket in brackets: escape it")
	case c == '\\':
		n, bare = 2, strings.ContainsRune("dDwWsS", rune(p.rest[1]))
		p.check(strings.ContainsRune(escapes+"-", rune(p.rest[1])) && !strings.ContainsRune("bB", rune(p.rest[1])), "has an escape that browsers do not know")
	case c == '-' && p.rest[1] != ']':
		p.check(!p.bare && !classEscape.MatchString(p.rest[1:]), "has a range that is none: escape the hyphen")
	}
	p.rest, p.bare = p.rest[n:], bare
}

func (p *patternCheck) check(ok bool, fault string) {
	if !ok && p.fault == "" {
		p.fault = fault
	}
}

// escapes are the characters that mean the same after a backslash in RE2 and
// ECMAScript.
const escapes = `dDwWsSbBtnrfv^$\.*+?()[]{}|/`

var (
	repetition  = regexp.MustCompile(`^\{[0-9]+(,[0-9]*)?\}`)
	emptyClass  = regexp.MustCompile(`^\[\^?\]`)
	classBegin  = regexp.MustCompile(`^\[\^?-?`)
	classEscape = regexp.MustCompile(`^\\[dDwWsS]`)
)

var patterns sync.Map // the text of a pattern → *regexp.Regexp

// compiled returns the pattern, which Validate has seen.
func compiled(pattern string) *regexp.Regexp {
	if re, ok := patterns.Load(pattern); ok {
		return re.(*regexp.Regexp)
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		re = regexp.MustCompile(`^\b\B`) // matches nothing
	}
	patterns.Store(pattern, re)
	return re
}
