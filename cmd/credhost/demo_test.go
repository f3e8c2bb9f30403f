// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/credhost/credhost/internal/standin"
)

// A demonstration that shows something else than it says must fail.
func TestADemonstrationFails(t *testing.T) {
	for name, spoil := range map[string]func(*stage){
		"forbidden": func(s *stage) { s.onPremise.Set(func(b *standin.HaloBehaviour) { b.Forbidden = true }) },
		"tested":    func(s *stage) { s.cloud.Fail(standin.Token, standin.Fault{Status: 503}) },
		"connected": func(s *stage) { s.fax.Set(func(b *standin.FaxPlusBehaviour) { b.Deny = true }) },
	} {
		var out said
		d := aDemo(t, &out)
		spoil(d.stage)
		err := d.run(t.Context())
		if r := (&program{}).explain(err); err == nil || r.Exit != codeInternal.exit {
			t.Errorf("%s: the demonstration ended with %v", name, err)
		}
		if err := d.close(false); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(out.String(), "✗") || strings.Contains(out.String(), "None of the services'") {
			t.Errorf("%s: it showed\n%s", name, out.String())
		}
		isGone(t, d)
	}
}

// What a request is answered with, and what a renewal costs, is looked at.
func TestADemonstrationLooks(t *testing.T) {
	var out said
	d := aDemo(t, &out)
	defer d.close(false)
	if err := d.presentType(t.Context(), "faxplus"); err != nil {
		t.Fatal(err)
	}
	p := &playing{act: d.stage.faxPlus()[0], d: d, ws: d.opened.ws}
	p.endless = "" // which is not so: a token that has no end is not renewed
	if _, err := p.created(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := p.renewed(t.Context()); err == nil {
		t.Error("a renewal was shown where there was none")
	}
	if _, err := p.get(t.Context(), p.url); err != nil {
		t.Error(err)
	}
	if _, err := p.get(t.Context(), p.url+"/none"); err == nil {
		t.Error("a page that is not there was shown as one that is")
	}
	if err := errors.Join(d.opened.Close(), os.WriteFile(filepath.Join(d.folder, "leak"), []byte("…"+standin.FaxPlusToken+"…"), 0o600)); err != nil {
		t.Fatal(err)
	}
	d.opened = nil
	if _, err := d.searchStore(); err == nil {
		t.Error("a secret in the clear was not found")
	}
}

func TestAnInterruptedDemonstrationLeavesNothing(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	var out said
	d := aDemo(t, io.MultiWriter(&out, writerFunc(func(p []byte) {
		if strings.Contains(string(p), "tested") {
			interrupt()
		}
	})))
	if err := d.run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("the demonstration ended with %v", err)
	}
	if err := d.close(false); err != nil {
		t.Error(err)
	}
	isGone(t, d)
}

// aDemo returns a demonstration that is ready to run.
func aDemo(t *testing.T, out io.Writer) *demo {
	t.Helper()
	p := &program{in: os.Stdin, out: out, err: &said{}, settings: settings{plugins: list{plugins.founding}, logLevel: levels["off"]}}
	d, err := p.newDemo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// isGone checks that nothing is left of a demonstration.
func isGone(t *testing.T, d *demo) {
	t.Helper()
	if _, err := os.Stat(d.folder); !os.IsNotExist(err) {
		t.Errorf("the folder %s is left: %v", d.folder, err)
	}
	for _, url := range d.stage.urls {
		if resp, err := http.Get(url); err == nil {
			resp.Body.Close()
			t.Errorf("the stand-in at %s is left", url)
		}
	}
}

type writerFunc func(p []byte)

// Write implements [io.Writer].
func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}
