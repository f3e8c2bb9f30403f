// SPDX-License-Identifier: Apache-2.0

package sealer_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/credhost/credhost/host/sealer"
)

// No way to print a type of this package shows a key.
func TestNothingPrintsAKey(t *testing.T) {
	path := made(t)
	ring := mustOpenFile(t, sealer.FileConfig{Path: path})
	s, memory := sealer.New(ring), newKeyring(t)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(regexp.MustCompile(`"value":\s*"([^"]+)"`).FindSubmatch(data)[1])
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) < 32 {
		t.Fatalf("the key file's key: %d bytes, %v", len(key), err)
	}
	key = key[len(key)-16:] // of the material, past the protocol buffer's fields
	show := map[string]string{
		"as text": text, "in clear": string(key), "in hex": fmt.Sprintf("%x", key), "in decimal": strings.Trim(fmt.Sprint(key), "[]"),
	}
	outer := struct {
		S *sealer.Sealer
		R sealer.Keyring
	}{s, *ring}
	for _, value := range []any{s, *s, ring, *ring, memory, *memory, outer, &outer, []any{*ring, s}} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%o", "%t", "%p"} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("printed", "value", value)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("printed", "value", value)
		if err := json.NewEncoder(&out).Encode(value); err != nil {
			t.Errorf("%T: %v", value, err)
		}
		for how, what := range show {
			if strings.Contains(out.String(), what) {
				t.Errorf("%T shows a key %s", value, how)
			}
		}
	}
	if got, want := fmt.Sprintf("%v %+v", ring, *s), "sealer.Keyring(key file "+path+") sealer.Sealer"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}
