// SPDX-License-Identifier: Apache-2.0

package form_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

// Text can be read, and the edges of what one types into can be seen, in the
// light and in the dark: 4.5 and 3 to 1, as WCAG 2.2 demands.
func TestContrast(t *testing.T) {
	t.Parallel()
	css := string(form.Style)
	light, dark, ok := strings.Cut(css, "prefers-color-scheme: dark")
	if !ok {
		t.Fatal("there is nothing for the dark")
	}
	for scheme, text := range map[string]string{"light": light, "dark": dark[:strings.Index(dark, "box-sizing")]} {
		colours := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{3,6});`).FindAllStringSubmatch(text, -1) {
			colours[m[1]] = luminance(t, m[2])
		}
		for _, pair := range []struct {
			on, under string
			least     float64
		}{
			{"ink", "paper", 4.5}, {"quiet", "paper", 4.5}, {"accent", "paper", 4.5}, {"accent-strong", "paper", 4.5}, {"wrong", "paper", 4.5},
			{"ink", "tint", 4.5}, {"quiet", "tint", 4.5}, {"wrong", "wrong-tint", 4.5}, {"ink", "wrong-tint", 4.5}, {"ink", "ground", 4.5},
			{"on-accent", "accent", 4.5}, {"on-accent", "accent-strong", 4.5}, {"line", "paper", 3}, {"accent", "tint", 3},
		} {
			a, b := colours[pair.on]+.05, colours[pair.under]+.05
			if ratio := math.Max(a, b) / math.Min(a, b); ratio < pair.least || colours[pair.on] == 0 && pair.on != "ink" {
				t.Errorf("%s: %s on %s has a contrast of %.2f, less than %.1f", scheme, pair.on, pair.under, ratio, pair.least)
			}
		}
	}
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	l := 0.0
	for i, weight := range []float64{.2126, .7152, .0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= .04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+.055)/1.055, 2.4)
		}
		l += weight * c
	}
	return l
}

// A pattern that a browser checks never refuses what the host takes.
func TestPatternsRefuseNoAnswer(t *testing.T) {
	t.Parallel()
	node := need.Node(t)
	texts := []string{"a", "APIK-1a", " a ", "\u00a0a\u0085", "ab", "abc", "a b", "a-b", "a.b", "9", "žluť", "🐎🐎", "🐎🐎🐎🐎", "x", "", "A_1", "a]b", "a&&b", "{1}", "/", "line\u2028", "é"}
	type match struct {
		Pattern string `json:"pattern"`
		Text    string `json:"text"`
	}
	var in bytes.Buffer
	e := json.NewEncoder(&in)
	offered, asked := 0, []match{}
	for _, pattern := range []string{"", `^a$`, `^[a-z]+$`, `^APIK-[0-9a-z]+$`, `a`, `^a|b$`, `^(a|b)$`, `^\S+$`, `^[^:\s]+$`, `^[a-z&&]+$`, `^[\w.-]+$`, `^.{1,3}$`, `^\w+\.?\w*$`, `\bab\b`, `^[^x]{1,5}$`, `^[+--a-z]+$`, `^[!-~]+$`, `^[(a)b]+$`, `^\{\d\}$`, `^\/$`, `^[^\S]*a[^\S]*$`, `^ ?a ?$`, `^a\$`, `^$`} {
		for _, bounds := range []*sdk.Bounds{nil, sdk.AtMost(2), sdk.Between(1, 4), sdk.AtLeast(2)} {
			for _, secret := range []bool{false, true} {
				s := sdk.Schema{Name: "t", Title: "T", Fields: []sdk.Field{{Name: "f", Title: "F", Pattern: pattern, Bounds: bounds, Secret: secret}}}
				if s.Validate() != nil {
					continue
				}
				input := browse(t, form.New(form.Config{Schema: s}), form.State{}).named("f")[0]
				if !has(input, "pattern") {
					continue
				}
				offered++
				for _, text := range texts {
					least, _ := strconv.Atoi(attr(input, "minlength"))
					if _, err := s.Complete(sdk.Values{"f": text}); err != nil || text == "" {
						continue
					}
					if len([]rune(text)) < least {
						t.Errorf("minlength refuses %q", text)
					}
					asked = append(asked, match{attr(input, "pattern"), text})
				}
			}
		}
	}
	for _, m := range asked {
		if err := e.Encode(m); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), node, "testdata/script/match.cjs")
	cmd.Stdin, cmd.Stderr = &in, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	said := strings.Fields(string(out))
	if len(said) != len(asked) {
		t.Fatalf("%d answers to %d questions", len(said), len(asked))
	}
	for i, m := range asked {
		if said[i] != "true" {
			t.Errorf("a browser refuses %q for %q, which the host takes: %s", m.Text, m.Pattern, said[i])
		}
	}
	t.Logf("%d patterns, %d answers", offered, len(asked))
}
