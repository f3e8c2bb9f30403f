// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/go-hclog"
)

// The limits of a line in a plugin's log, in bytes. A line is read further
// than it is shown, so that a secret which begins in what is shown is known
// as a whole.
const (
	maxLine  = 64 << 10
	maxShown = 4 << 10
	maxArgs  = 32 // keys of one line
)

// A logLine is a line that a plugin wrote, taken apart.
type logLine struct {
	level hclog.Level
	text  string
	args  []any // texts in pairs

	after uint64 // the last call that had begun when it was written
}

// parseLine takes a line apart that a plugin wrote: the JSON that hclog
// writes; "[LEVEL] text"; or any other text. It believes nothing about it:
// in go-plugin a message that is a number ends the host.
func parseLine(raw []byte) logLine {
	var object map[string]any
	if len(raw) > 0 && raw[0] == '{' && json.Unmarshal(raw, &object) == nil {
		text, isText := object["@message"].(string)
		name, _ := object["@level"].(string)
		if level := hclog.LevelFromString(name); isText && level != hclog.NoLevel {
			l := logLine{level: level, text: text}
			l.pairs(object)
			return l
		}
	}
	text := string(raw)
	for _, level := range []hclog.Level{hclog.Trace, hclog.Debug, hclog.Info, hclog.Warn, hclog.Error} {
		if rest, ok := strings.CutPrefix(text, "["+strings.ToUpper(level.String())+"]"); ok {
			return logLine{level: level, text: strings.TrimSpace(rest)}
		}
	}
	if strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "fatal error: ") {
		return logLine{level: hclog.Error, text: text}
	}
	return logLine{level: hclog.Info, text: text}
}

// pairs takes the keys and values of a JSON line.
func (l *logLine) pairs(object map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if key == "@message" || key == "@level" {
			continue
		}
		if len(l.args) == 2*maxArgs {
			return
		}
		v := object[key]
		text, ok := v.(string)
		if !ok {
			b, _ := json.Marshal(v)
			text = string(b)
		}
		l.args = append(l.args, strings.TrimPrefix(key, "@"), text)
	}
}

// clean returns l as it may be shown: without the secrets that r hides, without
// control characters unless raw, and no longer than is allowed.
func (l logLine) clean(r *strings.Replacer, raw bool) logLine {
	room := maxShown
	l.text = shown(l.text, r, &room, raw)
	args := make([]any, len(l.args))
	for i, a := range l.args {
		args[i] = shown(a.(string), r, &room, raw)
	}
	l.args = args
	return l
}

// shown cleans one text and takes its length off room.
func shown(text string, r *strings.Replacer, room *int, raw bool) string {
	text = r.Replace(text)
	text = strings.Map(func(c rune) rune {
		if !raw && (c == utf8.RuneError || unicode.IsControl(c) && c != '\t') {
			return '·'
		}
		return c
	}, text)
	if len(text) > *room {
		cut := *room
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = fmt.Sprintf("%s… (%d bytes more)", text[:cut], len(text)-cut)
		*room = 0
		return text
	}
	*room -= len(text)
	return text
}
