// SPDX-License-Identifier: Apache-2.0

package form_test

import (
	"bytes"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/credhost/credhost/host/form"
)

// A browser shows one form, without script. It reads the form's controls as the
// HTML standard says.
type browser struct {
	t    *testing.T
	root *html.Node
}

// browse renders f and reads it.
func browse(t *testing.T, f *form.Form, s form.State) browser {
	t.Helper()
	var b bytes.Buffer
	if err := f.WriteHTML(&b, s); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	return browser{t, root}
}

// all returns the elements that match, in order.
func (b browser) all(match func(n *html.Node) bool) []*html.Node {
	var found []*html.Node
	for n := range b.root.Descendants() {
		if n.Type == html.ElementNode && match(n) {
			found = append(found, n)
		}
	}
	return found
}

func (b browser) tags(names ...string) []*html.Node {
	return b.all(func(n *html.Node) bool { return slices.Contains(names, n.Data) })
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func set(n *html.Node, name, value string) {
	unset(n, name)
	n.Attr = append(n.Attr, html.Attribute{Key: name, Val: value})
}

func unset(n *html.Node, name string) {
	n.Attr = slices.DeleteFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func textIn(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// disabled reports whether a control is, by itself or by a fieldset around it.
func disabled(n *html.Node) bool {
	if has(n, "disabled") {
		return true
	}
	for up := range n.Ancestors() {
		if up.Data == "fieldset" && has(up, "disabled") {
			return true
		}
	}
	return false
}

// controls returns what can be answered now.
func (b browser) controls() []*html.Node {
	return slices.DeleteFunc(b.tags("input", "select", "textarea"), disabled)
}

// named returns the controls of one field that can be answered now.
func (b browser) named(name string) []*html.Node {
	return slices.DeleteFunc(b.controls(), func(n *html.Node) bool { return attr(n, "name") != name })
}

var (
	localTime = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?$`)
	aFloat    = regexp.MustCompile(`^-?([0-9]+|[0-9]*\.[0-9]+)([eE][-+]?[0-9]+)?$`)
)

// value returns what a control holds after the browser has sanitized it.
func value(n *html.Node) string {
	if n.Data == "textarea" {
		return textIn(n)
	}
	v := strings.NewReplacer("\n", "", "\r", "").Replace(attr(n, "value"))
	switch attr(n, "type") {
	case "url":
		return strings.TrimSpace(v)
	case "number":
		if !aFloat.MatchString(v) {
			return ""
		}
	case "datetime-local":
		if !localTime.MatchString(v) {
			return ""
		}
		return strings.TrimSuffix(v, ":00")[:max(len("2006-01-02T15:04"), len(strings.TrimSuffix(v, ":00")))]
	}
	return v
}

// submit returns what the browser posts when a button is pressed.
func (b browser) submit(button string) url.Values {
	posted := url.Values{}
	for _, n := range b.controls() {
		name := attr(n, "name")
		if name == "" {
			continue
		}
		switch kind := attr(n, "type"); {
		case n.Data == "select":
			if v, ok := selected(n); ok {
				posted.Add(name, v)
			}
		case kind == "checkbox" || kind == "radio":
			if has(n, "checked") {
				posted.Add(name, attr(n, "value"))
			}
		case n.Data == "textarea":
			posted.Add(name, strings.ReplaceAll(value(n), "\n", "\r\n"))
		default:
			posted.Add(name, value(n))
		}
	}
	if button != "" {
		posted.Set(button, "1")
	}
	return posted
}

// selected returns what a select submits. With nothing selected it is the first
// option; an option that is disabled is not submitted.
func selected(sel *html.Node) (string, bool) {
	var first, chosen *html.Node
	for n := range sel.Descendants() {
		if n.Type != html.ElementNode || n.Data != "option" {
			continue
		}
		if first == nil && !has(n, "disabled") {
			first = n
		}
		if has(n, "selected") {
			chosen = n
		}
	}
	if chosen == nil {
		chosen = first
	}
	if chosen == nil || has(chosen, "disabled") {
		return "", false
	}
	return attr(chosen, "value"), true
}

// fill answers the controls of a field with texts: one, or the chosen ones of
// many. It reports whether there is such a control.
func (b browser) fill(name string, texts ...string) bool {
	found := false
	for _, n := range b.named(name) {
		switch kind := attr(n, "type"); {
		case kind == "hidden":
		case n.Data == "select":
			for o := range n.Descendants() {
				unset(o, "selected")
				if o.Type == html.ElementNode && attr(o, "value") == texts[0] && !has(o, "disabled") {
					set(o, "selected", "")
				}
			}
		case kind == "checkbox" || kind == "radio":
			unset(n, "checked")
			if slices.Contains(texts, attr(n, "value")) {
				set(n, "checked", "")
			}
		case n.Data == "textarea":
			for n.FirstChild != nil {
				n.RemoveChild(n.FirstChild)
			}
			n.AppendChild(&html.Node{Type: html.TextNode, Data: strings.Join(texts, "\n")})
		default:
			set(n, "value", texts[0])
		}
		found = true
	}
	return found
}
