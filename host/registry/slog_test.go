// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
)

func TestLogger(t *testing.T) {
	var out bytes.Buffer
	l := Logger(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelInfo})))
	if l.GetLevel() != hclog.Info || l.IsDebug() || !l.IsWarn() {
		t.Errorf("level %v", l.GetLevel())
	}
	l.SetLevel(hclog.Trace) // not its to set
	l.Debug("unheard")
	l.Info("plain", "n", 1)
	l.Named("alpha").With("workspace", "acme").Warn("careful", "odd")
	l.Named("a").Named("b").Error("nested")
	l.Log(hclog.Off, "off")
	l.StandardLogger(nil).Print("standard")
	text := out.String()
	for _, want := range []string{
		`level=INFO msg=plain n=1`,
		`level=WARN msg=careful workspace=acme plugin=alpha EXTRA_VALUE_AT_END=odd`,
		`level=ERROR msg=nested plugin=a.b`,
		`level=INFO msg=standard`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "unheard") || strings.Contains(text, "off") {
		t.Error(text)
	}
}
