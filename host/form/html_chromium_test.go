// SPDX-License-Identifier: Apache-2.0

package form_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/credhost/credhost/host/form"
	"github.com/credhost/credhost/sdk"
)

// What form.js shows in a real browser while somebody types is what the host
// shows of the same answers to a browser without script. All forms are on one
// page, and every third is put there late.
func TestScriptInChromium(t *testing.T) {
	t.Parallel()
	chromium := need.Chromium(t)
	var forms []*form.Form
	var page bytes.Buffer
	page.WriteString("<!DOCTYPE html><meta charset=utf-8><body>")
	randoms(t, 300, func(r *rand.Rand, s sdk.Schema) {
		cfg := form.Config{Schema: s}
		if r.IntN(2) == 0 {
			cfg = occasion(t, r, s)
		}
		cfg.Can, cfg.Links.Save = sdk.Abilities{}, fmt.Sprintf("/%d", len(forms))
		f := form.New(cfg)
		element, late := "div", len(forms)%3 == 0
		if late {
			element = "template"
		}
		fmt.Fprintf(&page, "<%s class=case>", element)
		if err := f.WriteHTML(&page, form.State{}); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&page, "</%s>", element)
		forms = append(forms, f)
	})
	driver, err := os.ReadFile("testdata/script/drive.js")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&page, "<script>%s</script><script>%s</script>", form.Script, driver)
	results := inChromium(t, chromium, page.Bytes())
	if len(results) != len(forms) {
		t.Fatalf("%d forms, %d results", len(forms), len(results))
	}
	for i, f := range forms {
		for _, seen := range results[i] {
			if !t.Failed() {
				compareBrowsers(t, f, seen)
			}
		}
	}
}

// A driven form is what the driver found in a browser after an answer.
type drivenForm struct {
	Errors  []string
	Posted  [][2]string
	Enabled []string
}

func inChromium(t *testing.T, chromium string, page []byte) [][]drivenForm {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "page.html")
	if err := os.WriteFile(path, page, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+filepath.Join(dir, "profile"),
		"--dump-dom", "file://"+path)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("chromium: %v", err)
	}
	root, err := html.Parse(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	var results [][]drivenForm
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == "pre" && attr(n, "id") == "results" {
			if err := json.Unmarshal([]byte(textIn(n)), &results); err != nil {
				t.Fatal(err)
			}
		}
	}
	return results
}

func compareBrowsers(t *testing.T, f *form.Form, got drivenForm) {
	t.Helper()
	posted := url.Values{}
	for _, pair := range got.Posted {
		posted.Add(pair[0], pair[1])
	}
	answers, _ := f.Parse(posted)
	b := browse(t, f, form.State{Answers: answers})
	want := []string{}
	for _, n := range b.controls() {
		switch name := attr(n, "name"); {
		case name == "" || strings.HasPrefix(name, "_"):
		case n.Data == "select":
			for o := range n.Descendants() {
				if o.Type == html.ElementNode && !has(o, "disabled") {
					want = append(want, name+"="+attr(o, "value"))
				}
			}
		case attr(n, "type") == "radio" || attr(n, "type") == "checkbox":
			want = append(want, name+"="+attr(n, "value"))
		default:
			want = append(want, name)
		}
	}
	if !slices.Equal(got.Enabled, want) || len(got.Errors) > 0 {
		text, _ := json.Marshal(f.Schema())
		t.Errorf("%s\nposted %q\nthe script shows %q\nthe host shows  %q\nerrors %q", text, got.Posted, got.Enabled, want, got.Errors)
	}
}
